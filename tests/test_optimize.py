"""Modules that wasm-opt makes smaller after the processor, and debug info that goes into a file of its own."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

import pytest
import wasmtime
from projects import write
from registry import npm_package

from externref_build.build import BuildResult, Progress, build_in_place, build_project, write_sboms
from externref_build.build.optimize import WasmOpt
from externref_build.config import load_config
from externref_build.errors import GuestBuildError, InvalidResultError, ToolchainError
from externref_build.wasm.custom import custom_contents, is_dwarf

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("toolchain")]

MANIFEST = """
[package]
name = "guest"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[profile.debug-info]
inherits = "release"
debug = true
[profile.stripped]
inherits = "release"
strip = true
"""

LINE = '{"v":1,"kind":"export","name":"same","params":[["x",{"ref":"T"}]],"results":[{"own":"T"}]}'

GUEST = rf"""
#[used]
#[link_section = "__externrefs_interface"]
static LINE: [u8; {len(LINE)}] = *br#"{LINE}"#;
"""

GUEST += r"""
#[used]
#[link_section = "__externrefs"]
static RECORD: [u8; 17] = *b"\xff\xff\xff\xff\x04\0\0\0same\x02\0\0\0\x03";
#[no_mangle]
pub extern "C" fn same(x: i32) -> i32 { x }
#[no_mangle]
pub extern "C" fn fill(text: *mut u8, length: usize, with: u8) { unsafe { std::ptr::write_bytes(text, with, length) } }
#[inline(never)]
fn divide(x: i32, y: i32) -> i32 { if y == 0 { core::arch::wasm32::unreachable() } else { x / y } }
#[no_mangle]
pub extern "C" fn quotient(x: i32, y: i32) -> i32 { divide(x, y) + divide(y, 1) }
"""


def project(folder: Path, keys: str) -> Path:
    return write(
        folder,
        {
            "pyproject.toml": f'[tool.externref]\npackage = "plugin"\noffline = true\n{keys}\n',
            "src/plugin/__init__.py": "",
            "guest/Cargo.toml": MANIFEST,
            "guest/src/lib.rs": GUEST,
        },
    )


def build(folder: Path, environ: dict[str, str] | None = None) -> BuildResult:
    environ = {**os.environ, **(environ or {})}
    [result] = build_project(load_config(folder, environ=environ), progress=Progress(), environ=environ)
    return result


@pytest.fixture(scope="session")
def binaryen(test_cache: Path) -> Path:
    """Folder of a wasm-opt without support for DWARF."""
    return npm_package(test_cache, "binaryen") / "bin"


def on_path(folder: Path) -> dict[str, str]:
    return {"PATH": os.pathsep.join([str(folder), os.environ["PATH"]])}


def fake(path: Path, script: str) -> Path:
    """Put a program in the place of wasm-opt, for faults that it does not have on demand."""
    tells = 'if [ "$1" = --version ]; then echo "wasm-opt version 7"; exit; fi\n'
    write(path.parent, {path.name: f"#!/bin/sh\n{tells}{script}\n"})
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def call(module: Path, name: str, *arguments: object) -> object:
    store = wasmtime.Store()
    instance = wasmtime.Instance(store, wasmtime.Module.from_file(store.engine, str(module)), [])
    function = instance.exports(store)[name]
    assert isinstance(function, wasmtime.Func)
    return function(store, *arguments)


@pytest.mark.parametrize("profile", ["release", "dev", "stripped"])
def test_the_processed_module_is_optimized(
    tmp_path: Path, binaryen: Path, capfd: pytest.CaptureFixture[str], profile: str
) -> None:
    """It gets smaller, does the same, keeps its interface, and tells what optimised it."""
    keys = f'profile = "{profile}"\ndebug-info = "names"\n'
    plain = build(project(tmp_path / "plain", keys))
    result = build(project(tmp_path / "project", keys + 'optimize = ["-Oz", "--converge"]'), on_path(binaryen))
    thing = object()
    assert call(result.path, "same", thing) is thing
    assert call(result.path, "quotient", 6, 3) == 5
    assert result.output_size == result.path.stat().st_size < plain.output_size
    kept, before = custom_contents(result.path.read_bytes()), custom_contents(plain.path.read_bytes())
    assert kept["externref.interface"] == before["externref.interface"]
    assert bool(kept.get("name")) == bool(before.get("name"))
    assert b"wasm-opt\x03132" in kept["producers"]
    assert b"externref-build" in kept["producers"]
    assert re.search(r"Optimized with wasm-opt 132 -Oz --converge; [\d ]+ to [\d ]+ bytes; in", capfd.readouterr().err)
    [bill] = write_sboms([result], tmp_path, environ={})
    assert '"name": "wasm-opt",\n          "type": "application",\n          "version": "132"' in bill.read_text()


def test_optimized_modules_are_reproducible(tmp_path: Path, binaryen: Path) -> None:
    keys = 'optimize = ["-O2"]'
    first, second = (build(project(tmp_path / name, keys), on_path(binaryen)) for name in ("one", "another"))
    assert first.path.read_bytes() == second.path.read_bytes()


def test_the_tool_of_the_configuration(tmp_path: Path, binaryen: Path) -> None:
    """A path counts from the project, in whichever folder the build was started."""
    folder = project(tmp_path, 'optimize = ["-O1"]\nwasm-opt = "tools/wasm-opt"')
    shutil.copytree(binaryen, tmp_path / "tools")
    assert build(folder).optimizer == WasmOpt(str(tmp_path / "tools" / "wasm-opt"), "132")
    assert build(folder, {"EXTERNREF_OPTIMIZE": "false"}).optimizer is None
    other = str(binaryen / "wasm-opt")
    assert build(folder, {"EXTERNREF_WASM_OPT": other}).optimizer == WasmOpt(other, "132")


def test_debug_info_that_no_longer_fits_is_left_out(
    tmp_path: Path, binaryen: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The wasm-opt of the tests copies debug info as it is; debuggers would show the wrong lines."""
    folder = project(tmp_path, 'profile = "debug-info"\noptimize = ["-O2"]')
    content = custom_contents(build(folder, on_path(binaryen)).path.read_bytes())
    assert not [name for name in content if is_dwarf(name)]
    assert b"divide" in content["name"]
    assert "Warning the module has no debug info but names" in capfd.readouterr().err
    with pytest.raises(GuestBuildError, match=r"wasm-opt 132 left the debug info as it was") as caught:
        build(folder, {**on_path(binaryen), "EXTERNREF_DEBUG_INFO": "split"})
    assert "support for DWARF" in str(caught.value)


# Faults


@pytest.mark.parametrize("name", ["wasm-opt", "tools/wasm-opt"])
def test_no_tool(tmp_path: Path, name: str) -> None:
    """It is missed before anything is compiled."""
    folder = project(tmp_path, f'optimize = ["-O3"]\nwasm-opt = "{name}"')
    with pytest.raises(ToolchainError) as caught:
        build(folder, {"PATH": str(tmp_path)})
    said = str(caught.value)
    assert f"{name} is not found, expected the wasm-opt that the key optimize asks for" in said
    assert (f"PATH={tmp_path}" if name == "wasm-opt" else str(tmp_path / name)) in said
    assert "apt-get install binaryen" in said
    assert "EXTERNREF_WASM_OPT" in said
    assert not (folder / "guest" / "target").exists()


def test_another_tool(tmp_path: Path) -> None:
    folder = project(tmp_path, 'optimize = ["-O3"]\nwasm-opt = "/bin/false"')
    with pytest.raises(ToolchainError, match="does not tell the version of a wasm-opt"):
        build(folder)


def test_an_argument_that_it_does_not_know(tmp_path: Path, binaryen: Path) -> None:
    folder = project(tmp_path, 'optimize = ["--no-such-pass"]')
    write(folder, {"src/plugin/guest.wasm": "of before"})
    with pytest.raises(GuestBuildError) as caught:
        build(folder, on_path(binaryen))
    said = str(caught.value)
    assert "wasm-opt 132 could not optimise the module (exit status 1)" in said
    assert "no-such-pass" in said.splitlines()[-1]
    assert (folder / "src" / "plugin" / "guest.wasm").read_text() == "of before"


def test_a_tool_that_makes_nothing(tmp_path: Path) -> None:
    fake(tmp_path / "wasm-opt", "exit 0")
    with pytest.raises(GuestBuildError, match=r"could not optimise the module \(exit status 0\)"):
        build(project(tmp_path, 'optimize = ["-O3"]\nwasm-opt = "./wasm-opt"'))


def test_what_it_warns_of_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fake(tmp_path / "wasm-opt", 'cp "$1" "$3"; echo "take care" >&2')
    build(project(tmp_path, 'optimize = ["-O3"]\nwasm-opt = "./wasm-opt"'))
    assert "Warning wasm-opt: take care" in capfd.readouterr().err


def test_the_interface_has_to_stay(tmp_path: Path) -> None:
    """Here it makes a module that exports nothing."""
    fake(tmp_path / "wasm-opt", r'printf "\0asm\1\0\0\0" > "$3"')
    with pytest.raises(GuestBuildError) as caught:
        build(project(tmp_path, 'optimize = ["-O3"]\nwasm-opt = "./wasm-opt"'))
    assert "has taken externrefs, fill, memory, quotient, same, the section externref.interface out" in str(
        caught.value
    ).replace("__data_end, __heap_base, ", "")


def test_the_result_has_to_be_valid(tmp_path: Path) -> None:
    """Here it repeats the code section's last byte, an ``end``, in the last function's place."""
    script = 'cp "$1" "$3"; python3 -c "import sys; p = sys.argv[1]; d = bytearray(open(p, \'rb\').read()); '
    script += "i = d.index(b'\\x20\\x00\\x0b'); d[i + 1] = 9; open(p, 'wb').write(d)\" \"$3\""
    fake(tmp_path / "wasm-opt", script)
    with pytest.raises(InvalidResultError) as caught:
        build(project(tmp_path, 'optimize = ["-O3"]\nwasm-opt = "./wasm-opt"'))
    assert "it was valid before wasm-opt" in str(caught.value)


# Debug info in a file of its own


def test_debug_info_goes_into_a_file_beside_what_cargo_made(tmp_path: Path) -> None:
    whole = build(project(tmp_path / "whole", 'profile = "debug-info"')).path.read_bytes()
    folder = project(tmp_path / "project", 'profile = "debug-info"\nname = "plugin"\ndebug-info = "split"')
    result = build(folder)
    content = custom_contents(result.path.read_bytes())
    assert not [name for name in content if is_dwarf(name)]
    assert b"divide" in content["name"]
    assert content["external_debug_info"] == b"\x11plugin.debug.wasm"
    assert list((folder / "src" / "plugin").glob("*.wasm")) == [result.path]
    debug_file = folder / "guest/target/wasm32-unknown-unknown/debug-info/plugin.debug.wasm"
    assert debug_file.read_bytes() == whole


def test_the_file_with_debug_info_runs_as_the_module_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its place, it gives traps the lines of the source."""
    result = build(project(tmp_path, 'profile = "debug-info"\ndebug-info = "split"'))
    debug_file = result.guest.path.with_name("guest.debug.wasm")
    monkeypatch.setenv("WASMTIME_BACKTRACE_DETAILS", "1")
    said = []
    for path in (result.path, debug_file):
        with pytest.raises(wasmtime.Trap) as caught:
            call(path, "quotient", 1, 0)
        said.append(str(caught.value))
    assert "divide" in said[0]
    assert "lib.rs" not in said[0]
    line = next(number for number, text in enumerate(GUEST.splitlines(), 1) if "fn divide" in text)
    assert f"src/lib.rs:{line}" in said[1]


def test_nothing_to_split(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = build(project(tmp_path, 'profile = "stripped"\ndebug-info = "split"'))
    assert "external_debug_info" not in custom_contents(result.path.read_bytes())
    assert "Warning there is no debug info to split" in capfd.readouterr().err


def test_what_is_kept_in_place_is_known_as_it_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another wasm-opt, or a file with debug info that is gone, has it built again."""
    tool = fake(tmp_path / "tools" / "wasm-opt", 'cp "$1" "$3"')
    keys = f'profile = "debug-info"\ndebug-info = "split"\noptimize = ["-O1"]\nwasm-opt = "{tool}"'
    config = load_config(project(tmp_path, keys), environ={})

    def in_place() -> BuildResult:
        [result] = build_in_place(config, progress=Progress(quiet=True))
        return result

    in_place()  # writes Cargo.lock
    first, kept = in_place(), in_place()
    assert (kept.report, kept.written) == (None, False)
    assert (kept.sha256, kept.optimizer, kept.files) == (first.sha256, first.optimizer, first.files)
    first.files[0].unlink()
    assert in_place().report is not None
    assert first.files[0].is_file()
    assert in_place().report is None
    with tool.open("a") as script:
        script.write("# another\n")
    assert in_place().report is not None

"""The engine: from a guest to a module that is whole, valid and in its place, or an error and the module of before."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import wasmtime
from compact_imports import compact
from projects import write

from externref_build.build import (
    Progress,
    build_module,
    build_project,
    module_file_name,
    package_folder,
    use_existing_module,
)
from externref_build.build.checks import check_result
from externref_build.config import ModuleConfig, load_config
from externref_build.errors import (
    ConfigError,
    GuestBuildError,
    InvalidResultError,
    MissingExportError,
    OutputError,
)
from externref_build.output import remove_former_outputs, write_whole
from externref_build.processor import Processor
from externref_build.processor.report import Declaration
from externref_build.wasm.module import ONE_MODULE

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("toolchain")]

MANIFEST = """
[package]
name = "my-plugin"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[profile.dev]
debug = 1
"""

RECORD = r"""
#[used]
#[link_section = "__externrefs"]
static RECORD: [u8; 17] = *b"\xff\xff\xff\xff\x04\0\0\0same\x02\0\0\0\x03";
"""
"""Declares the parameter and the result of the export ``same`` as references."""

SAME = RECORD + '#[no_mangle]\npub extern "C" fn same(x: i32) -> i32 { x }\n'


def project(folder: Path, source: str = SAME, **keys: str) -> ModuleConfig:
    lines = "".join(f"{key.replace('_', '-')} = {value}\n" for key, value in keys.items())
    write(
        folder,
        {
            "pyproject.toml": f'[tool.externref]\npackage = "plugin"\noffline = true\n{lines}',
            "src/plugin/__init__.py": "",
            "guest/Cargo.toml": MANIFEST,
            "guest/src/lib.rs": source,
        },
    )
    (module,) = load_config(folder, environ={}).modules
    return module


def quietly(module: ModuleConfig, **variables: str) -> Path:
    return build_module(module, progress=Progress(quiet=True), environ={**os.environ, **variables}).path


def partial_files(folder: Path) -> list[Path]:
    return list(folder.glob(".*.partial"))


def test_a_reference_goes_through_the_module_that_was_built(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = build_module(project(tmp_path), progress=Progress())
    assert result.path == tmp_path / "src" / "plugin" / "my_plugin.wasm"
    assert (result.written, result.output_size) == (True, result.path.stat().st_size)
    assert result.report
    assert result.report.exports == (Declaration("export", None, "same", (True,), (True,)),)

    store = wasmtime.Store()
    exports = wasmtime.Instance(store, wasmtime.Module.from_file(store.engine, str(result.path)), []).exports(store)
    same = exports["same"]
    assert isinstance(same, wasmtime.Func)
    thing = object()
    assert same(store, thing) is thing
    assert same(store, None) is None

    streams = capfd.readouterr()
    assert streams.out == ""
    ours = [line.split()[0] for line in streams.err.splitlines()]
    assert [word for word in ours if word in {"Compiled", "Processed", "Validated", "Wrote"}] == [
        "Compiled",
        "Processed",
        "Validated",
        "Wrote",
    ]
    assert "0 imports and 1 export with references; 1 function direct; " in streams.err
    assert "\x1b" not in streams.err


def test_a_quiet_build_tells_only_what_the_compiler_finds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    build_module(project(tmp_path), progress=Progress(quiet=True))
    assert capfd.readouterr() == ("", "")
    (tmp_path / "guest" / "src" / "lib.rs").write_text("fn broken(")
    with pytest.raises(GuestBuildError):
        build_module(load_config(tmp_path, environ={}).modules[0], progress=Progress(quiet=True))
    assert "unclosed delimiter" in capfd.readouterr().err


def test_nothing_is_rewritten_when_nothing_changed(tmp_path: Path) -> None:
    module = project(tmp_path)
    first = build_module(module, progress=Progress(quiet=True))
    before = first.path.stat()
    told = io.StringIO()
    second = build_module(module, progress=Progress(told))
    assert (first.written, second.written) == (True, False)
    after = second.path.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert "Fresh guest my_plugin for wasm32-unknown-unknown (release)" in told.getvalue()
    assert f"Kept {first.path}, which is unchanged" in told.getvalue()

    project(tmp_path, SAME + '#[no_mangle]\npub extern "C" fn more() {}\n')
    assert build_module(module, progress=Progress(quiet=True)).written


@pytest.mark.parametrize(
    ("keys", "exports"),
    [
        ({}, {"memory", "same", "externrefs"}),
        ({"table": '"refs"'}, {"memory", "same", "refs"}),
        ({"table": "false"}, {"memory", "same"}),
    ],
)
def test_options_reach_the_processor(tmp_path: Path, keys: dict[str, str], exports: set[str]) -> None:
    source = (
        SAME.replace("{ x }", "{ unsafe { take(insert(x)) } }")
        + """
    #[link(wasm_import_module = "externref")]
    extern "C" {
        fn insert(raw: i32) -> i32;
        fn take(slot: i32) -> i32;
    }
    """
    )
    path = quietly(project(tmp_path, source, name='"named"', **keys))
    assert path.name == "named.wasm"
    module = wasmtime.Module.from_file(wasmtime.Engine(), str(path))
    assert {entry.name for entry in module.exports} - {"__data_end", "__heap_base"} == exports


def test_the_interface_can_go(tmp_path: Path) -> None:
    line = '{"v":1,"kind":"export","name":"same","params":[["x",{"ref":"T"}]],"results":[{"own":"T"}]}\n'
    section = f'#[used]\n#[link_section = "__externrefs_interface"]\nstatic LINE: [u8; {len(line)}] = *br#"{line}"#;\n'
    kept = quietly(project(tmp_path / "a", SAME + section)).read_bytes()
    left_out = quietly(project(tmp_path / "b", SAME + section, interface="false")).read_bytes()
    assert b"externref.interface" in kept
    assert b"externref.interface" not in left_out


def test_debug_info_can_go(tmp_path: Path) -> None:
    with_debug_info = quietly(project(tmp_path / "a", profile='"dev"')).read_bytes()
    without = quietly(project(tmp_path / "b", profile='"dev"', debug_info='"strip"')).read_bytes()
    assert b".debug_info" in with_debug_info
    assert b".debug_info" not in without


def test_functions_of_one_name_and_two_types_are_told(tmp_path: Path) -> None:
    module = project(tmp_path)
    calls = 'extern "C" { fn write(x: u64) -> u64; }\npub fn call(x: u64) -> u64 { unsafe { write(x) } }\n'
    write(
        tmp_path,
        {
            "guest/Cargo.toml": MANIFEST + '[dependencies]\ninner = { path = "inner" }\n',
            "guest/src/lib.rs": SAME
            + '#[no_mangle]\npub extern "C" fn f(x: u64) -> u64 { inner::call(x) }\n'
            + '#[no_mangle]\npub extern "C" fn write(x: u32) -> u32 { x }\n',
            "guest/inner/Cargo.toml": '[package]\nname = "inner"\nversion = "0.1.0"\nedition = "2021"\n',
            "guest/inner/src/lib.rs": calls,
        },
    )
    told = io.StringIO()
    build_module(module, progress=Progress(told))
    assert "Warning there are two functions of the name `write` with different types" in told.getvalue()


def test_folders_of_the_builder_in_debug_info_are_told(tmp_path: Path) -> None:
    """There are none, except under a wrapper of rustc, which would otherwise share nothing with other folders."""
    module = project(tmp_path)
    write(
        tmp_path,
        {
            "guest/Cargo.toml": MANIFEST + '[profile.release]\ndebug = 1\n[dependencies]\ninner = { path = "inner" }\n',
            "guest/src/lib.rs": SAME + '#[no_mangle]\npub extern "C" fn f(x: usize) -> u8 { inner::look(x) }\n',
            "guest/inner/Cargo.toml": '[package]\nname = "inner"\nversion = "0.1.0"\nedition = "2021"\n',
            "guest/inner/src/lib.rs": '#[inline(never)]\npub fn look(x: usize) -> u8 { b"abc"[x] }\n',
        },
    )
    wrapper = tmp_path / "wrapper"
    wrapper.write_text('#!/bin/sh\nexec "$@"\n')
    wrapper.chmod(0o755)
    wrapped = {**os.environ, "RUSTC_WRAPPER": str(wrapper)}
    told = io.StringIO()
    build_module(module, progress=Progress(told), environ=wrapped)
    assert f"Warning the module names the folder {tmp_path / 'guest'}" in told.getvalue()
    told = io.StringIO()
    build_module(replace(module, debug_info="strip"), progress=Progress(told), environ=wrapped)
    build_module(module, progress=Progress(told))
    assert "Warning" not in told.getvalue()


def test_modules_that_would_overwrite_one_another(tmp_path: Path) -> None:
    project(tmp_path)
    twice = '[[tool.externref.modules]]\npackage = "plugin"\n' * 2
    (tmp_path / "pyproject.toml").write_text(twice)
    with pytest.raises(ConfigError, match=r"2 modules would be written to one file, my_plugin\.wasm, expected one for"):
        build_project(load_config(tmp_path, environ={}), progress=Progress(quiet=True))


# Faults leave what was there


@pytest.fixture
def built(tmp_path: Path) -> ModuleConfig:
    """A project with a module from an earlier build."""
    module = project(tmp_path)
    quietly(module)
    return module


def test_a_failing_compile_leaves_the_module_of_before(built: ModuleConfig) -> None:
    path = package_folder(built) / "my_plugin.wasm"
    before = path.read_bytes()
    project(built.project_dir, "broken")
    with pytest.raises(GuestBuildError):
        quietly(built)
    assert path.read_bytes() == before
    assert partial_files(path.parent) == []


def test_a_refused_module_leaves_the_module_of_before(built: ModuleConfig) -> None:
    path = package_folder(built) / "my_plugin.wasm"
    before = path.read_bytes()
    project(built.project_dir, RECORD)
    with pytest.raises(MissingExportError, match="same") as caught:
        quietly(built)
    assert str(Path("guest", "target", "wasm32-unknown-unknown", "release", "my_plugin.wasm")) in str(caught.value)
    assert path.read_bytes() == before


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    module = project(tmp_path)
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(OutputError, match=r"my_plugin\.wasm cannot be written: ") as caught:
        build_module(module, progress=Progress(quiet=True), output_folder=tmp_path / "out")
    assert str(tmp_path / "out") in str(caught.value)
    assert "make the folder writable" in str(caught.value)


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OutputError, match=f"{name} cannot be written: something other than a file is there"):
            write_whole(tmp_path / name, b"x")
    assert (tmp_path / "pipe").is_fifo()


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Root may write everywhere: be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_folder() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "a.wasm"
        path.write_bytes(b"before")
        path.chmod(0o644)
        folder.chmod(0o555)
        with without_privileges(), pytest.raises(OutputError, match=r"a\.wasm cannot be written: Permission denied"):
            write_whole(path, b"after")
        assert path.read_bytes() == b"before"
        folder.chmod(0o755)
        assert list(folder.iterdir()) == [path]


def test_a_former_output_in_a_read_only_folder() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "old.wasm").touch()
        (folder / "record").write_text("old.wasm\n", encoding="utf-8")
        folder.chmod(0o555)
        with without_privileges(), pytest.raises(OutputError) as caught:
            remove_former_outputs(folder / "record", folder, [])
        folder.chmod(0o755)
        assert str(caught.value) == (
            f"old.wasm, which an earlier build made, cannot be removed: Permission denied\n  --> {folder}\n"
            "  make the folder writable, or remove the file"
        )


KILLED_WHILE_WRITING = """
import os, pathlib, sys, time
from externref_build.output import write_whole
def wait(path, mode):
    print("writing", flush=True)
    time.sleep(60)
os.chmod = wait
write_whole(pathlib.Path(sys.argv[1]), b"after" * 100_000)
"""


def test_killed_while_it_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.wasm"
    path.write_bytes(b"before")
    victim = subprocess.Popen([sys.executable, "-c", KILLED_WHILE_WRITING, str(path)], stdout=subprocess.PIPE)
    assert victim.stdout is not None
    assert victim.stdout.readline() == b"writing\n"
    (partial,) = partial_files(tmp_path)

    write_whole(path, b"by another")
    assert partial.exists(), "the file of a build that still runs is not removed"

    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    assert path.read_bytes() == b"by another"
    assert partial_files(tmp_path) == [partial]

    assert not write_whole(path, b"by another")
    assert partial_files(tmp_path) == []


def test_killed_while_it_compiles(built: ModuleConfig) -> None:
    root = built.project_dir
    path = package_folder(built) / "my_plugin.wasm"
    before = path.read_bytes()
    reached = root / "reached"
    slow = f'fn main() {{ std::fs::write({str(reached)!r}, "").unwrap(); std::thread::sleep_ms(60_000); }}'
    write(root, {"guest/build.rs": slow.replace("'", '"'), "guest/src/lib.rs": SAME + "pub fn more() {}"})
    command = [sys.executable, "-m", "externref_build", "build", "--project", str(root)]
    with subprocess.Popen(command, start_new_session=True) as victim:
        try:
            while not reached.exists():
                assert victim.poll() is None
                time.sleep(0.02)
        finally:
            os.killpg(victim.pid, signal.SIGKILL)
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["__init__.py", "my_plugin.wasm"]

    (root / "guest" / "build.rs").unlink()
    quietly(built)
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["__init__.py", "my_plugin.wasm"]


def test_writers_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "a.wasm"
    contents = [bytes([byte]) * 200_000 for byte in range(8)]
    write_whole(path, contents[0])

    def write_and_read(content: bytes) -> bool:
        for _ in range(10):
            write_whole(path, content)
            if path.read_bytes() not in contents:
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write_and_read, contents))
    assert list(tmp_path.iterdir()) == [path]


def test_two_builds_at_once(tmp_path: Path) -> None:
    module = project(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(quietly, [module, module])
    assert first == second
    wasmtime.Module.from_file(wasmtime.Engine(), str(first))
    assert partial_files(first.parent) == []


def test_the_mode_is_the_same_under_every_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "a.wasm", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.wasm").stat().st_mode) == 0o644


# A module that is there


def test_skipping_uses_the_module_that_is_there(built: ModuleConfig, tmp_path: Path) -> None:
    project(built.project_dir, "broken")
    path = use_existing_module(built, progress=Progress(quiet=True), output_folder=tmp_path / "out")
    assert path.read_bytes() == (package_folder(built) / "my_plugin.wasm").read_bytes()


def test_skipping_needs_a_module(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"EXTERNREF_SKIP is set, and there is no my_plugin\.wasm to use") as caught:
        use_existing_module(project(tmp_path), progress=Progress(quiet=True))
    assert str(tmp_path / "src" / "plugin" / "my_plugin.wasm") in str(caught.value)
    assert "unset EXTERNREF_SKIP" in str(caught.value)


# Where packages are


@pytest.mark.parametrize(
    ("package", "setuptools", "folder"),
    [
        ("plugin", "", "src/plugin"),
        ("flat", "", "flat"),
        ("outer.inner", "", "src/outer/inner"),
        ("plugin", "package-dir = { '' = 'lib' }", "lib/plugin"),
        ("outer.inner", "package-dir = { 'outer' = 'lib/plugin' }", "lib/plugin/inner"),
        ("plugin", "packages.find.where = ['python']", "python/plugin"),
        ("plugin", "packages = ['plugin']", "src/plugin"),
    ],
)
def test_the_folder_of_a_package(tmp_path: Path, package: str, setuptools: str, folder: str) -> None:
    module = replace(project(tmp_path), package=package)
    for name in ("flat", "src/outer/inner", "lib/plugin/inner", "python/plugin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(f"[tool.setuptools]\n{setuptools}\n")
    assert package_folder(module) == tmp_path / folder


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"package is absent, and the project has no such package") as caught:
        package_folder(replace(project(tmp_path), package="absent"))
    assert "looked for: src/absent, absent" in str(caught.value)


def test_the_name_of_the_file(tmp_path: Path) -> None:
    module = project(tmp_path)
    assert module_file_name(module) == "my_plugin.wasm"
    assert module_file_name(replace(module, name="other-1.2")) == "other-1.2.wasm"


# The check by another implementation


def processed(text: str) -> tuple[bytes, bytes, Processor]:
    source = bytes(wasmtime.wat2wasm(text))
    processor = Processor()
    return source, processor.process(source), processor


def test_a_result_that_is_not_valid_is_our_fault() -> None:
    source, result, processor = processed('(module (func (export "f") (result i32) i32.const 0))')
    broken = result.replace(b"\x41\x00\x0b", b"\x01\x01\x0b")
    assert processor.report is not None
    with pytest.raises(InvalidResultError, match="the processed module does not validate: ") as caught:
        check_result(source, broken, processor.report)
    assert "please report it" in str(caught.value)
    assert check_result(broken, broken, processor.report) is None


@pytest.mark.parametrize(
    "declared",
    [
        Declaration("export", None, "f", (True,), ()),
        Declaration("export", None, "g", (), ()),
        Declaration("import", "m", "n", (True,), ()),
    ],
)
def test_a_result_without_what_was_declared_is_our_fault(declared: Declaration) -> None:
    source, result, processor = processed(
        '(module (import "m" "n" (func (param i32))) (func (export "f") (param i32)))'
    )
    assert processor.report is not None
    assert check_result(source, result, processor.report)
    with pytest.raises(InvalidResultError, match=f"the {declared.kind} {declared.name} has become"):
        check_result(source, result, processor.report._replace(imports=(declared,)))


def test_a_result_with_grouped_imports_is_checked() -> None:
    """As wasm-opt leaves them with --all-features."""
    text = '(module (import "a" "f" (func)) (import "a" "g" (func)) (import "externref" "guard" (func)))'
    source = compact(bytes(wasmtime.wat2wasm(text)), ONE_MODULE)
    processor = Processor()
    result = processor.process(source)
    assert processor.report.changed
    assert check_result(source, result, processor.report)


def test_without_wasmtime_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    source, _, processor = processed("(module)")
    assert processor.report is not None
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    assert check_result(source, b"not a module", processor.report) is None


# Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    terminal, file = Terminal(), io.StringIO()
    Progress(terminal).step("Wrote", "it")
    Progress(file).step("Wrote", "it")
    assert (terminal.getvalue(), file.getvalue()) == ("\x1b[1;32m       Wrote\x1b[0m it\n", "       Wrote it\n")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    Progress(terminal).warn("it")
    assert terminal.getvalue() == "     Warning it\n"


def test_quiet_is_for_steps_only() -> None:
    told = io.StringIO()
    Progress(told, quiet=True).step("Wrote", "it")
    Progress(told, quiet=True).warn("careful")
    assert told.getvalue() == "     Warning careful\n"

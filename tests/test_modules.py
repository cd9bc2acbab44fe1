"""Several modules in one project: guests of one workspace, each for its target, in packages of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from projects import CARGO, GUEST, PROJECTS, Front, has_sbom, is_processed, sdist_files, unpacked, wheel_files, write
from wasmtime import Engine, Module

pytestmark = pytest.mark.once

TARGETS = {"plugin/first.wasm": "wasm32-unknown-unknown", "plugin/more/second.wasm": "wasm32-wasip1"}

TABLES = """
[[tool.externref.modules]]
package = "plugin"
manifest-path = "guests/first/Cargo.toml"
offline = true

[[tool.externref.modules]]
package = "plugin.more"
manifest-path = "guests/second/Cargo.toml"
target = "wasm32-wasip1"
offline = true
"""

INCLUDE = """
include = [
  { path = "python/plugin/first.wasm", format = "wheel" },
  { path = "python/plugin/more/second.wasm", format = "wheel" },
  { path = "guests/Cargo.*", format = "sdist" },
  { path = "guests/*/Cargo.toml", format = "sdist" },
  { path = "guests/*/src/**/*", format = "sdist" },
]
"""

SPEAKING = (
    '#[no_mangle]\npub extern "C" fn speak() -> i32 { println!("{}", common::WORD); common::WORD.len() as i32 }\n'
)

GUESTS = {
    "guests/Cargo.toml": '[workspace]\nmembers = ["first", "second", "common"]\nresolver = "2"\n',
    "guests/Cargo.lock": "version = 4\n"
    + '\n[[package]]\nname = "common"\nversion = "0.1.0"\n'
    + "".join(
        f'\n[[package]]\nname = "{name}"\nversion = "0.1.0"\ndependencies = [\n "common",\n]\n'
        for name in ("first", "second")
    ),
    **{
        f"guests/{name}/Cargo.toml": CARGO.replace('"plugin"', f'"{name}"')
        + '[dependencies]\ncommon = { path = "../common" }\n'
        for name in ("first", "second")
    },
    "guests/first/src/lib.rs": GUEST + SPEAKING,
    "guests/second/src/lib.rs": GUEST + SPEAKING,
    "guests/common/Cargo.toml": '[package]\nname = "common"\nversion = "0.1.0"\nedition = "2021"\n',
    "guests/common/src/lib.rs": 'pub const WORD: &str = "word";\n',
}


def project(kind: str) -> dict[str, str]:
    base = PROJECTS["setuptools" if kind == "cli" else kind]
    pyproject, _, of_backend = base["pyproject.toml"].partition("[tool.externref]")
    _, _, of_backend = of_backend.partition("offline = true\n")
    of_backend = of_backend.partition("include = [")[0] + INCLUDE if kind == "maturin" else of_backend
    package = "python" if kind == "maturin" else "src"
    others = {name: text for name, text in base.items() if not name.startswith("guest/")}
    own = {"pyproject.toml": pyproject + TABLES + of_backend, f"{package}/plugin/more/__init__.py": ""}
    return {".gitignore": "*.wasm\ntarget/\n", **others, **own, **GUESTS}


def assert_each_is_for_its_target(module: bytes, target: str) -> None:
    assert is_processed(module)
    worlds = {entry.module for entry in Module(Engine(), module).imports}
    assert worlds == ({"wasi_snapshot_preview1"} if target == "wasm32-wasip1" else set())


@pytest.mark.parametrize("kind", PROJECTS)
def test_two_guests_of_a_workspace(tmp_path: Path, builder: Path, pip_environment: dict[str, str], kind: str) -> None:
    """Though git ignores modules. The wheel from the source distribution is that of the tree, byte for byte."""
    environ = {**pip_environment, "SOURCE_DATE_EPOCH": "1700000000"}
    front = Front(builder, environ, write(tmp_path / "project", project(kind)), kind)
    for command in (["git", "init", "--quiet"], ["git", "add", "--all"]):
        subprocess.run(command, cwd=front.folder, check=True)
    wheel, _ = front.hook("build_wheel", {})
    files = wheel_files(wheel)
    assert {name for name in files if name.endswith(".wasm")} == TARGETS.keys()
    for name, target in TARGETS.items():
        assert_each_is_for_its_target(files[name], target)
        assert has_sbom(files, name)
        [bill] = [content for path, content in files.items() if path.endswith(f"/{Path(name).stem}.cdx.json")]
        assert {"name": "cdx:rustc:sbom:target:triple", "value": target} in json.loads(bill)["metadata"]["component"][
            "properties"
        ]

    sdist, _ = front.hook("build_sdist", {})
    assert GUESTS.keys() <= sdist_files(sdist).keys()
    elsewhere = Front(builder, environ, unpacked(sdist, tmp_path / "elsewhere"), kind)
    assert elsewhere.hook("build_wheel", {})[0].read_bytes() == wheel.read_bytes()


def test_two_guests_of_a_workspace_in_place(tmp_path: Path, toolchain: None) -> None:
    write(tmp_path, project("cli"))
    build = [sys.executable, "-m", "externref_build", "build", "--project", str(tmp_path)]
    subprocess.run(build, check=True)
    for name, target in TARGETS.items():
        assert_each_is_for_its_target((tmp_path / "src" / name).read_bytes(), target)
    subprocess.run([*build, "--check"], check=True)

"""On every Python, the whole way in small: a guest becomes a wheel, and its module passes an object through.

What can go wrong on the way doesn't depend on Python's version and is tested in one environment (marker ``once``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from projects import write
from wasmtime import Func, Instance, Module, Store

FILES = {
    "pyproject.toml": """
[build-system]
requires = ["setuptools", "externref-build"]
build-backend = "setuptools.build_meta"
[project]
name = "plugin"
version = "1"
[tool.externref]
package = "plugin"
offline = true
""",
    "src/plugin/__init__.py": "",
    "guest/Cargo.toml": """
[package]
name = "through"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
""",
    "guest/src/lib.rs": r"""
#[used]
#[link_section = "__externrefs"]
static RECORD: [u8; 20] = *b"\xff\xff\xff\xff\x07\0\0\0through\x02\0\0\0\x03";
#[link(wasm_import_module = "externref")]
extern "C" {
    fn insert(raw: i32) -> i32;
    fn take(slot: i32) -> i32;
}
#[no_mangle]
pub unsafe extern "C" fn through(raw: i32) -> i32 { take(insert(raw)) }
""",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path, FILES)


@pytest.fixture
def environ(toolchain: None, test_cache: Path) -> Mapping[str, str]:
    return {**os.environ, "CARGO_TARGET_DIR": str(test_cache / "smoke"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def pass_through(binary: bytes, value: object) -> object:
    store = Store()
    through = Instance(store, Module(store.engine, binary), []).exports(store)["through"]
    assert isinstance(through, Func)
    return through(store, value)


def test_a_wheel_is_built_and_its_module_gives_the_object_back(project: Path, environ: Mapping[str, str]) -> None:
    options = ["--no-build-isolation", "--no-deps", "-w", str(project / "wheels"), str(project)]
    command = [sys.executable, "-m", "pip", "wheel", *options]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(project / "wheels/plugin-1-py3-none-any.whl") as wheel:
        assert {"plugin/__init__.py", "plugin/through.wasm"} <= set(wheel.namelist())
        binary = wheel.read("plugin/through.wasm")
    thing = object()
    assert pass_through(binary, thing) is thing
    assert pass_through(binary, None) is None


def test_the_command_line_builds_the_module_in_place(project: Path, environ: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "externref_build", "build", "--project", str(project), "-C", "table=kept", "-v"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    for expected in ("Compiled guest through", "Processed ", "declarations read", "direct", "Wrote "):
        assert expected in done.stderr
    module = project / "src/plugin/through.wasm"
    assert "kept" in {entry.name for entry in Module(Store().engine, module.read_bytes()).exports}

    quiet = subprocess.run([*command[:-1], "-q"], env=environ, capture_output=True, text=True)
    assert quiet.returncode == 0
    assert not [line for line in quiet.stderr.splitlines() if "through" in line or "references" in line]


def test_the_command_line_refuses_a_setting_that_is_none(project: Path, environ: Mapping[str, str]) -> None:
    command = [sys.executable, "-m", "externref_build", "build", "--project", str(project), "-C", "profil=dev"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert "error: unknown key profil, did you mean profile?\n  --> config setting externref.profil" in done.stderr

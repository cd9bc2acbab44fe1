"""``doctor``: what a build needs is looked for where the build looks, and what is missing is mended by what is said."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from externref_build import __version__
from externref_build.cli.prerequisites import Check, examine
from externref_build.guests.sdk import sdk_version

GUEST = """
[package]
name = "plugin"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[dependencies]
externref-guest = "1"
"""


def project(folder: Path, keys: str, **files: str) -> Path:
    (folder / "pyproject.toml").write_text(f'[tool.externref]\npackage = "plugin"\n{keys}', encoding="utf-8")
    (folder / "guest" / "src").mkdir(parents=True)
    (folder / "guest" / "src" / "lib.rs").touch()
    (folder / "guest" / "Cargo.toml").write_text(GUEST, encoding="utf-8")
    for name, text in files.items():
        (folder / "guest" / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def checks(folder: Path, **variables: str) -> dict[str, Check]:
    found = list(examine(folder, {**os.environ, **variables}))
    assert len({check.name for check in found}) == len(found)
    for check in found:
        assert check.state == "ok" or (check.looked_for and check.remedy), check
    return {check.name: check for check in found}


def command_line(*arguments: str, folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "externref_build", *arguments]
    return subprocess.run(command, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True)


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_what_a_build_needs_is_found(tmp_path: Path, toolchain: None) -> None:
    done = command_line("doctor", "--json", folder=tmp_path, environ={})
    found = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 0
    assert {check["state"] for check in found.values()} <= {"ok", "optional"}
    assert found["externref-build"]["detail"].startswith(__version__)
    assert found["cargo"]["detail"].startswith("cargo 1.")
    assert found["target wasm32-unknown-unknown"]["state"] == "ok"
    shown = command_line("doctor", folder=tmp_path, environ={"NO_COLOR": "1"}).stdout
    assert "everything that a build needs is there" in shown
    assert not list(tmp_path.iterdir())


def test_without_any_program(tmp_path: Path) -> None:
    done = command_line("doctor", folder=tmp_path, environ={"PATH": str(tmp_path), "NO_COLOR": "1"})
    assert done.returncode == 1
    assert f"PATH={tmp_path}" in done.stdout
    assert "sh.rustup.rs" in done.stdout
    assert "missing: Rust, linker for this machine" in done.stdout
    found = checks(tmp_path, PATH=str(tmp_path), CARGO="")
    assert found["wasm-opt"].state == "optional"
    assert "binaryen" in str(found["wasm-opt"].remedy)
    assert found["linker for this machine"].looked_for == f"cc on PATH={tmp_path}"


def test_a_configuration_that_cannot_be_meant(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.externref]\npackage = "p"\nprofil = "dev"\n')
    done = command_line("doctor", folder=tmp_path, environ={})
    assert done.returncode == 1
    assert "unknown key profil, did you mean profile?" in done.stdout


def test_a_configuration_does_not_steer_the_terminal(tmp_path: Path) -> None:
    project(tmp_path, '"profil\\u001b[2J" = "dev"')
    told = command_line("doctor", folder=tmp_path, environ={}).stdout
    assert r"unknown key profil\x1b[2J, did you mean profile?" in told
    assert "\x1b" not in told


@pytest.mark.once
@pytest.mark.parametrize("by", ["key", "cargo"])
def test_the_target_that_the_project_needs(tmp_path: Path, toolchain: None, by: str) -> None:
    project(tmp_path, 'target = "wasm32-wasip2"\n' if by == "key" else "")
    if by == "cargo":
        (tmp_path / "guest" / ".cargo").mkdir()
        (tmp_path / "guest" / ".cargo" / "config.toml").write_text('[build]\ntarget = "wasm32-wasip2"\n')
    found = checks(tmp_path)["target wasm32-wasip2"]
    assert found.state == "missing"
    assert "wasm32-wasip2" in str(found.remedy)


@pytest.mark.once
@pytest.mark.parametrize(
    ("keys", "lock", "state", "detail"),
    [
        ("", None, "optional", f"is not there; the next build writes externref-guest {sdk_version()}"),
        ("", "0.9.9", "optional", "records externref-guest 0.9.9; the next build writes"),
        ("", sdk_version(), "ok", f"records externref-guest {sdk_version()}"),
        ("locked = true\n", sdk_version(), "ok", f"records externref-guest {sdk_version()}"),
        ("locked = true\n", "0.9.9", "missing", "the lock file records externref-guest 0.9.9, and locked forbids"),
        ("frozen = true\n", None, "missing", "there is no lock file, and frozen forbids to write it"),
    ],
)
def test_the_guest_crate_of_the_lock_file(
    tmp_path: Path, toolchain: None, keys: str, lock: str | None, state: str, detail: str
) -> None:
    project(tmp_path, keys)
    if lock:
        text = f'version = 4\n[[package]]\nname = "externref-guest"\nversion = "{lock}"\n'
        (tmp_path / "guest" / "Cargo.lock").write_text(text, encoding="utf-8")
    found = checks(tmp_path)["lock file of guest/Cargo.toml"]
    assert found.state == state
    assert found.detail.startswith(detail)
    if state != "ok":
        assert found.looked_for == str(tmp_path / "guest" / "Cargo.lock")
        assert "externref-build cargo" in str(found.remedy)
    assert not (tmp_path / "guest" / ".externref-build").exists()


@pytest.mark.once
def test_a_toolchain_that_rustup_does_not_have(tmp_path: Path) -> None:
    """A stand-in for rustup, and for its proxies, which are links to it."""
    rustup = program(
        tmp_path / "bin" / "rustup",
        'case "$*" in\n'
        '"toolchain list") printf "stable-host (active, default)\\nmine\\n";;\n'
        '*) echo "error: toolchain is not installed" >&2; exit 1;;\nesac',
    )
    for proxy in ("cargo", "rustc"):
        rustup.with_name(proxy).symlink_to(rustup)
    folder = project(tmp_path, 'toolchain = "nope"\n')
    found = checks(folder, PATH=str(rustup.parent), CARGO="")["Rust"]
    assert found.state == "missing"
    assert found.detail == 'toolchain = "nope" names a toolchain that rustup does not have'
    assert found.looked_for == f"`{rustup} toolchain list`: stable-host, mine"
    assert str(found.remedy).startswith(
        "install it with:\nrustup toolchain install nope --target wasm32-unknown-unknown\n"
    )


@pytest.mark.once
def test_the_wasm_opt_of_the_configuration(tmp_path: Path, toolchain: None) -> None:
    project(tmp_path, 'optimize = ["-O3"]\nwasm-opt = "tools/wasm-opt"\n')
    absent = checks(tmp_path)["wasm-opt"]
    assert (absent.state, absent.looked_for) == ("missing", str(tmp_path / "tools" / "wasm-opt"))
    program(tmp_path / "tools" / "wasm-opt", "echo wasm-opt version 123")
    there = checks(tmp_path)["wasm-opt"]
    assert (there.state, there.detail) == ("ok", f"123 ({tmp_path / 'tools' / 'wasm-opt'})")


@pytest.mark.once
def test_guests_in_c_need_no_rust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler is looked for as the build looks for it; a project without any Rust can be built without it."""
    monkeypatch.setitem(sys.modules, "ziglang", None)
    script = f"""case "$*" in
    --version) echo "clang version 99.1";;
    *-###*) echo " {tmp_path}/bin/ld" >&2;;
    *-E*) exit 1;;
    esac"""
    compiler = program(tmp_path / "bin" / "clang", script)
    project(tmp_path, 'sources = ["guest/*.c"]\ntarget = "wasm32-wasip1"\n', main_c="")
    without_linker = checks(tmp_path, PATH=str(compiler.parent), CARGO="")["compiler for C and C++"]
    assert f"has no linker for WebAssembly: it looks for {tmp_path}/bin/ld" in without_linker.detail
    program(tmp_path / "bin" / "ld", "")
    found = checks(tmp_path, PATH=str(compiler.parent), CARGO="")
    assert found["Rust"].state == found["linker for this machine"].state == "optional"
    assert found["compiler for C and C++"] == Check("compiler for C and C++", "ok", f"clang 99.1 ({compiler})")
    assert found["C library of WASI"].state == "missing"
    assert "stdlib.h" in found["C library of WASI"].detail
    silent = program(tmp_path / "bin" / "silent", 'test "$1" = --version && echo "clang version 99.2"; exit 0')
    named = checks(tmp_path, PATH=str(compiler.parent), CARGO="", EXTERNREF_COMPILER="silent")
    assert named["compiler for C and C++"].detail == f"{silent} (clang 99.2) does not tell which linker it would start"
    named = checks(tmp_path, PATH=str(compiler.parent), CARGO="", EXTERNREF_COMPILER="clang-1")
    assert named["compiler for C and C++"].state == "missing"
    assert 'compiler = "clang-1" names a command that is not there' in named["compiler for C and C++"].detail

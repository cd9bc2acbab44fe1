"""``externref-build doctor``: what a build needs, what is there, and the command that mends the rest."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from externref_build._version import __version__
from externref_build.cli import terminal
from externref_build.cli.arguments import Arguments
from externref_build.errors import ExternrefBuildError, ToolchainError
from externref_build.guests.toolchain import Toolchain, find_toolchain, require_target

TARGETS: Final = ("wasm32-unknown-unknown", "wasm32-wasip1")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a build needs."""

    name: str
    state: Literal["ok", "missing", "optional"]
    """``optional``: it is missing, and a build works without it."""
    found: str | None
    """What is there, with version and place."""
    looked_for: str | None = None
    """What was looked for, and where."""
    remedy: str | None = None
    """The command that mends it."""


def run(given: Arguments) -> int:
    """Show every check; return 1 if something is missing that a build needs."""
    checks = list(examine(Path.cwd(), os.environ))
    if given.json:
        terminal.show(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _show(checks)
    return 1 if any(check.state == "missing" for check in checks) else 0


def examine(folder: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    """Check what a build that is started in a folder would find."""
    yield Check("externref-build", "ok", f"{__version__} ({Path(__file__).parents[1]})")
    yield Check("python", "ok", f"{platform.python_version()} ({sys.executable})")
    try:
        toolchain = find_toolchain(folder, environ=environ)
    except ToolchainError as error:
        yield _failed("cargo", error)
    else:
        yield Check("cargo", "ok", f"{toolchain.cargo_version} ({' '.join(toolchain.cargo)})")
        yield Check("rustc", "ok", f"{toolchain.rustc_version} (sysroot {toolchain.sysroot})")
        yield Check("rustup", "ok", "in use" if toolchain.rustup else "not in use")
        for target in TARGETS:
            yield _target(toolchain, target, folder, environ)
        yield _wasm_linker(toolchain, environ)
    yield _host_linker(environ)
    yield _sdk()
    yield _wasmtime()


def _target(toolchain: Toolchain, target: str, folder: Path, environ: Mapping[str, str]) -> Check:
    name = f"target {target}"
    try:
        require_target(toolchain, target, folder, environ=environ)
    except ToolchainError as error:
        return _failed(name, error)
    return Check(name, "ok", "installed")


def _wasm_linker(toolchain: Toolchain, environ: Mapping[str, str]) -> Check:
    """Look for ``rust-lld``, which links every wasm32 target unless cargo's configuration names another linker."""
    inside = next(toolchain.sysroot.glob("lib/rustlib/*/bin/rust-lld*"), None)
    found = str(inside) if inside else shutil.which("rust-lld", path=environ.get("PATH"))
    if found:
        return Check("linker for wasm32", "ok", found)
    return Check(
        "linker for wasm32",
        "missing",
        None,
        f"rust-lld in {toolchain.sysroot}/lib/rustlib/*/bin and on PATH",
        "install rustup's Rust, which has it, or your distribution's package lld",
    )


def _host_linker(environ: Mapping[str, str]) -> Check:
    """Look for the C compiler that links build scripts and proc-macros; on Windows rustc finds it by other means."""
    name = "linker for this machine"
    if os.name == "nt":
        return Check(name, "ok", "left to rustc")
    found = shutil.which("cc", path=environ.get("PATH"))
    if found:
        return Check(name, "ok", found)
    remedy = (
        "xcode-select --install" if sys.platform == "darwin" else "install gcc or clang, such as: apt-get install gcc"
    )
    return Check(name, "missing", None, "cc on PATH, which links build scripts and proc-macros", remedy)


def _sdk() -> Check:
    from externref_build.guests.sdk import sdk_path

    manifest = sdk_path() / "Cargo.toml"
    if manifest.is_file():
        return Check("guest crate", "ok", f"externref-guest ({sdk_path()})")
    remedy = "pip install --force-reinstall externref-build"
    return Check("guest crate", "missing", None, str(manifest), remedy)


def _wasmtime() -> Check:
    try:
        return Check("wasmtime", "ok", importlib.metadata.version("wasmtime"))
    except importlib.metadata.PackageNotFoundError:
        looked_for = "the Python package wasmtime, with which the built module is validated if it is there"
        return Check("wasmtime", "optional", None, looked_for, "pip install wasmtime")


def _failed(name: str, error: ExternrefBuildError) -> Check:
    looked_for = f"{error.summary}; {error.where}" if error.where else error.summary
    return Check(name, "missing", None, looked_for, error.remedy)


def _show(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    styles: dict[str, terminal.Style] = {"ok": "green", "missing": "red", "optional": "yellow"}
    for check in checks:
        state = terminal.paint(f"{check.state:<8}", styles[check.state], sys.stdout)
        terminal.show(f"{state}  {check.name:<{width}}  {check.found or 'not found'}")
        if check.looked_for:
            terminal.show(f"{'':10}looked for: {check.looked_for}")
        for number, line in enumerate((check.remedy or "").splitlines()):
            terminal.show(f"{'':10}{'mend it: ' if number == 0 else '         '}{line}")
    missing = [check for check in checks if check.state == "missing"]
    terminal.show()
    terminal.show(
        "everything that a build needs is there" if not missing else f"{len(missing)} of {len(checks)} are missing"
    )

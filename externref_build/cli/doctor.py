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
from externref_build.config import load_config, read_tool_table
from externref_build.errors import ExternrefBuildError, ToolchainError
from externref_build.guests.sdk import SDK_CRATE, sdk_path, sdk_version
from externref_build.guests.toolchain import DEFAULT_TARGET, Toolchain, find_toolchain, require_target
from externref_build.wording import plural

State = Literal["ok", "missing", "optional"]

STYLES: Final[dict[State, terminal.Style]] = {"ok": "green", "missing": "red", "optional": "yellow"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a build needs."""

    name: str
    state: State
    """``optional``: it is missing, and the build in this folder works without it."""
    detail: str
    """What is there, with version and place; or what is wrong."""
    looked_for: str | None = None
    """Where it was looked for."""
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
    wanted: dict[str, None] = {}
    name = None
    try:
        if read_tool_table(folder, "externref") is not None:
            modules = load_config(folder, environ=environ).modules
            wanted = dict.fromkeys(module.target or DEFAULT_TARGET for module in modules)
            name = modules[0].toolchain
            yield Check("[tool.externref]", "ok", f"{plural(len(modules), 'module')} in this folder")
    except ExternrefBuildError as error:
        yield _failed("[tool.externref]", error)
    yield from _rust(folder, environ, name, wanted or {DEFAULT_TARGET: None})
    yield _host_linker(environ)
    yield Check("guest crate", "ok", f"{SDK_CRATE} {sdk_version()} ({sdk_path()})")
    yield _wasmtime()


def _rust(folder: Path, environ: Mapping[str, str], name: str | None, wanted: Mapping[str, None]) -> Iterator[Check]:
    try:
        toolchain = find_toolchain(folder, environ=environ, name=name)
    except ToolchainError as error:
        yield _failed("Rust", error)
        return
    yield Check("cargo", "ok", f"{toolchain.cargo_version} ({' '.join(toolchain.cargo)})")
    yield Check("rustc", "ok", f"{toolchain.rustc_version} (sysroot {toolchain.sysroot})")
    yield Check("rustup", "ok", "in use" if toolchain.rustup else "not in use")
    for target in dict.fromkeys([*wanted, DEFAULT_TARGET, "wasm32-wasip1"]):
        try:
            require_target(toolchain, target, folder, environ=environ)
        except ToolchainError as error:
            yield _failed(f"target {target}", error, "missing" if target in wanted else "optional")
        else:
            yield Check(f"target {target}", "ok", "installed")
    yield _wasm_linker(toolchain, environ)


def _wasm_linker(toolchain: Toolchain, environ: Mapping[str, str]) -> Check:
    """Look for ``rust-lld``, which links every wasm32 target unless cargo's configuration names another linker."""
    inside = next(toolchain.sysroot.glob("lib/rustlib/*/bin/rust-lld*"), None)
    found = str(inside) if inside else shutil.which("rust-lld", path=environ.get("PATH"))
    if found:
        return Check("linker for wasm32", "ok", found)
    return Check(
        "linker for wasm32",
        "missing",
        "rust-lld is not there",
        f"{toolchain.sysroot}/lib/rustlib/*/bin and PATH",
        "install rustup's Rust, which has it, or your distribution's package lld",
    )


def _host_linker(environ: Mapping[str, str]) -> Check:
    """Look for the C compiler that links build scripts and proc-macros; on Windows rustc finds it by other means."""
    name = "linker for this machine"
    found = "left to rustc" if os.name == "nt" else shutil.which("cc", path=environ.get("PATH"))
    if found:
        return Check(name, "ok", found)
    remedy = "xcode-select --install" if sys.platform == "darwin" else "install gcc or clang: apt-get install gcc"
    return Check(name, "missing", "no C compiler, which links build scripts and proc-macros", "cc on PATH", remedy)


def _wasmtime() -> Check:
    try:
        return Check("wasmtime", "ok", importlib.metadata.version("wasmtime"))
    except importlib.metadata.PackageNotFoundError:
        detail = "not installed; with it, each built module is validated"
        return Check("wasmtime", "optional", detail, "the Python package wasmtime", "pip install wasmtime")


def _failed(name: str, error: ExternrefBuildError, state: State = "missing") -> Check:
    return Check(name, state, error.summary, error.where, error.remedy)


def _show(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        state = terminal.paint(f"{check.state:<8}", STYLES[check.state], sys.stdout)
        terminal.show(f"{state}  {check.name:<{width}}  {check.detail}")
        if check.looked_for:
            terminal.show(f"{'':{width + 12}}looked for: {check.looked_for}")
        for line in (check.remedy or "").splitlines():
            terminal.show(f"{'':{width + 12}}{line}")
    missing = [check.name for check in checks if check.state == "missing"]
    terminal.show()
    terminal.show(f"missing: {', '.join(missing)}" if missing else "everything that a build needs is there")

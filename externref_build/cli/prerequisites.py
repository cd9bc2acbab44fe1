"""What a build needs: what was looked for, what is there, and the command that mends the rest."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from externref_build._version import __version__
from externref_build.build.optimize import find_wasm_opt
from externref_build.config import ModuleConfig, load_config, read_tool_table
from externref_build.errors import ExternrefBuildError, ToolchainError
from externref_build.guests.cargo_config import read_cargo_config
from externref_build.guests.compiler import find_compiler
from externref_build.guests.resolve import recorded_sdk
from externref_build.guests.run import run
from externref_build.guests.sdk import SDK_CRATE, sdk_path, sdk_version
from externref_build.guests.toolchain import DEFAULT_TARGET, Toolchain, choose_target, find_toolchain, require_target
from externref_build.wording import plural

State = Literal["ok", "missing", "optional"]


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


def examine(folder: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    """Check what a build that is started in a folder would find. Nothing is installed or written."""
    environ = {**environ, "RUSTUP_AUTO_INSTALL": "0"}
    yield Check("externref-build", "ok", f"{__version__} ({Path(__file__).parents[1]})")
    yield Check("python", "ok", f"{platform.python_version()} ({sys.executable})")
    modules: Sequence[ModuleConfig] = ()
    try:
        if read_tool_table(folder, "externref") is not None:
            modules = load_config(folder, environ=environ).modules
            yield Check("[tool.externref]", "ok", f"{plural(len(modules), 'module')} in this folder")
    except ExternrefBuildError as error:
        yield _failed("[tool.externref]", error)
    in_rust = [module for module in modules if not module.sources]
    in_c = [module for module in modules if module.sources]
    yield from _rust(folder, in_rust, environ, "optional" if in_c and not in_rust else "missing")
    yield Check("guest crate", "ok", f"{SDK_CRATE} {sdk_version()} ({sdk_path()})")
    yield from _c(folder, in_c, environ)
    yield from _wasm_opt(modules, environ)
    yield _wasmtime()


def _failed(name: str, error: ExternrefBuildError, state: State = "missing") -> Check:
    return Check(name, state, error.summary, error.where, error.remedy)


# Rust


def _rust(folder: Path, modules: Sequence[ModuleConfig], environ: Mapping[str, str], absent: State) -> Iterator[Check]:
    """Check each toolchain that the guests are built with; ``absent`` is the state of what is missing."""
    groups: dict[tuple[Path, str | None], list[ModuleConfig]] = {}
    for module in modules:
        guest = module.manifest_path.parent
        groups.setdefault((guest if guest.is_dir() else folder, module.toolchain), []).append(module)
    for (guest, name), members in (groups or {(folder, None): []}).items():
        where = f" ({guest.relative_to(folder)})" if len(groups) > 1 else ""
        try:
            toolchain = find_toolchain(guest, environ=environ, name=name)
        except ToolchainError as error:
            yield _failed(f"Rust{where}", error, absent)
            continue
        yield Check(f"cargo{where}", "ok", f"{toolchain.cargo_version} ({' '.join(toolchain.cargo)})")
        yield Check(f"rustc{where}", "ok", f"{toolchain.rustc_version} (sysroot {toolchain.sysroot})")
        yield Check(f"rustup{where}", "ok", "in use" if toolchain.rustup else "not in use")
        config = read_cargo_config(guest, environ)
        wanted = {choose_target(module.target, config) for module in members} or {DEFAULT_TARGET}
        for target in dict.fromkeys([*sorted(wanted), DEFAULT_TARGET, "wasm32-wasip1"]):
            yield _target(toolchain, target, guest, environ, where, absent if target in wanted else "optional")
        yield _wasm_linker(toolchain, environ, where, absent)
        for module in members:
            yield from _lock_file(toolchain, module, environ)
    yield _host_linker(environ, absent)


def _target(
    toolchain: Toolchain, target: str, folder: Path, environ: Mapping[str, str], where: str, absent: State
) -> Check:
    name = f"target {target}{where}"
    try:
        require_target(toolchain, target, folder, environ=environ)
    except ToolchainError as error:
        return _failed(name, error, absent)
    return Check(name, "ok", "installed")


def _wasm_linker(toolchain: Toolchain, environ: Mapping[str, str], where: str, absent: State) -> Check:
    """Look for ``rust-lld``, which links every wasm32 target unless cargo's configuration names another linker."""
    inside = next(toolchain.sysroot.glob("lib/rustlib/*/bin/rust-lld*"), None)
    found = str(inside) if inside else shutil.which("rust-lld", path=environ.get("PATH"))
    if found:
        return Check(f"linker for wasm32{where}", "ok", found)
    return Check(
        f"linker for wasm32{where}",
        absent,
        "rust-lld is not there",
        f"{toolchain.sysroot}/lib/rustlib/*/bin and PATH",
        "install rustup's Rust, which has it, or your distribution's package lld",
    )


def _host_linker(environ: Mapping[str, str], absent: State) -> Check:
    """Look for the C compiler that links build scripts and proc-macros; on Windows rustc finds it by other means."""
    name = "linker for this machine"
    found = "left to rustc" if os.name == "nt" else shutil.which("cc", path=environ.get("PATH"))
    if found:
        return Check(name, "ok", found)
    remedy = "xcode-select --install" if sys.platform == "darwin" else "install gcc or clang: apt-get install gcc"
    detail = "no C compiler, which links build scripts and proc-macros"
    return Check(name, absent, detail, f"cc on PATH={environ.get('PATH', '')}", remedy)


def _lock_file(toolchain: Toolchain, module: ModuleConfig, environ: Mapping[str, str]) -> Iterator[Check]:
    """Compare the guest crate that a lock file records with the one that is supplied, if the guest uses it."""
    name = f"lock file of {module.manifest_path.relative_to(module.project_dir).as_posix()}"
    if not module.manifest_path.is_file():
        yield Check(name, "missing", "there is no guest", str(module.manifest_path), "externref-build new starts one")
        return
    try:
        recorded = recorded_sdk(toolchain, module, environ)
    except ExternrefBuildError as error:
        yield _failed(name, error)
        return
    if recorded is None:
        return
    if recorded.version == sdk_version():
        yield Check(name, "ok", f"records {SDK_CRATE} {sdk_version()} ({recorded.lock})")
        return
    found = f"records {SDK_CRATE} {recorded.version}" if recorded.version else f"does not record {SDK_CRATE}"
    yield Check(
        name,
        "optional",
        f"{found if recorded.lock.exists() else 'is not there'}; the next build writes {SDK_CRATE} {sdk_version()}",
        str(recorded.lock),
        f"externref-build cargo update --workspace (in {module.manifest_path.parent})",
    )


# C and C++


def _c(folder: Path, modules: Sequence[ModuleConfig], environ: Mapping[str, str]) -> Iterator[Check]:
    name = "compiler for C and C++"
    wanted = dict.fromkeys((module.compiler, module.target or DEFAULT_TARGET) for module in modules)
    for chosen, target in wanted or {(None, DEFAULT_TARGET): None}:
        where = f" ({chosen or 'default'}, {target})" if len(wanted) > 1 else ""
        try:
            found = find_compiler(folder, environ=environ, name=chosen)
        except ToolchainError as error:
            yield _failed(f"{name}{where}", error, "missing" if modules else "optional")
            continue
        yield Check(f"{name}{where}", "ok", f"{found.version} ({' '.join(found.c)})")
        if target.startswith("wasm32-wasi"):
            query = (*found.c, *found.target_arguments(target), "-include", "stdlib.h", "-E", "-x", "c", "-")
            there = run(query, cwd=folder, environ=environ).status == 0
            remedy = "apt-get install wasi-libc, or pip install 'externref-build[c]', whose zig has one"
            detail = f"for {target}" if there else f"{found.version} finds no stdlib.h for {target}"
            asked = None if there else " ".join(query)
            yield Check(
                f"C library of WASI{where}", "ok" if there else "missing", detail, asked, None if there else remedy
            )


# The rest


def _wasm_opt(modules: Sequence[ModuleConfig], environ: Mapping[str, str]) -> Iterator[Check]:
    asking = {module.wasm_opt: module for module in modules if module.optimize}
    for wanted, module in asking.items():
        name = "wasm-opt" if len(asking) == 1 else f"wasm-opt ({wanted})"
        try:
            found = find_wasm_opt(module, environ)
        except ToolchainError as error:
            yield _failed(name, error)
        else:
            yield Check(name, "ok", f"{found.version} ({found.path})")
    if not asking:
        path = shutil.which("wasm-opt", path=environ.get("PATH"))
        yield Check(
            "wasm-opt",
            "ok" if path else "optional",
            path or "not installed; the key optimize needs it",
            None if path else f"PATH={environ.get('PATH', '')}",
            None if path else "apt-get install binaryen, brew install binaryen, or npm install --global binaryen",
        )


def _wasmtime() -> Check:
    try:
        return Check("wasmtime", "ok", importlib.metadata.version("wasmtime"))
    except importlib.metadata.PackageNotFoundError:
        detail = "not installed; with it, each built module is validated"
        return Check(
            "wasmtime", "optional", detail, f"the Python package wasmtime in {sys.prefix}", "pip install wasmtime"
        )

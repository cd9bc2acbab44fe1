"""Find a compiler that makes WebAssembly of C and C++: clang with wasm-ld, or zig from the package ``ziglang``."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from externref_build.errors import ToolchainError
from externref_build.guests.run import run
from externref_build.guests.sdk import WORKSPACE_FOLDER
from externref_build.output import write_whole

_NEWEST, _OLDEST = 29, 16
"""Versions of clang, whose commands distributions suffix with the version."""

_DEBIAN_HEADERS = "/usr/include/wasm32-wasi/c++/v1"
"""Where libc++-dev-wasm32 puts its headers, and clang looks only with a sysroot."""

_INSTALL = (
    "install one of:\n"
    "pip install 'externref-build[c]'      (zig's clang, no other package needed)\n"
    f"apt-get install clang-{_OLDEST} lld-{_OLDEST}      (or a newer one)"
)


@dataclass(frozen=True, slots=True)
class Compiler:
    """A compiler for wasm32, of C and of C++, with its linker."""

    kind: Literal["clang", "zig"]
    c: tuple[str, ...]
    """How to start it for C, and as a linker."""
    cxx: tuple[str, ...]
    """How to start it for C++."""
    parser: tuple[str, ...]
    """How to start clang itself, to read preprocessed C++."""
    version: str
    """Name and version."""
    cxx_headers: str | None = None
    """Folder of C++'s library for WASI, where the compiler does not look for it by itself."""

    def target_arguments(self, target: str) -> tuple[str, ...]:
        """Return the arguments that select a target, named as in ``[tool.externref]``."""
        system = (
            "wasi"
            if target.startswith("wasm32-wasi")
            else {"clang": "unknown-unknown", "zig": "freestanding"}[self.kind]
        )
        headers = ("-cxx-isystem", self.cxx_headers) if system == "wasi" and self.cxx_headers else ()
        return (f"--target=wasm32-{system}", *headers)


def find_compiler(folder: Path, *, environ: Mapping[str, str], name: str | None = None) -> Compiler:
    """Find the compiler that a name means (a command, a path, or ``zig``), or the first one that there is.

    Raises ToolchainError if there is none, or if it cannot make WebAssembly.
    """
    if name:
        return _named(name, folder, environ)
    faults: list[str] = []
    for clang in _clangs(environ):
        try:
            return _clang(clang, folder, environ)
        except ToolchainError as error:
            faults.append(str(error.summary))
    if _has_zig():
        return _zig_of_python(folder, environ)
    looked = f"clang, clang-{_NEWEST} to clang-{_OLDEST} on PATH, and the Python package ziglang"
    raise ToolchainError(
        "there is no compiler for C and C++ that makes WebAssembly" + "".join(f"; {fault}" for fault in faults),
        where=f"looked for {looked}",
        remedy=_INSTALL,
    )


def _named(name: str, folder: Path, environ: Mapping[str, str]) -> Compiler:
    if name == "zig" and _has_zig():
        return _zig_of_python(folder, environ)
    path = shutil.which(name, path=environ.get("PATH"))
    if path is None:
        raise ToolchainError(
            f'compiler = "{name}" names a command that is not there',
            where=f"PATH={environ.get('PATH', '')}",
            remedy=f"install it, or remove the key compiler to use what there is; otherwise {_INSTALL}",
        )
    if Path(path).stem == "zig":
        return _zig((path,), _zig_version((path,), folder, environ))
    return _clang(path, folder, environ)


def _clangs(environ: Mapping[str, str]) -> Iterator[str]:
    for name in ("clang", *(f"clang-{version}" for version in range(_NEWEST, _OLDEST - 1, -1))):
        path = shutil.which(name, path=environ.get("PATH"))
        if path:
            yield path


def _clang(path: str, folder: Path, environ: Mapping[str, str]) -> Compiler:
    known = folder / WORKSPACE_FOLDER / "clang.json"
    status = Path(path).stat()
    state = [path, os.path.realpath(path), status.st_mtime_ns, status.st_size]
    try:
        *of, linker, version = json.loads(known.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        of, linker, version = [], "", ""
    if of != state or not Path(linker).is_file():
        version, linker = _probe(path, folder, environ)
        if known.parent.is_dir():
            write_whole(known, json.dumps([*state, linker, version]).encode())
    cxx = Path(path).with_name(Path(path).name.replace("clang", "clang++", 1))
    start = (str(cxx) if cxx.exists() else path,)
    headers = _DEBIAN_HEADERS if Path(_DEBIAN_HEADERS).is_dir() else None
    return Compiler("clang", (path,), start, start, version, headers)


def _probe(path: str, folder: Path, environ: Mapping[str, str]) -> tuple[str, str]:
    """Try a clang; return its version and the path of its linker. Raises ToolchainError if it makes no WebAssembly."""
    told = run((path, "--version"), cwd=folder, environ=environ).stdout.partition("\n")[0]
    number = re.search(r"clang version (\S+)", told)
    version = f"clang {number[1]}" if number else told
    probe = run((path, "--target=wasm32", "-x", "c", "-c", "-o", "-", "-"), cwd=folder, environ=environ)
    if probe.status != 0:
        raise ToolchainError(
            f"{path} ({version}) is built without the target wasm32",
            where=f"{path} --target=wasm32",
            remedy=_INSTALL,
        )
    plan = run((path, "-###", "--target=wasm32", "-nostdlib", "-x", "c", "-"), cwd=folder, environ=environ).stderr
    if not plan.strip():
        raise ToolchainError(
            f"{path} ({version}) does not tell which linker it would start",
            where=f"{path} -### --target=wasm32",
            remedy=_INSTALL,
        )
    named = shlex.split(plan.splitlines()[-1])[0]
    linker = shutil.which(named, path=environ.get("PATH"))
    if linker is None:
        suffix = Path(path).name.removeprefix("clang")
        raise ToolchainError(
            f"{path} ({version}) has no linker for WebAssembly: it looks for {named}",
            where=f"PATH={environ.get('PATH', '')}",
            remedy=f"apt-get install lld{suffix}, or what your system calls it",
        )
    return version, linker


def _zig_of_python(folder: Path, environ: Mapping[str, str]) -> Compiler:
    import importlib.metadata

    start = (sys.executable, "-m", "ziglang")
    try:
        version = importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:  # on the path, but not installed: it takes longer to ask zig
        version = _zig_version(start, folder, environ)
    return _zig(start, version)


def _zig_version(start: tuple[str, ...], folder: Path, environ: Mapping[str, str]) -> str:
    return run((*start, "version"), cwd=folder, environ=environ).stdout.strip()


def _zig(zig: tuple[str, ...], version: str) -> Compiler:
    return Compiler("zig", (*zig, "cc"), (*zig, "c++"), (*zig, "clang"), f"zig {version}")


def _has_zig() -> bool:
    return importlib.util.find_spec("ziglang") is not None

"""``externref-build new``: a project that builds, tests and passes ``check`` at once."""

from __future__ import annotations

import keyword
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from string import Template
from typing import Final

from externref_build._version import __version__
from externref_build.bindings.python.names import plugin_class
from externref_build.build.progress import Progress
from externref_build.cli import terminal
from externref_build.cli.arguments import Arguments
from externref_build.errors import InputError, OutputError
from externref_build.guests.sdk import provide_sdk, sdk_version

_TEMPLATES: Final = Path(__file__).resolve().parents[1] / "templates"
_SUFFIX: Final = ".in"


@dataclass(frozen=True, slots=True)
class _Backend:
    tool: str
    """The requirement that brings it."""
    hook: str
    """What pyproject.toml names as ``build-backend``."""


_BACKENDS: Final = {
    "setuptools": _Backend("setuptools>=77", "setuptools.build_meta"),
    "hatchling": _Backend("hatchling>=1.28", "hatchling.build"),
    "maturin": _Backend("maturin>=1.12.6,<2", "externref_build.backends.maturin"),
}

_RUST_WORDS: Final = re.compile(
    "abstract|alloc|as|async|await|become|box|break|const|continue|core|crate|do|dyn|else|enum|extern|externref_guest"
    "|false|final|fn|for|gen|if|impl|in|let|loop|macro|match|mod|move|mut|override|priv|proc_macro|pub|ref|return|self"
    "|static|std|struct|super|trait|true|try|type|typeof|union|unsafe|unsized|use|virtual|where|while|yield"
)
"""What no crate may be called: Rust's words, its own crates, and ours."""

_TAKEN: Final = frozenset(
    {"externref_build", "hatchling", "maturin", "pytest", "setuptools", "test", "tests", "wasmtime"}
)
"""Packages that the project itself uses, the name of its folder of tests, and that of Python's own tests."""


def run(given: Arguments) -> int:
    """Write the project into a new folder below the current one."""
    package = package_name(given.name)
    folder = Path.cwd() / given.name
    _refuse_content(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{given.name}.", suffix=".partial", dir=folder.parent) as temporary:
            whole = Path(temporary, "whole")
            for name, text in project_files(given.name, package, given.backend):
                path = whole / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            provide_sdk(whole / "guest")
            if folder.is_dir():
                folder.rmdir()
            whole.rename(folder)
    except OSError as error:
        raise OutputError(
            f"the project cannot be written: {error.strerror}",
            where=str(folder),
            remedy="make the current folder writable and see that its disk has room; nothing is left behind",
        ) from error
    progress = Progress(quiet=given.quiet)
    progress.step("Created", f"{given.name}, which {given.backend} builds: package {package}, plugin in guest")
    if not given.quiet:
        terminal.say(f"\n  cd {given.name}\n  pip install -e . pytest && pytest")
    return 0


def package_name(name: str) -> str:
    """Return the Python package, and the crate, of a project of some name. Raises InputError."""
    package = re.sub(r"[-_.]+", "_", name).lower()
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name):
        problem = "is not a name of a project, expected ASCII letters, digits, and -, _ or . between them"
    elif not package.isidentifier():
        problem = f"would make the package {package}, expected a name that begins with a letter"
    elif keyword.iskeyword(package) or _RUST_WORDS.fullmatch(package):
        problem = f"would make the package {package}, which is a word of Python or Rust"
    elif package in sys.stdlib_module_names or package in _TAKEN:
        problem = f"would make the package {package}, which would hide another one of this name"
    else:
        return package
    raise InputError(f"{name!r} {problem}", remedy="choose a name such as my-plugin")


def project_files(name: str, package: str, backend: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of each file of a new project."""
    major, minor, _ = __version__.split(".", 2)
    least = major if minor == "0" else f"{major}.{minor}"
    values = {
        "name": name,
        "package": package,
        "plugin": plugin_class(package),
        "tool": _BACKENDS[backend].tool,
        "build_backend": _BACKENDS[backend].hook,
        "requirement": f"externref-build>={least},<{int(major) + 1}",
        "sdk_version": sdk_version(),
        "sdk_major": sdk_version().partition(".")[0],
    }
    values["settings"] = _render(_TEMPLATES / f"{backend}.toml{_SUFFIX}", values)
    for folder in (_TEMPLATES / "common", _TEMPLATES / backend):
        for path in sorted(folder.rglob(f"*{_SUFFIX}")):
            parts = path.relative_to(folder).with_suffix("").parts
            place = PurePosixPath(*(_name(part, package) for part in parts))
            text = _render(path, values)
            yield str(place), _in_order(text) if place.name == "Cargo.lock" else text


def _name(part: str, package: str) -> str:
    return package if part == "package" else re.sub(r"^dot-", ".", part)


def _render(path: Path, values: dict[str, str]) -> str:
    return Template(path.read_text(encoding="utf-8")).substitute(values)


def _in_order(lock: str) -> str:
    """Sort the packages of a lock file by their names, as cargo does: in another order it would be out of date."""
    head, *packages = lock.rstrip("\n").split("\n\n[[package]]\n")
    return "\n\n[[package]]\n".join([head, *sorted(packages)]) + "\n"


def _refuse_content(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        found = "something other than a folder is there"
    elif folder.is_dir() and any(folder.iterdir()):
        found = "the folder is not empty"
    else:
        return
    remedy = "choose another name, or move away what is there"
    raise OutputError(f"{found}, expected room for a new project", where=str(folder), remedy=remedy)

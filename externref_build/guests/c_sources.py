"""What a guest in C or C++ is made from, without its compiler: the name of the module, and all files of the project.

A source distribution can be made, and a module that is there already be used, on a machine without one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from externref_build.config import ModuleConfig
from externref_build.errors import ConfigError, ExternrefBuildError, raise_together
from externref_build.guests.patterns import matching

CXX_SUFFIXES = frozenset({".cc", ".cpp", ".cxx", ".c++", ".C"})
_SUFFIXES = CXX_SUFFIXES | {".c"}
_HEADER_SUFFIXES = frozenset({".h", ".hh", ".hpp", ".hxx", ".h++", ".H", ".inc", ".inl", ".ipp", ".tpp", ".def"})
_MARKS_OF_OTHERS = frozenset({"CACHEDIR.TAG", "pyvenv.cfg"})
"""Files in folders that tools make for themselves: cargo's target folder and virtual environments among them."""
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*(?:include|import|embed)[ \t]*[<"]([^>"\n\0]{1,255})[>"]', re.MULTILINE)


def module_name(module: ModuleConfig) -> str:
    """Return the name of a module of C or C++: the configured one, or the last part of its package's."""
    return module.name or module.package.rpartition(".")[2]


def find_sources(module: ModuleConfig) -> list[Path]:
    """Find the files that the patterns of the key ``sources`` name; absolute, sorted.

    Raises ConfigError for a pattern without a file, or with one that is no source.
    """
    found: set[Path] = set()
    errors: list[ExternrefBuildError] = []
    for pattern in module.sources:
        files = [path for path in matching(module.project_dir, pattern) if path.is_file()]
        wrong = [path.name for path in files if path.suffix not in _SUFFIXES]
        if not files or wrong:
            problem = f"holds {', '.join(wrong)}" if wrong else "matches no file"
            errors.append(
                ConfigError(
                    f'sources = "{pattern}" {problem}, expected sources in C (.c) or C++ (.cpp, .cc, .cxx)',
                    where=f"{module.project_dir / 'pyproject.toml'}, key sources",
                    remedy="name the sources relative to pyproject.toml; headers are found by themselves",
                )
            )
        found.update(files)
    raise_together(errors)
    return sorted(found)


def source_files(module: ModuleConfig) -> list[Path]:
    """Find all files that a source distribution needs: sources, what they may include, and archives.

    There may be no compiler, so that this looks at folders and at lines ``#include``. What the compiler reads later is
    among it, unless a macro names the file.
    """
    sources = find_sources(module)
    folders = {source.parent for source in sources} | set(module.include_dirs)
    headers = (path for folder in folders for path in _headers_below(folder))
    return sorted({*_with_included([*sources, *headers], module.include_dirs, module.project_dir), *_archives(module)})


def _headers_below(folder: Path) -> Iterator[Path]:
    """Yield the headers in a folder and those below it, but those that are hidden or made by tools."""
    for parent, folders, names in os.walk(folder):
        if _MARKS_OF_OTHERS.intersection(names) and Path(parent) != folder:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(parent, name)
            if path.suffix in _HEADER_SUFFIXES and not name.startswith(".") and path.is_file():
                yield path


def _with_included(files: Iterable[Path], include_dirs: Sequence[Path], project_dir: Path) -> set[Path]:
    """Return files, all absolute, with those in the project that they include, and so on."""
    found = set[Path]()
    waiting = list(files)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in _INCLUDE.findall(path.read_bytes()):
            places = (Path(os.path.normpath(folder / os.fsdecode(name))) for folder in (path.parent, *include_dirs))
            named = next((place for place in places if place.is_file()), None)
            if named is not None and named.is_relative_to(project_dir):
                waiting.append(named)
    return found


def _archives(module: ModuleConfig) -> list[Path]:
    """Return the files in the project that ``ldflags`` name."""
    paths = (Path(os.path.normpath(module.project_dir / flag)) for flag in module.ldflags)
    return [path for path in paths if path.is_file() and path.is_relative_to(module.project_dir)]

"""Find the files beside its sources that a C or C++ guest is made from: headers, and what these include.

A source distribution is made where there may be no compiler, so that this looks at folders and at lines ``#include``.
What the compiler reads later is among it, unless a macro names the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_SUFFIXES = frozenset({".h", ".hh", ".hpp", ".hxx", ".h++", ".H", ".inc", ".inl", ".ipp", ".tpp", ".def"})
_MARKS_OF_OTHERS = frozenset({"CACHEDIR.TAG", "pyvenv.cfg"})
"""Files in folders that tools make for themselves: cargo's target folder and virtual environments among them."""
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*(?:include|import|embed)[ \t]*[<"]([^>"\n\0]{1,255})[>"]', re.MULTILINE)


def headers_below(folder: Path) -> Iterator[Path]:
    """Yield the headers in a folder and those below it, but those that are hidden or made by tools."""
    for parent, folders, names in os.walk(folder):
        if _MARKS_OF_OTHERS.intersection(names) and Path(parent) != folder:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(parent, name)
            if path.suffix in _SUFFIXES and not name.startswith(".") and path.is_file():
                yield path


def with_included(files: Iterable[Path], include_dirs: Sequence[Path], project_dir: Path) -> set[Path]:
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

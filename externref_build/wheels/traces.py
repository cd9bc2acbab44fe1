"""Traces of the building machine: absolute paths that a wheel should not tell the world, nor differ by.

Paths of folders that this machine is known to build in are faults in every file. Paths of a home folder on another
machine are faults where nobody writes them by hand: in modules, and in files that tools make. Texts may have them as
examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from externref_build.wheels.archive import Wheel
from externref_build.wheels.findings import Finding, bad, good

_REST: Final = rb"[^\x00-\x20\"'<>|;,`)\]]"

_HOME_OF_ANYBODY: Final = re.compile(
    rb"(?:/home/|/Users/|[A-Za-z]:[\\/]Users[\\/])[A-Za-z0-9_][\w.-]*[\\/][\w.@+-]"
    + _REST
    + rb"*|/root/[\w.@+-]"
    + _REST
    + rb"*"
)
_TEMPORARY: Final = re.compile(
    rb"(?:/private)?(?:/tmp|/var/tmp|/var/folders)/(?:(?:pip-|build-env-|externref-build-|pytest-of-)"
    + _REST
    + rb"+|tmp[a-z0-9_]{8}/"
    + _REST
    + rb"+|"
    + _REST
    + rb"{1,200}\.(?:rs|c|cc|cpp|h|hpp|zig|go)\b)"
)
_URL: Final = re.compile(rb"[a-z][a-z0-9+.-]*://[^\x00-\x20\"'<>]*$", re.IGNORECASE)
_BY_HAND: Final = frozenset({".py", ".pyi", ".md", ".rst", ".txt", ".js", ".mjs", ".ts", ".html", ""})
"""Suffixes of files that people write."""

_BY_TOOLS: Final = frozenset({"RECORD", "WHEEL", "entry_points.txt", "top_level.txt", "direct_url.json"})

_MODULE_REMEDY: Final = (
    'externref-build remaps what it can; debug-info = "strip" in [tool.externref] leaves out the rest, and what the '
    "sources spell themselves (env!, file!) has to go there"
)
_TEXT_REMEDY: Final = "take it out of the file, or the file out of the wheel"


def check_traces(wheel: Wheel, folders: Mapping[str, Path]) -> Iterator[Finding]:
    """See that no file names a folder of the building machine; ``folders`` are those of this one, by what they are."""
    in_modules = _own_patterns(folders)
    in_texts = _own_patterns({what: folder for what, folder in folders.items() if _is_telling(folder)})
    clean = True
    for name, content in wheel.files.items():
        is_module = name.endswith(".wasm")
        if not is_module and not _is_text(content):
            continue
        own = in_modules if is_module else in_texts
        for what, offset, path in _traces(name, content, own, is_module=is_module):
            clean = False
            place = f"offset {offset:#x}" if is_module else f"line {content.count(10, 0, offset) + 1}"
            told = f"it names {_shown(path)}, {what}"
            yield bad("paths", told, f"{name}, {place}", _MODULE_REMEDY if is_module else _TEXT_REMEDY)
    if clean:
        yield good("paths", "no file names a folder of the machine that built it")


def _traces(
    name: str, content: bytes, own: Mapping[str, re.Pattern[bytes]], *, is_module: bool
) -> Iterator[tuple[str, int, bytes]]:
    """Yield the first path of each kind: what it is, its offset, and itself."""
    for what, pattern in own.items():
        found = pattern.search(content)
        if found:
            yield what, found.start(), found[0]
            return
    if is_module or not _is_by_hand(name):
        found = next((match for match in _HOME_OF_ANYBODY.finditer(content) if not _is_in_url(content, match)), None)
        if found:
            yield "in somebody's home folder", found.start(), found[0]
            return
    if is_module:
        found = _TEMPORARY.search(content)
        if found:
            yield "in a temporary folder", found.start(), found[0]


def _own_patterns(folders: Mapping[str, Path]) -> dict[str, re.Pattern[bytes]]:
    """Return what finds each folder, and what lies in it."""
    patterns = {}
    for what, folder in sorted(folders.items(), key=lambda item: -len(str(item[1]))):
        names = {str(folder), str(folder.resolve()), folder.as_posix()}
        if len(folder.parts) > 1:
            escaped = b"|".join(re.escape(text.encode(errors="surrogateescape")) for text in sorted(names))
            patterns[what] = re.compile(rb"(?:" + escaped + rb")(?![\w.-])" + _REST + rb"*")
    return patterns


def _is_telling(folder: Path) -> bool:
    """Tell whether a text that names a folder means it: /app may be anything, such as a path of a web site."""
    return len(folder.parts) > 2 or folder == Path("/root")


def _is_by_hand(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix in _BY_HAND and path.name not in _BY_TOOLS


def _is_in_url(content: bytes, match: re.Match[bytes]) -> bool:
    return bool(_URL.search(content[max(0, match.start() - 200) : match.start()]))


def _is_text(content: bytes) -> bool:
    if b"\0" in content:
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(path: bytes) -> str:
    text = path.decode(errors="replace")
    return text if len(text) <= 120 else f"{text[:117]}..."

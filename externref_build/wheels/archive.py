"""Read the files of a wheel into memory, trusting nothing that the archive says.

Source: binary distribution format (packaging.python.org), which is a ZIP archive; APPNOTE.TXT 6.3.10 for that.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from externref_build.errors import InputError
from externref_build.wheels.findings import Finding, bad, good
from externref_build.wording import plural

LARGEST: Final = 2**30
"""In bytes, of all files together: more than any registry takes."""

_ALWAYS_FINE: Final = 2**24
_HIGHEST_RATIO: Final = 200
"""Unpacked to packed size; programs and texts stay below 20."""

_METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_DAMAGES: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
"""What the zipfile module raises over archives that are damaged or made to do harm."""

_REBUILD: Final = "the file is damaged or was not made by a packaging tool: build or download it again"


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in the archive, as it stands there."""

    name: str
    is_link: bool


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel that has been read."""

    file_name: str
    entries: tuple[Entry, ...]
    files: dict[str, bytes]
    """Contents by name, without folders; of a name that is there twice, the last."""

    def dist_info(self, name: str) -> tuple[str, bytes] | None:
        """Find a file in the top-level ``.dist-info``; return its full name and content."""
        pattern = re.compile(rf"[^/]+\.dist-info/{re.escape(name)}")
        return next(((full, content) for full, content in self.files.items() if pattern.fullmatch(full)), None)


def read_wheel(path: Path) -> Wheel:
    """Read a wheel. Raises InputError if it is no archive, damaged, or unpacks to more than it could need."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _refuse_bomb(sum(entry.file_size for entry in entries), path)
            files = {entry.orig_filename: _read(archive, entry) for entry in entries if not entry.is_dir()}
    except OSError as error:
        problem = f"the wheel cannot be read: {error.strerror or error}"
        raise InputError(problem, where=str(path), remedy=_wheels_in(path)) from error
    except _DAMAGES as error:
        raise InputError(f"the archive cannot be unpacked: {error}", where=str(path), remedy=_REBUILD) from error
    return Wheel(path.name, tuple(Entry(entry.orig_filename, _is_link(entry)) for entry in entries), files)


def check_archive(wheel: Wheel) -> Iterator[Finding]:
    """See that every name is a plain path inside the folder that the wheel is unpacked into."""
    remedy = "unpacking it could write elsewhere: do not install it, build it anew"
    faults = 0
    for entry in wheel.entries:
        problem = "a symbolic link" if entry.is_link else _name_problem(entry.name)
        if problem:
            faults += 1
            yield bad("archive", f"the name {entry.name!r} is {problem}, expected a path inside", entry.name, remedy)
    for name, count in Counter(entry.name for entry in wheel.entries).items():
        if count > 1:
            faults += 1
            again = "tools disagree which of them counts: build the wheel anew"
            yield bad("archive", f"there are {count} files {name!r}, expected one", name, again)
    if not faults:
        size = sum(map(len, wheel.files.values()))
        yield good("archive", f"{plural(len(wheel.files), 'file')}, {size / 1000:,.1f} kB unpacked")


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.compress_type not in _METHODS:
        raise ValueError(f"{entry.orig_filename!r} is compressed by method {entry.compress_type}, expected deflate")
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        raise ValueError(f"{entry.orig_filename!r} has {len(content)} bytes where {entry.file_size} are announced")
    return content


def _refuse_bomb(unpacked: int, path: Path) -> None:
    most = min(LARGEST, _ALWAYS_FINE + _HIGHEST_RATIO * path.stat().st_size)
    if unpacked > most:
        raise InputError(
            f"the archive announces {unpacked} bytes unpacked, expected at most {most} of an archive of its size",
            where=str(path),
            remedy="it is made to fill memory or disk, or is no wheel: do not install it",
        )


def _name_problem(name: str) -> str | None:
    if not name.isprintable() or "\\" in name:
        return "not one that every system can write"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "an absolute path"
    if {"..", ".", ""} & set(name.rstrip("/").split("/")) or name.endswith("//"):
        return "one that leads elsewhere"
    return None


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _wheels_in(path: Path) -> str | None:
    folder = path if path.is_dir() else path.parent
    wheels = sorted(map(str, folder.glob("*.whl"))) if folder.is_dir() else []
    return f"wheels that are there: {', '.join(wheels[:5])}" if wheels else None

"""Modules in and out: files, pipes, and how each can fail.

Files are handled by their names: only errors have the time to import `pathlib`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from externref_build.errors import InputError, OutputError

PIPE: Final = "-"
"""Stands for stdin as an input and for stdout as an output."""

LARGEST: Final = 2**32 - 1
"""In bytes: more than any engine takes, and than the sizes of the binary format can count."""


_LARGE: Final = 1 << 20
"""In bytes: anything smaller is sooner read than mapped."""


def display_name(name: str) -> str:
    """Return how an input is called in an error."""
    return "stdin" if name == PIPE else name


def read_module(name: str) -> bytes:
    """Read a whole file, or stdin for ``-``. Raises InputError."""
    try:
        if name == PIPE:
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with open(name, "rb") as file:
                _refuse_size(os.fstat(file.fileno()).st_size, name)
                data = file.read(LARGEST + 1)
    except OSError as error:
        raise _unreadable(name, error) from error
    _refuse_size(len(data), name)
    return data


def map_module(name: str) -> bytes | memoryview:
    """Map a large file into memory, which spares a copy of it; read others, as `read_module` does. Raises InputError.

    Nobody may write to the file meanwhile; to replace it, as `write_module` does, is fine. Windows would refuse that.
    """
    with contextlib.suppress(OSError, ValueError):
        if sys.platform != "win32" and os.path.isfile(name) and _LARGE <= os.path.getsize(name) <= LARGEST:
            import mmap

            flags = mmap.MAP_PRIVATE | getattr(mmap, "MAP_POPULATE", 0)  # where there is that: all pages at once
            with open(name, "rb") as file:
                return memoryview(mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ))
    return read_module(name)


def write_module(name: str, parts: Sequence[bytes | bytearray | memoryview]) -> None:
    """Write a whole file or nothing, or to stdout for ``-``, from its parts. Raises OutputError.

    A symbolic link keeps pointing where it does; devices and named pipes are written to as they are.
    """
    from externref_build.output import write_whole

    path = os.path.realpath(name)
    folder = os.path.dirname(path)
    try:
        if name == PIPE:
            sys.stdout.buffer.writelines(parts)
            sys.stdout.buffer.flush()
        elif os.path.isdir(path):
            raise OutputError("the output is a folder, expected the path of a file", where=name)
        elif not os.path.isdir(folder):
            remedy = f"make it first: mkdir -p {folder}"
            raise OutputError("the folder of the output does not exist", where=name, remedy=remedy)
        elif os.path.exists(path) and not os.path.isfile(path):
            with open(path, "wb") as file:
                file.writelines(parts)
        else:
            write_whole(path, parts)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = "stdout" if name == PIPE else name
        raise OutputError(f"the output cannot be written: {error.strerror}", where=where) from error


def _refuse_size(size: int, name: str) -> None:
    if size > LARGEST:
        raise InputError(
            f"the input has more than {LARGEST} bytes, which no WebAssembly module can have",
            where=display_name(name),
            remedy="check that the path is the one that was meant",
        )


def _unreadable(name: str, error: OSError) -> InputError:
    if os.path.isdir(name):
        return InputError("the input is a folder, expected a WebAssembly module", where=name, remedy=_modules_in(name))
    if isinstance(error, FileNotFoundError):
        return InputError("there is no such file", where=name, remedy=_modules_in(os.path.dirname(name)))
    return InputError(f"the input cannot be read: {error.strerror}", where=display_name(name))


def _modules_in(name: str) -> str | None:
    from pathlib import Path

    folder = Path(name)
    modules = sorted(str(path) for path in folder.glob("*.wasm")) if folder.is_dir() else []
    return f"modules that are there: {', '.join(modules[:5])}" if modules else None

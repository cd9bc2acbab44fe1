"""Put a file in place: whole or not at all, and only if its content is new.

A build may be killed at any moment, and two may run at once. So the content goes to a file of its own beside the
place, and that is renamed. Its writer holds a lock on it as long as it lives; one without a holder was left behind by
a killed build, and the next build removes it, lest it be packed into a wheel.

Files are handled by their names: to import `pathlib` takes as long as to write a file of some megabytes.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, TypeAlias

from externref_build.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

_Name: TypeAlias = "str | os.PathLike[str]"
_Part: TypeAlias = bytes | bytearray | memoryview

_PIECE = 1 << 20
"""In bytes."""

_MODE = 0o644
"""Of the file, whatever the umask: the same sources make the same wheel."""


def write_whole(path: _Name, content: bytes | Sequence[bytes | bytearray | memoryview]) -> bool:
    """Put content, whole or in parts, at a path and return True; leave a file that has it alone and return False.

    Raises OutputError if that is impossible; a file that was there is then unchanged. Nobody waits for the disk: what
    a failure of power takes, the next build makes again.
    """
    parts = (content,) if isinstance(content, bytes) else content
    folder, name = _split(path)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise FileExistsError(errno.EEXIST, "something other than a file is there")
        os.makedirs(folder, exist_ok=True)
        remove_abandoned(path)
        if _has_content(path, parts):
            return False
        _replace(path, parts)
    except OSError as error:
        raise OutputError(
            f"{name} cannot be written: {error.strerror}",
            where=folder,
            remedy="make the folder writable and see that its disk has room; what was there before is unchanged",
        ) from error
    return True


def _split(path: _Name) -> tuple[str, str]:
    folder, name = os.path.split(path)
    return folder or os.curdir, name


def _has_content(path: _Name, parts: Sequence[_Part]) -> bool:
    """Compare a file with content, piece by piece: both may be large."""
    if not os.path.isfile(path) or os.path.getsize(path) != sum(map(len, parts)):
        return False
    with open(path, "rb") as file:
        return all(file.read(len(piece)) == piece for part in parts for piece in _pieces(part))


def _pieces(part: _Part) -> Iterator[memoryview]:
    view = memoryview(part)
    return (view[start : start + _PIECE] for start in range(0, len(view), _PIECE))


def remove_former_outputs(
    record: Path, folder: Path, outputs: Iterable[Path], spare: Callable[[Path], bool] = lambda _: False
) -> None:
    """Remove from a folder what an earlier build put there and this one does not make; note what this one makes.

    ``record`` is the file with the notes; what ``spare`` is true for is somebody else's by now. Raises OutputError.
    """
    current = {path.relative_to(folder).as_posix() for path in outputs}
    for name in recorded_outputs(record):
        former = folder / name
        inside = former.resolve().is_relative_to(folder.resolve())
        if name not in current and inside and not spare(former):
            remove_abandoned(former)
            _remove_file(former)
    write_whole(record, "".join(f"{name}\n" for name in sorted(current)).encode())


def recorded_outputs(record: Path) -> list[str]:
    """Read what `remove_former_outputs` has noted; nothing from a record that isn't there, or is damaged."""
    try:
        text = record.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return []
    return [] if "\0" in text else text.splitlines()


def _remove_file(path: Path) -> None:
    """Remove a file, or a link to one; a folder of its name is somebody else's."""
    if not path.is_file():
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path.name}, which an earlier build made, cannot be removed: {error.strerror}",
            where=str(path.parent),
            remedy="make the folder writable, or remove the file",
        ) from error


def _replace(path: _Name, parts: Sequence[_Part]) -> None:
    folder, name = _split(path)
    partial = os.path.join(folder, f".{name}.{os.urandom(6).hex()}.partial")
    try:
        with open(partial, "xb") as file:
            if not (_lock(file) and os.path.exists(partial)):
                # Another build took it for abandoned before it was locked.
                _replace(path, parts)
                return
            file.writelines(parts)
            file.flush()
            os.chmod(partial, _MODE)
            if sys.platform != "win32":
                os.replace(partial, path)
        if sys.platform == "win32":
            # There, an open file cannot be renamed.
            os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)
        raise


def partial_files(path: _Name) -> list[str]:
    """Find the files beside a place whose content is, or was, on its way there."""
    folder, name = _split(path)
    start, end = f".{name}.", ".partial"
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [
        os.path.join(folder, found)
        for found in names
        if found.startswith(start) and found.removeprefix(start).endswith(end)
    ]


def remove_abandoned(path: _Name) -> None:
    """Remove the partial files of builds that were killed."""
    for partial in partial_files(path):
        with contextlib.suppress(OSError):
            with open(partial, "rb") as file:
                # Removed under the lock: once that is let go, the writer that has just made the file could take it.
                if sys.platform != "win32" and _lock(file):
                    os.unlink(partial)
            if sys.platform == "win32":
                # There, what a writer holds open cannot be removed.
                os.unlink(partial)


class OngoingWork:
    """A note on disk that a build is filling a folder; it stays behind when the build is killed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def begin(self) -> bool:
        """Make the note, and tell whether a build was cut off; two builds at once have one note. Raises OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        found = self._path.exists()
        file = self._path.open("ab")
        if not _lock(file):
            file.close()
            return False
        self._file = file
        return found

    def end(self) -> None:
        """Remove the note, if it is ours."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)
            self._file = None


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait until no other build is in this place, and keep others waiting. Raises OSError. Nothing on Windows."""
    with path.open("ab") as file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock(file: IO[bytes]) -> bool:
    """Lock a file unless another writer holds it; tell whether it is ours. Windows keeps what is open by itself."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

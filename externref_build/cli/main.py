"""From arguments to an exit code: 0, 1 for what is refused or fails, 2 for wrong usage."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence

from externref_build.cli import arguments, terminal
from externref_build.errors import ExternrefBuildError

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended, as shells count it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; wrong usage ends in ``SystemExit(2)``."""
    try:
        return _run(argv)
    finally:
        # The interpreter ends with a search for garbage, which would look at all that was ever imported.
        gc.freeze()


def _run(argv: Sequence[str] | None) -> int:
    _replace_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A module's names are UTF-8, whatever the encoding here.
        sys.stdout.reconfigure(errors="backslashreplace")
    given = arguments.parse(sys.argv[1:] if argv is None else argv)
    try:
        code = given.run(given)
        sys.stdout.flush()
    except ExternrefBuildError as error:
        terminal.show_error(error)
        _settle_stdout()
        return 1
    except BrokenPipeError:
        _settle_stdout()
        return 1
    except OSError as error:
        terminal.show_error(ExternrefBuildError(f"{error.strerror or error}", where=str(error.filename or "stdout")))
        _settle_stdout()
        return 1
    except KeyboardInterrupt:
        terminal.say("interrupted")
        return INTERRUPTED
    return code


def _replace_closed_streams() -> None:
    """Open what a daemon or ``>&-`` closed, so that its use fails with an OSError, which is told; stderr is swallowed.

    Otherwise the next file that is opened would take the stream's place. Nothing is buffered, lest the interpreter
    fails once more over it when it ends.
    """
    for name, mode, flags in (
        ("stdin", "rb", os.O_WRONLY),
        ("stdout", "wb", os.O_RDONLY),
        ("stderr", "wb", os.O_WRONLY),
    ):
        if getattr(sys, name) is None:
            stream = os.fdopen(os.open(os.devnull, flags), mode, buffering=0)
            setattr(sys, name, io.TextIOWrapper(stream, encoding="utf-8", write_through=True))


def _settle_stdout() -> None:
    """Write what is still buffered, or drop it, lest the interpreter fails once more over it when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

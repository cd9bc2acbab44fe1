"""What a person reads: errors and progress on stderr, results on stdout, colour only where it is welcome."""

from __future__ import annotations

import os
import re
import sys
from typing import Final, Literal, TextIO, TypeAlias

from externref_build.colour import wants_colour
from externref_build.errors import ExternrefBuildError
from externref_build.wording import plural

Style: TypeAlias = Literal["bold", "dim", "red", "green", "yellow", "blue"]

_CODES: Final[dict[Style, str]] = {
    "bold": "1",
    "dim": "2",
    "red": "1;31",
    "green": "32",
    "yellow": "33",
    "blue": "1;34",
}


def columns() -> int:
    """Return how many columns a line of text may take: ``COLUMNS``, or those of the terminal, or 80."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def paint(text: str, style: Style, stream: TextIO) -> str:
    """Wrap a text into the escape sequences of a style, if the stream gets colour."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if wants_colour(stream) else text


def show(text: str = "") -> None:
    """Print a line of the result."""
    print(text)


def say(text: str) -> None:
    """Print a line for the person who waits."""
    print(text, file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Spell out control characters, which could steer a terminal if a module had them in its names."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def show_error(error: ExternrefBuildError) -> None:
    """Print the block of an error, or several of them."""
    block = "\n".join(map(printable, f"error: {error}".splitlines()))
    block = re.sub(r"^error:", lambda match: paint(match[0], "red", sys.stderr), block, flags=re.MULTILINE)
    say(re.sub(r"^  -->", lambda match: paint(match[0], "blue", sys.stderr), block, flags=re.MULTILINE))


def size(count: int) -> str:
    """Return a number of bytes for reading: ``917 bytes``, ``1.2 MB``."""
    if count < 10_000:
        return plural(count, "byte")
    if count < 1_000_000:
        return f"{count / 1000:.1f} kB"
    return f"{count / 1_000_000:.1f} MB"

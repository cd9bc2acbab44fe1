"""Lay out expressions of Python as formatters do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from textwrap import indent
from typing import Final

_WIDTH: Final = 100
"""In columns, before the indentation of the place."""


def quoted(text: str) -> str:
    """Spell a string, in double quotes unless it has characters to escape."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)


def call(function: str, arguments: Iterable[str]) -> str:
    """Spell a call: in one line, or with a line for each argument where that is too long."""
    return _spread(f"{function}(", arguments, ")")


def dictionary(entries: Iterable[str]) -> str:
    """Spell a dictionary, in the same way."""
    return _spread("{", entries, "}")


def _spread(start: str, entries: Iterable[str], end: str) -> str:
    texts = list(entries)
    line = f"{start}{', '.join(texts)}{end}"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    return f"{start}\n{indent(''.join(f'{text},{chr(10)}' for text in texts), '    ')}{end}"

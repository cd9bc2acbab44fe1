"""Read TOML documents, also those of other tools.

What has another shape than is asked for counts as absent: the tools whose documents they are judge them, in their own
words.
"""

from __future__ import annotations

import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a TOML document. Raises ValueError."""
    return tomllib.loads(text)


def table(value: object, *path: str) -> dict[str, Any]:
    """Return the table at the end of a path through tables; empty if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def tables(value: object, *path: str) -> list[dict[str, Any]]:
    """Return the tables of an array at the end of a path."""
    return [entry for entry in _array(value, path) if isinstance(entry, dict)]


def texts(value: object, *path: str) -> list[str]:
    """Return the strings of an array at the end of a path."""
    return [entry for entry in _array(value, path) if isinstance(entry, str)]


def text(value: object, *path: str) -> str | None:
    """Return the string at the end of a path."""
    found = _at(value, path)
    return found if isinstance(found, str) else None


def _array(value: object, path: tuple[str, ...]) -> list[object]:
    found = _at(value, path)
    return found if isinstance(found, list) else []


def _at(value: object, path: tuple[str, ...]) -> object:
    return table(value, *path[:-1]).get(path[-1]) if path else value

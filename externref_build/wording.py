"""Words for what is told to the user, whoever tells it."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 import``, ``2 imports``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

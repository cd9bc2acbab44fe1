"""Functions of Python that C calls: what they raise has to be caught in them, for it goes no further."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final


def _without_gap(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the ``try`` that is the whole of a function cover its beginning too, where Python handles signals.

    Ctrl-C while the guest has its turn is noticed there. If it ended the function, C would take whatever lies where
    the result should be. The function has to be short and without loops: Python 3.10 handles no signals in front of a
    ``try`` of less than 256 instructions, and later ones handle some at the end of loops as if there were no ``try``.
    For the format, see CPython's InternalDocs/exception_handling.md. A table of another format stays as it is.
    """
    code: Any = function.__code__
    table = getattr(code, "co_exceptiontable", b"")
    if _TABLE.fullmatch(table):
        start, at = _varint(table, 0)
        length, at = _varint(table, at)
        if 2 * (start + length) <= len(code.co_code):
            first = bytes([0x80, *_encoded(start + length)])
            function.__code__ = code.replace(co_exceptiontable=first + table[at:])
    return function


_TABLE: Final = re.compile(
    rb"""(?x: (?: [\x80-\xbf] | [\xc0-\xff] [\x40-\x7f]* [\x00-\x3f] )  # start, which alone has the highest bit
    (?: [\x40-\x7f]* [\x00-\x3f] ){3} )+"""  # length, target, depth
)
"""An exception table."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number, six bits a byte, and where it ends."""
    value = data[at] & 0x3F
    while data[at] & 0x40:
        at += 1
        value = value << 6 | data[at] & 0x3F
    return value, at + 1


def _encoded(value: int) -> bytes:
    rest = b"" if value < 0x40 else _encoded(value >> 6)
    return bytes([*(byte | 0x40 for byte in rest), value & 0x3F])


def _room(calls: int) -> None:
    """Raise RecursionError unless so many calls fit into one another.

    A function that C calls may not fail for want of room before its ``try``, or when it tells of the failure.
    """
    if calls:
        _room(calls - 1)


def _nothing() -> None:
    """Take the room of a call."""


_last: Any = _nothing
_one_more: Callable[[], None] = _last.__call__


def _as_c_does() -> None:
    _one_more()


_first: Any = _as_c_does
_little_room: Callable[[], None] = _first.__call__
"""The same for two calls by way of C, but faster."""

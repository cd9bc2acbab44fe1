"""Reading the values of an entry by its plan."""

from __future__ import annotations

import re

from externref_build.processor.dwarf.abbrev import Plan
from externref_build.processor.dwarf.forms import (
    BLOCK,
    IN_ABBREVIATION,
    INDIRECT,
    LEB,
    LEB_AND_4_BYTES,
    NUMBER,
    STRING,
    Encoding,
    Kind,
    Role,
    value_step,
)
from externref_build.processor.dwarf.section import U32, UnreadableError, uleb, unsigned

Value = tuple[Role, Kind, int, int, int]
"""What a value means and what it is, its offset and the offset behind it, and the number that it gives."""

_NONE = Role.NONE
_TEXT = re.compile(rb"[^\x00]*\x00")


def skip_values(data: memoryview, position: int, plan: Plan) -> int:
    """Return the offset behind an entry of which no value matters."""
    for gap, read, size, _, _ in plan.steps:
        position += gap
        if read == BLOCK and not size and data[position] < 0x80:
            position += 1 + data[position]
        elif read == LEB and data[position] < 0x80:
            position += 1
        else:
            _, position = _read(data, position, read, size)
    return position + plan.tail


def read_values(data: memoryview, position: int, plan: Plan, encoding: Encoding) -> tuple[list[Value], int]:
    """Read the values of an entry that matter; return them and the offset behind the entry."""
    values: list[Value] = []
    for gap, read, size, role, kind in plan.steps:
        position += gap
        start = position
        if read == NUMBER and size == 4:
            position += 4
            number = U32.unpack_from(data, start)[0]
        elif read == LEB and data[position] < 0x80:
            position += 1
            number = data[start]
        elif read == INDIRECT:
            (role, kind, start, position, number) = _indirect(data, position, size, encoding)
        else:
            number, position = _read(data, position, read, size)
        if role is not _NONE:
            values.append((role, kind, start, position, number))
    return values, position + plan.tail


def _indirect(data: memoryview, position: int, attribute: int, encoding: Encoding) -> Value:
    """Read a value whose form stands before it."""
    form, start = uleb(data, position)
    try:
        read, size, role, kind = value_step(attribute, form, 0, encoding)
    except KeyError:
        raise UnreadableError(f"unknown form {form:#x} of attribute {attribute:#x}", position) from None
    number, end = _read(data, start, read, size)
    return role, kind, start, end, number


def _read(data: memoryview, position: int, read: int, size: int) -> tuple[int, int]:
    """Read a value (for a block, its length; 0 for a text) and the offset behind it."""
    if read == NUMBER:
        return unsigned(data, position, size), position + size
    if read == LEB:
        return uleb(data, position)
    if read == BLOCK:
        length, position = (unsigned(data, position, size), position + size) if size else uleb(data, position)
        return length, position + length
    if read == STRING:
        text = _TEXT.match(data, position)
        if text is None:
            raise IndexError
        return 0, text.end()
    if read == LEB_AND_4_BYTES:
        index, position = uleb(data, position)
        return index, position + 4
    if read == IN_ABBREVIATION:
        return size, position
    raise UnreadableError("a form that says that another form follows, twice", position)

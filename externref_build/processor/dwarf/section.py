"""One `.debug_*` section while it is patched: numbers in place, longer numbers and programs as splices.

Fields of a fixed size are overwritten in a copy of the section. What has to grow is remembered as a splice, and moves
what lies behind it; references into the section are carried along by `moved` when all splices are known.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from externref_build.errors import DebugInfoError
from externref_build.wasm.leb128 import encode_unsigned

U16 = struct.Struct("<H")
U32 = struct.Struct("<I")
U64 = struct.Struct("<Q")
LEB = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
"""Matches a LEB128 of at most 10 bytes, as `uleb` reads it."""

_DWARF64 = 0xFFFFFFFF
_RESERVED_LENGTHS = 0xFFFFFFF0


class UnreadableError(Exception):
    """A value that breaks DWARF's rules or cannot be patched; `explain` turns it into the user's error."""

    def __init__(self, summary: str, offset: int) -> None:
        super().__init__(summary)
        self.summary = summary
        self.offset = offset


UNREADABLE = (UnreadableError, IndexError, struct.error)
"""What reading a section raises: the latter two where it goes beyond the end of the data."""


def explain(error: Exception, section: str, offset: int) -> DebugInfoError:
    """Turn one of UNREADABLE, raised in the unit or list at `offset` of `section`, into the user's error."""
    if isinstance(error, UnreadableError):
        return DebugInfoError(error.summary, section, error.offset)
    return DebugInfoError("a unit or list ends in the middle of a value", section, offset)


@contextmanager
def reading(section: str, offset: int) -> Iterator[None]:
    """Report what is wrong in the unit at `offset` of `section` as a DebugInfoError."""
    try:
        yield
    except UNREADABLE as error:
        raise explain(error, section, offset) from None


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's frame: `initial_length` and `version` (DWARF 5, section 7.4 and 7.5.1)."""

    start: int
    """Offset of the unit's length in the section."""
    end: int
    """Offset behind the unit."""
    version: int
    position: int
    """Offset behind the version."""
    offset_size: int
    """Bytes of an offset into another section: 4, or 8 in 64-bit DWARF."""


class Section:
    """Content of a section, its patched copy, and the splices."""

    __slots__ = ("_growth", "_splices", "_starts", "data", "name", "out")

    def __init__(self, name: str, data: bytes | memoryview) -> None:
        self.name = name
        self.data = memoryview(data)
        self.out = bytearray(data)
        self._splices: list[tuple[int, int, bytes]] = []
        self._starts: list[int] = []
        self._growth: list[int] = [0]

    def units(self, versions: range) -> Iterator[Unit]:
        """Yield the units that the section consists of; raise DebugInfoError where one has another version."""
        offset = 0
        while offset < len(self.data):
            with reading(self.name, offset):
                unit = self._unit(offset)
                if unit.version not in versions:
                    known = " to ".join(str(version) for version in sorted({versions[0], versions[-1]}))
                    raise UnreadableError(f"a unit of version {unit.version}, known: {known}", offset)
            yield unit
            offset = unit.end

    def _unit(self, start: int) -> Unit:
        length, position, offset_size = u32(self.data, start), start + 4, 4
        if length == _DWARF64:
            length, position, offset_size = u64(self.data, position), position + 8, 8
        elif length >= _RESERVED_LENGTHS:
            raise UnreadableError(f"reserved unit length {length:#x}", start)
        end = position + length
        if end > len(self.data):
            raise UnreadableError(f"a unit of {length} bytes, but only {len(self.data) - position} follow", start)
        return Unit(start, end, u16(self.data[:end], position), position + 2, offset_size)

    def write(self, offset: int, size: int, value: int) -> None:
        """Overwrite a number of `size` bytes; raise UnreadableError if the value does not fit."""
        try:
            self.out[offset : offset + size] = value.to_bytes(size, "little")
        except OverflowError:
            raise UnreadableError(f"{value} does not fit into a field of {size} bytes", offset) from None

    def write_uleb(self, start: int, end: int, value: int) -> None:
        """Replace the unsigned LEB128 at `start:end`, in place if the value fits into as many bytes."""
        self.splice(start, end, encode_unsigned(value, end - start))

    def splice(self, start: int, end: int, content: bytes) -> None:
        """Replace `start:end` by content of any length; splices must not overlap."""
        if len(content) == end - start:
            self.out[start:end] = content
        else:
            self._splices.append((start, end, content))

    @property
    def moves(self) -> bool:
        """Whether offsets into the section change."""
        return bool(self._splices)

    def settle(self) -> None:
        """Fix the layout: after this call `moved` and `content` may be used, and nothing may be spliced."""
        self._splices.sort(key=lambda splice: splice[0])
        total = 0
        for start, end, content in self._splices:
            total += len(content) - (end - start)
            self._starts.append(start)
            self._growth.append(total)

    def moved(self, offset: int) -> int:
        """Return where the byte at `offset` lies behind all splices that start before it."""
        return offset + self._growth[bisect_left(self._starts, offset)]

    def write_unit_length(self, unit: Unit) -> None:
        """Correct a unit's length by the growth of the splices inside."""
        length = self.moved(unit.end) - self.moved(unit.start) - (unit.position - 2 - unit.start)
        self.write(unit.position - 2 - unit.offset_size, unit.offset_size, length)

    def content(self) -> bytearray | None:
        """Return the new content, or None if nothing changed."""
        if not self._splices:
            return None if self.out == self.data else self.out
        result = bytearray()
        position = 0
        out = memoryview(self.out)
        for start, end, content in self._splices:
            result += out[position:start]
            result += content
            position = end
        result += out[position:]
        return result


def u16(data: memoryview, offset: int) -> int:
    """Read a 16-bit number."""
    value: int = U16.unpack_from(data, offset)[0]
    return value


def u32(data: memoryview, offset: int) -> int:
    """Read a 32-bit number."""
    value: int = U32.unpack_from(data, offset)[0]
    return value


def u64(data: memoryview, offset: int) -> int:
    """Read a 64-bit number."""
    value: int = U64.unpack_from(data, offset)[0]
    return value


def unsigned(data: memoryview, offset: int, size: int) -> int:
    """Read a number of `size` bytes."""
    if offset + size > len(data):
        raise IndexError
    return int.from_bytes(data[offset : offset + size], "little")


def uleb(data: memoryview, offset: int) -> tuple[int, int]:
    """Read an unsigned LEB128 of at most 64 bits; return it and the offset behind it."""
    byte = data[offset]
    if byte < 0x80:
        return byte, offset + 1
    value = byte & 0x7F
    for shift in range(7, 70, 7):
        byte = data[offset + shift // 7]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset + shift // 7 + 1
    raise UnreadableError("a LEB128 of more than 10 bytes", offset)

"""Addresses of code outside of entries and lists: `.debug_addr`, `.debug_aranges`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from externref_build.errors import DebugInfoError
from externref_build.processor.dwarf.codemap import Move
from externref_build.processor.dwarf.section import Section, UnreadableError, reading, unsigned


class AddressPool:
    """`.debug_addr` (DWARF 5, section 7.27), which mixes addresses of code and of data.

    Only the places that refer to an address tell which of the two it is; so an address moves when it is looked up
    as one of code.
    """

    __slots__ = ("_done", "_move", "_section")

    def __init__(self, section: Section, move: Move) -> None:
        self._section = section
        self._move = move
        self._done: dict[int, int] = {}
        """Old addresses by their offset."""

    def code_address(self, base: int, index: int, size: int) -> int:
        """Return the old address at `index` of the table at `base`, and move it in the section."""
        offset = base + index * size
        done = self._done.get(offset)
        if done is not None:
            return done
        try:
            address = unsigned(self._section.data, offset, size)
        except IndexError:
            raise DebugInfoError(f"address {index} lies behind the end", self._section.name, offset) from None
        moved = self._move(address)
        if moved is not None:
            self._section.write(offset, size, moved)
        self._done[offset] = address
        return address


def moved_length(move: Move, start: int, length: int) -> int:
    """Return the new length of the code that starts at the old address `start`; what is no code keeps its length."""
    new_start = move(start)
    new_end = move(start + length)
    if new_start is None or new_end is None:
        return length
    return new_end - new_start


@dataclass(frozen=True, slots=True)
class _Set:
    """Header of a set of address ranges, as far as it matters."""

    first: int
    end: int
    address_size: int


def patch_aranges(section: Section, move: Move) -> None:
    """Move the ranges of `.debug_aranges` (DWARF 5, section 6.1.2)."""
    for ranges in _sets(section):
        size = ranges.address_size
        for offset in range(ranges.first, ranges.end - 2 * size + 1, 2 * size):
            start = unsigned(section.data, offset, size)
            moved = move(start)
            if moved is not None:
                length = unsigned(section.data, offset + size, size)
                section.write(offset, size, moved)
                section.write(offset + size, size, moved_length(move, start, length))


def _sets(section: Section) -> Iterator[_Set]:
    for unit in section.units(range(2, 3)):
        with reading(section.name, unit.start):
            data = section.data[: unit.end]
            sizes = unit.position + unit.offset_size
            address_size, segment_size = data[sizes], data[sizes + 1]
            if address_size not in (4, 8) or segment_size:
                raise UnreadableError(f"addresses of {address_size} + {segment_size} bytes", sizes)
            # tuples are aligned to their own size, counted from the header
            tuple_size = 2 * address_size
            first = unit.start + -(-(sizes + 2 - unit.start) // tuple_size) * tuple_size
            yield _Set(first, unit.end, address_size)

"""Lists of address ranges and of locations: `.debug_ranges` and `.debug_loc` to version 4, `.debug_rnglists` and
`.debug_loclists` in version 5.

A list is read from its first entry, for only the unit that refers to it knows the address that its offsets count from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from externref_build.processor.dwarf.addresses import AddressPool, moved_length
from externref_build.processor.dwarf.codemap import CodeMap
from externref_build.processor.dwarf.section import Section, UnreadableError, reading, u16, uleb, unsigned

_ENTRY, _LIST = 1, 2


@dataclass(frozen=True, slots=True)
class ListContext:
    """What a unit knows about its lists."""

    base: int
    """The unit's base address, as in the old module."""
    address_size: int
    address_base: int | None
    """Where the unit's addresses start in `.debug_addr`."""


class Lists(Protocol):
    """One of the four sections of lists."""

    section: Section

    def patch(self, offset: int, context: ListContext) -> None:
        """Move the addresses of the list at `offset`; raise UnreadableError or IndexError where it is malformed."""


class _Visits:
    """Which entries are done, so that a list which many attributes share costs its length once."""

    __slots__ = ("_bases", "_marks")

    def __init__(self, size: int) -> None:
        self._marks = bytearray(size + 1)
        self._bases: dict[int, int] = {}

    def start(self, offset: int, base: int) -> bool:
        """Say whether the list at `offset` is still to be done; raise UnreadableError if its base is disputed."""
        mark = self._marks[offset]
        if mark == _LIST and self._bases.get(offset, 0) == base:
            return False
        if mark:
            raise UnreadableError("lists overlap, or units with different base addresses share one", offset)
        self._marks[offset] = _LIST
        if base:
            self._bases[offset] = base
        return True

    def entry(self, offset: int) -> None:
        """Note that the entry at `offset` is being done; raise UnreadableError if another list did it."""
        if self._marks[offset]:
            raise UnreadableError("lists overlap", offset)
        self._marks[offset] = _ENTRY


class PairLists:
    """`.debug_ranges` and `.debug_loc`: pairs of offsets (DWARF 4, sections 2.6.2, 2.17.3 and 7.7.3)."""

    __slots__ = ("_code_map", "_located", "_visits", "section")

    def __init__(self, section: Section, code_map: CodeMap, *, located: bool) -> None:
        self.section = section
        self._code_map = code_map
        self._located = located
        """Whether a location description follows each pair."""
        self._visits = _Visits(len(section.data))

    def patch(self, offset: int, context: ListContext) -> None:
        """Move the addresses of the list at `offset`."""
        if not self._visits.start(offset, context.base):
            return
        data, size = self.section.data, context.address_size
        selects_base = (1 << 8 * size) - 1
        base = context.base
        first = offset
        while True:
            begin, end = unsigned(data, offset, size), unsigned(data, offset + size, size)
            if offset != first:
                self._visits.entry(offset)
            if begin == end == 0:
                return
            if begin == selects_base:
                base = end
                self._write(offset + size, size, self._code_map(base))
                offset += 2 * size
                continue
            self._pair(offset, size, base, begin, end)
            offset += 2 * size
            if self._located:
                offset += 2 + u16(data, offset)

    def _pair(self, offset: int, size: int, base: int, begin: int, end: int) -> None:
        moved = self._code_map(base + begin)
        if moved is None or end < begin:
            return
        new_begin = moved - _new_base(self._code_map, base)
        length = moved_length(self._code_map, base + begin, end - begin)
        self.section.write(offset, size, new_begin)
        self.section.write(offset + size, size, new_begin + length)

    def _write(self, offset: int, size: int, value: int | None) -> None:
        if value is not None:
            self.section.write(offset, size, value)


def _new_base(code_map: CodeMap, base: int) -> int:
    moved = code_map(base)
    return base if moved is None else moved


# Kinds of entries (DWARF 5, sections 7.25 and 7.29): the first five are the same in both sections
_END, _BASE_INDEX, _INDEX_INDEX, _INDEX_LENGTH, _OFFSETS = range(5)
_BASE_ADDRESS, _ADDRESSES, _ADDRESS_LENGTH, _DEFAULT, _VIEWS = range(5, 10)
_RANGE_KINDS = {5: _BASE_ADDRESS, 6: _ADDRESSES, 7: _ADDRESS_LENGTH}
_LOCATION_KINDS = {5: _DEFAULT, 6: _BASE_ADDRESS, 7: _ADDRESSES, 8: _ADDRESS_LENGTH, 9: _VIEWS}
_WITHOUT_LOCATION = frozenset({_BASE_INDEX, _BASE_ADDRESS, _VIEWS})


class EntryLists:
    """`.debug_rnglists` and `.debug_loclists`: entries of many kinds, with numbers of variable length."""

    __slots__ = ("_code_map", "_kinds", "_located", "_pool", "_visits", "section")

    def __init__(self, section: Section, code_map: CodeMap, pool: AddressPool | None, *, located: bool) -> None:
        self.section = section
        self._code_map = code_map
        self._pool = pool
        self._located = located
        self._kinds = _LOCATION_KINDS if located else _RANGE_KINDS
        self._visits = _Visits(len(section.data))

    def patch(self, offset: int, context: ListContext) -> None:
        """Move the addresses of the list at `offset`."""
        if not self._visits.start(offset, context.base):
            return
        data = self.section.data
        base = context.base
        first = offset
        while True:
            kind = data[offset]
            if offset != first:
                self._visits.entry(offset)
            if kind > _OFFSETS:
                if kind not in self._kinds:
                    raise UnreadableError(f"unknown kind {kind} of list entry", offset)
                kind = self._kinds[kind]
            offset += 1
            if kind == _END:
                return
            if kind == _OFFSETS:
                offset = self._offsets(offset, base)
            elif kind == _BASE_INDEX:
                base, offset = self._index(offset, context)
            elif kind == _BASE_ADDRESS:
                base, offset = self._address(offset, context.address_size)
            elif kind in (_INDEX_LENGTH, _ADDRESS_LENGTH):
                if kind == _INDEX_LENGTH:
                    start, offset = self._index(offset, context)
                else:
                    start, offset = self._address(offset, context.address_size)
                length, end = uleb(data, offset)
                self._write(offset, end, length, moved_length(self._code_map, start, length))
                offset = end
            elif kind == _INDEX_INDEX:
                _, offset = self._index(offset, context)
                _, offset = self._index(offset, context)
            elif kind == _ADDRESSES:
                offset = self._addresses(offset, context.address_size)
            elif kind == _VIEWS:
                _, offset = uleb(data, offset)
                _, offset = uleb(data, offset)
            if self._located and kind not in _WITHOUT_LOCATION:
                length, offset = uleb(data, offset)
                offset += length

    def _offsets(self, offset: int, base: int) -> int:
        begin, middle = uleb(self.section.data, offset)
        end, behind = uleb(self.section.data, middle)
        moved = self._code_map(base + begin)
        if moved is not None and begin <= end:
            new_begin = moved - _new_base(self._code_map, base)
            self._write(offset, middle, begin, new_begin)
            length = moved_length(self._code_map, base + begin, end - begin)
            self._write(middle, behind, end, new_begin + length)
        return behind

    def _write(self, start: int, end: int, old: int, new: int) -> None:
        if new < 0:
            raise UnreadableError("a range that starts before its base address", start)
        if new != old:
            self.section.write_uleb(start, end, new)

    def _index(self, offset: int, context: ListContext) -> tuple[int, int]:
        index, offset = uleb(self.section.data, offset)
        if self._pool is None:
            raise UnreadableError("an address by index, but the module has no .debug_addr", offset)
        return self._pool.code_address(context.address_base, index, context.address_size), offset

    def _address(self, offset: int, size: int) -> tuple[int, int]:
        address = unsigned(self.section.data, offset, size)
        moved = self._code_map(address)
        if moved is not None:
            self.section.write(offset, size, moved)
        return address, offset + size

    def _addresses(self, offset: int, size: int) -> int:
        start = unsigned(self.section.data, offset, size)
        if self._code_map(start) is None:
            return offset + 2 * size
        _, offset = self._address(offset, size)
        _, offset = self._address(offset, size)
        return offset

    def settle(self) -> None:
        """Fix the layout, then correct the units' lengths and their tables of offsets."""
        section = self.section
        section.settle()
        if not section.moves:
            return
        for unit in section.units(range(5, 6)):
            with reading(section.name, unit.start):
                data = section.data[: unit.end]
                count = unsigned(data, unit.position + 2, 4)
                table = unit.position + 6
                for place in range(table, table + count * unit.offset_size, unit.offset_size):
                    old = unsigned(data, place, unit.offset_size)
                    section.write(place, unit.offset_size, section.moved(table + old) - section.moved(table))
                section.write_unit_length(unit)

    def listed(self, base: int | None, index: int, offset_size: int) -> int:
        """Return the offset of the list that stands at `index` of the unit's table at `base`."""
        if base is None:
            raise UnreadableError("a list by index in a unit without the base of its table", 0)
        return base + unsigned(self.section.data, base + index * offset_size, offset_size)

"""Lists of address ranges and of locations: `.debug_ranges` and `.debug_loc` to version 4, `.debug_rnglists` and
`.debug_loclists` in version 5.

A list is read from its first entry, for only the unit that refers to it knows the address that its offsets count from.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from externref_build.processor.dwarf.addresses import AddressPool, moved_length
from externref_build.processor.dwarf.codemap import Move
from externref_build.processor.dwarf.locals import TwinMap
from externref_build.processor.dwarf.section import Section, UnreadableError, reading, u16, uleb, unsigned


@dataclass(frozen=True, slots=True)
class ListContext:
    """What a unit knows about its lists."""

    base: int
    """The unit's base address, as in the old module."""
    address_size: int
    address_base: int | None
    """Where the unit's addresses start in `.debug_addr`."""


_ENTRY, _LIST = 1, 2


class _Visits:
    """Which entries are done, so that a list which many attributes share costs its length once."""

    __slots__ = ("_bases", "marks")

    def __init__(self, size: int) -> None:
        self.marks = bytearray(size + 1)
        self._bases: dict[int, int] = {}

    def start(self, offset: int, base: int) -> bool:
        """Say whether the list at `offset` is still to be done; raise UnreadableError if its base is disputed."""
        mark = self.marks[offset]
        if mark == _LIST and self._bases.get(offset, 0) == base:
            return False
        if mark:
            raise UnreadableError("lists overlap, or units with different base addresses share one", offset)
        self.marks[offset] = _LIST
        if base:
            self._bases[offset] = base
        return True

    def next(self, offset: int) -> None:
        """Note that the entry at `offset` follows; raise UnreadableError if another list has it."""
        if self.marks[offset]:
            raise UnreadableError("lists overlap", offset)
        self.marks[offset] = _ENTRY


def _new_base(move: Move, base: int) -> int:
    moved = move(base)
    return base if moved is None else moved


_PAIRS = {4: struct.Struct("<II"), 8: struct.Struct("<QQ")}


class PairLists:
    """`.debug_ranges` and `.debug_loc`: pairs of offsets (DWARF 4, sections 2.6.2, 2.17.3 and 7.7.3)."""

    __slots__ = ("_located", "_move", "_twins", "_visits", "section")

    def __init__(self, section: Section, move: Move, twins: TwinMap | None, *, located: bool) -> None:
        self.section = section
        self._move = move
        self._twins = twins
        self._located = located
        """Whether a location description follows each pair."""
        self._visits = _Visits(len(section.data))

    def patch(self, offset: int, context: ListContext) -> None:
        """Move the addresses of the list at `offset`; raise one of UNREADABLE where it is malformed."""
        if not self._visits.start(offset, context.base):
            return
        data, move, located, size = self.section.data, self._move, self._located, context.address_size
        twins = self._twins
        pair = _PAIRS[size]
        selects_base = (1 << 8 * size) - 1
        base, new_base = context.base, _new_base(move, context.base)
        while True:
            begin, end = pair.unpack_from(data, offset)
            if begin == selects_base:
                base, new_base = end, _new_base(move, end)
                pair.pack_into(self.section.out, offset, begin, new_base)
                offset += 2 * size
            elif begin or end:
                start = move(base + begin)
                if start is not None and begin <= end:
                    stop = move(base + end)
                    stop = start + end - begin if stop is None else stop
                    pair.pack_into(self.section.out, offset, start - new_base, stop - new_base)
                offset += 2 * size
                if located:
                    expression = offset + 2
                    offset = expression + u16(data, offset)
                    if twins is not None:
                        twins.patch(self.section, (expression, offset), (base + begin, base + end), size)
            else:
                return
            self._visits.next(offset)


# Kinds of entries (DWARF 5, sections 7.25 and 7.29): the first five are the same in both sections
_END, _BASE_INDEX, _INDEX_INDEX, _INDEX_LENGTH, _OFFSETS = range(5)
_BASE_ADDRESS, _ADDRESSES, _ADDRESS_LENGTH, _DEFAULT, _VIEWS = range(5, 10)
_RANGE_KINDS = (*range(5), _BASE_ADDRESS, _ADDRESSES, _ADDRESS_LENGTH)
_LOCATION_KINDS = (*range(5), _DEFAULT, _BASE_ADDRESS, _ADDRESSES, _ADDRESS_LENGTH, _VIEWS)
_WITHOUT_LOCATION = frozenset({_BASE_INDEX, _BASE_ADDRESS, _VIEWS})


class EntryLists:
    """`.debug_rnglists` and `.debug_loclists`: entries of many kinds, with numbers of variable length."""

    __slots__ = ("_kinds", "_located", "_move", "_pool", "_twins", "_visits", "section")

    def __init__(
        self, section: Section, move: Move, pool: AddressPool | None, twins: TwinMap | None, *, located: bool
    ) -> None:
        self.section = section
        self._move = move
        self._pool = pool
        self._twins = twins
        self._located = located
        self._kinds = _LOCATION_KINDS if located else _RANGE_KINDS
        self._visits = _Visits(len(section.data))

    def listed(self, base: int | None, index: int, offset_size: int) -> int:
        """Return the offset of the list that stands at `index` of the unit's table at `base`."""
        if base is None:
            raise UnreadableError(f"list {index} of a table, in a unit that does not say where the table is", 0)
        return base + unsigned(self.section.data, base + index * offset_size, offset_size)

    def patch(self, offset: int, context: ListContext) -> None:
        """Move the addresses of the list at `offset`; raise one of UNREADABLE where it is malformed."""
        if not self._visits.start(offset, context.base):
            return
        data = self.section.data
        base = context.base
        while True:
            kind = data[offset]
            if kind >= len(self._kinds):
                raise UnreadableError(f"unknown kind {kind} of list entry", offset)
            kind = self._kinds[kind]
            offset += 1
            operands = offset
            if kind == _OFFSETS:
                offset = self._offsets(offset, base)
            elif kind == _END:
                return
            elif kind == _BASE_INDEX:
                base, offset = self._index(offset, context)
            elif kind == _BASE_ADDRESS:
                base, offset = self._address(offset, context.address_size)
            elif kind == _INDEX_LENGTH:
                start, offset = self._index(offset, context)
                offset = self._length(offset, start)
            elif kind == _ADDRESS_LENGTH:
                start, offset = self._address(offset, context.address_size)
                offset = self._length(offset, start)
            elif kind == _INDEX_INDEX:
                _, offset = self._index(offset, context)
                _, offset = self._index(offset, context)
            elif kind == _ADDRESSES:
                offset = self._addresses(offset, context.address_size)
            elif kind == _VIEWS:
                _, offset = uleb(data, offset)
                _, offset = uleb(data, offset)
            if self._located and kind not in _WITHOUT_LOCATION:
                length, offset = uleb(data, offset) if data[offset] > 0x7F else (data[offset], offset + 1)
                if self._twins is not None and kind != _DEFAULT:
                    code = self._code(kind, operands, base, context)
                    self._twins.patch(self.section, (offset, offset + length), code, context.address_size)
                offset += length
            self._visits.next(offset)

    def _code(self, kind: int, offset: int, base: int, context: ListContext) -> tuple[int, int]:
        """Return the old code for which an entry holds, whose operands start at `offset`."""
        data, size = self.section.data, context.address_size
        if kind == _OFFSETS:
            begin, offset = uleb(data, offset)
            return base + begin, base + uleb(data, offset)[0]
        if kind == _ADDRESSES:
            return unsigned(data, offset, size), unsigned(data, offset + size, size)
        if kind == _ADDRESS_LENGTH:
            start = unsigned(data, offset, size)
            return start, start + uleb(data, offset + size)[0]
        start, offset = self._index(offset, context)
        return start, start + uleb(data, offset)[0] if kind == _INDEX_LENGTH else self._index(offset, context)[0]

    def _offsets(self, offset: int, base: int) -> int:
        data, move = self.section.data, self._move
        begin, middle = data[offset], offset + 1
        if begin > 0x7F:
            begin, middle = uleb(data, offset)
        end, behind = data[middle], middle + 1
        if end > 0x7F:
            end, behind = uleb(data, middle)
        start = move(base + begin)
        if start is not None and begin <= end:
            stop = move(base + end)
            stop = start + end - begin if stop is None else stop
            new_base = _new_base(move, base)
            if start - new_base != begin or stop - new_base != end:
                self._write(offset, middle, begin, start - new_base)
                self._write(middle, behind, end, stop - new_base)
        return behind

    def _write(self, start: int, end: int, old: int, new: int) -> None:
        if new < 0:
            raise UnreadableError("a range that starts before its base address", start)
        if new != old:
            self.section.write_uleb(start, end, new)

    def _index(self, offset: int, context: ListContext) -> tuple[int, int]:
        index, behind = uleb(self.section.data, offset)
        if self._pool is None or context.address_base is None:
            raise UnreadableError("an address by index, but no .debug_addr or no place in it", offset)
        return self._pool.code_address(context.address_base, index, context.address_size), behind

    def _address(self, offset: int, size: int) -> tuple[int, int]:
        address = unsigned(self.section.data, offset, size)
        moved = self._move(address)
        if moved is not None:
            self.section.write(offset, size, moved)
        return address, offset + size

    def _addresses(self, offset: int, size: int) -> int:
        if self._move(unsigned(self.section.data, offset, size)) is not None:
            self._address(offset, size)
            self._address(offset + size, size)
        return offset + 2 * size

    def _length(self, offset: int, start: int) -> int:
        length, behind = uleb(self.section.data, offset)
        self._write(offset, behind, length, moved_length(self._move, start, length))
        return behind

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
                table, size = unit.position + 6, unit.offset_size
                new_table = section.moved(table)
                for place in range(table, table + count * size, size):
                    old = unsigned(data, place, size)
                    new = section.moved(table + old) - new_table
                    if new != old:
                        section.write(place, size, new)
                section.write_unit_length(unit)

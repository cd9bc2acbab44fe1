"""`.debug_info` and `.debug_types`: addresses in entries, lengths next to them, and what the entries refer to."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from externref_build.processor.dwarf.abbrev import Abbreviations, Encoding, Kind, Plan, Role, value_step
from externref_build.processor.dwarf.addresses import AddressPool, moved_length
from externref_build.processor.dwarf.codemap import CodeMap
from externref_build.processor.dwarf.lists import EntryLists, ListContext, PairLists
from externref_build.processor.dwarf.section import Section, Unit, UnreadableError, padded_uleb, reading, uleb, unsigned

_COMPILE, _TYPE, _PARTIAL = 1, 2, 3
_HEADER_TAIL = {_COMPILE: 0, _TYPE: 8, _PARTIAL: 0}
"""Bytes between a header's last common field and the first entry, without the offset that a type unit has."""

Value = tuple[Role, Kind, int, int, int]
"""Role and kind, the value's offset and the offset behind it, and the value."""


class References:
    """Places in an info section that hold offsets into sections whose layout may change."""

    __slots__ = ("_places", "section")

    def __init__(self, section: Section) -> None:
        self.section = section
        self._places: dict[Role, array[int]] = {}

    def add(self, role: Role, offset: int, size: int) -> None:
        """Remember that the field at `offset` refers to the section that goes with `role`."""
        self._places.setdefault(role, array("Q")).append(offset << 1 | (size == 8))

    def targets(self, role: Role) -> list[int]:
        """Return the offsets that the fields of a role refer to."""
        return [unsigned(self.section.data, place >> 1, 8 if place & 1 else 4) for place in self._places.get(role, ())]

    def relocate(self, targets: Mapping[Role, Section]) -> None:
        """Rewrite the references into the sections of `targets`, whose layout is settled."""
        for role, target in targets.items():
            if target.moves:
                for place in self._places.get(role, ()):
                    offset, size = place >> 1, 8 if place & 1 else 4
                    old = unsigned(self.section.data, offset, size)
                    with reading(self.section.name, offset):
                        self.section.write(offset, size, target.moved(old))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The other sections that entries refer to; None where the module has none."""

    pool: AddressPool | None
    ranges: PairLists | None
    locations: PairLists | None
    range_entries: EntryLists | None
    location_entries: EntryLists | None

    @classmethod
    def of(cls, sections: Mapping[str, Section], pool: AddressPool | None, code_map: CodeMap) -> Neighbours:
        """Pick the sections of lists."""

        def pairs(name: str, located: bool) -> PairLists | None:
            return PairLists(sections[name], code_map, located=located) if name in sections else None

        def entries(name: str, located: bool) -> EntryLists | None:
            return EntryLists(sections[name], code_map, pool, located=located) if name in sections else None

        return cls(
            pool=pool,
            ranges=pairs(".debug_ranges", False),
            locations=pairs(".debug_loc", True),
            range_entries=entries(".debug_rnglists", False),
            location_entries=entries(".debug_loclists", True),
        )


@dataclass(slots=True)
class _UnitState:
    """What the root entry of a unit says about the others."""

    encoding: Encoding
    address_base: int | None = None
    ranges_base: int | None = None
    locations_base: int | None = None
    lists: ListContext | None = None


class InfoPatch:
    """Walk over the units of one section, and patch what they say about code."""

    __slots__ = ("_abbreviations", "_code_map", "_neighbours", "_section", "references")

    def __init__(
        self, section: Section, abbreviations: Abbreviations, code_map: CodeMap, neighbours: Neighbours
    ) -> None:
        self._section = section
        self._abbreviations = abbreviations
        self._code_map = code_map
        self._neighbours = neighbours
        self.references = References(section)

    def run(self, *, types: bool = False) -> None:
        """Patch the section; `types` says that it is `.debug_types`, whose units have a longer header."""
        for unit in self._section.units(range(2, 6)):
            with reading(self._section.name, unit.start):
                self._unit(unit, types)

    def _unit(self, unit: Unit, types: bool) -> None:
        data = self._section.data[: unit.end]
        position, table, encoding = _header(data, unit, types)
        with reading(".debug_abbrev", table):
            plans = self._abbreviations.table(table, encoding)
        state: _UnitState | None = None
        end = unit.end
        while position < end:
            code = data[position]
            if code < 0x80:
                position += 1
            else:
                code, position = uleb(data, position)
            if not code:
                continue
            plan = plans.get(code)
            if plan is None:
                raise UnreadableError(f"an entry of the unknown abbreviation {code}", position)
            if isinstance(plan, int):
                position += plan
            else:
                values, position = _values(data, position, plan, state.encoding if state else encoding)
                if state is None:
                    state = self._root(values, encoding)
                if values:
                    self._entry(values, state)
            if state is None:
                state = self._root([], encoding)
        if position > end:
            raise UnreadableError("an entry runs over the end of its unit", unit.start)

    def _root(self, values: list[Value], encoding: Encoding) -> _UnitState:
        state = _UnitState(encoding)
        low_pc: Value | None = None
        for value in values:
            role = value[0]
            if role is Role.ADDRESS_BASE:
                state.address_base = value[4]
            elif role is Role.RANGES_BASE:
                state.ranges_base = value[4]
            elif role is Role.LOCATIONS_BASE:
                state.locations_base = value[4]
            elif role is Role.LOW_PC:
                low_pc = value
        base = 0 if low_pc is None else self._address(low_pc, state)
        state.lists = ListContext(base, encoding.address_size, state.address_base)
        return state

    def _entry(self, values: list[Value], state: _UnitState) -> None:
        low_pc: int | None = None
        relative: list[Value] = []
        for value in values:
            role, kind = value[0], value[1]
            if kind in _ADDRESS_KINDS:
                address = self._address(value, state)
                if role is Role.LOW_PC:
                    low_pc = address
            elif kind in _LENGTH_KINDS:
                relative.append(value)
            elif role is Role.RANGES or role is Role.LOCATIONS:
                self._list(value, state)
            elif kind is Kind.OFFSET:
                self.references.add(role, value[2], value[3] - value[2])
            else:
                raise UnreadableError(_REFUSED.get(role, "an address of code that is calculated"), value[2])
        for value in relative:
            self._length(value, low_pc)

    def _address(self, value: Value, state: _UnitState) -> int:
        """Return the old address that a value gives, and move it."""
        _, kind, offset, end, number = value
        if kind is Kind.ADDRESS:
            moved = self._code_map(number)
            if moved is not None:
                self._section.write(offset, end - offset, moved)
            return number
        if self._neighbours.pool is None:
            raise UnreadableError("an address by index, but the module has no .debug_addr", offset)
        address_size = state.encoding.address_size
        address = self._neighbours.pool.code_address(state.address_base, number, address_size)
        if kind is Kind.INDEX:
            return address
        addend = unsigned(self._section.data, end - 4, 4)
        self._section.write(end - 4, 4, moved_length(self._code_map, address, addend))
        return address + addend

    def _length(self, value: Value, low_pc: int | None) -> None:
        """Correct DW_AT_high_pc or DW_AT_entry_pc where it counts from DW_AT_low_pc."""
        _, kind, offset, end, length = value
        if low_pc is None:
            raise UnreadableError("a length of code without DW_AT_low_pc", offset)
        new_length = moved_length(self._code_map, low_pc, length)
        if new_length == length:
            return
        size = end - offset
        if kind is Kind.CONSTANT:
            self._section.write(offset, size, new_length)
        elif kind is Kind.IMPLICIT or new_length >= 1 << (7 * size - (kind is Kind.SIGNED)):
            raise UnreadableError(f"the length {length} of code, now {new_length}, does not fit into its place", offset)
        else:
            self._section.out[offset:end] = padded_uleb(new_length, size)

    def _list(self, value: Value, state: _UnitState) -> None:
        role, kind, offset, end, target = value
        ranges = role is Role.RANGES
        encoding = state.encoding
        assert state.lists is not None
        lists: PairLists | EntryLists | None
        if encoding.version < 5:
            lists = self._neighbours.ranges if ranges else self._neighbours.locations
        else:
            entries = lists = self._neighbours.range_entries if ranges else self._neighbours.location_entries
            if kind is Kind.OFFSET:
                self.references.add(role, offset, end - offset)
            elif entries is not None:
                base = state.ranges_base if ranges else state.locations_base
                with reading(entries.section.name, 0):
                    target = entries.listed(base, target, encoding.offset_size)
        if lists is None:
            what = "ranges" if ranges else "locations"
            raise UnreadableError(f"a list of {what} in a section that is missing", offset)
        with reading(lists.section.name, target):
            lists.patch(target, state.lists)


_ADDRESS_KINDS = frozenset({Kind.ADDRESS, Kind.INDEX, Kind.INDEX_OFFSET})
_LENGTH_KINDS = frozenset({Kind.CONSTANT, Kind.SIGNED, Kind.IMPLICIT, Kind.ULEB})
_TEXT = re.compile(rb"[^\x00]*\x00")
_REFUSED = {Role.SPLIT: "split debug info, of which the other file cannot be patched"}


def _header(data: memoryview, unit: Unit, types: bool) -> tuple[int, int, Encoding]:
    """Return the offset of the first entry, the offset of the unit's abbreviations, and the encoding."""
    position, offset_size = unit.position, unit.offset_size
    if unit.version >= 5:
        unit_type, address_size = data[position], data[position + 1]
        if unit_type not in _HEADER_TAIL:
            raise UnreadableError(f"a unit of type {unit_type}: split debug info, or unknown", unit.start)
        table = unsigned(data, position + 2, offset_size)
        position += 2 + offset_size + _HEADER_TAIL[unit_type] + (offset_size if unit_type == _TYPE else 0)
    else:
        table, address_size = unsigned(data, position, offset_size), data[position + offset_size]
        position += offset_size + 1 + (8 + offset_size if types else 0)
    if address_size not in (4, 8):
        raise UnreadableError(f"addresses of {address_size} bytes", unit.start)
    return position, table, Encoding(unit.version, offset_size, address_size)


def _values(data: memoryview, position: int, plan: Plan, encoding: Encoding) -> tuple[list[Value], int]:
    """Read the values of an entry that matter; return them and the offset behind the entry."""
    values: list[Value] = []
    for gap, role, kind, size in plan.steps:
        position += gap
        if kind is Kind.INDIRECT:
            form, position = uleb(data, position)
            try:
                role, kind, size = value_step(size, form, 0, encoding)
            except KeyError:
                raise UnreadableError(f"unknown form {form:#x}", position) from None
        start = position
        number, position = _value(data, position, kind, size, encoding)
        if role is not Role.NONE:
            values.append((role, kind, start, position, number))
    return values, position + plan.tail


def _value(data: memoryview, position: int, kind: Kind, size: int, encoding: Encoding) -> tuple[int, int]:
    """Read a value; return it (0 for what is no number) and the offset behind it."""
    if kind is Kind.ULEB or kind is Kind.LIST_INDEX or kind is Kind.SIGNED:
        return uleb(data, position)
    if kind is Kind.FIXED:
        return 0, position + size
    if kind is Kind.ADDRESS:
        return unsigned(data, position, encoding.address_size), position + encoding.address_size
    if kind is Kind.OFFSET or kind is Kind.CONSTANT or (kind is Kind.INDEX and size):
        return unsigned(data, position, size), position + size
    if kind is Kind.INDEX:
        return uleb(data, position)
    if kind is Kind.BLOCK:
        length, position = (unsigned(data, position, size), position + size) if size else uleb(data, position)
        return 0, position + length
    if kind is Kind.STRING:
        text = _TEXT.match(data, position)
        if text is None:
            raise IndexError
        return 0, text.end()
    if kind is Kind.INDEX_OFFSET:
        index, position = uleb(data, position)
        return index, position + 4
    return size, position

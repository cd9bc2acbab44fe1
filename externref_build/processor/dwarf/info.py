"""`.debug_info` and `.debug_types`: addresses in entries, lengths next to them, and what the entries refer to."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace

from externref_build.processor.dwarf.abbrev import Abbreviations, Code, Plan, Plans
from externref_build.processor.dwarf.addresses import AddressPool, moved_length
from externref_build.processor.dwarf.codemap import CodeMap, Move
from externref_build.processor.dwarf.forms import Encoding, Kind, Role
from externref_build.processor.dwarf.lists import EntryLists, ListContext, PairLists
from externref_build.processor.dwarf.locals import FuncLocals, TwinMap
from externref_build.processor.dwarf.section import (
    U32,
    UNREADABLE,
    Section,
    Unit,
    UnreadableError,
    explain,
    reading,
    uleb,
    unsigned,
)
from externref_build.processor.dwarf.values import Value, read_values, skip_values
from externref_build.wasm.leb128 import encode_unsigned

_COMPILE, _TYPE, _PARTIAL = 1, 2, 3
_HEADER_TAIL = {_COMPILE: 0, _TYPE: 8, _PARTIAL: 0}
"""Bytes between a header's last common field and the first entry, without the offset that a type unit has."""

_LOW_PC, _RANGES, _LOCATIONS = Role.LOW_PC, Role.RANGES, Role.LOCATIONS
_ADDRESS, _OFFSET = Kind.ADDRESS, Kind.OFFSET
_ADDRESSES = frozenset({Kind.ADDRESS, Kind.INDEX, Kind.INDEX_OFFSET})
_LENGTHS = frozenset({Kind.CONSTANT, Kind.UNSIGNED, Kind.SIGNED, Kind.IMPLICIT})


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
    twins: TwinMap | None

    @classmethod
    def of(
        cls, sections: Mapping[str, Section], pool: AddressPool | None, move: Move, twins: TwinMap | None
    ) -> Neighbours:
        """Pick the sections of lists."""

        def pairs(name: str, located: bool) -> PairLists | None:
            return PairLists(sections[name], move, twins, located=located) if name in sections else None

        def entries(name: str, located: bool) -> EntryLists | None:
            return EntryLists(sections[name], move, pool, twins, located=located) if name in sections else None

        return cls(
            pool=pool,
            ranges=pairs(".debug_ranges", False),
            locations=pairs(".debug_loc", True),
            range_entries=entries(".debug_rnglists", False),
            location_entries=entries(".debug_loclists", True),
            twins=twins,
        )


@dataclass(frozen=True, slots=True)
class _UnitState:
    """What the header and the first entry of a unit say about all entries."""

    encoding: Encoding
    address_base: int | None
    bases: Mapping[Role, int]
    """Where the unit's tables of lists start, by the role of the attributes that refer to lists."""
    lists: ListContext


class InfoPatch:
    """Walk over the units of one section, and patch what they say about code."""

    __slots__ = ("_abbreviations", "_code_map", "_move", "_neighbours", "_piece", "_section", "references")

    def __init__(
        self, section: Section, abbreviations: Abbreviations, code_map: CodeMap, neighbours: Neighbours
    ) -> None:
        self._section = section
        self._abbreviations = abbreviations
        self._code_map = code_map
        self._move = code_map.mover()
        self._piece = (0, 0, 0)
        """The piece of the code map that an entry was in."""
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
        state = self._root(data, position, plans, encoding)
        end = unit.end
        twins, function = self._neighbours.twins, None
        while position < end:
            code = data[position]
            if code < 0x80:
                position += 1
            else:
                code, position = uleb(data, position)
            if not code:
                continue
            plan = plans.get(code)
            if plan.__class__ is int:
                position += plan
            elif isinstance(plan, Plan):
                if plan.code is not None and function is None and self._shift(data, position, plan.code):
                    position = skip_values(data, position, plan.code.rest)
                elif plan.reference is not None:
                    start = position + plan.steps[0][0]
                    position = start + 4
                    self._list((plan.reference, _OFFSET, start, position, U32.unpack_from(data, start)[0]), state)
                    position += plan.tail
                elif plan.matters:
                    start = position
                    values, position = read_values(data, start, plan, encoding)
                    low_pc = self._entry(values, state)
                    if twins is not None and low_pc is not None:
                        had_twins = function is not None
                        function = twins.function_at(low_pc)
                        if had_twins != (function is not None):
                            encoding = replace(encoding, has_twins=function is not None)
                            plans = self._abbreviations.table(table, encoding)
                            plan = plans[code]
                            assert isinstance(plan, Plan)
                            values, _ = read_values(data, start, plan, encoding)
                    if twins is not None and function is not None:
                        self._expressions(values, function, twins, encoding.address_size)
                else:
                    position = skip_values(data, position, plan)
            else:
                raise UnreadableError(f"an entry of the unknown abbreviation {code}", position)
        if position > end:
            raise UnreadableError("an entry runs over the end of its unit", unit.start)

    def _shift(self, data: memoryview, position: int, code: Code) -> bool:
        """Move the address of an entry whose code moves as one piece; tell if it does, and has no locals with twins.

        Code that a linker has dropped does not move.
        """
        place = position + code.low_pc
        low: int = U32.unpack_from(data, place)[0]
        length: int = 0 if code.high_pc is None else U32.unpack_from(data, position + code.high_pc)[0]
        first, last, distance = self._piece
        if not first <= low <= low + length < last:
            if self._move(low) is None:
                return True
            self._piece = self._code_map.piece(low)
            return False
        twins = self._neighbours.twins
        if twins is not None and twins.function_at(low) is not None:
            return False
        U32.pack_into(self._section.out, place, low + distance)
        return True

    def _root(self, data: memoryview, position: int, plans: Plans, encoding: Encoding) -> _UnitState:
        """Read what the first entry of a unit says about all of them."""
        code, position = uleb(data, position) if position < len(data) else (0, position)
        plan = plans.get(code)
        values = read_values(data, position, plan, encoding)[0] if isinstance(plan, Plan) else []
        by_role = {value[0]: value for value in values}
        numbers = {role: value[4] for role, value in by_role.items()}
        address_base = numbers.get(Role.ADDRESS_BASE)
        tables = {_RANGES: Role.RANGES_BASE, _LOCATIONS: Role.LOCATIONS_BASE}
        bases = {role: numbers[base] for role, base in tables.items() if base in numbers}
        low_pc = by_role.get(_LOW_PC)
        base = 0
        if low_pc is not None and low_pc[1] in _ADDRESSES:
            base = self._address(low_pc, address_base, encoding.address_size)
        return _UnitState(encoding, address_base, bases, ListContext(base, encoding.address_size, address_base))

    def _entry(self, values: list[Value], state: _UnitState) -> int | None:
        """Patch the values of an entry but for expressions, and what they refer to; return its old DW_AT_low_pc."""
        low_pc: int | None = None
        lengths: list[Value] = []
        for value in values:
            role, kind, offset, end, _ = value
            if kind in _ADDRESSES:
                address = self._address(value, state.address_base, state.encoding.address_size)
                if role is _LOW_PC:
                    low_pc = address
            elif kind in _LENGTHS:
                lengths.append(value)
            elif kind is Kind.EXPRESSION:
                continue
            elif role is _LOCATIONS or role is _RANGES:
                self._list(value, state)
            elif kind is _OFFSET:
                self.references.add(role, offset, end - offset)
            elif role is Role.SPLIT:
                raise UnreadableError("split debug info, of which the other file cannot be patched", offset)
            else:
                raise UnreadableError("an address of code that is calculated", offset)
        for value in lengths:
            self._length(value, low_pc)
        return low_pc

    def _expressions(self, values: list[Value], function: FuncLocals, twins: TwinMap, address_size: int) -> None:
        """Patch the expressions of an entry: they hold for all code of the function around it."""
        for _, kind, _, end, length in values:
            if kind is Kind.EXPRESSION:
                twins.patch(self._section, (end - length, end), (function.start, function.end), address_size)

    def _address(self, value: Value, address_base: int | None, address_size: int) -> int:
        """Return the old address that a value gives, and move it."""
        _, kind, offset, end, number = value
        if kind is _ADDRESS:
            moved = self._move(number)
            if moved is not None:
                self._section.write(offset, end - offset, moved)
            return number
        pool = self._neighbours.pool
        if pool is None or address_base is None:
            raise UnreadableError("an address by index, but no .debug_addr or no place in it", offset)
        address = pool.code_address(address_base, number, address_size)
        if kind is Kind.INDEX:
            return address
        addend = unsigned(self._section.data, end - 4, 4)
        self._section.write(end - 4, 4, moved_length(self._move, address, addend))
        return address + addend

    def _length(self, value: Value, low_pc: int | None) -> None:
        """Correct DW_AT_high_pc or DW_AT_entry_pc where it counts from DW_AT_low_pc."""
        _, kind, offset, end, length = value
        if low_pc is None:
            raise UnreadableError("a length of code without DW_AT_low_pc", offset)
        new_length = moved_length(self._move, low_pc, length)
        if new_length == length:
            return
        size = end - offset
        if kind is Kind.CONSTANT:
            self._section.write(offset, size, new_length)
        elif kind is Kind.IMPLICIT or new_length >= 1 << (7 * size - (kind is Kind.SIGNED)):
            raise UnreadableError(f"the length {length} of code, now {new_length}, does not fit into its place", offset)
        else:
            self._section.out[offset:end] = encode_unsigned(new_length, size)

    def _list(self, value: Value, state: _UnitState) -> None:
        """Patch the list of ranges or locations that a value refers to."""
        role, kind, offset, end, target = value
        neighbours, is_ranges = self._neighbours, role is _RANGES
        lists: PairLists | EntryLists | None
        if state.encoding.version < 5:
            lists = neighbours.ranges if is_ranges else neighbours.locations
        else:
            lists = neighbours.range_entries if is_ranges else neighbours.location_entries
        if lists is None:
            what = "ranges" if is_ranges else "locations"
            raise UnreadableError(f"a list of {what} in a section that is missing", offset)
        try:
            if isinstance(lists, EntryLists) and kind is not _OFFSET:
                target = lists.listed(state.bases.get(role), target, state.encoding.offset_size)
            elif isinstance(lists, EntryLists):
                self.references.add(role, offset, end - offset)
            lists.patch(target, state.lists)
        except UNREADABLE as error:
            raise explain(error, lists.section.name, target) from None


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

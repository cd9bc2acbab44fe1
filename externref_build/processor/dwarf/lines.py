"""`.debug_line`: programs whose rows give the source line of each address (DWARF 5, section 6.2).

A sequence starts with an absolute address, and goes on in deltas. If all of its rows move by the same distance, only
the address is overwritten. Where the distance changes within a sequence, as in a rewritten body, its deltas are
encoded anew; all that is not an address (files, lines, columns, flags) is copied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from externref_build.processor.dwarf.codemap import CodeMap
from externref_build.processor.dwarf.section import (
    LEB,
    U32,
    Section,
    Unit,
    UnreadableError,
    reading,
    u16,
    uleb,
    unsigned,
)
from externref_build.processor.dwarf.sequences import (
    ADVANCE_PC,
    CONST_ADD_PC,
    FIXED_ADVANCE_PC,
    OPERAND_COUNTS,
    RUN,
    plain_opcodes,
    read_sequence,
)
from externref_build.wasm.leb128 import encode_unsigned

_EXTENDED, _COPY = 0, 1
_END_SEQUENCE, _SET_ADDRESS = 1, 2


@dataclass(frozen=True, slots=True)
class _Header:
    """What the header of a unit says about its program."""

    program: int
    line_range: int
    opcode_base: int
    operand_counts: bytes
    """Number of LEB128 operands of the standard opcodes, from opcode 1."""

    @property
    def is_standard(self) -> bool:
        """Whether all opcodes are known, and their operands are as specified."""
        return OPERAND_COUNTS.startswith(self.operand_counts)

    @property
    def const_advance(self) -> int:
        """By how many bytes DW_LNS_const_add_pc advances, which is the most that any opcode of one byte does."""
        return (255 - self.opcode_base) // self.line_range

    def special_advance(self, opcode: int) -> int:
        """By how many bytes a special opcode advances."""
        return (opcode - self.opcode_base) // self.line_range


def patch_lines(section: Section, code_map: CodeMap) -> None:
    """Move the addresses of all line programs; settles the section."""
    units = []
    for unit in section.units(range(2, 6)):
        units.append(unit)
        with reading(section.name, unit.start):
            _patch_unit(section, unit, code_map)
    section.settle()
    if section.moves:
        for unit in units:
            section.write_unit_length(unit)


def _patch_unit(section: Section, unit: Unit, code_map: CodeMap) -> None:
    data = section.data[: unit.end]
    header = _header(data, unit)
    if header is None:
        return
    position = header.program
    while position < unit.end:
        end = None
        if header.is_standard:
            end = _shift_at_once(section, data, position, header, code_map)
            if end is None:
                end = _shift_sequence(section, data, position, header, code_map)
        if end is None:
            end, program = _rewrite_sequence(data, position, header, code_map)
            section.splice(position, end, program)
        position = end


def _header(data: memoryview, unit: Unit) -> _Header | None:
    """Decode a unit's header; None if its program is empty."""
    position = unit.position + (2 if unit.version >= 5 else 0)
    program = position + unit.offset_size + unsigned(data, position, unit.offset_size)
    if program > unit.end:
        raise UnreadableError("a header that is longer than its unit", unit.start)
    if program == unit.end:
        return None
    position += unit.offset_size
    instruction_length = data[position]
    operations = data[position + 1] if unit.version >= 4 else 1
    position += 2 if unit.version >= 4 else 1
    line_range, opcode_base = data[position + 2], data[position + 3]
    if instruction_length != 1 or operations != 1 or line_range == 0 or opcode_base == 0:
        raise UnreadableError(
            f"a line program for instructions of {instruction_length} bytes, {operations} operations, "
            f"line range {line_range}, opcode base {opcode_base}",
            unit.start,
        )
    counts = bytes(data[position + 4 : position + 3 + opcode_base])
    return _Header(program, line_range, opcode_base, counts)


@lru_cache
def _plain_run(opcode_base: int) -> re.Pattern[bytes]:
    """Match a run of opcodes that advance by what fits into one special opcode, or not at all."""
    return re.compile(b"(?:%b|%b+){0,%d}" % (*plain_opcodes(opcode_base), RUN))


@lru_cache
def _advances(opcode_base: int, line_range: int) -> tuple[re.Pattern[bytes], bytes]:
    """Match the opcodes with operands among the plain ones; and by how much each other opcode advances."""
    with_operand = [opcode for opcode in range(1, opcode_base) if OPERAND_COUNTS[opcode - 1]]
    pattern = re.compile(b"[%s]%s" % (b"".join(b"\\x%02x" % opcode for opcode in with_operand), LEB))
    advances = [(opcode - opcode_base) // line_range if opcode >= opcode_base else 0 for opcode in range(256)]
    if opcode_base > CONST_ADD_PC:
        advances[CONST_ADD_PC] = (255 - opcode_base) // line_range
    return pattern, bytes(advances)


class _Reach:
    """How far the rows since the last absolute address reach, found out as cheaply as will do.

    Runs of plain opcodes are not decoded one by one: n bytes advance by at most n times the greatest advance of one
    byte. Only where that might reach a place where the distance changes, the advances are summed up.
    """

    __slots__ = ("_address", "_data", "_header", "_length", "_limit", "_runs")

    def __init__(self, data: memoryview, header: _Header) -> None:
        self._data = data
        self._header = header
        self._limit: int | None = None
        self._address = self._length = 0
        self._runs: list[tuple[int, int]] = []

    def start(self, address: int, limit: int | None) -> None:
        """Begin anew at an address, around which the distance is the same up to `limit` (None: it is no code)."""
        self._address, self._limit, self._length = address, limit, 0
        self._runs.clear()

    def advance(self, length: int) -> None:
        """Go on by a known length."""
        self._address += length

    def run(self, start: int, end: int) -> None:
        """Go on by a run of plain opcodes."""
        self._length += end - start
        self._runs.append((start, end))

    def stays(self) -> bool:
        """Say whether all rows move by one distance."""
        if self._limit is None or self._address + self._length * self._header.const_advance < self._limit:
            return True
        operands, advances = _advances(self._header.opcode_base, self._header.line_range)
        exact = sum(sum(operands.sub(b"", self._data[start:end]).translate(advances)) for start, end in self._runs)
        return self._address + exact < self._limit


def _shift_at_once(section: Section, data: memoryview, position: int, header: _Header, code_map: CodeMap) -> int | None:
    """Move all addresses of a sequence by one distance; return its end, or None if that takes a closer look."""
    sequence = read_sequence(data, position, len(data), header.opcode_base, header.const_advance)
    if sequence is None:
        return None
    if sequence.addresses:
        first, last = min(sequence.addresses), max(sequence.addresses)
        if code_map(first) is None:
            return None
        _, limit, distance = code_map.piece(first)
        if last + sequence.reach >= limit or last + distance >= 1 << 32:
            return None
        for place, address in zip(sequence.places, sequence.addresses, strict=True):
            U32.pack_into(section.out, place, address + distance)
    return sequence.end


def _shift_sequence(
    section: Section, data: memoryview, position: int, header: _Header, code_map: CodeMap
) -> int | None:
    """Move a sequence whose rows all move by one distance; return its end, or None if the distance changes."""
    plain = _plain_run(header.opcode_base)
    reach = _Reach(data, header)
    moves: list[tuple[int, int, int]] = []
    while position < len(data):
        match = plain.match(data, position)
        if match is not None and match.end() > position:
            reach.run(position, match.end())
            position = match.end()
            continue
        opcode = data[position]
        if opcode == _EXTENDED:
            length, start = uleb(data, position + 1)
            position = start + length
            if length == 0:
                continue
            extended = data[start]
            if position > len(data):
                raise IndexError
            if extended == _END_SEQUENCE:
                break
            if extended == _SET_ADDRESS:
                if not reach.stays():
                    return None
                address = unsigned(data, start + 1, length - 1)
                moved = code_map(address)
                if moved is not None:
                    moves.append((start + 1, length - 1, moved))
                reach.start(address, None if moved is None else code_map.piece(address)[1])
        elif opcode == ADVANCE_PC:
            advance, position = uleb(data, position + 1)
            reach.advance(advance)
        elif opcode == FIXED_ADVANCE_PC:
            reach.advance(u16(data, position + 1))
            position += 3
        else:
            raise UnreadableError("a malformed operand in a line program", position)
    if not reach.stays():
        return None
    for start, size, moved in moves:
        section.write(start, size, moved)
    return position


def _rewrite_sequence(data: memoryview, position: int, header: _Header, code_map: CodeMap) -> tuple[int, bytes]:
    """Encode the addresses of a sequence anew; return its end and the new program."""
    result = bytearray()
    old = new = 0
    mapped = False
    row_start = position
    pending = bytearray()
    advanced = 0
    while position < len(data):
        start = position
        opcode = data[position]
        position += 1
        if opcode >= header.opcode_base:
            advanced += header.special_advance(opcode)
        elif opcode == _EXTENDED:
            length, operand = uleb(data, position)
            position = operand + length
            if position > len(data):
                raise IndexError
            if length and data[operand] == _SET_ADDRESS:
                size = length - 1
                old = unsigned(data, operand + 1, size)
                moved = code_map(old)
                mapped = moved is not None
                new = old if moved is None else moved
                result += pending
                result += data[start : operand + 1]
                result += new.to_bytes(size, "little")
                pending.clear()
                advanced = 0
                row_start = position
                continue
        elif opcode == ADVANCE_PC:
            advance, position = uleb(data, position)
            advanced += advance
            continue
        elif opcode == CONST_ADD_PC:
            advanced += header.const_advance
            continue
        elif opcode == FIXED_ADVANCE_PC:
            advanced += u16(data, position)
            position += 2
            continue
        else:
            for _ in range(header.operand_counts[opcode - 1]):
                _, position = uleb(data, position)
        ends = opcode == _EXTENDED and length != 0 and data[operand] == _END_SEQUENCE
        if not (ends or opcode == _COPY or opcode >= header.opcode_base):
            pending += data[start:position]
            continue
        old += advanced
        moved = code_map(old) if mapped else None
        advance = advanced if moved is None else moved - new
        if advance == advanced:
            result += data[row_start:position]
        else:
            result += pending
            result += _row(header, opcode, advance, bytes(data[start:position]))
        new += advance
        pending.clear()
        advanced = 0
        row_start = position
        if ends:
            break
    result += data[row_start:position]
    return position, bytes(result)


def _row(header: _Header, opcode: int, advance: int, raw: bytes) -> bytes:
    """Encode an advance by `advance` bytes and the opcode that appends a row."""
    if opcode < header.opcode_base:
        return (bytes([ADVANCE_PC]) + encode_unsigned(advance) if advance else b"") + raw
    lines = (opcode - header.opcode_base) % header.line_range
    special = header.opcode_base + lines + advance * header.line_range
    if special <= 0xFF:
        return bytes([special])
    return bytes([ADVANCE_PC]) + encode_unsigned(advance) + bytes([header.opcode_base + lines])

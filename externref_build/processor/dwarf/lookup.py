"""Find the source line of an instruction in `.debug_line` (DWARF 5, section 6.2), for reports."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from externref_build.errors import MalformedModuleError
from externref_build.processor.dwarf.sequences import OPERAND_COUNTS, read_sequence
from externref_build.wasm.reader import Reader

_STRING, _BLOCK, _DATA1, _DATA2, _DATA4, _DATA8, _DATA16 = 0x08, 0x09, 0x0B, 0x05, 0x06, 0x07, 0x1E
_STRP, _LINE_STRP, _UDATA = 0x0E, 0x1F, 0x0F
_SIZES = {_DATA1: 1, _DATA2: 2, _DATA4: 4, _DATA8: 8, _DATA16: 16}
_PATH, _DIRECTORY_INDEX = 1, 2
_MAX_STRING = 4096

Sections = Mapping[str, memoryview]


def source_lines(sections: Sections, addresses: Iterable[int]) -> dict[int, str]:
    """Find ``file:line`` for each address that a line program covers.

    ``sections`` are the contents of the debug sections by name; addresses count from the start of the code section's
    payload. Units that are damaged or of an unknown version are passed over: a report can do without them.
    """
    wanted = sorted(set(addresses))
    found: dict[int, str] = {}
    lines = sections.get(".debug_line", memoryview(b""))
    offset = 0
    while wanted and offset + 4 <= len(lines):
        start = offset + 4
        offset = start + int.from_bytes(lines[offset:start], "little")
        with suppress(MalformedModuleError):
            _read_unit(Reader(lines, start, min(offset, len(lines))), sections, wanted, found)
    return found


@dataclass(frozen=True, slots=True)
class _Program:
    minimum_length: int
    line_base: int
    line_range: int
    opcode_base: int
    operand_counts: bytes


def _read_unit(unit: Reader, sections: Sections, wanted: list[int], found: dict[int, str]) -> None:
    version = int.from_bytes(unit.take(2), "little")
    if not 2 <= version <= 5:
        return
    if version == 5:
        unit.skip(2)
    header_size = int.from_bytes(unit.take(4), "little")
    program_start = unit.offset + header_size
    minimum_length = unit.byte()
    if version >= 4:
        unit.byte()
    unit.byte()
    line_base = int.from_bytes(unit.take(1), "little", signed=True)
    line_range, opcode_base = unit.byte(), unit.byte()
    program = _Program(minimum_length, line_base, line_range or 1, opcode_base, unit.take(max(opcode_base - 1, 0)))
    tables = Reader(unit.data, unit.offset, unit.end)
    unit.offset = program_start

    @cache
    def files() -> dict[int, str]:
        return _read_files_5(tables, sections) if version == 5 else _read_files_4(tables)

    def report(start: int, end: int, file: int, line: int) -> None:
        first, behind = bisect_left(wanted, start), bisect_left(wanted, end)
        if line and first < behind:
            found.update((address, f"{files().get(file, '?')}:{line}") for address in wanted[first:behind])
            del wanted[first:behind]

    while wanted and not unit.at_end():
        if not _pass_over(unit, program, wanted):
            _run_sequence(unit, program, wanted, report)


def _pass_over(unit: Reader, program: _Program, wanted: list[int]) -> bool:
    """Pass over a sequence of which it is plain that it covers no address that is wanted."""
    if program.minimum_length != 1 or not OPERAND_COUNTS.startswith(program.operand_counts):
        return False
    const_advance = (255 - program.opcode_base) // program.line_range
    sequence = read_sequence(unit.data, unit.offset, unit.end, program.opcode_base, const_advance)
    if sequence is None or not sequence.addresses:
        return False
    position = bisect_left(wanted, min(sequence.addresses))
    if position < len(wanted) and wanted[position] <= max(sequence.addresses) + sequence.reach:
        return False
    unit.offset = sequence.end
    return True


def _run_sequence(
    unit: Reader, program: _Program, wanted: list[int], report: Callable[[int, int, int, int], None]
) -> None:
    """Run a program to the end of a sequence; ``report`` gets range, file and line of each row that may be wanted."""
    data, offset, end = unit.data, unit.offset, unit.end
    opcode_base, line_base, line_range = program.opcode_base, program.line_base, program.line_range
    address, file, line = 0, 1, 1
    start, row_file, row_line = -1, 0, 0
    next_wanted = -1
    """No address from ``start`` up to this one is wanted."""
    while offset < end:
        opcode = data[offset]
        offset += 1
        if opcode >= opcode_base:
            adjusted = opcode - opcode_base
            address += adjusted // line_range * program.minimum_length
            line += line_base + adjusted % line_range
        elif opcode >= 5 and opcode != 8 and opcode != 9:
            for _ in range(program.operand_counts[opcode - 1]):
                while offset < end and data[offset] >= 0x80:
                    offset += 1
                offset += 1
            continue
        elif opcode != 1:
            unit.offset = offset
            if opcode == 0:
                behind = unit.u32() + unit.offset
                extended = unit.byte()
                if extended == 2:
                    address = int.from_bytes(unit.take(min(behind - unit.offset, 8)), "little")
                unit.skip(behind - unit.offset)
                if extended == 1 and 0 <= start < address:
                    report(start, address, row_file, row_line)
                if extended == 1:
                    return
            elif opcode == 2:
                address += unit.u64() * program.minimum_length
            elif opcode == 3:
                line += unit.s33()
            elif opcode == 4:
                file = unit.u32()
            elif opcode == 8:
                address += (255 - opcode_base) // line_range * program.minimum_length
            else:
                address += int.from_bytes(unit.take(2), "little")
            offset = unit.offset
            continue
        if 0 <= start < address and next_wanted < address:
            report(start, address, row_file, row_line)
        if not start <= address <= next_wanted:
            position = bisect_left(wanted, address)
            next_wanted = wanted[position] if position < len(wanted) else 1 << 64
        start, row_file, row_line = address, file, line
    unit.offset = end


def _read_files_4(unit: Reader) -> dict[int, str]:
    directories = [""]
    while directory := _c_string(unit):
        directories.append(directory)
    files: dict[int, str] = {}
    while name := _c_string(unit):
        directory_index = unit.u32()
        unit.u64()
        unit.u64()
        files[len(files) + 1] = _join(directories, directory_index, name)
    return files


def _read_files_5(unit: Reader, sections: Sections) -> dict[int, str]:
    directories = [str(entry.get(_PATH, "")) for entry in _read_entries(unit, sections)]
    files = {}
    for index, entry in enumerate(_read_entries(unit, sections)):
        directory_index = entry.get(_DIRECTORY_INDEX, 0)
        if not isinstance(directory_index, int):
            raise MalformedModuleError("the index of a directory is a string", unit.offset)
        files[index] = _join(directories, directory_index, str(entry.get(_PATH, "?")))
    return files


def _read_entries(unit: Reader, sections: Sections) -> list[dict[int, int | str]]:
    formats = [(unit.u32(), unit.u32()) for _ in range(unit.byte())]
    return [
        {content: _read_form(unit, form, sections) for content, form in formats}
        for _ in range(unit.count("entries", max(len(formats), 1)))
    ]


def _read_form(unit: Reader, form: int, sections: Sections) -> int | str:
    if form == _STRING:
        return _c_string(unit)
    if form in (_STRP, _LINE_STRP):
        section = sections.get(".debug_line_str" if form == _LINE_STRP else ".debug_str", memoryview(b""))
        return _c_string(Reader(section, int.from_bytes(unit.take(4), "little")))
    if form == _UDATA:
        return unit.u64()
    if form == _BLOCK:
        unit.skip(unit.u32())
        return 0
    if form in _SIZES:
        return int.from_bytes(unit.take(_SIZES[form]), "little")
    raise MalformedModuleError(f"unknown form {form:#x}", unit.offset)


def _c_string(reader: Reader) -> str:
    start = reader.offset
    content, zero, _ = bytes(reader.data[start : min(start + _MAX_STRING, reader.end)]).partition(b"\0")
    if not zero:
        raise MalformedModuleError(f"a string does not end within {_MAX_STRING} bytes", start)
    reader.offset += len(content) + 1
    return content.decode(errors="replace")


def _join(directories: list[str], index: int, name: str) -> str:
    directory = directories[index] if index < len(directories) else ""
    return f"{directory}/{name}" if directory and not name.startswith("/") else name

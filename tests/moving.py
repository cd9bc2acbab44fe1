"""Move the code of a module as a rewriter would, and read its debug info with an independent reader."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO

from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.descriptions import describe_form_class
from elftools.dwarf.die import DIE, AttributeValue
from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo
from elftools.dwarf.locationlists import BaseAddressEntry as LocationBase
from elftools.dwarf.locationlists import LocationEntry
from elftools.dwarf.ranges import BaseAddressEntry as RangeBase
from elftools.dwarf.ranges import RangeEntry
from plugins import leb128

from externref_build.processor.custom import is_debug_section
from externref_build.processor.debuginfo import CodeMap, patch
from externref_build.wasm.instructions import iterate_instructions

_CODE_SECTION = 10
_NOP = b"\x01"


def read_uleb(data: bytes, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, offset


def split(module: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Yield id, name (of a custom section) and content of each section."""
    offset = 8
    while offset < len(module):
        section_id = module[offset]
        size, offset = read_uleb(module, offset + 1)
        content, offset = module[offset : offset + size], offset + size
        name = ""
        if section_id == 0:
            length, start = read_uleb(content, 0)
            name, content = content[start : start + length].decode(), content[start + length :]
        yield section_id, name, content


def join(sections: list[tuple[int, str, bytes]]) -> bytes:
    module = bytearray(b"\0asm\1\0\0\0")
    for section_id, name, content in sections:
        if section_id == 0:
            content = leb128(len(name.encode())) + name.encode() + content
        module += bytes([section_id]) + leb128(len(content)) + content
    return bytes(module)


def debug_sections(module: bytes) -> dict[str, bytes]:
    return {name: content for section_id, name, content in split(module) if section_id == 0 and is_debug_section(name)}


@dataclass
class Moved:
    """Code after a rewrite, and where each of its boundaries went."""

    code: bytearray = field(default_factory=bytearray)
    boundaries: dict[int, int] = field(default_factory=dict)
    """New offset of each old function's size and start, instruction, and end."""

    def at(self, old: int) -> None:
        self.boundaries[old] = len(self.code)


Change = Callable[[int, int, bytes], bytes]
"""Replace an instruction, given the position of its body and its own position in it."""


def move_code(code: bytes, change: Change) -> Moved:
    """Rewrite instructions of a code section; sizes of bodies follow."""
    count, offset = read_uleb(code, 0)
    moved = Moved(bytearray(leb128(count)))
    for index in range(count):
        moved.at(offset)
        size, start = read_uleb(code, offset)
        end = start + size
        groups, first = read_uleb(code, start)
        for _ in range(groups):
            _, first = read_uleb(code, first)
            first += 1
        body = Moved(bytearray(code[start:first]))
        for number, (_, instruction, behind) in enumerate(iterate_instructions(code, first, end)):
            body.at(instruction)
            body.code += change(index, number, code[instruction:behind])
        moved.code += leb128(len(body.code))
        moved.at(start)
        shift = len(moved.code)
        for old, new in body.boundaries.items():
            moved.boundaries[old] = shift + new
        moved.code += body.code
        moved.at(end)
        offset = end
    return moved


def move(module: bytes, change: Change) -> tuple[bytes, dict[int, int]]:
    """Rewrite instructions of a module and patch its debug info; return it and where each boundary went."""
    sections = list(split(module))
    code = next(content for section_id, _, content in sections if section_id == _CODE_SECTION)
    moved = move_code(code, change)
    patched = patch(debug_sections(module), CodeMap.from_pairs(sorted(moved.boundaries.items())))
    result = []
    for section_id, name, content in sections:
        if section_id == _CODE_SECTION:
            content = bytes(moved.code)
        elif section_id == 0:
            content = bytes(patched.get(name, content))
        result.append((section_id, name, content))
    return join(result), moved.boundaries


def nops(seed: int, share: float = 0.1, at_most: int = 200) -> Change:
    """Put `nop`s before some instructions of some bodies."""
    chance = random.Random(seed)

    def change(body: int, _number: int, raw: bytes) -> bytes:
        if body % 3 or chance.random() > share:
            return raw
        return _NOP * chance.randint(1, at_most) + raw

    return change


def minimal_calls(_body: int, _number: int, raw: bytes) -> bytes:
    """Shorten the padded indices that a linker leaves in calls."""
    return raw[:1] + leb128(read_uleb(raw, 1)[0]) if raw[0] == 0x10 else raw


_READ = (
    *("info", "aranges", "abbrev", "frame", "str", "loc", "ranges", "line", "pubtypes", "pubnames", "addr"),
    *("str_offsets", "line_str", "loclists", "rnglists", "sup", "types"),
)
_LIST_FORMS = ("DW_FORM_sec_offset", "DW_FORM_loclistx", "DW_FORM_rnglistx", "DW_FORM_data4")


def open_dwarf(module: bytes) -> DWARFInfo:
    """Open the debug info of a module with pyelftools."""
    sections: dict[str, DebugSectionDescriptor | None] = {f"debug_{name}_sec": None for name in _READ}
    for name, content in debug_sections(module).items():
        if name[1:] + "_sec" in sections:
            sections[name[1:] + "_sec"] = DebugSectionDescriptor(BytesIO(content), name, 0, len(content), 0)
    config = DwarfConfig(little_endian=True, machine_arch="wasm", default_address_size=4)
    return DWARFInfo(config=config, eh_frame_sec=None, gnu_debugaltlink_sec=None, **sections)


@dataclass(frozen=True)
class Fact:
    """What debug info says about code: `what` in words that do not change, and ranges of addresses."""

    what: tuple[object, ...]
    start: int
    end: int

    def expected(self, boundaries: dict[int, int]) -> Fact:
        """Say what the fact is after the code moved; what is said about dropped code stays."""
        if not min(boundaries) <= self.start <= max(boundaries) or self.start <= 1:
            return self
        return Fact(self.what, boundaries[self.start], boundaries[self.end])


def facts(module: bytes) -> Iterator[Fact]:
    """Tell all that the debug info says about addresses of code, as pyelftools reads it."""
    dwarf = open_dwarf(module)
    for unit in dwarf.iter_CUs():
        base = 0
        for die in unit.iter_DIEs():
            if die is unit.get_top_DIE():
                base = die.attributes["DW_AT_low_pc"].value if "DW_AT_low_pc" in die.attributes else 0
                yield from _rows(dwarf, unit)
            for name, attribute in die.attributes.items():
                yield from _attribute_facts(dwarf, die, name, attribute, base)


def _attribute_facts(dwarf: DWARFInfo, die: DIE, name: str, attribute: AttributeValue, base: int) -> Iterator[Fact]:
    what = (die.cu.cu_offset, die.offset, str(die.tag), name)
    value = attribute.value
    if name in ("DW_AT_low_pc", "DW_AT_call_return_pc", "DW_AT_call_pc", "DW_AT_entry_pc"):
        yield Fact(what, value, value)
    elif name == "DW_AT_high_pc":
        low = die.attributes["DW_AT_low_pc"].value
        yield Fact(what, low, value if describe_form_class(attribute.form) == "address" else low + value)
    elif name == "DW_AT_ranges":
        ranges = dwarf.range_lists()
        assert ranges is not None
        assert isinstance(die.cu, CompileUnit)
        yield from _entries(what, base, ranges.get_range_list_at_offset(value, die.cu))
    elif name in ("DW_AT_location", "DW_AT_frame_base") and attribute.form in _LIST_FORMS:
        locations = dwarf.location_lists()
        assert locations is not None
        yield from _entries(what, base, locations.get_location_list_at_offset(value, die))
    elif attribute.form != "DW_FORM_sec_offset" and name != "DW_AT_stmt_list":
        yield Fact((*what, str(value)), 0, 0)


_DROPPED = 0xFFFFFFFE
"""What linkers write into lists for code that they dropped, whatever the base address is."""


def _entries(what: tuple[object, ...], base: int, entries: Sequence[object]) -> Iterator[Fact]:
    for number, entry in enumerate(entries):
        if isinstance(entry, (RangeBase, LocationBase)):
            base = entry.base_address
            yield Fact((*what, number), base, base)
        elif isinstance(entry, (RangeEntry, LocationEntry)):
            start = 0 if entry.is_absolute or entry.begin_offset >= _DROPPED else base
            expression = tuple(getattr(entry, "loc_expr", ()))
            yield Fact((*what, number, expression), start + entry.begin_offset, start + entry.end_offset)
        else:
            yield Fact((*what, number, str(entry)), 0, 0)


def _rows(dwarf: DWARFInfo, unit: CompileUnit) -> Iterator[Fact]:
    program = dwarf.line_program_for_CU(unit)
    if program is None:
        return
    files = tuple(str(file) for file in program["file_entry"])
    first = None
    for row in (entry.state for entry in program.get_entries() if entry.state):
        first = row.address if first is None else first
        what = (row.file, row.line, row.column, row.is_stmt, row.prologue_end, row.end_sequence, row.discriminator)
        yield Fact((unit.cu_offset, files, *what), first, row.address)
        first = None if row.end_sequence else first

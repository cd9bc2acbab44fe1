"""Debug info says in which local a variable is; where the variable is in the local's twin now, it says so."""

from __future__ import annotations

from collections.abc import Iterator

import dwarf_assembly as asm
import pytest
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.locationlists import BaseAddressEntry, LocationEntry, LocationParser
from moving import join, open_dwarf, split
from plugins import SURROGATES, assemble, leb128, process_demoted

from externref_build import process
from externref_build.wasm.body import decode_body
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.instructions import iterate_instructions

GUEST = f"""
;; declare import host.use: r
;; declare export run: r -> i
(module {SURROGATES}
  (import "host" "use" (func $use (param i32)))
  (func $first (result i32) (i32.const 1))
  (func (export "run") (param i32) (result i32)
    (local i32)
    (local.set 1 (call $insert (local.get 0)))
    (local.set 0 (i32.add (call $first) (local.get 1)))
    (call $drop (i32.sub (local.get 0) (i32.const 1)))
    (local.set 1 (call $get (i32.const -1)))
    (call $use (local.get 1))
    (local.get 0))
)
"""

LOCAL, STACK_VALUE = b"\xed\x00", b"\x9f"


def code_offsets() -> tuple[int, int, list[int]]:
    """Tell start, end and the offsets of the instructions of the exported function, counted from the code section."""
    module = decode_module(assemble(GUEST))
    [code] = [section for section in module.sections if section.id == 10]
    [run] = [export.index for export in module.exports]
    start, end = module.body(run)
    body = decode_body(module.data, start, end)
    instructions = iterate_instructions(module.data, body.locals_end, body.end)
    return start - code.payload, end - code.payload, [found[1] - code.payload for found in instructions]


START, END, AT = code_offsets()
CALL_INSERT, SET_PARAM, DROP, SET_LOCAL, CALL_USE = 1, 6, 10, 13, 15

# Variables: the range in which they are in a local, the local before, and the local afterwards. The function has two
# locals; 2 is the twin of local 1, which holds references, and 3 is the twin of the parameter, which holds numbers.
VARIABLES = [
    ("the parameter", AT[0], AT[SET_PARAM], 0, 0),
    ("the parameter, in a range without instructions that access it", AT[CALL_INSERT], AT[CALL_INSERT] + 1, 0, 0),
    ("a number in the parameter", AT[SET_PARAM + 1], END, 0, 3),
    ("a number in the parameter, read before the range", AT[SET_LOCAL], AT[CALL_USE], 0, 3),
    ("a slot", AT[CALL_INSERT + 2], AT[SET_LOCAL], 1, 1),
    ("a reference in a local", AT[SET_LOCAL + 1], END, 1, 2),
    ("a reference that nothing reads", AT[CALL_USE], END, 1, 2),
]

variables = pytest.mark.parametrize(
    ("start", "end", "local", "expected"), [v[1:] for v in VARIABLES], ids=[v[0] for v in VARIABLES]
)


def guest(version: int, *variable_attributes: asm.Attribute, frame_base: bytes = b"", **sections: bytes) -> bytes:
    """Make the guest with debug info of its exported function and of a variable in it."""
    unit = [(asm.LOW_PC, asm.ADDR, asm.u32(0))]
    if version >= 5:
        unit += [(asm.LOCLISTS_BASE, asm.SEC_OFFSET, asm.u32(12)), (asm.ADDR_BASE, asm.SEC_OFFSET, asm.u32(8))]
    function = [(asm.LOW_PC, asm.ADDR, asm.u32(START)), (asm.HIGH_PC, asm.DATA4, asm.u32(END - START))]
    if frame_base:
        function.append((0x40, asm.EXPRLOC, leb128(len(frame_base)) + frame_base))
    described = [(asm.COMPILE_UNIT, unit), (asm.SUBPROGRAM, function), (asm.VARIABLE, variable_attributes)]
    sections = {**asm.entries(version, *described), **sections}
    return join([*split(assemble(GUEST)), *((0, f".debug_{name}", content) for name, content in sections.items())])


def expressions(module: bytes) -> Iterator[tuple[str, int, bytes]]:
    """List the location expressions of a module: of which tag, where it holds from, and its bytes."""
    dwarf: DWARFInfo = open_dwarf(module)
    for unit in dwarf.iter_CUs():
        lists = dwarf.location_lists()
        parser = LocationParser(lists)
        function = base = 0
        for die in unit.iter_DIEs():
            low_pc = die.attributes.get("DW_AT_low_pc")
            if low_pc is not None:
                function = low_pc.value
            if die is unit.get_top_DIE():
                base = function
            for attribute in die.attributes.values():
                if not parser.attribute_has_location(attribute, unit["version"]):
                    continue
                found = parser.parse_from_attribute(attribute, unit["version"], die)
                if not isinstance(found, list):
                    yield str(die.tag), function, bytes(found.loc_expr)
                    continue
                start = base
                for entry in found:
                    if isinstance(entry, BaseAddressEntry):
                        start = entry.base_address
                    elif isinstance(entry, LocationEntry):
                        begin = entry.begin_offset + (0 if entry.is_absolute else start)
                        yield str(die.tag), begin, bytes(entry.loc_expr)


def location(local: int) -> bytes:
    return LOCAL + leb128(local) + STACK_VALUE


@variables
def test_location_lists_of_version_4(start: int, end: int, local: int, expected: int) -> None:
    expression = location(local)
    content = asm.u32(start) + asm.u32(end) + asm.u16(len(expression)) + expression + bytes(8)
    module = guest(4, (asm.LOCATION, asm.SEC_OFFSET, asm.u32(0)), loc=content)
    assert [found[2] for found in expressions(process(module))] == [location(expected)]


def entries_of_version_5(start: int, end: int) -> dict[str, bytes]:
    return {
        "offset_pair": b"\x04" + leb128(start) + leb128(end),
        "start_end": b"\x07" + asm.u32(start) + asm.u32(end),
        "start_length": b"\x08" + asm.u32(start) + leb128(end - start),
        "base_address": b"\x06" + asm.u32(START) + b"\x04" + leb128(start - START) + leb128(end - START),
        "startx_endx": b"\x02\x00\x01",
        "startx_length": b"\x03\x00" + leb128(end - start),
    }


@pytest.mark.parametrize("kind", entries_of_version_5(START, END))
@variables
def test_location_lists_of_version_5(kind: str, start: int, end: int, local: int, expected: int) -> None:
    expression = location(local)
    entry = entries_of_version_5(start, end)[kind] + leb128(len(expression)) + expression + b"\0"
    tables = {"loclists": asm.list_table([entry]), "addr": asm.address_table([start, end])}
    module = guest(5, (asm.LOCATION, asm.LOCLISTX, b"\0"), **tables)
    assert [found[2] for found in expressions(process(module))] == [location(expected)]


EXPRESSIONS = [
    ("the first read counts", location(1), location(1)),
    ("the frame's base", LOCAL + b"\0", LOCAL + b"\0"),
    ("several pieces", location(0) + b"\x93\x04" + location(1) + b"\x93\x04", None),
    ("behind other operations", b"\x03\xed\0\1\0\x10\x81\0\x11\x7f\x08\xed\x23\1" + location(0), None),
    ("a global", b"\xed\1\0", b"\xed\1\0"),
    ("a global with a fixed size", b"\xed\3\0\0\0\0" + location(0), None),
    ("the operand stack", b"\xed\2\0", b"\xed\2\0"),
    ("the value at the entry", b"\xa3\3" + LOCAL + b"\0", b"\xa3\3" + LOCAL + b"\0"),
    ("an unknown operation", b"\xff" + LOCAL + b"\0", b"\xff" + LOCAL + b"\0"),
    ("cut off", LOCAL + b"\x80", LOCAL + b"\x80"),
]


@pytest.mark.parametrize(("before", "after"), [case[1:] for case in EXPRESSIONS], ids=[case[0] for case in EXPRESSIONS])
def test_expressions_that_hold_for_a_whole_function(before: bytes, after: bytes | None) -> None:
    """One that holds for all of the function names what the function reads first: here, parameter and slot."""
    module = guest(4, (asm.LOCATION, asm.EXPRLOC, leb128(len(before)) + before), frame_base=LOCAL + b"\0")
    found = [expression for _, _, expression in expressions(process(module))]
    assert found == [LOCAL + b"\0", before if after is None else after]


@pytest.mark.parametrize("width", [1, 2, 5])
def test_an_index_keeps_its_width(width: int) -> None:
    expression = LOCAL + padded(0, width) + STACK_VALUE
    start, end = VARIABLES[2][1:3]
    content = asm.u32(start) + asm.u32(end) + asm.u16(len(expression)) + expression + bytes(8)
    module = guest(4, (asm.LOCATION, asm.SEC_OFFSET, asm.u32(0)), loc=content)
    assert [found[2] for found in expressions(process(module))] == [LOCAL + padded(3, width) + STACK_VALUE]


def padded(value: int, width: int) -> bytes:
    return bytes([value | 0x80] + [0x80] * (width - 2) + [0]) if width > 1 else bytes([value])


def test_nothing_changes_in_a_function_with_an_adapter() -> None:
    expression = location(0)
    start, end = VARIABLES[2][1:3]
    content = asm.u32(start) + asm.u32(end) + asm.u16(len(expression)) + expression + bytes(8)
    module = guest(4, (asm.LOCATION, asm.SEC_OFFSET, asm.u32(0)), loc=content)
    assert [found[2] for found in expressions(process_demoted(module)[0])] == [expression]

"""Put debug info together byte by byte, in shapes that compilers emit rarely."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from moving import join
from plugins import leb128

COMPILE_UNIT, SUBPROGRAM, VARIABLE = 0x11, 0x2E, 0x34
STMT_LIST, LOW_PC, HIGH_PC, ENTRY_PC, RANGES, LOCATION = 0x10, 0x11, 0x12, 0x52, 0x55, 0x02
ADDR_BASE, RNGLISTS_BASE, LOCLISTS_BASE = 0x73, 0x74, 0x8C
ADDR, DATA2, DATA4, DATA8, DATA1, STRING, SDATA, UDATA = 0x01, 0x05, 0x06, 0x07, 0x0B, 0x08, 0x0D, 0x0F
INDIRECT, SEC_OFFSET, EXPRLOC, ADDRX, IMPLICIT_CONST, LOCLISTX, RNGLISTX = 0x16, 0x17, 0x18, 0x1B, 0x21, 0x22, 0x23
LLVM_ADDRX_OFFSET = 0x2001

_PUSH_AND_DROP = b"\x41\x01\x1a"
CODE_COUNTS = (40, 10, 60)
"""How often each function of `module` pushes and drops a constant."""


def u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def code_section() -> bytes:
    bodies = [b"\x00" + _PUSH_AND_DROP * count + b"\x0b" for count in CODE_COUNTS]
    return leb128(len(bodies)) + b"".join(leb128(len(body)) + body for body in bodies)


def function_starts() -> list[tuple[int, int]]:
    """Start and end of each function of `module`, as offsets in its code section."""
    result, offset = [], 1
    for count in CODE_COUNTS:
        size = 2 + 3 * count
        start = offset + len(leb128(size))
        offset = start + size
        result.append((start, offset))
    return result


def instruction(function: int, number: int) -> int:
    """Offset of an instruction of `module`."""
    return function_starts()[function][0] + 1 + number // 2 * 3 + number % 2 * 2


def module(**sections: bytes) -> bytes:
    """Make a module of three functions, with debug sections by their names without `.debug_`."""
    types = b"\x01\x60\x00\x00"
    count = len(CODE_COUNTS)
    head = [(1, "", types), (3, "", leb128(count) + bytes(count)), (10, "", code_section())]
    return join([*head, *((0, f".debug_{name}", content) for name, content in sections.items())])


def unit(version: int, body: bytes) -> bytes:
    """Put length and version before a unit."""
    return u32(len(body) + 2) + u16(version) + body


Attribute = tuple[int, int, bytes]
"""Attribute, form, and the value's bytes; the value of DW_FORM_implicit_const goes into the abbreviation."""


def entries(version: int, *described: tuple[int, Sequence[Attribute]]) -> dict[str, bytes]:
    """Make `.debug_abbrev` and `.debug_info` of entries, of which all others are children of the first."""
    abbreviations, body = b"", b""
    for code, (tag, attributes) in enumerate(described, 1):
        abbreviations += leb128(code) + leb128(tag) + bytes([code == 1])
        body += leb128(code)
        for attribute, form, value in attributes:
            abbreviations += leb128(attribute) + leb128(form)
            if form == IMPLICIT_CONST:
                abbreviations += value
            else:
                body += value
        abbreviations += b"\0\0"
    header = b"\x01\x04" + u32(0) if version >= 5 else u32(0) + b"\x04"
    return {"abbrev": abbreviations + b"\0", "info": unit(version, header + body + b"\0")}


def line_unit(program: bytes, opcode_base: int = 13, line_base: int = -5, line_range: int = 14) -> bytes:
    """Make a line program of version 4 with one file."""
    counts = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1] + [2] * 20)[: opcode_base - 1]
    header = bytes([1, 1, 1, line_base & 0xFF, line_range, opcode_base]) + counts + b"\0file.c\0\0\0\0\0"
    return unit(4, u32(len(header)) + header + program)


def set_address(address: int) -> bytes:
    return b"\x00\x05\x02" + u32(address)


END_SEQUENCE = b"\x00\x01\x01"


def address_table(addresses: Iterable[int]) -> bytes:
    """Make a `.debug_addr` of version 5, whose addresses start at offset 8."""
    return unit(5, b"\x04\x00" + b"".join(map(u32, addresses)))


def list_table(lists: Sequence[bytes]) -> bytes:
    """Make a `.debug_rnglists` or `.debug_loclists`, whose table of offsets starts at offset 12."""
    offsets, offset = b"", 4 * len(lists)
    for content in lists:
        offsets += u32(offset)
        offset += len(content)
    return unit(5, b"\x04\x00" + u32(len(lists)) + offsets + b"".join(lists))

"""Sequences of line programs (DWARF 5, section 6.2.5), read without running those that are simple.

Runs of opcodes are passed over by regular expressions. By how much they advance at most follows from their length.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from externref_build.processor.dwarf.section import LEB, U32
from externref_build.wasm.instructions import POSSESSIVE, byte_class

ADVANCE_PC, CONST_ADD_PC, FIXED_ADVANCE_PC = 2, 8, 9
OPERAND_COUNTS = bytes([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1])
"""Number of LEB128 operands of the standard opcodes, from opcode 1."""
RUN = 5000
"""Opcodes that one match of a regular expression takes at most, which bounds its memory."""

_MAX_ADDRESSES = 10_000
"""In one sequence: each takes much more memory than it has bytes."""

_SHORT_ADVANCE = rb"\x02[\x00-\x7f]"
_DISCRIMINATOR = rb"\x00(?:\x02\x04[\x00-\x7f]|\x03\x04[\x80-\xff][\x00-\x7f])"


class Sequence(NamedTuple):
    """A sequence with absolute addresses of 4 bytes and small steps between them."""

    end: int
    """Offset behind it."""
    places: tuple[int, ...]
    """Offsets of its absolute addresses."""
    addresses: tuple[int, ...]
    reach: int
    """How far behind an absolute address its rows reach, at most."""


def plain_opcodes(opcode_base: int) -> tuple[bytes, bytes]:
    """Match one opcode that advances by what fits into one special opcode, or not at all: with or without operand."""
    known = [opcode for opcode in range(1, opcode_base) if opcode not in (ADVANCE_PC, FIXED_ADVANCE_PC)]
    with_operand = [opcode for opcode in known if OPERAND_COUNTS[opcode - 1]]
    alone = sorted({*known, *range(opcode_base, 256)}.difference(with_operand))
    return byte_class(with_operand) + LEB if with_operand else b"(?!)", byte_class(alone)


@lru_cache
def _up_to_address(opcode_base: int) -> re.Pattern[bytes]:
    """Match small steps up to the next absolute address, which is group 1, or to the end of the sequence."""
    with_operand, alone = plain_opcodes(opcode_base)
    opcodes = b"|".join((alone + (POSSESSIVE and b"++"), with_operand, _SHORT_ADVANCE, _DISCRIMINATOR))
    run = b"*+" if POSSESSIVE else b"{0,%d}" % RUN
    return re.compile(b"(?s)(?:%b)%b\\x00(?:\\x05\\x02(.{4})|\\x01\\x01)" % (opcodes, run))


def read_sequence(
    data: bytes | memoryview, start: int, end: int, opcode_base: int, const_advance: int
) -> Sequence | None:
    """Read the sequence at an offset; None for one that holds something else, is cut off, or has too many addresses.

    ``const_advance`` is the most by which an opcode of one byte advances; the opcodes are those of the standard.
    """
    match_part = _up_to_address(opcode_base).match
    places: list[int] = []
    longest = 0
    while len(places) < _MAX_ADDRESSES and (match := match_part(data, start, end)):
        longest = max(longest, match.end() - start)
        start = match.end()
        place = match.start(1)
        if place < 0:
            addresses = tuple(U32.unpack_from(data, place)[0] for place in places)
            return Sequence(start, tuple(places), addresses, longest * max(const_advance, 0x7F))
        places.append(place)
    return None

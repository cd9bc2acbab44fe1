"""Decoding of instruction sequences (specification 5.4) at the speed of regular expressions.

One regular expression, derived from the opcode table, matches one instruction, and a second one a run of them. They are
unambiguous (no instruction is a prefix of another), so that a match is a decoding. What they leave out is decoded by
hand: three instructions have immediates whose number a regular expression cannot count (``br_table``, ``select`` with
types, ``try_table``); and what compilers hardly ever write, such as a padded opcode, would make them slow to compile.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple

from externref_build.errors import MalformedModuleError, UnsupportedFeatureError
from externref_build.wasm.leb128 import decode_unsigned, encode_signed, encode_unsigned
from externref_build.wasm.opcodes import BY_MNEMONIC, OPCODES, PREFIXES, Opcode
from externref_build.wasm.reader import Reader
from externref_build.wasm.types import (
    HEAP_TYPE_PREFIXES,
    SINGLE_BYTE_TYPES,
    ValType,
    decode_heap_type,
    decode_val_type,
)

POSSESSIVE = b"+" if sys.version_info >= (3, 11, 5) else b""
"""Makes a repetition possessive, which saves time. Before 3.11.5, Python had it wrong (CPython's issue 106052)."""

_LEB32 = b"[\x80-\xff]{0,4}%b[\x00-\x7f]" % POSSESSIVE
_LEB64 = b"[\x80-\xff]{0,9}%b[\x00-\x7f]" % POSSESSIVE
_RUN_LENGTH = b"{0,256}" + POSSESSIVE
"""How many instructions one match passes over; bounded, or a match could need much memory to backtrack."""

_SHORT_MEMARG = b"[\x00-\x3f]" + _LEB64
"""What most memory arguments look like. The pattern of the others matches these as well, but more slowly."""

_HEAP_TYPE = b"(?:[\x00-\x61\x63-\x7f]|[\x80-\xff]{1,4}[\x00-\x7f])"

_PATTERNS = {
    "blocktype": b"(?:[\x00-\x62\x65-\x7f]|[\x63\x64]%b|[\x80-\xff]{1,4}[\x00-\x7f])" % _HEAP_TYPE,
    "heaptype": _HEAP_TYPE,
    # Bit 6 of the alignment announces a memory index (multi-memory).
    "memarg": b"(?:[\x00-\x3f]|[\x40-\x7f]%b)%b" % (_LEB32, _LEB64),
    "s64": _LEB64,
    "f32": b".{4}",
    "f64": b".{8}",
    "bytes16": b".{16}",
    "lane": b".",
}
"""What immediates look like where they are not one LEB128 of 32 bits; without exact types and padded alignments."""

_BY_HAND = frozenset({"labels", "valtypes", "catches", "castflags"})
"""Kinds of immediates in instructions that are always decoded by hand."""


def byte_class(values: Sequence[int]) -> bytes:
    """Build the source of a class of bytes, given in ascending order, as ranges."""
    parts = []
    first = last = values[0]
    for value in [*values[1:], 1 << 8]:
        if value != last + 1 or value == 1 << 8:
            parts.append(_literal(first) if first == last else _literal(first) + b"-" + _literal(last))
            first = value
        last = value
    return b"[" + b"".join(parts) + b"]"


def _literal(value: int) -> bytes:
    """Spell a byte by itself: a number such as ``\\x10`` would take longer to parse."""
    return re.escape(bytes((value,)))


def instruction_pattern(opcodes: Iterable[Opcode]) -> bytes:
    """Build the source of a regular expression (DOTALL) that matches most instructions with one of the opcodes.

    It matches none with immediates that are left to `decode_by_hand`, with a padded opcode, or with exact types.
    """
    by_form: dict[tuple[int | None, tuple[str, ...]], list[int]] = {}
    for opcode in opcodes:
        by_form.setdefault((opcode.prefix, opcode.immediates), []).append(opcode.code)
    short: dict[bytes, list[int]] = {_LEB32: [], _SHORT_MEMARG: []}
    long: dict[bytes, dict[int | None, list[int]]] = {}
    for (prefix, immediates), codes in by_form.items():
        if not _BY_HAND.isdisjoint(immediates):
            continue
        tail = b"".join(_PATTERNS.get(kind, _LEB32) for kind in immediates)
        has_memarg = immediates == ("memarg",)
        if prefix is None:
            short.setdefault(_SHORT_MEMARG if has_memarg else tail, []).extend(codes)
        if prefix is not None or has_memarg:
            long.setdefault(tail, {}).setdefault(prefix, []).extend(codes)
    alternatives = [byte_class(sorted(codes)) + tail for tail, codes in short.items() if codes]
    for tail, by_prefix in long.items():
        encodings = [source for prefix, codes in by_prefix.items() for source in _encodings(prefix, sorted(codes))]
        alternatives.append(b"(?:" + b"|".join(encodings) + b")" + tail)
    return b"(?:" + b"|".join(alternatives) + b")"


def _encodings(prefix: int | None, codes: Sequence[int]) -> Iterator[bytes]:
    """Match opcodes; those behind a prefix take one or two bytes."""
    if prefix is None:
        yield byte_class(codes)
        return
    for high, group in groupby(codes, lambda code: code >> 7):
        if high:
            yield _literal(prefix) + byte_class([code & 0x7F | 0x80 for code in group]) + _literal(high)
        else:
            yield _literal(prefix) + byte_class(list(group))


def encode_opcode(opcode: Opcode) -> bytes:
    """Encode an opcode, with its prefix if it has one, without immediates."""
    if opcode.prefix is None:
        return bytes((opcode.code,))
    return bytes((opcode.prefix,)) + encode_unsigned(opcode.code)


@cache
def _any_instruction() -> bytes:
    return instruction_pattern(OPCODES.values())


@cache
def _instruction() -> re.Pattern[bytes]:
    return re.compile(_any_instruction(), re.DOTALL)


@cache
def instruction_run() -> re.Pattern[bytes]:
    """Return what matches a run of whole instructions, as long as it knows them and none reaches over the end."""
    return re.compile(_any_instruction() + _RUN_LENGTH, re.DOTALL)


_CONSTANT = (
    *("i32.const", "i64.const", "f32.const", "f64.const", "v128.const", "global.get", "ref.null", "ref.i31"),
    *("i32.add", "i32.sub", "i32.mul", "i64.add", "i64.sub", "i64.mul", "any.convert_extern", "extern.convert_any"),
    *("struct.new", "struct.new_default", "array.new", "array.new_default", "array.new_fixed"),
)
"""Constant instructions (specification 3.4.14) but for ``ref.func``."""


@cache
def constant_run() -> re.Pattern[bytes]:
    """Return what matches a run of constant instructions up to a ``ref.func``, of which group 1 is the index."""
    constant = instruction_pattern(map(BY_MNEMONIC.__getitem__, _CONSTANT))
    ref_func = encode_opcode(BY_MNEMONIC["ref.func"])
    return re.compile(b"%b%b(?:%b(%b))?" % (constant, _RUN_LENGTH, ref_func, _LEB32), re.DOTALL)


_BY_FIRST_BYTE = [OPCODES.get(byte) for byte in range(256)]
_END = BY_MNEMONIC["end"]

Instruction = tuple[Opcode, int, int]
"""An opcode with the absolute offsets of its first byte and of the byte behind its last immediate."""


def iterate_instructions(data: bytes | memoryview, start: int, end: int) -> Iterator[Instruction]:
    """Decode ``data[start:end]``; raise `MalformedModuleError` or `UnsupportedFeatureError` where that fails."""
    offset = start
    by_first_byte = _BY_FIRST_BYTE
    pattern = _instruction()
    while offset < end:
        for match in pattern.finditer(data, offset, end):
            behind = match.end()
            if match.start() != offset:
                break
            opcode = by_first_byte[data[offset]]
            if opcode is None:
                opcode = OPCODES[data[offset] << 12 | decode_unsigned(data, offset + 1)[0]]
            yield opcode, offset, behind
            offset = behind
        if offset < end:
            opcode, behind = decode_by_hand(data, offset, end)
            yield opcode, offset, behind
            offset = behind


def skip_instruction(data: bytes | memoryview, offset: int, end: int) -> int:
    """Pass over one instruction; raise what `iterate_instructions` does."""
    match = _instruction().match(data, offset, end)
    return match.end() if match else decode_by_hand(data, offset, end)[1]


def decode_expr(data: bytes | memoryview, start: int, end: int) -> tuple[list[Instruction], int]:
    """Decode an expression (specification 5.4.9) up to the ``end`` that closes it; return the offset behind that."""
    instructions: list[Instruction] = []
    depth = 0
    for instruction in iterate_instructions(data, start, end):
        instructions.append(instruction)
        opcode = instruction[0]
        if opcode.immediates[:1] == ("blocktype",):
            depth += 1
        elif opcode is _END:
            if not depth:
                return instructions, instruction[2]
            depth -= 1
    raise MalformedModuleError("an expression has no end", end)


def decode_by_hand(data: bytes | memoryview, offset: int, end: int) -> tuple[Opcode, int]:
    """Decode any one instruction, or say what is wrong with it."""
    reader = Reader(data, offset, end)
    first = reader.byte("an opcode")
    if first in PREFIXES:
        code = reader.u32("an opcode")
        opcode = OPCODES.get(first << 12 | code)
        spelled = f"{first:#04x} {code:#04x}"
    else:
        opcode = OPCODES.get(first)
        spelled = f"{first:#04x}"
    if opcode is None:
        raise UnsupportedFeatureError(f"unknown instruction {spelled}", offset)
    for kind in opcode.immediates:
        if kind == "labels":
            _skip_labels(reader)
        elif kind in ("valtypes", "catches", "blocktype"):
            _DECODERS[kind](reader)
        else:
            try:
                _DECODERS.get(kind, Reader.u32)(reader)
            except MalformedModuleError:
                problem = f"the immediates of `{opcode.mnemonic}` are cut off or too long"
                raise MalformedModuleError(problem, offset) from None
    return opcode, reader.offset


@cache
def _label_run(count: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?:%b){%d}" % (_LEB32, count))


def _skip_labels(reader: Reader) -> None:
    left = reader.count("labels") + 1
    labels = bytes(reader.data[reader.offset : min(reader.offset + left, reader.end)])
    if len(labels) == left and labels.isascii():  # of one byte each
        reader.offset += left
        return
    for count in (1000, 100, 10, 1):
        while left >= count:
            match = _label_run(count).match(reader.data, reader.offset, reader.end)
            if match is None:
                raise MalformedModuleError("the labels of `br_table` are cut off or too long", reader.offset)
            reader.offset = match.end()
            left -= count


BlockType = ValType | int | None
"""A result type, the index of a function type, or nothing (specification 5.4.1)."""


def decode_block_type(reader: Reader) -> BlockType:
    """Decode a block type (specification 5.4.1)."""
    start = reader.offset
    code = reader.byte("a block type")
    if code == 0x40:
        return None
    reader.offset = start
    if code in SINGLE_BYTE_TYPES or code in HEAP_TYPE_PREFIXES:
        return decode_val_type(reader)
    index = reader.s33("a block type")
    if index < 0:
        raise UnsupportedFeatureError(f"unknown block type {index}", start)
    return index


class Catch(NamedTuple):
    """One clause of ``try_table`` (specification 5.4.2)."""

    tag: int | None
    """The tag that is caught; None catches all."""
    has_exnref: bool
    """Whether the exception itself is passed to the label, behind the tag's values."""
    label: int


def decode_catches(reader: Reader) -> tuple[Catch, ...]:
    """Decode the clauses of a ``try_table``."""
    catches = []
    for _ in range(reader.count("catch clauses", 2)):
        start = reader.offset
        kind = reader.byte("a catch clause")
        if kind > 3:
            raise UnsupportedFeatureError(f"unknown kind of catch clause {kind}", start)
        tag = reader.u32("a tag") if kind < 2 else None
        catches.append(Catch(tag, bool(kind & 1), reader.u32("a label")))
    return tuple(catches)


def immediate(data: bytes | memoryview, instruction: Instruction) -> int:
    """Decode the first immediate of an instruction without prefix, where it is an index or a label."""
    byte = data[instruction[1] + 1]
    return byte if byte < 0x80 else decode_unsigned(data, instruction[1] + 1)[0]


class MemArg(NamedTuple):
    """Where a load or store reaches (specification 5.4.6)."""

    align: int
    """The exponent of a power of two."""
    offset: int
    memory: int = 0


def decode_mem_arg(reader: Reader) -> MemArg:
    """Decode a memory argument (specification 5.4.6), with the index of its memory if it has one."""
    align = reader.u32("an alignment")
    memory = reader.u32("a memory") if align & 0x40 else 0
    return MemArg(align & ~0x40, reader.u64("an offset"), memory)


_DECODERS: dict[str, Callable[[Reader], object]] = {
    "s32": Reader.s33,
    "s64": Reader.s64,
    "heaptype": decode_heap_type,
    "f32": lambda reader: reader.take(4),
    "f64": lambda reader: reader.take(8),
    "bytes16": lambda reader: reader.take(16),
    "lane": lambda reader: reader.byte("a lane"),
    "castflags": lambda reader: reader.byte("the flags of a cast"),
    "blocktype": decode_block_type,
    "catches": decode_catches,
    "memarg": decode_mem_arg,
    "labels": lambda reader: tuple(reader.u32("a label") for _ in range(reader.count("labels") + 1)),
    "valtypes": lambda reader: tuple(decode_val_type(reader) for _ in range(reader.count("types"))),
}


def decode_immediates(data: bytes | memoryview, instruction: Instruction) -> tuple[object, ...]:
    """Decode all immediates of an instruction."""
    opcode, start, end = instruction
    reader = Reader(data, start + 1, end)
    if opcode.prefix is not None:
        reader.u32("an opcode")
    return tuple(_DECODERS.get(kind, Reader.u32)(reader) for kind in opcode.immediates)


def encode(mnemonic: str, *immediates: int) -> bytes:
    """Encode an instruction whose immediates are indices, labels, or one signed constant."""
    opcode = BY_MNEMONIC[mnemonic]
    parts = [encode_opcode(opcode)]
    for kind, value in zip(opcode.immediates, immediates, strict=True):
        parts.append(encode_signed(value) if kind in ("s32", "s64", "heaptype") else encode_unsigned(value))
    return b"".join(parts)

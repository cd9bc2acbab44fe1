"""Encode decoded instructions again, each integer in as many bytes as it had: a second opinion on the decoder."""

from __future__ import annotations

from externref_build.wasm.body import decode_body
from externref_build.wasm.instructions import Catch, Instruction, MemArg, decode_immediates, iterate_instructions


def reencode_body(data: bytes | memoryview, start: int, end: int) -> bytes:
    """Encode a function body again; its locals, which have no encoder, are copied."""
    behind_locals = decode_body(data, start, end).locals_end
    instructions = iterate_instructions(data, behind_locals, end)
    return b"".join([data[start:behind_locals], *(reencode(data, instruction) for instruction in instructions)])


def reencode(data: bytes | memoryview, instruction: Instruction) -> bytes:
    """Encode an instruction from its opcode and decoded immediates, which are all that is taken from the decoder."""
    opcode, start, end = instruction
    source = bytes(data[start:end])
    written = bytearray((opcode.code if opcode.prefix is None else opcode.prefix,))

    def put(value: int, *, signed: bool = False) -> None:
        written.extend(_leb128(value, _width(source, len(written)), signed=signed))

    if opcode.prefix is not None:
        put(opcode.code)
    for kind, value in zip(opcode.immediates, decode_immediates(data, instruction), strict=True):
        if isinstance(value, bytes):
            written += value
        elif value is None:
            written += b"\x40"
        elif kind in ("lane", "castflags"):
            assert isinstance(value, int)
            written.append(value)
        elif isinstance(value, int):
            put(value, signed=kind in ("s32", "s64", "heaptype", "blocktype"))
        elif isinstance(value, MemArg):
            has_memory = source[len(written)] & 0x40
            put(value.align | has_memory)
            for index in (value.memory, value.offset) if has_memory else (value.offset,):
                put(index)
        else:
            assert isinstance(value, tuple)
            put(len(value) - (kind == "labels"))
            for item in value:
                if isinstance(item, bytes):
                    written += item
                elif isinstance(item, Catch):
                    written.append((0 if item.tag is not None else 2) + item.has_exnref)
                    for index in _indices(item):
                        put(index)
                else:
                    put(item)
    return bytes(written)


def _indices(clause: Catch) -> list[int]:
    return [clause.label] if clause.tag is None else [clause.tag, clause.label]


def _width(source: bytes, offset: int) -> int:
    width = 1
    while source[offset + width - 1] & 0x80:
        width += 1
    return width


def _leb128(value: int, width: int, *, signed: bool) -> bytes:
    encoded = bytearray()
    for position in range(width):
        last = position == width - 1
        encoded.append(value & 0x7F | (0 if last else 0x80))
        value >>= 7
    assert value == 0 or (signed and value == -1), "the value does not fit into the bytes that it was decoded from"
    return bytes(encoded)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from externref_build.errors import ExternrefBuildError, MalformedModuleError, ModuleError, UnsupportedFeatureError
from externref_build.wasm.assembler import assemble
from externref_build.wasm.instructions import (
    Catch,
    MemArg,
    decode_by_hand,
    decode_expr,
    decode_immediates,
    encode,
    encode_opcode,
    instruction_pattern,
    iterate_instructions,
)
from externref_build.wasm.opcodes import BY_MNEMONIC, OPCODES
from externref_build.wasm.types import EXTERNREF, I32, I64

DECODED = [
    ("10 05", "call", (5,)),
    ("10 85 80 80 80 00", "call", (5,)),
    ("12 ff ff ff ff 0f", "return_call", (0xFFFFFFFF,)),
    ("11 83 00 81 80 00", "call_indirect", (3, 1)),
    ("02 40", "block", (None,)),
    ("03 7f", "loop", (I32,)),
    ("04 6f", "if", (EXTERNREF,)),
    ("02 63 6e", "block", (b"\x63\x6e",)),
    ("02 64 80 01", "block", (b"\x64\x80\x01",)),
    ("02 05", "block", (5,)),
    ("02 c0 00", "block", (64,)),
    ("02 e4 00", "block", (100,)),
    ("02 ff ff ff ff 00", "block", (0xFFFFFFF,)),
    ("06 40", "try", (None,)),
    ("07 02", "catch", (2,)),
    ("18 01", "delegate", (1,)),
    ("0e 00 07", "br_table", ((7,),)),
    ("0e 02 00 81 00 03", "br_table", ((0, 1, 3),)),
    ("0e 82 00 00 01 03", "br_table", ((0, 1, 3),)),
    ("1b", "select", ()),
    ("1c 01 6f", "select", ((EXTERNREF,),)),
    ("1c 01 63 05", "select", ((b"\x63\x05",),)),
    ("1c 02 7f 7e", "select", ((I32, I64),)),
    ("1c 81 00 7f", "select", ((I32,),)),
    ("1f 40 00", "try_table", (None, ())),
    (
        "1f 6f 04 00 01 02 01 80 01 03 02 04 03 85 00",
        "try_table",
        (EXTERNREF, (Catch(1, False, 2), Catch(128, True, 3), Catch(None, False, 4), Catch(None, True, 5))),
    ),
    ("28 02 10", "i32.load", (MemArg(2, 16),)),
    ("28 82 80 80 80 00 90 80 80 80 00", "i32.load", (MemArg(2, 16),)),
    ("36 42 01 10", "i32.store", (MemArg(2, 16, 1),)),
    ("36 c2 00 81 00 10", "i32.store", (MemArg(2, 16, 1),)),
    ("29 03 ff ff ff ff ff ff ff ff ff 01", "i64.load", (MemArg(3, 0xFFFFFFFFFFFFFFFF),)),
    ("29 43 02 ff ff ff ff ff ff ff ff ff 01", "i64.load", (MemArg(3, 0xFFFFFFFFFFFFFFFF, 2),)),
    ("fd 54 40 01 08 0f", "v128.load8_lane", (MemArg(0, 8, 1), 15)),
    ("fd 58 00 08 0f", "v128.store8_lane", (MemArg(0, 8), 15)),
    ("41 7f", "i32.const", (-1,)),
    ("41 ff ff ff ff 7f", "i32.const", (-1,)),
    ("41 80 80 80 80 78", "i32.const", (-0x80000000,)),
    ("42 80 80 80 80 80 80 80 80 80 7f", "i64.const", (-0x8000000000000000,)),
    ("43 10 12 d2 0b", "f32.const", (bytes.fromhex("10 12 d2 0b"),)),
    ("44 10 00 10 01 10 02 10 03", "f64.const", (bytes.fromhex("10 00 10 01 10 02 10 03"),)),
    ("fd 0c 0a 0b 0c 0d 0e 0f 10 00 00 00 00 00 00 00 00 00", "v128.const", (bytes(range(10, 17)) + bytes(9),)),
    ("fd 8c 80 00" + "0b" * 16, "v128.const", (b"\x0b" * 16,)),
    ("fd 93 02", "i32x4.relaxed_dot_i8x16_i7x16_add_s", ()),
    ("d0 6f", "ref.null", (b"\x6f",)),
    ("d0 80 01", "ref.null", (b"\x80\x01",)),
    ("d0 62 0b", "ref.null", (b"\x62\x0b",)),
    ("d0 62 8b 01", "ref.null", (b"\x62\x8b\x01",)),
    ("02 64 62 0b", "block", (b"\x64\x62\x0b",)),
    ("06 63 62 90 10", "try", (b"\x63\x62\x90\x10",)),
    ("d2 80 01", "ref.func", (128,)),
    ("fb 19 03 00 62 0b 0b", "br_on_cast_fail", (3, 0, b"\x62\x0b", b"\x0b")),
    ("fb 18 03 00 6e 6d", "br_on_cast", (3, 0, b"\x6e", b"\x6d")),
    ("fc 08 01 00", "memory.init", (1, 0)),
    ("fc 0a 01 02", "memory.copy", (1, 2)),
    ("fc 11 80 01", "table.fill", (128,)),
    ("fe 03 00", "atomic.fence", (0,)),
]


@pytest.mark.parametrize(("encoded", "mnemonic", "immediates"), DECODED, ids=[case[0] for case in DECODED])
def test_decode(encoded: str, mnemonic: str, immediates: tuple[object, ...]) -> None:
    data = bytes.fromhex(encoded)
    # What follows must not be swallowed, whatever it is; and what stands before has no influence.
    for before, behind in (("", ""), ("41 05", "0b"), ("1a", "41 10"), ("0e 01 00 00", "0e 81 00 00 00")):
        first = bytes.fromhex(before)
        whole = first + data + bytes.fromhex(behind)
        decoded = list(iterate_instructions(b"\x10" + whole, 1, 1 + len(whole)))
        assert len(decoded) == bool(before) + 1 + bool(behind)
        instruction = decoded[bool(before)]
        opcode, start, end = instruction
        assert (opcode.mnemonic, start, end) == (mnemonic, 1 + len(first), 1 + len(first) + len(data))
        assert decode_immediates(b"\x10" + whole, instruction) == immediates
        assert decode_by_hand(whole, len(first), len(whole)) == (opcode, len(first) + len(data))


@pytest.mark.parametrize("count", [0, 1, 126, 127, 128, 129, 1000, 100_000])
def test_br_table_of_any_width(count: int) -> None:
    data = encode_opcode(BY_MNEMONIC["br_table"]) + _leb(count) + b"\x81\x00" * count + b"\x02" + b"\x0b"
    table, end = iterate_instructions(data, 0, len(data))
    assert decode_immediates(data, table) == ((1,) * count + (2,),)
    assert end == (BY_MNEMONIC["end"], len(data) - 1, len(data))


REFUSED = [
    ("ff", UnsupportedFeatureError, "unknown instruction 0xff", 0),
    ("01 01 c6", UnsupportedFeatureError, "unknown instruction 0xc6", 2),
    ("1a fd b2 02", UnsupportedFeatureError, "unknown instruction 0xfd 0x132", 1),
    ("fc 80 80 80 80 10", MalformedModuleError, "an opcode takes more than 32 bits", 1),
    ("fc 12", UnsupportedFeatureError, "unknown instruction 0xfc 0x12", 0),
    ("fb 1f", UnsupportedFeatureError, "unknown instruction 0xfb 0x1f", 0),
    ("fe 04", UnsupportedFeatureError, "unknown instruction 0xfe 0x04", 0),
    ("fe", MalformedModuleError, "unexpected end: expected an opcode", 1),
    ("1a 10", MalformedModuleError, "the immediates of `call` are cut off or too long", 1),
    ("1a 10 80 80 80 80 80 00", MalformedModuleError, "the immediates of `call` are cut off or too long", 1),
    ("28 02", MalformedModuleError, "the immediates of `i32.load` are cut off or too long", 0),
    ("28 42 00", MalformedModuleError, "the immediates of `i32.load` are cut off or too long", 0),
    ("44 00 00 00", MalformedModuleError, "the immediates of `f64.const` are cut off or too long", 0),
    ("0e 05 00 00", MalformedModuleError, "5 labels are announced where 2 bytes are left", 1),
    ("0e 01 00", MalformedModuleError, "the labels of `br_table` are cut off or too long", 3),
    ("0e ff ff ff ff 0f 00", MalformedModuleError, "4294967295 labels are announced where 1 bytes are left", 1),
    ("1c 02 7f", MalformedModuleError, "2 types are announced where 1 bytes are left", 1),
    ("1c 01 40", UnsupportedFeatureError, "unknown value type 0x40", 2),
    ("1f 40 01 04 00", UnsupportedFeatureError, "unknown kind of catch clause 4", 3),
    ("1f 40 03 00", MalformedModuleError, "3 catch clauses are announced where 1 bytes are left", 2),
    ("1f 40 01 00 01", MalformedModuleError, "unexpected end: expected a label", 5),
]


@pytest.mark.parametrize(("encoded", "error", "message", "offset"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused(encoded: str, error: type[ModuleError], message: str, offset: int) -> None:
    data = bytes.fromhex(encoded)
    with pytest.raises(error) as caught:
        list(iterate_instructions(bytes(100) + data + b"\x0b\x0b", 100, 100 + len(data)))
    assert caught.value.summary == message
    assert isinstance(caught.value, (MalformedModuleError, UnsupportedFeatureError))
    assert caught.value.offset == 100 + offset
    assert f"offset {100 + offset:#x}" in str(caught.value)


@given(st.binary(max_size=40), st.binary(max_size=10))
def test_decoding_covers_every_byte_or_fails(data: bytes, behind: bytes) -> None:
    """Instructions follow each other without gaps, whatever stands behind the range."""
    found = 0
    try:
        for opcode, start, end in iterate_instructions(data + behind, 0, len(data)):
            assert start == found < end <= len(data)
            assert data.startswith(encode_opcode(opcode)[:1], start)
            found = end
    except ExternrefBuildError:
        return
    assert found == len(data)


def test_expressions_end_where_their_blocks_are_closed() -> None:
    data = bytes.fromhex("02 40 04 7f 0b 0b 0b 41 01 0b")
    instructions, end = decode_expr(data, 0, len(data))
    assert [opcode.mnemonic for opcode, _, _ in instructions] == ["block", "if", "end", "end", "end"]
    assert end == 7
    with pytest.raises(MalformedModuleError, match="an expression has no end"):
        decode_expr(data, 0, 6)


def test_a_pattern_of_some_opcodes_matches_only_these() -> None:
    import re

    calls = [opcode for opcode in OPCODES.values() if opcode.mnemonic in ("call", "memory.fill", "i32x4.abs")]
    pattern = re.compile(instruction_pattern(calls), re.DOTALL)
    for opcode in OPCODES.values():
        data = encode_opcode(opcode) + bytes(20)
        assert bool(pattern.match(data)) == (opcode in calls), opcode.mnemonic


@pytest.mark.parametrize(
    ("mnemonic", "immediates", "encoded"),
    [
        ("call", (128,), "10 80 01"),
        ("i32.const", (-1,), "41 7f"),
        ("i32.const", (64,), "41 c0 00"),
        ("i64.const", (64,), "42 c0 00"),
        ("table.grow", (200,), "fc 0f c8 01"),
        ("i32x4.abs", (), "fd a0 01"),
        ("end", (), "0b"),
    ],
)
def test_encode(mnemonic: str, immediates: tuple[int, ...], encoded: str) -> None:
    assert encode(mnemonic, *immediates) == bytes.fromhex(encoded)


def test_assembler() -> None:
    text = """
        block externref         ;; a comment
          local.get $ref
          br_if 0
        end
        i32.const -65
        ref.null extern
        table.set $slots
    """
    body = assemble(text, {"$ref": 130, "$slots": 2}, (I32, I32, EXTERNREF, I32))
    assert body == bytes.fromhex("03 02 7f 01 6f 01 7f 02 6f 20 82 01 0d 00 0b 41 bf 7f d0 6f 26 02 0b")
    assert assemble("") == bytes.fromhex("00 0b")


def _leb(value: int) -> bytes:
    encoded = b""
    while value >= 0x80:
        encoded, value = encoded + bytes([value & 0x7F | 0x80]), value >> 7
    return encoded + bytes([value])

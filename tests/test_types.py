from __future__ import annotations

import pytest
from plugins import section

from externref_build.errors import MalformedModuleError, UnsupportedFeatureError
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.reader import Reader
from externref_build.wasm.types import (
    EXTERNREF,
    F32,
    F64,
    FUNCREF,
    I32,
    I64,
    V128,
    ArrayType,
    CompositeType,
    FuncType,
    StructType,
    decode_rec_type,
    decode_val_type,
    encode_func_type,
    format_val_type,
    skip_limits,
    skip_table_type,
)


@pytest.mark.parametrize(
    ("encoded", "spelled"),
    [
        ("7f", "i32"),
        ("7e", "i64"),
        ("7d", "f32"),
        ("7c", "f64"),
        ("7b", "v128"),
        ("70", "funcref"),
        ("6f", "externref"),
        ("6e", "anyref"),
        ("69", "exnref"),
        ("63 6f", "(ref null extern)"),
        ("64 70", "(ref func)"),
        ("64 6e", "(ref any)"),
        ("63 05", "(ref null 5)"),
        ("64 80 01", "(ref 128)"),
        ("64 62 05", "(ref (exact 5))"),
        ("63 62 80 01", "(ref null (exact 128))"),
    ],
)
def test_value_types(encoded: str, spelled: str) -> None:
    data = bytes.fromhex(encoded)
    reader = Reader(data + b"\x7f")
    val_type = decode_val_type(reader)
    assert val_type == data
    assert reader.offset == len(data)
    assert format_val_type(val_type) == spelled


@pytest.mark.parametrize(
    ("func_type", "encoded", "spelled"),
    [
        (FuncType(), "60 00 00", "[] -> []"),
        (FuncType((I32, EXTERNREF), (I64,)), "60 02 7f 6f 01 7e", "[i32 externref] -> [i64]"),
        (FuncType((), (F32, F64, V128, FUNCREF)), "60 00 04 7d 7c 7b 70", "[] -> [f32 f64 v128 funcref]"),
        (FuncType((b"\x64\x05",), (b"\x63\x6e",)), "60 01 64 05 01 63 6e", "[(ref 5)] -> [(ref null any)]"),
    ],
)
def test_function_types(func_type: FuncType, encoded: str, spelled: str) -> None:
    data = bytes.fromhex(encoded)
    assert encode_func_type(func_type) == data
    assert decode_rec_type(Reader(data)) == [func_type]
    assert str(func_type) == spelled


@pytest.mark.parametrize(
    ("encoded", "types"),
    [
        ("5f 02 7f 00 78 01", [StructType(2)]),
        ("5f 00", [StructType(0)]),
        ("5e 77 01", [ArrayType()]),
        ("5e 63 00 01", [ArrayType()]),
        ("50 00 60 00 00", [FuncType()]),
        ("4f 01 03 5f 01 7e 00", [StructType(1)]),
        ("4e 02 60 01 7f 00 50 01 00 5f 00", [FuncType((I32,)), StructType(0)]),
        ("4e 00", []),
        ("4d 01 5f 00", [StructType(0)]),
        ("50 00 4c 00 4d 80 02 5f 01 64 62 03 01", [StructType(1)]),
    ],
)
def test_composite_types(encoded: str, types: list[CompositeType]) -> None:
    reader = Reader(bytes.fromhex(encoded))
    assert decode_rec_type(reader) == types
    assert reader.at_end()


def test_only_types_that_stand_alone_are_shared() -> None:
    """A type in a recursive group, or with a supertype, differs from an equal one outside of it."""
    types = bytes.fromhex("054e 02 60 00 00 60 00 0050 00 60 01 7f 0060 00 0060 01 7f 0060 00 00")
    module = decode_module(b"\0asm\1\0\0\0" + section(1, types))
    assert [str(found) for found in module.types] == [
        "[] -> []",
        "[] -> []",
        "[i32] -> []",
        "[] -> []",
        "[i32] -> []",
        "[] -> []",
    ]
    assert module.plain_types == {FuncType(): 3, FuncType((I32,)): 4}


@pytest.mark.parametrize(
    ("encoded", "error", "message", "offset"),
    [
        ("60 01 40 00", UnsupportedFeatureError, "unknown value type 0x40", 2),
        ("61 00 00", UnsupportedFeatureError, "unknown kind of type 0x61", 0),
        ("50 00 61", UnsupportedFeatureError, "unknown kind of type 0x61", 2),
        ("60 05 7f 7f", MalformedModuleError, "5 parameters are announced where 2 bytes are left", 1),
        ("60 00 02 7f", MalformedModuleError, "2 results are announced where 1 bytes are left", 2),
        ("5f 01 7f 02", MalformedModuleError, "the mutability of a field is neither 0 nor 1", 3),
        ("5f 02 7f 00", MalformedModuleError, "2 fields are announced where 2 bytes are left", 1),
        ("4e 03 60", MalformedModuleError, "3 types of a recursive group are announced where 1 bytes are left", 1),
        ("", MalformedModuleError, "unexpected end: expected a type", 0),
    ],
)
def test_malformed_types(encoded: str, error: type[MalformedModuleError], message: str, offset: int) -> None:
    with pytest.raises(error) as caught:
        decode_rec_type(Reader(bytes.fromhex(encoded)))
    assert caught.value.summary == message
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    "encoded",
    [
        "00 01",
        "01 01 02",
        "03 01 80 02",
        "04 80 80 80 80 10",
        "07 00 80 80 80 80 80 01",
        "08 01 00",
        "0d 01 ff ff 03 10",
    ],
)
def test_limits_of_all_kinds_are_passed_over(encoded: str) -> None:
    data = bytes.fromhex(encoded)
    reader = Reader(data + b"\0")
    skip_limits(reader)
    assert reader.offset == len(data)
    reader = Reader(b"\x6f" + data + b"\0")
    skip_table_type(reader)
    assert reader.offset == 1 + len(data)


def test_unknown_limits() -> None:
    with pytest.raises(UnsupportedFeatureError, match=r"unknown flags 0x10 of limits"):
        skip_limits(Reader(b"\x10\x01"))

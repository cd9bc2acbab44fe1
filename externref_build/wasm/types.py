"""Types of WebAssembly (specification 5.3), kept in the form in which the binary format writes them.

A value type is its own encoding: ``b"\\x7f"`` is i32. That makes types comparable, hashable, and free to encode, and
carries the reference types of the GC proposal (a prefix and a heap type) without a class for each.
"""

import re
from typing import NamedTuple

from externref_build.errors import MalformedModuleError, UnsupportedFeatureError
from externref_build.wasm.leb128 import encode_unsigned
from externref_build.wasm.reader import Reader

ValType = bytes

I32: ValType = b"\x7f"
I64: ValType = b"\x7e"
F32: ValType = b"\x7d"
F64: ValType = b"\x7c"
V128: ValType = b"\x7b"
FUNCREF: ValType = b"\x70"
EXTERNREF: ValType = b"\x6f"

_NAMES = {
    I32: "i32",
    I64: "i64",
    F32: "f32",
    F64: "f64",
    V128: "v128",
    FUNCREF: "funcref",
    EXTERNREF: "externref",
    b"\x6e": "anyref",
    b"\x6d": "eqref",
    b"\x6c": "i31ref",
    b"\x6b": "structref",
    b"\x6a": "arrayref",
    b"\x69": "exnref",
    b"\x71": "nullref",
    b"\x72": "nullexternref",
    b"\x73": "nullfuncref",
    b"\x74": "nullexnref",
}
PACKED_TYPES = frozenset({0x78, 0x77})
"""i8 and i16, which only fields of structures and arrays have."""

SINGLE_BYTE_TYPES = frozenset(name[0] for name in _NAMES)
HEAP_TYPE_PREFIXES = frozenset({0x63, 0x64})
"""``(ref null ht)`` and ``(ref ht)``, each followed by a heap type."""
EXACT = 0x62
"""``(exact x)``, a heap type without its subtypes, followed by a type index (proposal custom-descriptors)."""


def format_val_type(val_type: ValType) -> str:
    """Spell a value type as the text format does."""
    if val_type in _NAMES:
        return _NAMES[val_type]
    if val_type[1] == EXACT:
        target = f"(exact {Reader(val_type, 2).u32()})"
    else:
        heap_type = Reader(val_type, 1).s33()
        target = str(heap_type) if heap_type >= 0 else _NAMES.get(bytes([heap_type & 0x7F]), "?").removesuffix("ref")
    return f"(ref {'null ' if val_type[0] == 0x63 else ''}{target})"


class FuncType(NamedTuple):
    """A function type (specification 5.3.6)."""

    params: tuple[ValType, ...] = ()
    results: tuple[ValType, ...] = ()

    def __str__(self) -> str:
        params = " ".join(map(format_val_type, self.params))
        results = " ".join(map(format_val_type, self.results))
        return f"[{params}] -> [{results}]"


class StructType(NamedTuple):
    """A structure type (specification 5.3.5), of which only the number of fields matters here."""

    field_count: int


class ArrayType(NamedTuple):
    """An array type (specification 5.3.5)."""


CompositeType = FuncType | StructType | ArrayType


def decode_val_type(reader: Reader) -> ValType:
    """Decode one value type (specification 5.3.4)."""
    start = reader.offset
    code = reader.byte("a value type")
    if code in SINGLE_BYTE_TYPES:
        return bytes((code,))
    if code in HEAP_TYPE_PREFIXES:
        return bytes((code,)) + decode_heap_type(reader)
    raise UnsupportedFeatureError(f"unknown value type {code:#04x}", start)


_INDEX = re.compile(b"[\x80-\xff]{0,3}[\x00-\x7f]").match
"""Finds the end of an integer that is not so long that it may be too large for an index."""


def decode_heap_type(reader: Reader) -> bytes:
    """Decode one heap type (specification 5.3.3), also an exact one."""
    data, start, end = reader.data, reader.offset, reader.end
    if start < end and data[start] == EXACT:
        reader.byte()
        reader.u32("a type")
    elif index := _INDEX(data, start, end):
        reader.offset = index.end()
    else:
        reader.s33("a heap type")
    return bytes(data[start : reader.offset])


def decode_func_type(reader: Reader) -> FuncType:
    """Decode one function type (specification 5.3.6): vectors of parameters, then results."""
    params = tuple(decode_val_type(reader) for _ in range(reader.count("parameters")))
    results = tuple(decode_val_type(reader) for _ in range(reader.count("results")))
    return FuncType(params, results)


def encode_func_type(func_type: FuncType) -> bytes:
    """Encode one function type with its leading ``0x60``."""
    return b"".join(
        (
            b"\x60",
            encode_unsigned(len(func_type.params)),
            *func_type.params,
            encode_unsigned(len(func_type.results)),
            *func_type.results,
        )
    )


def decode_rec_type(reader: Reader) -> list[CompositeType]:
    """Decode one entry of the type section (specification 5.3.8): a recursive group, or a type that is its own."""
    if reader.offset < reader.end and reader.data[reader.offset] == 0x4E:
        reader.byte()
        return [_decode_sub_type(reader) for _ in range(reader.count("types of a recursive group"))]
    return [_decode_sub_type(reader)]


_DESCRIPTOR_CLAUSES = (0x4C, 0x4D)
"""``(describes x)`` and ``(descriptor x)``, each followed by a type index (proposal custom-descriptors)."""


def _decode_sub_type(reader: Reader) -> CompositeType:
    start = reader.offset
    code = reader.byte("a type")
    if code in (0x50, 0x4F):
        for _ in range(reader.count("supertypes")):
            reader.u32("a supertype")
        start = reader.offset
        code = reader.byte("a type")
    for clause in _DESCRIPTOR_CLAUSES:
        if code == clause:
            reader.u32("a type")
            start = reader.offset
            code = reader.byte("a type")
    if code == 0x60:
        return decode_func_type(reader)
    if code == 0x5F:
        count = reader.count("fields", 2)
        for _ in range(count):
            _skip_field_type(reader)
        return StructType(count)
    if code == 0x5E:
        _skip_field_type(reader)
        return ArrayType()
    raise UnsupportedFeatureError(f"unknown kind of type {code:#04x}", start)


def _skip_field_type(reader: Reader) -> None:
    if reader.offset < reader.end and reader.data[reader.offset] in PACKED_TYPES:
        reader.byte()
    else:
        decode_val_type(reader)
    start = reader.offset
    if reader.byte("the mutability of a field") > 1:
        raise MalformedModuleError("the mutability of a field is neither 0 nor 1", start)


def skip_limits(reader: Reader) -> None:
    """Pass over the limits of a memory or table (specification 5.3.12), also shared, 64-bit and with a page size.

    The numbers are written as 64-bit integers whatever the index type, so that a 32-bit one may be padded.
    """
    flags = reader.byte("limits")
    if flags > 0x0F:
        raise UnsupportedFeatureError(f"unknown flags {flags:#04x} of limits", reader.offset - 1)
    reader.u64("a minimum")
    if flags & 1:
        reader.u64("a maximum")
    if flags & 8:
        reader.u32("a page size")


def skip_table_type(reader: Reader) -> None:
    """Pass over a table type (specification 5.3.14)."""
    decode_val_type(reader)
    skip_limits(reader)


def skip_global_type(reader: Reader) -> None:
    """Pass over a global type (specification 5.3.15)."""
    decode_val_type(reader)
    start = reader.offset
    if reader.byte("the mutability of a global") > 3:
        raise MalformedModuleError("the mutability of a global is neither 0 nor 1", start)

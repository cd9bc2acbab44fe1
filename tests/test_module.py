from __future__ import annotations

from collections.abc import Iterator

import pytest
import wasmtime
from plugins import leb128, section

from externref_build.errors import ExternrefBuildError, MalformedModuleError, UnsupportedFeatureError
from externref_build.wasm.body import decode_body
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.module import FUNC, GLOBAL, MEMORY, TABLE, TAG, Module
from externref_build.wasm.types import EXTERNREF, FUNCREF, I32, I64, FuncType

HEAD = b"\0asm\1\0\0\0"

EVERYTHING = """
(module
  (type $v (func))
  (type $i (func (param i32) (result i32)))
  (type $s (struct))
  (import "a" "f" (func $imported (type $i)))
  (import "a" "t" (table 1 funcref))
  (import "b" "m" (memory 1))
  (import "b" "g" (global $ig funcref))
  (import "b" "g2" (global (mut i64)))
  (import "b" "e" (tag (param i64)))
  (import "a" "f" (func $again (type $v)))
  (table 1 funcref)
  (table 2 (ref func) (ref.func $second))
  (memory 1 2)
  (tag (type $v))
  (global funcref (ref.func $first))
  (global (mut i32) (i32.add (i32.const 1) (i32.const 2)))
  (export "run" (func $first))
  (export "" (memory 0))
  (export "e" (tag 1))
  (start $second)
  (elem (i32.const 0) $imported $first)
  (elem func $again)
  (elem declare func $second)
  (elem (table 1) (offset (i32.const 1)) func $first)
  (elem (i32.const 0) funcref (ref.func $again) (ref.null func))
  (elem funcref (ref.func $imported) (global.get $ig))
  (elem (table 1) (offset (i32.const 0)) funcref (ref.func $second))
  (elem declare funcref (ref.func $first))
  (func $first (type $v) (local i32 i32 i64) nop)
  (func $second (type $v)))
"""


@pytest.fixture(scope="module")
def everything() -> Module:
    return decode_module(bytes(wasmtime.wat2wasm(EVERYTHING)))


def test_index_spaces(everything: Module) -> None:
    assert [str(func_type) for func_type in everything.types[:2]] == ["[] -> []", "[i32] -> [i32]"]
    assert [(entry.module, entry.name, entry.kind) for entry in everything.imports] == [
        ("a", "f", FUNC),
        ("a", "t", TABLE),
        ("b", "m", MEMORY),
        ("b", "g", GLOBAL),
        ("b", "g2", GLOBAL),
        ("b", "e", TAG),
        ("a", "f", FUNC),
    ]
    assert everything.func_count == 4
    assert [everything.func_type(func) for func in range(4)] == [FuncType((I32,), (I32,)), *[FuncType()] * 3]
    assert [everything.count(kind) for kind in (TABLE, MEMORY, GLOBAL, TAG)] == [3, 2, 4, 2]
    assert everything.tag_types() == (FuncType((I64,)), FuncType())
    assert [(export.name, export.kind, export.index) for export in everything.exports] == [
        ("run", FUNC, 2),
        ("", MEMORY, 0),
        ("e", TAG, 1),
    ]
    start = everything.start_site()
    assert start
    assert start.value == 3


TABLES = """
(module
  (import "a" "t" (table $imported 1 externref))
  (table $given 1 (ref null extern) (ref.null extern))
  (table $funcs 1 (ref null func) (ref.null func))
  (table $plain 1 externref)
  (export "z" (table $plain))
  (export "funcs" (table $funcs))
  (export "a" (table $given))
  (export "imported" (table $imported)))
"""


def test_exported_tables() -> None:
    module = decode_module(bytes(wasmtime.wat2wasm(TABLES)))
    assert list(module.exported_tables(EXTERNREF)) == ["z", "a", "imported"]
    assert list(module.exported_tables(FUNCREF)) == ["funcs"]


def test_an_export_of_a_table_that_there_is_not() -> None:
    module = decode_module(HEAD + section(7, b"\x01\x01t\x01\x05"))
    with pytest.raises(MalformedModuleError, match="table 5 of 0") as caught:
        list(module.exported_tables(EXTERNREF))
    assert caught.value.offset == 14


def test_every_place_that_names_a_function_is_found(everything: Module) -> None:
    sites = list(everything.func_index_sites())
    assert [site.value for site in sites] == [3, 2, 0, 2, 1, 3, 2, 1, 0, 3, 2]
    for site in sites:
        assert everything.data[site.start : site.end] == leb128(site.value)


def test_places_in_many_long_expressions_are_found() -> None:
    """Compilers of languages with classes write tables of methods as constants."""
    constants = """
        (i64.add (i64.mul (i64.const -0x123456789abcdef) (i64.const 210)) (i64.sub (i64.const 11) (global.get 1)))
        (f32.const 0x1.a416p+1) (f64.const 0x1.a4160bd2p+1) (v128.const i8x16 210 0 11 1 2 210 3 11 0 0 0 0 0 0 210 2)
        (ref.func $second) (ref.i31 (i32.const 210)) (ref.null $table) (extern.convert_any (ref.null any))
        (array.new_fixed $funcs 3 (ref.func $first) (ref.null func) (ref.func $second))
    """
    one = f"(global (ref $table) (struct.new $table (ref.func $first) {constants}))"
    text = f"""
        (module
          (type $funcs (array funcref))
          (type $table (struct
            (field funcref i64 f32 f64 v128 funcref i31ref (ref null $table) externref (ref $funcs))))
          (global i32 (i32.const 0)) (global i64 (i64.const 0))
          {one * 30}
          (elem (ref null func) {"(ref.func $second) (ref.null func) " * 1000} (ref.func $first))
          (func $first) (func $second))
    """
    module = decode_module(bytes(wasmtime.wat2wasm(text)))
    sites = list(module.func_index_sites())
    assert [site.value for site in sites] == [0, 1, 0, 1] * 30 + [1] * 1000 + [0]
    assert all(module.data[site.start - 1 : site.end] == bytes((0xD2, site.value)) for site in sites)
    assert [site.value for site in module.func_index_sites({0})] == [0] * 61


def test_bodies(everything: Module) -> None:
    first = decode_body(everything.data, *everything.body(2))
    assert first.groups == ((2, I32), (1, I64))
    assert (first.groups, first.local_count) == (((2, I32), (1, I64)), 3)
    assert bytes(everything.data[first.locals_end : first.end]) == b"\x01\x0b"
    start, end = everything.body(3)
    assert bytes(everything.data[start:end]) == b"\x00\x0b"


def test_padded_type_indices() -> None:
    """A linker may pad them, which leaves no fixed place for the type of a function."""
    types = section(1, b"\x02\x60\0\0\x60\x01\x7f\0")
    code = section(10, b"\x03" + b"\x02\0\x0b" * 3)
    for encoded in (b"\x03\x00\x81\x80\x00\x01", b"\x83\x80\x00\x80\x00\x81\x00\x01"):
        module = decode_module(HEAD + types + section(3, encoded) + code)
        assert list(module.func_type_indices) == [0, 1, 1]
        for local, index in enumerate((0, 1, 1)):
            site = module.type_index_site(local)
            assert site.value == index
            assert int.from_bytes(module.data[site.start : site.start + 1], "little") & 0x7F == index
            assert site.end == site.start + len(bytes(module.data[site.start : site.end]))
        assert module.type_index_site(2).end == module.sections[1].end


@pytest.mark.parametrize("indices", [[3, 200, 7, 255, 0], [3, 200, 256, 0, 127, 16_383, 16_384, 19_999, 1]])
def test_type_indices_of_any_width(indices: list[int]) -> None:
    types = section(1, leb128(20_000) + b"\x60\0\0" * 20_000)
    code = section(10, leb128(len(indices)) + b"\x02\0\x0b" * len(indices))
    module = decode_module(HEAD + types + section(3, leb128(len(indices)) + b"".join(map(leb128, indices))) + code)
    assert list(module.func_type_indices) == indices
    for local, index in enumerate(indices):
        site = module.type_index_site(local)
        assert bytes(module.data[site.start : site.end]) == leb128(index)


TYPES = section(1, b"\x02\x60\0\0\x5f\0")
ONE = TYPES + section(3, b"\x01\0")
BODY = section(10, b"\x01\x02\0\x0b")

MALFORMED = [
    ("types: count", section(1, b"\x7f\x60\0\0"), "127 types are announced where 3 bytes are left", 10),
    ("types: left over", section(1, b"\x01\x60\0\0\0"), "1 bytes are left over behind the types", 14),
    ("types: cut off", section(1, b"\x02\x60\0\0\x60"), "2 types are announced|unexpected end", None),
    ("imports: count", section(2, b"\x02\1a\1b\0\0"), "2 imports are announced where 6 bytes are left", 10),
    ("imports: name", section(2, b"\x01\1a\1\xff\0\0"), "the name of an import is not UTF-8", 14),
    ("imports: type", TYPES + section(2, b"\x01\1a\1b\0\x09"), "type 9 of 2", 24),
    ("imports: no function type", TYPES + section(2, b"\x01\1a\1b\0\x01"), "type 1 is not a function type", 24),
    ("imports: left over", section(2, b"\x00\0"), "1 bytes are left over behind the imports", 11),
    ("functions: count", TYPES + section(3, b"\x05\0"), "5 functions are announced where 1 bytes are left", 18),
    ("functions: left over", TYPES + section(3, b"\x01\0\0") + BODY, "1 bytes are left over behind the functions", 20),
    ("functions without code", ONE, "0 function bodies for 1 functions", 20),
    ("code without functions", BODY, "1 function bodies for 0 functions", 10),
    ("exports: function", ONE + section(7, b"\x01\1a\0\x01") + BODY, "function 1 of 1", 26),
    ("exports: count", section(7, b"\x09\1a\0\0"), "9 exports are announced where 4 bytes are left", 10),
    ("exports: left over", section(7, b"\x00\0"), "1 bytes are left over behind the exports", 11),
    ("code: count", ONE + section(10, b"\x02\x02\0\x0b"), "2 function bodies are announced where 3 bytes", 22),
    ("code: size", ONE + section(10, b"\x01\x05\0\x0b"), "a function body of 5 bytes where 2 are left", 23),
    ("code: left over", ONE + section(10, b"\x01\x02\0\x0b\0"), "1 bytes are left over behind the function bodies", 26),
]


@pytest.mark.parametrize(
    ("sections", "message", "offset"), [case[1:] for case in MALFORMED], ids=[c[0] for c in MALFORMED]
)
def test_malformed(sections: bytes, message: str, offset: int | None) -> None:
    with pytest.raises(MalformedModuleError, match=message) as caught:
        decode_module(HEAD + sections)
    assert offset is None or caught.value.offset == offset


UNSUPPORTED = [
    ("import", section(2, b"\x01\1a\1b\x09\0"), "unknown kind 9 of import", 15),
    ("export", section(7, b"\x01\1a\x09\0"), "unknown kind 9 of export", 13),
    ("table", section(2, b"\x01\1a\1b\x01\x6f\x40\0"), "unknown flags 0x40 of limits", 17),
]


@pytest.mark.parametrize(
    ("sections", "message", "offset"), [case[1:] for case in UNSUPPORTED], ids=[c[0] for c in UNSUPPORTED]
)
def test_unsupported(sections: bytes, message: str, offset: int) -> None:
    with pytest.raises(UnsupportedFeatureError, match=message) as caught:
        decode_module(HEAD + sections)
    assert caught.value.offset == offset


def _damaged_sites() -> Iterator[tuple[str, bytes, str]]:
    yield "tables cut off", section(4, b"\x02\x40\0\x70\0\0\xd0\x70\x0b"), "unexpected end"
    yield "table without end", section(4, b"\x01\x40\0\x70\0\0\xd0\x70"), "an expression has no end"
    yield "globals cut off", section(6, b"\x02\x7f\0\x41\0\x01\x01\x01\x0b"), "unexpected end"
    yield "mutability", section(6, b"\x01\x7f\x05\x41\0\x0b"), "the mutability of a global is neither 0 nor 1"
    yield "elements", section(9, b"\x01\0\x41\0\x0b\x09\0"), "9 elements are announced where 1 bytes are left"
    yield "flags of elements", section(9, b"\x01\x08\0\0\0\0"), "unknown flags 0x8 of an element segment"
    yield "kind of elements", section(9, b"\x01\x01\x05\x01\0"), "unknown kind of an element segment"
    yield "segments", section(9, b"\x09\x01\0\0"), "9 element segments are announced where 3 bytes are left"


@pytest.mark.parametrize(
    ("sections", "message"), [case[1:] for case in _damaged_sites()], ids=[c[0] for c in _damaged_sites()]
)
def test_damaged_tables_globals_and_elements(sections: bytes, message: str) -> None:
    module = decode_module(HEAD + sections)
    with pytest.raises(ExternrefBuildError, match=message):
        list(module.func_index_sites())


def test_damaged_bodies() -> None:
    with pytest.raises(MalformedModuleError, match="200 groups of locals are announced"):
        decode_body(b"\xc8\x01\x01\x7f\x0b", 0, 5)
    with pytest.raises(MalformedModuleError, match="more than 4294967295 locals"):
        decode_body(b"\x02\xff\xff\xff\xff\x0f\x7f\x01\x7f\x0b", 0, 10)

"""Modules whose imports stand in groups, of which one names its module, or also its type, only once."""

from __future__ import annotations

import pytest
import wasmtime
from compact_imports import ENCODINGS, compact
from plugins import ENGINE, SURROGATES, HostFunctions, Processed, assemble, leb128, process_demoted, section

from externref_build import Processor, process
from externref_build.errors import MalformedModuleError, MetadataError, UnsupportedFeatureError
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.module import FUNC, GLOBAL, ONE_MODULE, ONE_TYPE, TAG, Module
from externref_build.wasm.sections import IMPORT
from externref_build.wasm.types import EXTERNREF, I32, I64, FuncType

HEAD = b"\0asm\1\0\0\0"
HOOK = ("host", "dropped")

encodings = pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)

EVERY_KIND = """
(module
  (import "a" "f" (func (param i32) (result i32)))
  (import "a" "g" (func (param i32) (result i32)))
  (import "a" "table" (table 1 funcref))
  (import "b" "memory" (memory 1))
  (import "b" "global" (global funcref))
  (import "b" "other" (global funcref))
  (import "b" "tag" (tag (param i64)))
  (import "b" "thrown" (tag (param i64)))
  (import "b" "f" (func))
  (export "e" (tag 1)))
"""

MANY = f"""
;; declare import host.make: -> r
;; declare import host.use: r
;; declare import host.swap: r r -> r
;; declare import other.use: r
;; declare export run: r -> r
(module {SURROGATES}
  (import "host" "make" (func $make (result i32)))
  (import "host" "count" (func $count (result i32)))
  (import "host" "use" (func $use (param i32)))
  (import "host" "note" (func $note (param i32)))
  (import "other" "use" (func $again (param i32)))
  (import "other" "swap" (func $swap_numbers (param i32 i32) (result i32)))
  (import "host" "swap" (func $swap (param i32 i32) (result i32)))
  (import "externref" "get" (func $got (param i32) (result i32)))
  (table funcref (elem $note $use $count))
  (func (export "run") (param $thing i32) (result i32)
    (local $slot i32)
    (local.set $slot (call $insert (local.get $thing)))
    (call $note (call $count))
    (call_indirect (param i32) (i32.const 7) (i32.const 0))
    (call $use (call $make))
    (call $again (call $get (local.get $slot)))
    (call $note (call $swap_numbers (i32.const 1) (i32.const 2)))
    (call $swap (call $make) (call $got (local.get $slot)))
    (call $drop (local.get $slot)))
)
"""


def flat(module: Module) -> list[tuple[str, str, int, bytes]]:
    """List the imports, whichever way they are written; types as the bytes that stand for them."""
    return [
        (entry.module, entry.name, entry.kind, bytes(module.data[entry.type_start : entry.type_end]))
        for entry in module.imports
    ]


def other_sections(module: Module) -> list[bytes]:
    return [bytes(module.data[found.start : found.end]) for found in module.sections if found.id != IMPORT]


@encodings
def test_groups_are_read_like_the_imports_that_they_stand_for(encoding: int) -> None:
    data = assemble(EVERY_KIND)
    before, after = decode_module(data), decode_module(compact(data, encoding))
    wasmtime.Module.validate(ENGINE, bytes(after.data))
    assert after.import_groups
    assert flat(after) == flat(before)
    assert [entry.kind for entry in after.func_imports] == [FUNC] * 3
    assert after.tag_types() == before.tag_types() == (FuncType((I64,)), FuncType((I64,)))
    assert after.count(GLOBAL) == after.count(TAG) == 2


@encodings
def test_an_untouched_module_keeps_its_groups(encoding: int) -> None:
    data = compact(assemble(EVERY_KIND), encoding)
    assert process(data) == data


@encodings
@pytest.mark.parametrize("hook", [None, HOOK])
def test_a_module_is_processed_as_if_its_imports_stood_alone(encoding: int, hook: tuple[str, str] | None) -> None:
    data = assemble(MANY)
    expected = decode_module(process(data, drop_hook=hook))
    found = decode_module(process(compact(data, encoding), drop_hook=hook))
    wasmtime.Module.validate(ENGINE, bytes(found.data))
    assert found.import_groups
    assert flat(found) == flat(expected)
    assert other_sections(found) == other_sections(expected)


@encodings
@pytest.mark.parametrize("is_demoted", [False, True])
def test_a_processed_module_runs(encoding: int, is_demoted: bool) -> None:
    data = compact(assemble(MANY), encoding)
    log: list[object] = []

    def swap(first: object, second: object) -> object:
        log.append(first)
        return second

    functions: HostFunctions = {
        "host.make": lambda: "made",
        "host.count": lambda: 3,
        "host.use": log.append,
        "host.note": log.append,
        "other.use": log.append,
        "other.swap": lambda first, second: first + second,
        "host.swap": swap,
        "host.dropped": lambda thing: log.append(f"{thing} dropped"),
    }
    output = process_demoted(data, hook=HOOK)[0] if is_demoted else process(data, drop_hook=HOOK, require_direct=True)
    assert Processed(output, functions).call("run", "thing") == "thing"
    assert log == [3, 7, "made", "thing", 3, "made", "thing dropped"]


@encodings
def test_groups_without_surrogates_keep_their_bytes(encoding: int) -> None:
    """Only the group in which a function changes is written anew."""
    names = ("first", "second", "third")
    plain = "".join(f'(import "a module" "{name}" (func (param i32)))' for name in names)
    text = f'(module {plain} {SURROGATES} (func (export "run") (call 1 (call $get (i32.const -1)))))'
    data = compact(assemble(text), encoding)
    module, output = decode_module(data), decode_module(process(data))
    group, [kept] = module.import_groups[0], output.import_groups
    assert output.data[kept.start : kept.end] == module.data[group.start : group.end]
    assert [entry.name for entry in output.imports] == list(names)


def test_the_report_names_imports_of_groups() -> None:
    processor = Processor()
    processor.process(compact(assemble(MANY), ONE_TYPE))
    assert processor.report
    declared = {(found.module, found.name, found.params, found.results) for found in processor.report.imports}
    assert declared == {
        ("host", "make", (), (True,)),
        ("host", "use", (True,), ()),
        ("host", "swap", (True, True), (True,)),
        ("other", "use", (True,), ()),
    }


def imports(*entries: bytes, count: int | None = None) -> bytes:
    types = section(1, b"\x02\x60\x01\x7f\x01\x7f\x60\0\0")
    return HEAD + types + section(2, leb128(len(entries) if count is None else count) + b"".join(entries))


def test_group_of_no_imports_and_padded_empty_names() -> None:
    """The official tests accept both: no member, and an empty name whose length has more bytes than it needs."""
    data = imports(b"\1a\x80\x80\0\x7f\0", b"\1b\x80\0\x7e\0\1\x80\0", b"\1c\0\0\1", b"\1d\0\x7e\0\0\2\1x\1y")
    wasmtime.Module.validate(ENGINE, data)
    module = decode_module(data)
    assert [(entry.module, entry.name, entry.type_index) for entry in module.imports] == [
        ("c", "", 1),
        ("d", "x", 0),
        ("d", "y", 0),
    ]
    assert process(data) == data


def test_a_group_of_surrogates_alone_vanishes() -> None:
    data = imports(b"\x09externref\0\x7e\0\0\2\3get\6insert", b"\1c\1f\0\1")
    assert [entry.module for entry in decode_module(process(data)).imports] == ["c"]
    assert decode_module(process(data)).import_groups == ()


def test_a_function_of_a_group_can_be_declared_and_get_a_new_type() -> None:
    data = assemble(MANY)
    output = decode_module(process(compact(data, ONE_TYPE)))
    types = {entry.name: output.func_type(index) for index, entry in enumerate(output.func_imports)}
    assert (types["make"], types["count"]) == (FuncType((), (EXTERNREF,)), FuncType((), (I32,)))


REFUSED = [
    (
        "count",
        imports(b"\1a\0\x7f\x20\1b\0\0"),
        MalformedModuleError,
        "32 imports are announced where 4 bytes are left",
    ),
    ("names", imports(b"\1a\0\x7e\0\0\x20\1b\1c"), MalformedModuleError, "32 imports are announced where 4 bytes"),
    (
        "cut off",
        imports(b"\1a\0\x7f\2\1b\0\0\1c\0"),
        MalformedModuleError,
        "unexpected end: expected the type of a fun",
    ),
    ("left over", imports(b"\1a\0\x7e\0\0\1\1b\0"), MalformedModuleError, "1 bytes are left over behind the imports"),
    ("type", imports(b"\1a\0\x7e\0\x09\1\1b"), MalformedModuleError, "type 9 of 2"),
    ("name", imports(b"\1a\1b\x7f\1\1b\0\0"), UnsupportedFeatureError, "unknown kind 127 of import"),
    ("name of types", imports(b"\1a\1b\x7e\0\0\1\1b"), UnsupportedFeatureError, "unknown kind 126 of import"),
    ("padded kind", imports(b"\1a\0\xff\0\1\1b\0\0"), UnsupportedFeatureError, "unknown kind 255 of import"),
    ("group in a group", imports(b"\1a\0\x7f\1\0\x7f\0\0"), UnsupportedFeatureError, "unknown kind 127 of import"),
    ("kind of types", imports(b"\1a\0\x7e\x7e\0\1\1b"), UnsupportedFeatureError, "unknown kind 126 of import"),
    ("surrogate", imports(b"\x09externref\0\x7e\0\1\2\3get\5guard"), MetadataError, r"type \[\] -> \[\], where"),
]


@pytest.mark.parametrize(("data", "error", "message"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED])
def test_refused(data: bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        process(data)


@pytest.mark.parametrize("data", [case[1] for case in REFUSED[:-1]], ids=[case[0] for case in REFUSED[:-1]])
def test_what_is_refused_is_not_valid(data: bytes) -> None:
    with pytest.raises(wasmtime.WasmtimeError):
        wasmtime.Module.validate(ENGINE, data)


def test_long_module_names_of_groups_are_not_repeated() -> None:
    """Written out flat, this module of 300 KB would take 2.5 GB."""
    names = b"".join(leb128(len(str(number))) + str(number).encode() + b"\0\0" for number in range(50_000))
    origin = b"m" * 50_000
    group = leb128(len(origin)) + origin + b"\0" + bytes((ONE_MODULE,)) + leb128(50_000) + names
    data = imports(group, b"\x09externref\3get\0\0")
    record = len(origin).to_bytes(4, "little") + origin + b"\1\0\0\0" + b"7" + b"\2\0\0\0\1"
    custom = section(0, b"\x0c__externrefs" + record)
    assert len(process(data + custom)) < len(data) + 1000

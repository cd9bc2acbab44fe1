"""What processing does to the module around the guest's code, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import wasmtime
from plugins import (
    ENGINE,
    SURROGATES,
    Processed,
    assemble,
    bodies_of,
    custom_contents,
    custom_section,
    encode_features,
    leb128,
    process_demoted,
    replace_bodies,
)

from externref_build import Processor, __version__, process
from externref_build.errors import DebugInfoError, MalformedModuleError, UnsupportedFeatureError
from externref_build.metadata import RECORDS_SECTION, Record, encode_record
from externref_build.wasm.body import decode_body
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.instructions import decode_immediates, iterate_instructions
from externref_build.wasm.names import decode_name_at, locate_func_names
from externref_build.wasm.reader import Reader
from externref_build.wasm.types import EXTERNREF, I32, FuncType

HEAD = b"\0asm\1\0\0\0"

ECHO = f"""
;; declare import host.echo: r -> r
;; declare export run: r -> r
(module {SURROGATES}
  (import "host" "echo" (func $echo (param i32) (result i32)))
  (func $run (export "run") (param $thing i32) (result i32)
    (local $slot i32)
    call $guard
    (local.set $slot (call $insert (local.get $thing)))
    (local.set $thing (i32.const 7))
    (local.set $slot (i32.add (local.get $slot) (i32.sub (local.get $thing) (i32.const 7))))
    (call $echo (call $get (local.get $slot)))
    (call $drop (local.get $slot)))
  (func $other (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
)
"""


class Thing:
    """A host object, equal only to itself."""


def run_echo(module: bytes) -> None:
    """Run the guest `ECHO`."""
    thing = Thing()
    assert Processed(module, {"host.echo": lambda it: it, "host.dropped": lambda it: None}).call("run", thing) is thing


# Modules that are left alone

UNTOUCHED = {
    "no sections": "(module)",
    "no surrogates": '(module (func (export "first") (param i32 i32) (result i32) (local.get 0)))',
    "real references": '(module (table (export "externrefs") 1 externref) (func (param externref)))',
    "another externref": '(module (import "host" "insert" (func (param i32) (result i32))))',
    "custom sections": '(module (@custom "producers" "\\ff") (@custom "target_features" "\\ff") (@custom "x" "\\00"))',
    "damaged names": '(module (@custom "name" "\\ff\\ff\\ff") (func))',
}


@pytest.mark.parametrize("text", UNTOUCHED.values(), ids=UNTOUCHED)
def test_a_module_that_declares_nothing_comes_back_as_it_is(text: str) -> None:
    module = assemble(text)
    processor = Processor(require_direct=True, drop_hook=("host", "dropped"))
    for data in (module, memoryview(module)):
        output = processor.process(data)
        assert type(output) is bytes
        assert output == module
        assert processor.report
        assert not processor.report.changed
        assert processor.report.functions == ()
        assert processor.report.table is None
        assert processor.report.drop_hook is None
        assert (processor.report.input_size, processor.report.output_size) == (len(module), len(module))


def test_a_processed_module_comes_back_as_it_is() -> None:
    once = process(assemble(ECHO))
    assert process(once) == once


def test_padded_sizes_of_an_untouched_module_stay() -> None:
    module = HEAD + b"\x01\x86\x80\x80\x00\x81\x80\x00\x60\0\0"
    assert process(module) == module


# Indices

OTHER_SECTIONS = f"""
;; declare import host.use: r
(module {SURROGATES}
  (type $pair (func (param i32 i32)))
  (import "host" "memory" (memory 1))
  (import "host" "use" (func $use (param i32)))
  (import "host" "table" (table 1 funcref))
  (import "host" "global" (global (mut i64)))
  (memory $second 2)
  (table $externals 3 externref)
  (global $g i64 (i64.const 5))
  (tag $t (param i64))
  (export "memory" (memory $second))
  (export "table" (table $externals))
  (export "global" (global $g))
  (export "tag" (tag $t))
  (export "untouched" (func $untouched))
  (func $run (export "run") (param i32) (call $use (call $get (local.get 0))))
  (func $untouched (param i32 i32) (result v128)
    (memory.copy $second 0 (local.get 0) (local.get 1) (i32.const 0x10101010))
    (call $untouched (local.get 0) (local.get 1)) drop
    (i64.store $second (i32.const 0) (i64.const 0x1000120000d2))
    (v128.const i64x2 0x0012001000120010 0x1000100010001000))
  (data (memory $second) (i32.const 0) "\\10\\00\\12\\01")
)
"""


def test_only_function_indices_of_imports_change() -> None:
    data = assemble(OTHER_SECTIONS)
    output = process(data, drop_hook=("host", "dropped"))
    before, after = decode_module(data), decode_module(output)
    kept = [(entry.module, entry.name) for entry in before.imports if entry.module != "externref"]
    assert sorted((entry.module, entry.name) for entry in after.imports) == sorted([*kept, ("host", "dropped")])
    assert [entry.name for entry in after.imports if entry.kind] == ["memory", "table", "global"]
    assert [entry.name for entry in after.func_imports] == ["use", "dropped"]
    assert after.func_type(0) == FuncType((EXTERNREF,))
    assert [(entry.name, entry.kind, entry.index) for entry in after.exports] == [
        *[(entry.name, entry.kind, entry.index) for entry in before.exports],
        ("externrefs", 1, 2),
    ]
    assert bodies_of(bytes(after.data))[-1] == bodies_of(bytes(before.data))[-1], (
        "a body that needs no change was touched"
    )
    for section_id in (5, 11, 12, 13):
        assert section_bytes(output, section_id) == section_bytes(data, section_id)
    wasmtime.Module.validate(ENGINE, output)


def test_as_many_imports_move_as_surrogates_stood_before_them() -> None:
    """The last ones take the places of surrogates, so that calls of all others stay as they are."""
    imports = "".join(f'(import "host" "f{index}" (func $f{index} (param $p i32)))' for index in range(2, 8))
    text = f"""(module
        (import "externref" "get" (func $get (param i32) (result i32)))
        (import "externref" "drop" (func $drop (param i32)))
        {imports}
        (func (export "run") (param i32)
            {"".join(f"(call $f{index} (i32.const {index}))" for index in range(2, 8))}
            (drop (call $get (local.get 0))) (call $drop (local.get 0)))
    )"""
    output = process(assemble(text))
    module = decode_module(output)
    expected = ["f6", "f7", "f2", "f3", "f4", "f5"]
    assert [entry.name for entry in module.func_imports] == expected
    assert list(names_of(output).items())[:6] == list(enumerate(expected))
    assert list(local_names(output)) == list(range(6))
    called: list[tuple[int, int]] = []
    hosts = {f"host.f{index}": lambda value, index=index: called.append((index, value)) for index in range(2, 8)}
    Processed(output, hosts).call("run", -1)
    assert called == [(index, index) for index in range(2, 8)]


def test_local_functions_keep_their_indices() -> None:
    for hook in (None, ("host", "dropped")):
        data = assemble(ECHO)
        before, after = decode_module(data), decode_module(process(data, drop_hook=hook))
        [run] = [export.index for export in before.exports]
        assert [export.index for export in after.exports if export.name == "run"] == [run]
        assert bodies_of(bytes(after.data))[-1] == bodies_of(bytes(before.data))[-1]
        assert after.func_count == before.func_count
        assert len(after.func_imports) == 1 + bool(hook)


@pytest.mark.parametrize("names", [["get"], ["drop"], ["guard"], ["take", "insert"], ["drop", "drop", "drop"]])
@pytest.mark.parametrize("hook", [None, ("host", "dropped")])
def test_any_subset_of_surrogates(names: list[str], hook: tuple[str, str] | None) -> None:
    types = {"get": "(param i32) (result i32)", "drop": "(param i32)", "guard": ""}
    imports = "".join(f'(import "externref" "{name}" (func {types.get(name, types["get"])}))' for name in names)
    data = assemble(f'(module {imports} (func (export "f") (result i32) (i32.const 5)))')
    processor = Processor(drop_hook=hook)
    output = processor.process(data)
    expected = hook if "drop" in names else None
    assert processor.report
    assert processor.report.drop_hook == expected
    assert [(entry.module, entry.name) for entry in decode_module(output).imports] == ([expected] if expected else [])
    plugin = Processed(output, {"host.dropped": lambda thing: None})
    assert plugin.call("f") == 5
    assert plugin.slots() == []


def test_an_index_that_no_longer_fits_lets_its_body_grow() -> None:
    """Adapters have the highest indices: with 200 functions before them, these take two bytes where one was."""
    padding = "(func)" * 200
    text = f"""
    ;; declare import host.echo: r -> r
    ;; declare export run: r -> r
    (module
      (import "host" "echo" (func $echo (param i32) (result i32)))
      (func $run (export "run") (param i32) (result i32)
        {"(nop)" * 99}
        {"(local.set 0 (call $echo (local.get 0)))" * 4}
        (local.get 0))
      {padding})
    """
    output, report = process_demoted(assemble(text))
    assert [found.lowering for found in report.functions] == ["adapter"]
    before, after = decode_module(assemble(text)), decode_module(output)
    assert len(bodies_of(bytes(before.data))[0]) == 0x7F
    assert len(bodies_of(bytes(after.data))[report.functions[0].index - len(after.func_imports)]) == 0x7F + 4
    thing = Thing()
    calls: list[object] = []

    def echo(it: object) -> object:
        calls.append(it)
        return it

    assert Processed(output, {"host.echo": echo}).call("run", thing) is thing
    assert calls == [thing] * 4


def test_padded_indices_keep_their_width() -> None:
    """Linkers pad what they relocate; what is rewritten in place leaves every offset as it was."""
    data = assemble(ECHO)
    before = decode_module(data)
    func = before.exports[0].index
    start, end = before.body(func)
    frame = decode_body(data, start, end)
    body = data[start : frame.locals_end]
    for opcode, first, behind in iterate_instructions(data, frame.locals_end, end):
        body += b"\x10" + leb128(data[first + 1], 5) if opcode.mnemonic == "call" else data[first:behind]
    rebuilt = replace_bodies(data, [body, bodies_of(bytes(before.data))[1]])
    output = process(rebuilt)
    run_echo(output)
    lowered = bodies_of(output)[len(SURROGATES.strip().splitlines())]
    calls = [
        (first, behind, opcode.mnemonic)
        for opcode, first, behind in iterate_instructions(
            lowered, decode_body(lowered, 0, len(lowered)).locals_end, len(lowered)
        )
    ]
    assert [behind - first for first, behind, mnemonic in calls if mnemonic == "call"] == [6, 6, 6, 6]
    assert [mnemonic for _, _, mnemonic in calls[:6]] == ["nop"] * 6, "a deleted guard becomes nops of the same length"


def test_direct_lowering_adds_no_instruction() -> None:
    data = assemble(ECHO)
    processor = Processor(require_direct=True)
    output = processor.process(data)
    assert processor.report
    func = processor.report.functions[0].index
    before, after = mnemonics(data, func), mnemonics(output, func)
    assert before[0] == "call"
    assert after == ["nop", "nop", *before[1:]]


# Tables


def test_the_table_can_be_hidden() -> None:
    output = process(assemble(ECHO), table=None)
    assert [export.name for export in decode_module(output).exports] == ["run"]
    run_echo(output)


def test_the_table_can_have_another_name() -> None:
    processor = Processor(table="handles é")
    plugin = Processed(processor.process(assemble(ECHO)), {"host.echo": lambda it: it}, table="handles é")
    plugin.call("run", Thing())
    assert plugin.slots() == [None]
    assert processor.report
    assert processor.report.table == "handles é"


def test_transit_is_never_exported() -> None:
    output, _ = process_demoted(assemble(ECHO))
    module = decode_module(output)
    assert module.count(1) == 2
    assert [(export.name, export.kind) for export in module.exports] == [("run", 0), ("externrefs", 1)]
    run_echo(output)


# Guests without surrogates, or without code


def test_declared_exports_without_surrogates() -> None:
    text = """
    ;; declare export same: r i -> r
    (module (func (export "same") (param i32 i32) (result i32) (local.get 0)))
    """
    thing = Thing()
    for output in (process(assemble(text), require_direct=True), process_demoted(assemble(text))[0]):
        plugin = Processed(output)
        assert plugin.call("same", thing, 3) is thing
        assert plugin.slots() == []


def test_a_module_of_imports_only() -> None:
    text = """
    ;; declare import host.echo: r -> r
    ;; declare export echo: r -> r
    (module
      (import "host" "echo" (func $echo (param i32) (result i32)))
      (export "echo" (func $echo)))
    """
    output = process(assemble(text))
    assert {found.id for found in decode_module(output).sections} == {0, 1, 2, 4, 7}
    thing = Thing()
    assert Processed(output, {"host.echo": lambda it: it}).call("echo", thing) is thing


def test_surrogates_without_any_code() -> None:
    output = process(assemble(f"(module {SURROGATES})"))
    module = decode_module(output)
    assert module.imports == ()
    assert module.func_count == 5
    Processed(output)


def test_an_empty_section_of_records() -> None:
    """A guest whose functions have no references still gets its table."""
    output = process(assemble('(module (func (export "f")))') + custom_section(RECORDS_SECTION, b""))
    assert [export.name for export in decode_module(output).exports] == ["f", "externrefs"]
    Processed(output).call("f")


def test_types_in_recursive_groups() -> None:
    """A retyped function takes a new type; the group of its old one stays whole."""
    text = """
    ;; declare import host.echo: r -> r
    ;; declare export run: r -> r
    (module
      (rec (type $f (func (param i32) (result i32))) (type $s (struct (field (ref null $f)))))
      (import "host" "echo" (func $echo (type $f)))
      (elem declare func $echo)
      (func (export "run") (type $f) (call $echo (local.get 0)))
      (func (export "struct") (result i32)
        (call_ref $f (i32.const -1) (struct.get $s 0 (struct.new $s (ref.func $echo))))))
    """
    for output in (process(assemble(text), require_direct=True), process_demoted(assemble(text))[0]):
        thing = Thing()
        plugin = Processed(output, {"host.echo": lambda it: it})
        assert plugin.call("run", thing) is thing
        assert plugin.call("struct") == -1


def test_tables_and_memories_of_64_bits() -> None:
    text = f"""
    ;; declare export run: r -> r
    (module {SURROGATES}
      (memory i64 1)
      (table i64 4 funcref)
      (func (export "run") (param i32) (result i32) (local i32)
        (i32.store (i64.const 8) (call $insert (local.get 0)))
        (call $get (i32.load (i64.const 8)))))
    """
    thing = Thing()
    for output in (process(assemble(text), require_direct=True), process_demoted(assemble(text))[0]):
        assert Processed(output).call("run", thing) is thing


# Legacy exceptions, which wasmtime doesn't run


LEGACY = f"""
;; declare import host.echo: r -> r
;; declare export run: r r i -> r
(module {SURROGATES}
  (import "host" "echo" (func $echo (param i32) (result i32)))
  (tag $t (param i32))
  (func (export "run") (param $a i32) (param $b i32) (param $n i32) (result i32)
    (local $x i32)
    try (result i32)
      local.get $a
      call $echo
      local.set $x
      local.get $x
      i32.const 4
      local.set $x
    catch $t
      drop
      i32.const 3
      local.set $x
      local.get $b
    catch_all
      try
        rethrow 1
      delegate 0
      local.get $a
    end
    local.set $b
    local.get $b))
"""


def test_legacy_exceptions_take_references_along() -> None:
    data = assemble(LEGACY)
    processor = Processor(require_direct=True)
    output = processor.process(data)
    assert processor.report
    func = processor.report.functions[0].index
    module = decode_module(output)
    frame = decode_body(output, *module.body(func))
    assert frame.groups == ((1, I32), (1, EXTERNREF))
    instructions = list(iterate_instructions(output, frame.locals_end, frame.end))
    [block] = [found for found in instructions if found[0].mnemonic == "try"][:1]
    assert decode_immediates(output, block) == (EXTERNREF,)
    locals_ = [
        (opcode.mnemonic, decode_immediates(output, (opcode, first, behind))[0])
        for opcode, first, behind in instructions
        if opcode.mnemonic.startswith("local.")
    ]
    assert locals_ == [
        ("local.get", 0),
        ("local.set", 4),
        ("local.get", 4),
        ("local.set", 3),
        ("local.set", 3),
        ("local.get", 1),
        ("local.set", 1),
        ("local.get", 1),
    ]
    demoted, _ = process_demoted(data)
    assert mnemonics(demoted, func) == mnemonics(data, func)


def test_a_local_that_a_handler_may_find_as_either_needs_an_adapter() -> None:
    processor = Processor()
    processor.process(assemble(LEGACY.replace("catch_all", "catch_all\n local.get $x\n drop")))
    assert processor.report
    [function] = processor.report.functions
    assert function.lowering == "adapter"
    assert function.reason == "local 3 holds a reference on one path and a number on another"


# Names


def names_of(module: bytes) -> dict[int, str]:
    [section_content] = custom_contents(module, "name")
    names = locate_func_names(section_content)
    return {func: decode_name_at(section_content, offset) for func, offset in names.items()}


def test_function_names_follow_their_functions() -> None:
    names = names_of(process(assemble(ECHO)))
    assert names == {
        0: "echo",
        1: "externref.insert",
        2: "externref.get",
        3: "externref.drop",
        4: "externref.filler",
        5: "externref.filler",
        6: "run",
        7: "other",
    }
    names = names_of(process_demoted(assemble(ECHO), hook=("host", "dropped"))[0])
    assert names[0] == "echo"
    assert names[1] == "host.dropped"
    assert (names[6], names[7]) == ("run", "other")
    assert {"adapter: import host.echo", "adapter: export run", "externref.drop"} <= set(names.values())
    assert list(names) == sorted(names)


def local_names(module: bytes, subsection: int = 2) -> dict[int, dict[int, str]]:
    """Read the names of locals, or of labels."""
    [content] = custom_contents(module, "name")
    reader = Reader(content)
    found: dict[int, dict[int, str]] = {}
    while not reader.at_end():
        kind, size = reader.byte(), reader.u32()
        behind = reader.offset + size
        if kind == subsection:
            for _ in range(reader.u32()):
                func = reader.u32()
                found[func] = {reader.u32(): reader.name() for _ in range(reader.u32())}
        reader.offset = behind
    return found


def test_twins_of_locals_are_named() -> None:
    output = process(assemble(ECHO))
    assert local_names(output)[6] == {0: "thing", 1: "slot", 2: "thing.twin"}


def test_labels_of_a_function_with_deleted_blocks_lose_their_names() -> None:
    text = f"""
    ;; declare export dead: r -> r
    ;; declare export live: r -> r
    (module {SURROGATES}
      (func (export "dead") (param i32) (result i32)
        (return (local.get 0))
        (block $gone)
        (block $kept (result i32) (local.get 0)))
      (func (export "live") (param i32) (result i32)
        (block $named (result i32) (local.get 0))))
    """
    assert local_names(assemble(text), 3) == {5: {0: "gone", 1: "kept"}, 6: {0: "named"}}
    assert local_names(process(assemble(text)), 3) == {6: {0: "named"}}


def test_other_names_and_padded_counts_stay_right() -> None:
    """A name section whose numbers are padded, with names that aren't UTF-8 and subsections that aren't known."""
    data = assemble(ECHO)
    stripped = process_names(data)
    funcs = leb128(3, 5) + leb128(5, 3) + b"\x81\x00\xff" + leb128(6, 2) + b"\x03run" + leb128(7, 2) + b"\x01o"
    locals_ = leb128(1, 5) + leb128(6, 3) + leb128(2, 5) + leb128(0, 2) + b"\x02th" + leb128(1, 2) + b"\x02sl"
    content = b"".join(
        bytes([kind]) + leb128(len(payload), 5) + payload
        for kind, payload in ((0, b"\x01m"), (1, funcs), (2, locals_), (99, b"?"))
    )
    output = process(stripped + custom_section("name", content))
    names = names_of(output)
    assert (names[0], names[6], names[7]) == ("\ufffd", "run", "o")
    assert local_names(output) == {6: {0: "th", 1: "sl", 2: "th.twin"}}
    [rewritten] = custom_contents(output, "name")
    assert rewritten.startswith(b"\x00\x02\x01m")
    assert rewritten.endswith(b"\x63\x01?")


def process_names(data: bytes) -> bytes:
    """Remove the name section."""
    module = decode_module(data)
    return HEAD + b"".join(data[found.start : found.end] for found in module.sections if found.name != "name")


def test_a_damaged_name_section_is_refused_with_its_offset() -> None:
    data = process_names(assemble(ECHO))
    with pytest.raises(MalformedModuleError, match="in the `name` section") as caught:
        process(data + custom_section("name", b"\x01\x05\x01"))
    assert len(data) < caught.value.offset < len(data) + 12
    run_echo(process(data + custom_section("name", b"\x01\x05\x01"), debug_info="strip"))


@pytest.mark.parametrize(
    ("debug_info", "kept"),
    [("keep", ["name", ".debug_str"]), ("names", ["name"]), ("strip", [])],
)
def test_what_is_kept_of_debug_info(debug_info: Any, kept: list[str]) -> None:
    data = assemble(ECHO) + custom_section(".debug_str", b"a\0")
    output = process(data, debug_info=debug_info)
    names = [found.name for found in decode_module(output).sections if found.name]
    assert [name for name in names if name in ("name", ".debug_str")] == kept
    run_echo(output)


# Features and producers


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, ["+reference-types"]),
        ([], ["+reference-types"]),
        (["+multivalue", "+sign-ext"], ["+multivalue", "+reference-types", "+sign-ext"]),
        (["+bulk-memory", "+reference-types"], ["+bulk-memory", "+reference-types"]),
        (["-reference-types"], ["+reference-types"]),
    ],
)
def test_target_features(before: list[str] | None, after: list[str]) -> None:
    data = assemble(ECHO) + (b"" if before is None else custom_section("target_features", encode_features(*before)))
    assert custom_contents(process(data), "target_features") == [encode_features(*after)]


def producers(**fields: dict[str, str]) -> bytes:
    def text(value: str) -> bytes:
        return leb128(len(value)) + value.encode()

    encoded = [
        text(name.replace("_", "-")) + leb128(len(tools)) + b"".join(text(tool) + text(tools[tool]) for tool in tools)
        for name, tools in fields.items()
    ]
    return leb128(len(encoded)) + b"".join(encoded)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, producers(processed_by={"externref-build": __version__})),
        (
            producers(language={"Rust": ""}, processed_by={"rustc": "1.85.0", "walrus": "0.2"}),
            producers(
                language={"Rust": ""}, processed_by={"rustc": "1.85.0", "walrus": "0.2", "externref-build": __version__}
            ),
        ),
        (
            producers(processed_by={"externref-build": "0", "rustc": "1"}, language={"C": "11"}),
            producers(processed_by={"rustc": "1", "externref-build": __version__}, language={"C": "11"}),
        ),
    ],
)
def test_producers(before: bytes | None, after: bytes) -> None:
    data = assemble(ECHO) + (b"" if before is None else custom_section("producers", before))
    assert custom_contents(process(data), "producers") == [after]


@pytest.mark.parametrize("name", ["target_features", "producers"])
def test_damaged_features_and_producers_are_refused_with_their_offset(name: str) -> None:
    data = assemble(ECHO)
    with pytest.raises(MalformedModuleError, match=f"in the `{name}` section") as caught:
        process(data + custom_section(name, b"\x01\x09\x09"))
    assert len(data) < caught.value.offset < len(data) + 25


# Sections that point into code

HINTED = f"""
;; declare export run: r i -> r
(module {SURROGATES}
  (func (export "plain") (param i32)
    (@metadata.code.branch_hint "\\00")
    (if (local.get 0) (then (call $drop (local.get 0)))))
  (func (export "run") (param $thing i32) (param $n i32) (result i32)
    (local $x i32)
    (local.set $x (i32.const 4))
    (@metadata.code.branch_hint "\\01")
    (if (local.get $n) (then (call $guard)))
    (local.set $x (local.get $thing))
    (drop (select (local.get $x) (local.get $x) (i32.const 1)))
    (@metadata.code.branch_hint "\\00")
    (if (local.get $n) (then (return (local.get $x))))
    (return (local.get $x))
    (@metadata.code.branch_hint "\\01")
    if
    (@metadata.code.branch_hint "\\00")
    (br_if 0 (local.get $n))
    end
    unreachable)
  (func (param i32)
    (@metadata.code.branch_hint "\\01")
    (if (local.get 0) (then))))
"""


def hints(module: bytes, kind: str = "branch_hint") -> list[tuple[int, str, bytes]]:
    """List the functions and instructions that have hints of a kind, and the hints."""
    found = []
    decoded = decode_module(module)
    for content in custom_contents(module, f"metadata.code.{kind}"):
        reader = Reader(content)
        for _ in range(reader.u32()):
            func = reader.u32()
            start, end = decoded.body(func)
            instructions = iterate_instructions(module, decode_body(module, start, end).locals_end, end)
            at = {first - start: opcode.mnemonic for opcode, first, _ in instructions}
            for _ in range(reader.u32()):
                offset = reader.u32()
                found.append((func, at.get(offset, "?"), reader.take(reader.u32())))
        assert reader.at_end()
    return found


def test_branch_hints_stay_at_their_branches() -> None:
    data = assemble(HINTED)
    before = hints(data)
    assert [(func, mnemonic) for func, mnemonic, _ in before] == [
        (5, "if"),
        (6, "if"),
        (6, "if"),
        (6, "if"),
        (6, "br_if"),
        (7, "if"),
    ]
    output = process(data, require_direct=True)
    assert len(bodies_of(output)[6]) != len(bodies_of(data)[1])
    without_deleted = [*before[:3], before[5]]
    assert hints(output) == without_deleted
    assert hints(process_demoted(data)[0]) == before
    wasmtime.Module.validate(ENGINE, output)


CALLED = f"""
;; declare import host.shown: r
(module
  {SURROGATES}
  (import "host" "shown" (func $shown (param i32)))
  (import "host" "told" (func $told (param i32)))
  (table funcref (elem $drop $shown $told $local))
  (func $local (param i32))
  (func (export "run") (param i32)
    (@metadata.code.branch_hint "\\00")
    (call_indirect (param i32) (i32.const 0) (local.get 0))
    (@metadata.code.branch_hint "\\01")
    (call_indirect (param i32) (i32.const 0) (local.get 0))))
"""


def test_likely_targets_of_calls_are_named_anew() -> None:
    """Adapters stand in the table for two of them. The assembler knows hints for branches only."""
    several, one = bytes((5, 10, 6, 20, 7, 30)), bytes((2, 100))
    data = assemble(CALLED)
    (content,) = custom_contents(data, "metadata.code.branch_hint")
    content = content.replace(b"\1\0", b"\6" + several).removesuffix(b"\1\1") + b"\2" + one
    data += custom_section("metadata.code.call_targets", content)
    assert hints(data, "call_targets") == [(8, "call_indirect", several), (8, "call_indirect", one)]
    output = process(data)
    told = [entry.name for entry in decode_module(output).imports].index("told")
    assert told != 6
    assert hints(output, "call_targets") == [(8, "call_indirect", bytes((told, 20, 7, 30)))]


@pytest.mark.parametrize(("kind", "content"), [("x", b"\x01\x09\x09"), ("call_targets", b"\1\5\1\0\1\0")])
def test_damaged_code_metadata_is_refused_with_its_offset(kind: str, content: bytes) -> None:
    data = assemble(ECHO)
    module = data + custom_section(f"metadata.code.{kind}", content)
    with pytest.raises(MalformedModuleError, match=f"in the `metadata.code.{kind}` section") as caught:
        process(module)
    assert len(data) < caught.value.offset <= len(module)


def test_a_source_map_is_refused_or_dropped() -> None:
    data = assemble(ECHO) + custom_section("sourceMappingURL", b"\x05a.map")
    with pytest.raises(DebugInfoError, match="a source map lies in another file") as caught:
        process(data)
    assert 'debug-info = "names" or "strip"' in str(caught.value)
    for debug_info in ("names", "strip"):
        output = process(data, debug_info=debug_info)
        assert custom_contents(output, "sourceMappingURL") == []
        run_echo(output)


def test_an_unknown_instruction_is_refused_with_its_offset() -> None:
    data = assemble(ECHO)
    body = bodies_of(data)[0]
    broken = replace_bodies(data, [body[:-1] + b"\xfb\x7f\x0b", bodies_of(data)[1]])
    with pytest.raises(UnsupportedFeatureError, match="unknown instruction 0xfb 0x7f") as caught:
        process(broken)
    assert broken[caught.value.offset : caught.value.offset + 2] == b"\xfb\x7f"


# Reports


def test_the_steps_of_processing_are_reported() -> None:
    processor = Processor()
    output = processor.process(assemble(ECHO))
    report = processor.report
    assert report
    assert report.changed
    assert (report.input_size, report.output_size) == (len(assemble(ECHO)), len(output))
    assert (report.steps[0].name, report.steps[-1].name) == ("functions indexed", "bytes put together")
    assert all(step.seconds >= 0 for step in report.steps)
    assert [(use.name, use.calls) for use in report.surrogates] == [
        ("insert", 1),
        ("get", 1),
        ("drop", 1),
        ("take", 0),
        ("guard", 1),
    ]
    [function] = report.functions
    assert (function.index, function.name, function.lowering, function.reason) == (6, "run", "direct", None)


def test_a_function_is_named_by_its_export_where_names_are_gone() -> None:
    processor = Processor()
    processor.process(process_names(assemble(ECHO)))
    assert processor.report
    assert [function.name for function in processor.report.functions] == ["run"]
    nameless = f"(module {SURROGATES} (func (call $drop (i32.const 1))))"
    processor.process(process_names(assemble(nameless)))
    assert [function.name for function in processor.report.functions] == ["func[5]"]


def test_records_do_not_have_to_be_the_last_section() -> None:
    data = process_names(assemble(ECHO))
    module = decode_module(data)
    [records] = module.custom_sections(RECORDS_SECTION)
    moved = HEAD + data[records.start : records.end] + data[8 : records.start]
    assert process(moved) == process(data)


def test_a_declared_function_may_be_declared_without_references() -> None:
    data = assemble(ECHO) + custom_section(RECORDS_SECTION, encode_record(Record("externref", "", ())))
    run_echo(process(data))


# Taking modules apart


def section_bytes(data: bytes, section_id: int) -> bytes:
    return b"".join(data[found.start : found.end] for found in decode_module(data).sections if found.id == section_id)


def mnemonics(data: bytes, func: int) -> list[str]:
    start, end = decode_module(data).body(func)
    frame = decode_body(data, start, end)
    return [opcode.mnemonic for opcode, _, _ in iterate_instructions(data, frame.locals_end, end)]

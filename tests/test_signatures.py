"""Every way in which declarations do not fit a module: each has its own error, and all are reported at once."""

from __future__ import annotations

import json

import pytest
from plugins import SURROGATES, assemble, custom_contents, custom_section

from externref_build import Processor, process
from externref_build.errors import (
    AdapterRequiredError,
    ArityError,
    ContradictoryMetadataError,
    ExternrefBuildError,
    MalformedMetadataError,
    MetadataError,
    MissingExportError,
    NotI32Error,
    SeveralErrors,
    SurrogateError,
    TableNameError,
    WrongKindError,
)
from externref_build.metadata import (
    GUEST_INTERFACE_SECTION,
    INTERFACE_SECTION,
    RECORDS_SECTION,
    Record,
    encode_record,
)
from externref_build.processor.report import Declaration
from externref_build.wasm.decoding import decode_module

GUEST = """
(module
  (import "host" "make" (func (param i32 f64) (result i32)))
  (import "host" "memory" (memory 1))
  (func (export "run") (param i32 i64) (result i32) i32.const -1)
  (global (export "version") i32 (i32.const 1))
  {}
)
"""


def refuse(text: str, *records: Record, **options: object) -> ExternrefBuildError:
    """Process a guest that cannot be processed."""
    module = assemble(text)
    with pytest.raises(ExternrefBuildError) as caught:
        process(module + custom_section(RECORDS_SECTION, b"".join(map(encode_record, records))), **options)
    return caught.value


FAULTS = [
    (
        Record(None, "start", (True,)),
        MissingExportError,
        "export `start` is declared but the module does not export it",
        "metadata record at offset 0x",
        "keep the export",
    ),
    (
        Record(None, "version", ()),
        WrongKindError,
        "export `version` is declared as a function but is a global",
        "metadata record at offset 0x",
        "rebuild the guest",
    ),
    (
        Record("host", "memory", ()),
        WrongKindError,
        "import `host.memory` is declared as a function but is a memory",
        "metadata record at offset 0x",
        "rebuild the guest",
    ),
    (
        Record(None, "run", (True, False)),
        ArityError,
        "export `run` declares 2 values where the function has 3: [i32 i64] -> [i32]",
        "function 1 (run); metadata record at offset 0x",
        "rebuild the guest",
    ),
    (
        Record("host", "make", (True,) * 4),
        ArityError,
        "import `host.make` declares 4 values where the function has 3: [i32 f64] -> [i32]",
        "function 0 (make); metadata record at offset 0x",
        "rebuild the guest",
    ),
    (
        Record(None, "run", (True, True, False)),
        NotI32Error,
        "export `run` declares a reference where the function takes an i64",
        "function 1 (run), parameter 2; metadata record at offset 0x",
        "rebuild the guest",
    ),
    (
        Record("host", "make", (False, True, False)),
        NotI32Error,
        "import `host.make` declares a reference where the function takes an f64",
        "function 0 (make), parameter 2; metadata record at offset 0x",
        "rebuild the guest",
    ),
]


@pytest.mark.parametrize(
    ("record", "error", "message", "where", "remedy"),
    FAULTS,
    ids=[f"{case[1].__name__}-{case[0].label}" for case in FAULTS],
)
def test_a_declaration_that_does_not_fit(
    record: Record, error: type[MetadataError], message: str, where: str, remedy: str
) -> None:
    found = refuse(GUEST.format(""), record)
    assert type(found) is error
    assert found.summary == message
    assert found.where
    assert found.where.startswith(where)
    assert remedy in str(found)


def test_a_result_that_is_no_i32() -> None:
    found = refuse('(module (func (export "f") (result i32 f32) unreachable))', Record(None, "f", (True, True)))
    assert type(found) is NotI32Error
    assert found.summary == "export `f` declares a reference where the function returns an f32"
    assert found.where
    assert "result 2" in found.where


def test_an_export_that_is_another_kind_of_externref_already() -> None:
    found = refuse('(module (func (export "f") (param externref)))', Record(None, "f", (True,)))
    assert type(found) is NotI32Error
    assert "takes an externref" in found.summary


def test_the_offset_is_that_of_the_record() -> None:
    first, second = Record(None, "run", (True, False, False)), Record(None, "absent", (True,))
    module = assemble(GUEST.format("")) + custom_section(RECORDS_SECTION, encode_record(first) + encode_record(second))
    with pytest.raises(MissingExportError) as caught:
        process(module)
    assert caught.value.where == f"metadata record at offset {len(module) - len(encode_record(second)):#x}"


def test_all_faults_come_in_one_report() -> None:
    text = GUEST.format('(export "also" (func 2)) (export "externrefs" (func 2))')
    found = refuse(
        text.replace("(module", '(module (import "externref" "get" (func))'),
        Record(None, "run", (True, False)),
        Record("host", "make", (True,) * 4),
        Record(None, "start", (True,)),
        Record(None, "version", ()),
        Record("host", "memory", ()),
        Record(None, "also", (True, True, True)),
    )
    assert isinstance(found, SeveralErrors)
    assert [type(error) for error in found.errors] == [
        SurrogateError,
        ArityError,
        ArityError,
        MissingExportError,
        WrongKindError,
        WrongKindError,
        NotI32Error,
        TableNameError,
    ]
    for error in found.errors:
        assert str(error) in str(found)
    assert str(found).count("\nerror: ") == len(found.errors) - 1
    assert str(found.located("plugin.wasm")).count("--> plugin.wasm: ") == len(found.errors)


SURROGATE_FAULTS = [
    (
        '(import "externref" "insert" (func (param i32)))',
        "`externref.insert` has type [i32] -> [], where [i32] -> [i32]",
    ),
    ('(import "externref" "get" (func (param i64) (result i64)))', "`externref.get` has type [i64] -> [i64], where"),
    ('(import "externref" "drop" (func (param i32) (result i32)))', "`externref.drop` has type [i32] -> [i32], where"),
    ('(import "externref" "guard" (func (param i32)))', "`externref.guard` has type [i32] -> [], where [] -> []"),
    (
        '(import "externref" "get" (global i32))',
        "surrogate `externref.get` is a global, where a function [i32] -> [i32]",
    ),
    ('(import "externref" "drop" (memory 1))', "surrogate `externref.drop` is a memory, where a function [i32] -> []"),
]


@pytest.mark.parametrize(("entry", "message"), SURROGATE_FAULTS)
def test_an_import_that_is_no_surrogate(entry: str, message: str) -> None:
    with pytest.raises(SurrogateError) as caught:
        process(assemble(f"(module {entry})"))
    assert message in caught.value.summary
    assert caught.value.where == f"offset {assemble(f'(module {entry})').index(b'externref') - 1:#x}"
    assert caught.value.remedy


def test_what_else_is_imported_from_the_surrogates_module_is_the_hosts_own() -> None:
    """`wasm-opt --log-execution` takes the module of its import from the first one that is there."""
    log = '(import "externref" "log_execution" (func $log (param i32)))'
    unrelated = assemble(f'(module {log} (import "externref" "table" (table 1 externref)))')
    assert process(unrelated) == unrelated

    guest = assemble(f'(module {SURROGATES} {log} (func (export "run") (call $log (i32.const 1))))')
    declared = custom_section(RECORDS_SECTION, encode_record(Record("externref", "log_execution", (True,))))
    for section, log_type in ((b"", "[i32] -> []"), (declared, "[externref] -> []")):
        module = decode_module(process(guest + section))
        assert [(entry.module, entry.name) for entry in module.imports] == [("externref", "log_execution")]
        assert str(module.func_type(0)) == log_type


def test_a_surrogate_cannot_be_declared() -> None:
    found = refuse(f"(module {SURROGATES})", Record("externref", "get", (False, True)))
    assert type(found) is MetadataError
    assert found.summary == "import `externref.get` is a surrogate and cannot be declared"


def test_all_contradictions_come_in_one_report() -> None:
    """With where each is, which function is meant and what it is; other faults are told beside them."""
    records = [
        Record(None, "run", (True, False, True)),
        Record("host", "make", (True, False, True)),
        Record("host", "removed", (True,)),
        Record(None, "absent", (True,)),
        Record(None, "run", (True, False)),
        Record("host", "make", (False, False, True)),
        Record("host", "removed", (False,)),
        Record(None, "run", (True, False, True)),
        Record("host", "make", (True, False, True, True)),
    ]
    lines = b"\n".join(
        (
            interface("make", [["a", {"ref": "A"}], ["b", "f64"]], [{"own": "A"}]),
            interface("other", [["a", "u32"]], []),
            interface("other", [["a", "s32"]], []),
            interface("run", [["a", {"ref": "A"}], ["b", "u64"]], ["u32"], None),
            interface("fine", [], [], None),
            interface("fine", [], ["f32"], None),
        )
    )
    text = GUEST.format('(func (export "fine"))').replace(
        "(module", '(module (import "host" "other" (func (param i32)))'
    )
    module = assemble(text) + custom_section(RECORDS_SECTION, b"".join(map(encode_record, records)))
    offsets = [
        hex(len(module) - sum(len(encode_record(record)) for record in records[position:]))
        for position in range(len(records))
    ]
    module += custom_section(GUEST_INTERFACE_SECTION, lines)
    at = [hex(module.index(line)) for line in lines.split(b"\n")]
    with pytest.raises(SeveralErrors) as caught:
        process(module)
    remedy = "parts of the guest declare the same function differently: make them agree, and rebuild the guest"
    missing, *contradictions = sorted(caught.value.errors, key=lambda error: type(error).__name__, reverse=True)
    assert type(missing) is MissingExportError
    assert [str(error).split("\n") for error in contradictions] == [
        [
            "records of export `run` disagree: 3 values with references at 1, 3; 2 values with references at 1",
            "  --> function 2 (run) of type [i32 i64] -> [i32]; "
            f"metadata records at offsets {offsets[0]}, {offsets[4]}",
            f"  {remedy}",
        ],
        [
            "records of import `host.make` disagree: 3 values with references at 1, 3; 3 values with references at 3; "
            "4 values with references at 1, 3, 4",
            "  --> function 1 (make) of type [i32 f64] -> [i32]; "
            f"metadata records at offsets {offsets[1]}, {offsets[5]}, {offsets[8]}",
            f"  {remedy}",
        ],
        [
            "records of import `host.removed` disagree: 1 values with references at 1; "
            "1 values with references at none",
            f"  --> metadata records at offsets {offsets[2]}, {offsets[6]}",
            f"  {remedy}",
        ],
        [
            "declarations of import `host.other` disagree: (a: u32); (a: s32)",
            f"  --> function 0 (other) of type [i32] -> []; interface records at offsets {at[1]}, {at[2]}",
            f"  {remedy}",
        ],
        [
            "declarations of export `fine` disagree: (); () -> f32",
            f"  --> function 3 (fine) of type [] -> []; interface records at offsets {at[4]}, {at[5]}",
            f"  {remedy}",
        ],
    ]


def test_all_damaged_metadata_comes_in_one_report() -> None:
    module = assemble(GUEST.format(""))
    module += custom_section(RECORDS_SECTION, b"\xff\xff\xff\xff\x09")
    module += custom_section(GUEST_INTERFACE_SECTION, b"{\n{}\n" + interface("fine", [], []))
    module += custom_section(RECORDS_SECTION, b"\x09")
    with pytest.raises(SeveralErrors) as caught:
        process(module)
    assert [error.summary for error in caught.value.errors] == [
        "the length of a name takes 4 bytes where 1 are left",
        "the kind of a record takes 4 bytes where 1 are left",
        "an interface record is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "interface version null, where 1 is known",
    ]
    assert all(error.where and "offset 0x" in error.where for error in caught.value.errors)


def test_contradictory_and_malformed_records_are_refused() -> None:
    found = refuse(
        GUEST.format(""), Record(None, "run", (True, False, True)), Record(None, "run", (True, False, False))
    )
    assert type(found) is ContradictoryMetadataError
    module = assemble(GUEST.format("")) + custom_section(RECORDS_SECTION, b"\xff\xff\xff\xff\x09")
    with pytest.raises(MalformedMetadataError) as caught:
        process(module)
    assert caught.value.where
    assert f"offset {len(module) - 5:#x}" in caught.value.where


def test_the_name_of_the_table_is_taken() -> None:
    text = '(module (import "externref" "guard" (func)) (func (export "externrefs")))'
    module = assemble(text)
    with pytest.raises(TableNameError) as caught:
        process(module)
    assert caught.value.summary == (
        "the table of references is to be exported as `externrefs`, which the module exports already"
    )
    assert caught.value.where
    assert "--no-table" in str(caught.value)
    for table in ("handles", None):
        assert process(module, table=table) != module


def test_the_table_of_an_untouched_module_takes_no_name() -> None:
    module = assemble('(module (func (export "externrefs")))')
    assert process(module) == module


def test_an_import_that_was_optimised_away_is_no_fault() -> None:
    module = assemble(GUEST.format("")) + custom_section(
        RECORDS_SECTION, encode_record(Record("host", "gone", (True,))) + encode_record(Record("gone", "make", ()))
    )
    processor = Processor()
    processor.process(module)
    assert processor.report
    assert processor.report.imports == ()


def test_records_of_several_sections_count() -> None:
    module = assemble(GUEST.format(""))
    module += custom_section(RECORDS_SECTION, encode_record(Record(None, "run", (True, False, True))))
    module += custom_section("between", b"")
    module += custom_section(RECORDS_SECTION, encode_record(Record("host", "make", (False, False, True))))
    processor = Processor()
    output = processor.process(module)
    assert processor.report
    assert processor.report.exports == (Declaration("export", None, "run", (True, False), (True,)),)
    assert processor.report.imports == (Declaration("import", "host", "make", (False, False), (True,)),)
    assert custom_contents(output, RECORDS_SECTION) == []
    assert custom_contents(output, "between") == [b""]


def interface(name: str, params: list[object], results: list[object], module: str | None = "host") -> bytes:
    entry = {"v": 1, "kind": "import" if module else "export", "name": name, "params": params, "results": results}
    return json.dumps(entry if module is None else {**entry, "module": module}).encode()


def fallible(entry: bytes) -> bytes:
    return json.dumps({**json.loads(entry), "error": "str"}).encode()


FITTING = [
    interface("make", [["size", "u32"], ["weight", "f64"]], [{"own": "Thing"}]),
    interface("run", [["thing", {"ref": "Thing", "null": True}], ["n", "s64"]], ["bool"], None),
    interface("absent", [["n", "s64"]], []),
]

UNFITTING = [
    (interface("make", [["size", "u32"], ["weight", "f32"]], [{"own": "Thing"}]), "[i32 f64] -> [externref]"),
    (interface("make", [["size", "u32"]], [{"own": "Thing"}]), "[i32 f64] -> [externref]"),
    (interface("make", [["size", "u32"], ["weight", "f64"]], ["u32"]), "[i32 f64] -> [externref]"),
    (interface("make", [["size", {"ref": "Thing"}], ["weight", "f64"]], [{"own": "T"}]), "[i32 f64] -> [externref]"),
    (interface("run", [["name", "str"]], ["bool"], None), "[externref i64] -> [i32]"),
    (interface("run", [["thing", {"ref": "Thing"}], ["n", "s64"]], [], None), "[externref i64] -> [i32]"),
]

VALUES_IN_TWO = [
    (interface("f", [["text", "str"]], []), "(param i32 i32)"),
    (interface("f", [["list", {"list": "f32"}]], [{"option": "bytes"}]), "(param i32 i32) (result i64)"),
    (interface("f", [["callback", {"fn": [["u64"], []]}]], []), "(param i32)"),
    (fallible(interface("f", [["text", "str"]], ["str"])), "(param i32 i32 i32) (result i64)"),
    (fallible(interface("f", [], [])), "(param i32)"),
]


@pytest.mark.parametrize(("entry", "core_type"), VALUES_IN_TWO)
def test_an_interface_with_values_of_several_parts(entry: bytes, core_type: str) -> None:
    section = custom_section(GUEST_INTERFACE_SECTION, entry)
    process(assemble(f'(module (import "host" "f" (func {core_type})))') + section)
    with pytest.raises(MetadataError, match=r"the interface says import `host\.f` is"):
        process(assemble(f'(module (import "host" "f" (func (param i64) {core_type})))') + section)


def test_a_fallible_export_has_no_parameter_more() -> None:
    module = assemble('(module (func (export "f") (param i32 i32) (result i32) i32.const 0))')
    entry = fallible(interface("f", [["text", "str"]], ["u8"], None))
    assert custom_contents(process(module + custom_section(GUEST_INTERFACE_SECTION, entry)), INTERFACE_SECTION)


RUN_AND_MAKE = (Record(None, "run", (True, False, False)), Record("host", "make", (False, False, True)))


@pytest.mark.parametrize(("entry", "found_type"), UNFITTING)
def test_an_interface_that_does_not_fit(entry: bytes, found_type: str) -> None:
    module = assemble(GUEST.format("")) + custom_section(RECORDS_SECTION, b"".join(map(encode_record, RUN_AND_MAKE)))
    with pytest.raises(MetadataError) as caught:
        process(module + custom_section(GUEST_INTERFACE_SECTION, entry))
    assert "the interface says " in caught.value.summary
    assert caught.value.summary.endswith(f"where the function is {found_type}")
    assert caught.value.where
    assert "interface record at offset" in caught.value.where


def test_a_fitting_interface_is_kept_as_one_section() -> None:
    module = assemble(GUEST.format("")) + custom_section(RECORDS_SECTION, b"".join(map(encode_record, RUN_AND_MAKE)))
    for entry in FITTING:
        module += custom_section(GUEST_INTERFACE_SECTION, entry + b"\n")
    output = process(module)
    assert custom_contents(output, GUEST_INTERFACE_SECTION) == []
    [kept] = custom_contents(output, INTERFACE_SECTION)
    assert b"absent" in b"".join(FITTING), "an import that the linker has removed"
    assert kept.splitlines() == [entry for entry in (FITTING[1], FITTING[2], FITTING[0]) if b"absent" not in entry]
    assert custom_contents(process(module, interface=False), INTERFACE_SECTION) == []
    assert process(output) == output


def test_an_interface_without_records_is_still_consolidated() -> None:
    module = assemble('(module (func (export "add") (param i32 i32) (result i32) i32.const 0))')
    entry = interface("add", [["a", "s32"], ["b", "s32"]], ["s32"], None)
    output = process(module + custom_section(GUEST_INTERFACE_SECTION, entry))
    assert output == module + custom_section(INTERFACE_SECTION, entry + b"\n")


REQUIRED = f"""
(module {SURROGATES}
  (memory 1)
  (func $spill (export "spill") (param i32)
    i32.const 16
    local.get 0
    call $get
    i32.store
    i32.const 16
    i32.load
    call $insert
    drop)
  (func $plain (export "plain") (param i32) (result i32)
    local.get 0
    call $get
    call $insert)
  (func $sum (export "sum") (param i32) (result i32)
    local.get 0
    call $get
    i32.const 1
    i32.add)
)
"""


def test_functions_that_need_an_adapter_can_be_refused() -> None:
    module = assemble(REQUIRED)
    with pytest.raises(SeveralErrors) as caught:
        process(module, require_direct=True)
    first, second = caught.value.errors
    assert type(first) is type(second) is AdapterRequiredError
    assert first.summary.startswith("function `spill` needs an adapter: externref.insert gets a number as parameter 1")
    assert second.summary == "function `sum` needs an adapter: `i32.add` takes a reference as a number"
    assert second.where
    offset = int(second.where.split()[1], 16)
    assert module[offset] == 0x6A
    assert "(function 7)" in second.where
    processor = Processor()
    processor.process(module)
    assert processor.report
    assert [(found.name, found.lowering) for found in processor.report.functions] == [
        ("spill", "adapter"),
        ("plain", "direct"),
        ("sum", "adapter"),
    ]
    assert processor.report.functions[2].offset == offset
    assert [(use.name, use.calls) for use in processor.report.surrogates] == [
        ("insert", 2),
        ("get", 3),
        ("drop", 0),
        ("take", 0),
        ("guard", 0),
    ]

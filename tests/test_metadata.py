from __future__ import annotations

import json
from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from externref_build.errors import ContradictoryMetadataError, MalformedMetadataError, SeveralErrors
from externref_build.metadata import (
    InterfaceFunction,
    Record,
    contradiction_of_records,
    decode_interface,
    decode_records,
    encode_interface,
    encode_record,
    group_records,
    merge_interface,
)
from externref_build.value_types import FunctionType, ListType, OptionType, ResourceType, ValueType, core_types
from externref_build.wasm.types import F32, F64, I32, I64, ValType

EXPORT = "ff ff ff ff"
RUN = "03 00 00 00 72 75 6e"

RECORDS = [
    (Record(None, "run", ()), f"{EXPORT} {RUN} 00 00 00 00"),
    (Record(None, "run", (True,)), f"{EXPORT} {RUN} 01 00 00 00 01"),
    (Record("a", "run", (False, True, True)), f"01 00 00 00 61 {RUN} 03 00 00 00 06"),
    (Record("", "", (True,) * 8), "00 00 00 00 00 00 00 00 08 00 00 00 ff"),
    (Record("€", "run", (False,) * 8 + (True,)), f"03 00 00 00 e2 82 ac {RUN} 09 00 00 00 00 01"),
]


@pytest.mark.parametrize(("record", "encoded"), RECORDS, ids=[case[1] for case in RECORDS])
def test_records(record: Record, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encode_record(record) == data
    assert decode_records(data) == [record]


def test_records_of_all_object_files_follow_each_other() -> None:
    data = bytes.fromhex("".join(encoded for _, encoded in RECORDS))
    decoded = decode_records(data, 1000)
    assert [(found.module, found.name, found.references) for found in decoded] == [
        (record.module, record.name, record.references) for record, _ in RECORDS
    ]
    assert decoded[0].offset == 1000
    assert decoded[1].offset == 1000 + len(bytes.fromhex(RECORDS[0][1]))


MALFORMED = [
    ("ff ff", "the kind of a record takes 4 bytes where 2 are left", 0),
    ("05 00 00 00 61", "the module name of an import takes 5 bytes where 1 are left", 0),
    ("fe ff ff ff 61", "the module name of an import takes 4294967294 bytes where 1 are left", 0),
    ("01 00 00 00 ff 00 00 00 00 00 00 00 00", "the module name of an import is not UTF-8", 0),
    (EXPORT, "the length of a name takes 4 bytes where 0 are left", 0),
    (f"{EXPORT} ff ff ff ff", "the name of a function takes 4294967295 bytes where 0 are left", 0),
    (f"{EXPORT} 02 00 00 00 c3 28 00 00 00 00", "the name of a function is not UTF-8", 0),
    (f"{EXPORT} {RUN} 01 00", "the number of values takes 4 bytes where 2 are left", 0),
    (f"{EXPORT} {RUN} 09 00 00 00 01", "the mask of references takes 2 bytes where 1 are left", 0),
    (f"{EXPORT} {RUN} ff ff ff ff 01", "the mask of references takes 536870912 bytes where 1 are left", 0),
    (f"{EXPORT} {RUN} 03 00 00 00 08", "the mask marks values beyond the 3 that it announces", 0),
    (f"{EXPORT} {RUN} 00 00 00 00 01", "the kind of a record takes 4 bytes where 1 are left", 15),
]


@pytest.mark.parametrize(("encoded", "message", "offset"), MALFORMED, ids=[case[1] for case in MALFORMED])
def test_malformed_records(encoded: str, message: str, offset: int) -> None:
    with pytest.raises(MalformedMetadataError) as caught:
        decode_records(bytes.fromhex(encoded), 0x200)
    assert caught.value.summary == message
    assert caught.value.where == f"`__externrefs` section, metadata record at offset {0x200 + offset:#x}"
    assert caught.value.remedy
    assert "rebuild the guest" in caught.value.remedy


@given(
    st.lists(
        st.builds(
            Record,
            st.none() | st.text(max_size=5),
            st.text(max_size=5),
            st.lists(st.booleans(), max_size=20).map(tuple),
        ),
        max_size=4,
    )
)
def test_records_round_trip(records: list[Record]) -> None:
    decoded = decode_records(b"".join(map(encode_record, records)))
    assert [(found.module, found.name, found.references) for found in decoded] == [
        (record.module, record.name, record.references) for record in records
    ]


@given(st.binary(max_size=60))
def test_any_bytes_are_records_or_an_error(data: bytes) -> None:
    try:
        decoded = decode_records(data)
    except MalformedMetadataError:
        return
    assert b"".join(map(encode_record, decoded)) == data


def test_a_huge_mask_takes_linear_time() -> None:
    count = 1_000_000
    data = bytes.fromhex(f"{EXPORT} {RUN}") + count.to_bytes(4, "little") + b"\x01" * (count // 8)
    started = process_time()
    [record] = decode_records(data)
    assert process_time() - started < 5
    assert sum(record.references) == count // 8


def test_the_same_record_twice_is_one() -> None:
    record = Record("a", "f", (True, False), 5)
    again = Record("a", "f", (True, False), 90)
    other = Record(None, "f", (True,))
    assert group_records([record, again, other, again]) == [[record], [other]]


def test_contradictory_records() -> None:
    records = [Record("a", "f", (True, False), 5), Record("b", "f", (True,), 7), Record("a", "f", (False, True), 0x90)]
    [[first, second], [_]] = group_records([*records, records[0]])
    assert str(contradiction_of_records([first, second], None)) == (
        "records of import `a.f` disagree: 2 values with references at 1; 2 values with references at 2\n"
        "  --> metadata records at offsets 0x5, 0x90\n"
        "  parts of the guest declare the same function differently: make them agree, and rebuild the guest"
    )
    group = [Record(None, "f", (True,)), Record(None, "f", (False,) * 3), Record(None, "f", (True, True))]
    assert contradiction_of_records(group, "function 3 (f)").summary == (
        "records of export `f` disagree: 1 values with references at 1; 3 values with references at none; "
        "2 values with references at 1, 2"
    )


def test_an_error_about_any_number_of_contradictions_can_be_read() -> None:
    records = [Record("a", "f", tuple(bit == number for bit in range(40)), number) for number in range(40)]
    error = contradiction_of_records([Record("a", "f", (True,) * 100_000), *records], None)
    assert error.summary.startswith(
        "records of import `a.f` disagree: 100000 values with references at 1, 2, 3, 4, 5, 6, 7, 8, ...; "
        "40 values with references at 1; 40 values"
    )
    assert error.summary.endswith("40 values with references at 7; ...")
    assert error.where == "metadata records at offsets 0x0, 0x0, 0x1, 0x2, 0x3, 0x4, 0x5, 0x6, ..."


def line(**changes: object) -> dict[str, object]:
    entry: dict[str, object] = {
        "v": 1,
        "kind": "import",
        "module": "arena",
        "name": "alloc",
        "params": [["arena", {"ref": "Arena"}], ["size", "u32"]],
        "results": [{"own": "Bytes", "null": True}],
        "doc": "Allocate.",
    }
    entry.update(changes)
    return {key: value for key, value in entry.items() if value is not ...}


def encode(*entries: dict[str, object]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def test_interface() -> None:
    data = encode(line(), line(kind="export", module=..., params=[["s", "str"]], results=..., doc=...))
    first, second = decode_interface(data, 0x100)
    assert (first.kind, first.module, first.name, first.doc) == ("import", "arena", "alloc", "Allocate.")
    assert first.params == (("arena", ResourceType("Arena")), ("size", "u32"))
    assert first.results == (ResourceType("Bytes", owned=True, nullable=True),)
    assert str(first) == "(arena: ref Arena, size: u32) -> option<own Bytes>"
    assert first.label == "import `arena.alloc`"
    assert first.offset == 0x100
    assert (second.kind, second.module, second.results, second.doc) == ("export", None, (), None)
    assert str(second) == "(s: str)"
    assert second.label == "export `alloc`"
    assert second.offset == 0x100 + data.index(b"\n") + 1


def test_what_linkers_put_between_interface_records_is_passed_over() -> None:
    data = encode(line())
    [expected] = decode_interface(data)
    whole = data[:-1]
    for padded in (
        b"\n\n" + data,
        data + b"\0\0\0",
        b"\0\n" + data + b" \r\n",
        whole,
        whole + b"\r\n",
        b"\0" + whole + b"\0",
    ):
        [found] = decode_interface(padded)
        assert (found.name, found.params, found.results) == (expected.name, expected.params, expected.results)
        assert encode_interface([found]) == data


MALFORMED_LINES = [
    (b"{", "an interface record is not JSON"),
    (b"\xff{}", "an interface record is not JSON"),
    (b"{}".decode().encode("utf-16"), "an interface record is not JSON"),
    (b"[" * 100_000, "an interface record is not JSON"),
    (b"[1]", "an interface record is not a JSON object"),
    (b"null", "an interface record is not a JSON object"),
    (line(v=...), "interface version null, where 1 is known"),
    (line(v=2), "interface version 2, where 1 is known"),
    (line(kind="global"), "an interface record without `kind` or `name`"),
    (line(name=...), "an interface record without `kind` or `name`"),
    (line(module=...), "an interface record of an import names its `module`, one of an export does not"),
    (line(kind="export"), "an interface record of an import names its `module`, one of an export does not"),
    (line(params={}), "an interface record with malformed `params`, `results` or `doc`"),
    (line(params=[["x"]]), "an interface record with malformed `params`, `results` or `doc`"),
    (line(params=[[1, "u32"]]), "an interface record with malformed `params`, `results` or `doc`"),
    (line(results="u32"), "an interface record with malformed `params`, `results` or `doc`"),
    (line(doc=5), "an interface record with malformed `params`, `results` or `doc`"),
    (line(params=[["x", {"of": "Arena"}]]), 'unknown value type {"of": "Arena"}'),
    (line(params=[["x", {"ref": 5}]]), 'unknown value type {"ref": 5}'),
    (line(results=[7]), "unknown value type 7"),
    (line(results=[None]), "unknown value type null"),
    (line(results=["quaternion"]), 'unknown value type "quaternion"'),
    (line(results=["string"]), 'unknown value type "string"'),
    (line(results=[{"ref": "A", "own": "A"}]), 'unknown value type {"ref": "A", "own": "A"}'),
    (line(results=[{"own": "A", "null": 1}]), 'unknown value type {"own": "A", "null": 1}'),
    (line(results=[{"own": "A", "nul": True}]), 'unknown value type {"own": "A", "nul": true}'),
    (line(results=[{"list": "bool"}]), 'unknown value type {"list": "bool"}'),
    (line(results=[{"list": "str"}]), 'unknown value type {"list": "str"}'),
    (line(results=[{"list": {"list": "u8"}}]), 'unknown value type {"list": {"list": "u8"}}'),
    (line(params=[["x", {"list": "u8", "mut": "yes"}]]), 'unknown value type {"list": "u8", "mut": "yes"}'),
    (line(results=[{"list": "u8", "mut": True}]), '"mut": true} stands elsewhere than for a parameter of an import'),
    (
        line(kind="export", module=..., params=[["x", {"option": {"list": "u8", "mut": True}}]]),
        '"mut": true} stands elsewhere than for a parameter of an import',
    ),
    (line(results=[{"option": "u32"}]), 'unknown value type {"option": "u32"}'),
    (line(results=[{"option": {"option": "str"}}]), 'unknown value type {"option": {"option": "str"}}'),
    (line(results=[{"option": {"ref": "A"}}]), 'unknown value type {"option": {"ref": "A"}}'),
    (line(results=[{"fn": [[], []]}]), '{"fn": [[], []]} stands elsewhere than for a parameter of an import'),
    (line(kind="export", module=..., params=[["f", {"fn": [[], []]}]]), "stands elsewhere than for a parameter of an"),
    (line(params=[["f", {"fn": [[]]}]]), 'unknown value type {"fn": [[]]}'),
    (line(params=[["f", {"fn": [["u8"], "u8"]}]]), 'unknown value type {"fn": [["u8"], "u8"]}'),
    (line(params=[["f", {"fn": [[{"ref": "A"}], []]}]]), "a reference in"),
    (line(params=[["f", {"fn": [[{"fn": [[], []]}], []]}]]), "stands elsewhere than for a parameter of an import"),
    (line(params=[["f", {"fn": [[{"list": "u8", "mut": True}], []]}]]), "stands elsewhere than for a parameter of an"),
    (line(error="u32"), 'errors of type "u32", where only "str" is known'),
    (line(error=False), 'errors of type false, where only "str" is known'),
    (line(results=[["x" * 50] * 1000]), "unknown value type ["),
]


@pytest.mark.parametrize(("entry", "message"), MALFORMED_LINES)
def test_malformed_interface(entry: dict[str, object] | bytes, message: str) -> None:
    good = encode(line())
    data = entry if isinstance(entry, bytes) else json.dumps(entry).encode()
    with pytest.raises(MalformedMetadataError) as caught:
        decode_interface(good + data + b"\n" + good, 0x10)
    assert message in caught.value.summary
    assert caught.value.where == f"interface record at offset {0x10 + len(good):#x}"
    assert caught.value.remedy
    assert ("newer" if "version" in message else "rebuild the guest") in caught.value.remedy


SPELLINGS: list[tuple[object, ValueType, str]] = [
    ("bool", "bool", "bool"),
    ("char", "char", "char"),
    ("opaque", "opaque", "opaque"),
    ("str", "str", "str"),
    ("bytes", "bytes", "bytes"),
    ({"ref": "A"}, ResourceType("A"), "ref A"),
    ({"own": "A", "null": False}, ResourceType("A", owned=True), "own A"),
    ({"own": "A", "null": True}, ResourceType("A", owned=True, nullable=True), "option<own A>"),
    ({"list": "f64"}, ListType("f64"), "list<f64>"),
    ({"list": "u8", "mut": True}, ListType("u8", mutable=True), "mut list<u8>"),
    ({"option": "str"}, OptionType("str"), "option<str>"),
    ({"option": {"list": "s16"}}, OptionType(ListType("s16")), "option<list<s16>>"),
    (
        {"option": {"list": "s16", "mut": True}},
        OptionType(ListType("s16", mutable=True)),
        "option<mut list<s16>>",
    ),
    ({"fn": [[], []]}, FunctionType((), ()), "func()"),
    ({"fn": [["u32", "str"], ["bool"]]}, FunctionType(("u32", "str"), ("bool",)), "func(u32, str) -> bool"),
]


@pytest.mark.parametrize(("encoded", "decoded", "spelling"), SPELLINGS, ids=[case[2] for case in SPELLINGS])
def test_value_types(encoded: object, decoded: ValueType, spelling: str) -> None:
    [function] = decode_interface(encode(line(params=[["x", encoded]], results=[])))
    assert function.params == (("x", decoded),)
    assert str(function) == f"(x: {spelling})"


@pytest.mark.parametrize(
    ("results", "spelling"), [([], "result<_, str>"), (["u32"], "result<u32, str>"), (["str"], "result<str, str>")]
)
def test_a_fallible_function_says_so(results: list[str], spelling: str) -> None:
    sure, fallible = decode_interface(encode(line(name="sure"), line(params=[], results=results, error="str")))
    assert (sure.fallible, fallible.fallible) == (False, True)
    assert str(fallible) == f"() -> {spelling}"
    with pytest.raises(ContradictoryMetadataError, match=r"disagree: .* -> option<own Bytes>; .* -> result<"):
        merge_interface(decode_interface(encode(line(), line(error="str"))))


def test_a_value_type_of_any_depth_is_an_error() -> None:
    for depth in range(50, 3000, 50):
        nested = b'{"option":' * depth + b'"str"' + b"}" * depth
        with pytest.raises(MalformedMetadataError):
            decode_interface(encode(line(results=["HERE"])).replace(b'"HERE"', nested))


def test_a_newer_interface_asks_for_a_newer_version() -> None:
    with pytest.raises(MalformedMetadataError, match="use a newer externref-build"):
        decode_interface(encode(line(v=2)))


def test_the_same_interface_twice_is_one() -> None:
    functions = decode_interface(encode(line(), line(doc="Other words."), line(name="free")))
    assert [function.name for function in merge_interface(functions)] == ["alloc", "free"]


def test_names_of_parameters_are_no_contradiction() -> None:
    functions = decode_interface(encode(line(), line(params=[["a", {"ref": "Arena"}], ["n", "u32"]])))
    assert merge_interface(functions) == functions[:1]


def test_contradictory_interfaces() -> None:
    functions = decode_interface(encode(line(), line(params=[["arena", {"own": "Arena"}], ["size", "u32"]])))
    with pytest.raises(ContradictoryMetadataError) as caught:
        merge_interface(functions)
    assert caught.value.summary == (
        "declarations of import `arena.alloc` disagree: (arena: ref Arena, size: u32) -> option<own Bytes>; "
        "(arena: own Arena, size: u32) -> option<own Bytes>"
    )


def test_all_damaged_lines_and_all_contradictions_are_told() -> None:
    with pytest.raises(SeveralErrors) as malformed:
        decode_interface(encode(line(v=2), line(), line(name=...)), 0x10)
    assert [error.summary for error in malformed.value.errors] == [
        "interface version 2, where 1 is known",
        "an interface record without `kind` or `name`",
    ]
    declared = [line(name=name, results=results) for results in ([], ["u8"]) for name in ("f", "g")]
    with pytest.raises(SeveralErrors) as contradictory:
        merge_interface(decode_interface(encode(*declared)))
    assert [error.summary.split(" disagree")[0] for error in contradictory.value.errors] == [
        "declarations of import `arena.f`",
        "declarations of import `arena.g`",
    ]


def test_the_order_of_the_consolidated_section_is_that_of_names() -> None:
    entries = [line(name="b"), line(kind="export", module=..., name="z"), line(name="a"), line(module="aa", name="c")]
    forward, backward = (encode_interface(decode_interface(encode(*order))) for order in (entries, entries[::-1]))
    assert forward == backward
    assert [json.loads(entry)["name"] for entry in forward.splitlines()] == ["z", "c", "a", "b"]


@given(st.binary(max_size=60) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_an_interface_or_an_error(data: bytes) -> None:
    found: list[InterfaceFunction] = []
    with suppress(MalformedMetadataError, SeveralErrors):
        found = decode_interface(data)
    assert not found


@pytest.mark.parametrize(
    ("value_type", "as_parameter", "as_result"),
    [
        (ResourceType("Arena"), (I32,), (I32,)),
        ("bool", (I32,), (I32,)),
        ("u8", (I32,), (I32,)),
        ("s32", (I32,), (I32,)),
        ("char", (I32,), (I32,)),
        ("usize", (I32,), (I32,)),
        ("ptr", (I32,), (I32,)),
        ("s64", (I64,), (I64,)),
        ("u64", (I64,), (I64,)),
        ("f32", (F32,), (F32,)),
        ("f64", (F64,), (F64,)),
        ("str", (I32, I32), (I64,)),
        ("bytes", (I32, I32), (I64,)),
        (ListType("u8"), (I32, I32), (I64,)),
        (ListType("f64", mutable=True), (I32, I32), (I64,)),
        (OptionType("str"), (I32, I32), (I64,)),
        (OptionType(ListType("u64")), (I32, I32), (I64,)),
        (FunctionType(("u64",), ("u64",)), (I32,), (I32,)),
        ("opaque", (None,), (None,)),
    ],
)
def test_core_types(
    value_type: ValueType, as_parameter: tuple[ValType | None, ...], as_result: tuple[ValType | None, ...]
) -> None:
    assert core_types(value_type, is_result=False) == as_parameter
    assert core_types(value_type, is_result=True) == as_result

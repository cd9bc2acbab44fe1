"""Modules at the limits of the format: no recursion, and time in proportion to the size."""

from __future__ import annotations

from time import process_time

import pytest
from plugins import SURROGATES, Processed, assemble, bodies_of, custom_section, leb128, replace_bodies, section

from externref_build import Processor, process
from externref_build.metadata import RECORDS_SECTION, Record, encode_record
from externref_build.wasm.types import I32, I64

HEAD = b"\0asm\1\0\0\0"

GUEST = assemble(f"""
;; declare import host.echo: r -> r
;; declare export run: r -> r
(module {SURROGATES}
  (import "host" "echo" (func $echo (param i32) (result i32)))
  (func (export "run") (param i32) (result i32) local.get 0))
""")

GET_R, ECHO, END = b"\x20\0", b"\x10\x05", b"\x0b"
FUNCTIONS = 1_000_000
BLOCKS = 50_000


def with_body(body: bytes) -> bytes:
    """Give the guest another body."""
    return replace_bodies(GUEST, [body])


BODIES = {
    "nested blocks": b"\0" + b"\x02\x40" * BLOCKS + b"\x41\0\x0d\x05" + END * BLOCKS + GET_R + ECHO + END,
    "nested blocks with results": b"\0" + b"\x02\x7f" * BLOCKS + GET_R + ECHO + END * BLOCKS + END,
    "nested loops": b"\0" + b"\x03\x40" * BLOCKS + GET_R + ECHO + b"\x21\0" + END * BLOCKS + GET_R + END,
    "nested ifs": b"\0" + b"\x41\1\x04\x7f" * BLOCKS + GET_R + ECHO + (b"\x05" + GET_R + END) * BLOCKS + END,
    "nested try_tables": b"\0\x02\x40"
    + b"\x1f\x40\1\2\0" * BLOCKS
    + GET_R
    + ECHO
    + b"\x21\0"
    + END * BLOCKS
    + END
    + GET_R
    + END,
    "deep stack": b"\0" + GET_R * 200_000 + b"\x1a" * 199_999 + ECHO + END,
    "deep stack under assignments": b"\0" + GET_R * 50_000 + b"\x22\0" * 50_000 + b"\x1a" * 49_999 + ECHO + END,
    "deep stack across blocks": b"\0" + (GET_R + b"\x02\x40") * BLOCKS + (END + b"\x1a") * BLOCKS + GET_R + END,
    "many locals": b"\x02"
    + leb128(100_000)
    + I32
    + leb128(50_000)
    + I64
    + GET_R
    + b"\x22"
    + leb128(100_000)
    + ECHO
    + END,
    "many groups of locals": leb128(100_000) + (b"\1" + I32 + b"\1" + I64) * 50_000 + GET_R + b"\x22\1" + ECHO + END,
    "many locals with references": (
        b"\1"
        + leb128(100_000)
        + I32
        + GET_R
        + b"".join(b"\x22" + leb128(local) for local in range(1, 4000))
        + ECHO
        + END
    ),
    "wide br_table": b"\0" + GET_R + b"\x41\0\x0e" + leb128(1_000_000) + b"\0" * 1_000_001 + END,
    "many br_tables": b"\0" + b"\x02\x40\x41\0\x0e\2\0\0\0\x0b" * 20_000 + GET_R + ECHO + END,
    "many calls": b"\0" + GET_R + ECHO * 50_000 + END,
    "much dead code": b"\0" + GET_R + ECHO + b"\x0f" + b"\x02\x40\x10\0\x0b" * 30_000 + END,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_large_bodies(body: bytes) -> None:
    module = with_body(body)
    processor = Processor()
    started = process_time()
    processor.process(module)
    assert process_time() - started < 20
    assert processor.report
    [function] = processor.report.functions
    assert (function.lowering, function.reason) == ("direct", None)


def test_more_locals_with_references_than_are_followed_take_an_adapter() -> None:
    body = b"\1" + leb128(40_000) + I32 + GET_R + b"".join(b"\x22" + leb128(local) for local in range(1, 40_000)) + END
    processor = Processor()
    output = processor.process(with_body(body))
    assert processor.report
    [function] = processor.report.functions
    assert function.lowering == "adapter"
    assert function.reason == "more than 4096 locals hold references"
    thing = object()
    assert Processed(output, {"host.echo": lambda it: it}).call("run", thing) is thing


@pytest.mark.parametrize(("twins", "lowering"), [(10, "direct"), (11, "adapter")])
def test_twins_do_not_go_beyond_the_locals_that_engines_accept(twins: int, lowering: str) -> None:
    count = 49_989  # and the parameter
    tees = b"".join(b"\x22" + leb128(local) for local in range(1, twins + 1))
    processor = Processor()
    output = processor.process(with_body(b"\1" + leb128(count) + I32 + GET_R + tees + END))
    assert [function.lowering for function in processor.report.functions] == [lowering]
    thing = object()
    assert Processed(output, {"host.echo": lambda it: it}).call("run", thing) is thing


def test_more_parameters_than_are_followed_take_an_adapter() -> None:
    count = 10_000
    types = section(1, b"\1\x60" + leb128(count) + I32 * count + b"\0")
    functions = (
        section(3, b"\1\0")
        + section(7, b"\1\3run\0\0")
        + section(10, b"\1" + leb128(2 + 3 * count) + b"\0" + (GET_R + b"\x1a") * count + END)
    )
    records = custom_section(RECORDS_SECTION, encode_record(Record(None, "run", (True,) * count)))
    processor = Processor()
    started = process_time()
    processor.process(HEAD + types + functions + records)
    assert process_time() - started < 2
    assert processor.report
    [function] = processor.report.functions
    assert function.reason == "more than 4096 locals hold references"


@pytest.mark.once
def test_a_million_functions() -> None:
    types = section(1, b"\2\x60\1\x7f\1\x7f\x60\0\0")
    imports = section(2, b"\2" + b"\4host\4echo\0\0" + b"\x09externref\5guard\0\1")
    functions = section(3, leb128(FUNCTIONS) + b"\0" + b"\1" * (FUNCTIONS - 1))
    exports = section(7, b"\1\3run\0\2")
    run = b"\0" + GET_R + b"\x10\0" + END
    inner = (b"\0\x10\1" + END, b"\0" + END)
    bodies = [run, *(inner[number % 10 > 0] for number in range(FUNCTIONS - 1))]
    code = section(10, leb128(FUNCTIONS) + b"".join(leb128(len(body)) + body for body in bodies))
    records = encode_record(Record("host", "echo", (True, True))) + encode_record(Record(None, "run", (True, True)))
    started = process_time()
    output = process(HEAD + types + imports + functions + exports + code + custom_section(RECORDS_SECTION, records))
    assert process_time() - started < 30
    after = bodies_of(output)
    assert after[1] == run
    assert after[2] == b"\0\x01\x01" + END
    assert after[3:12] == [inner[1]] * 9
    assert len(after) == FUNCTIONS + 1


@pytest.mark.once
def test_a_hundred_megabytes() -> None:
    size = 100_000_000
    module = GUEST + custom_section("padding", b"\x10" * size)
    started = process_time()
    output = process(module)
    assert process_time() - started < 5
    assert output.count(b"padding" + b"\x10" * 1000) == 1
    assert len(output) > size

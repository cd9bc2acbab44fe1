"""Where functions are named: every instruction is found, and bytes that only look like one are not."""

from __future__ import annotations

import random
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins import custom_section, encode_features, leb128, section
from wasmtime import Engine, WasmtimeError, wat2wasm
from wasmtime import Module as WasmtimeModule

from externref_build.processor.disproof import impossible_pattern
from externref_build.processor.scan import CALL, REF_FUNC, RETURN_CALL, NamingIndex, index_pattern
from externref_build.wasm.body import decode_body
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.instructions import immediate, iterate_instructions
from externref_build.wasm.module import Module
from externref_build.wasm.opcodes import OPCODES

IMPORTS = "\n".join(f'(import "host" "f{index}" (func $f{index}))' for index in range(20))


@pytest.mark.parametrize(
    ("body", "func", "expected"),
    [
        ("call $f0 call $f1 call $f0", 0, [CALL, CALL]),
        ("return_call $f3", 3, [RETURN_CALL]),
        ("ref.func $f2 drop call $f2", 2, [REF_FUNC, CALL]),
        # An immediate that is the opcode of `call`, before a call of the function whose index is that opcode, too.
        ("i32.const 16 call $f16 drop", 16, [CALL]),
        ("i32.const 16 drop i32.const 16 i32.const 16 call $f16 drop drop", 16, [CALL]),
        # Immediates that look like a call of function 1, behind the last real one.
        ("call $f1 i64.const 0x0110011001100110 drop", 1, [CALL]),
        ("i32.const 0x0110 drop", 1, []),
        # What stands behind a call of function 2 is an instruction on the memory, or the type of a block.
        ("call $f2 memory.size call $f2 memory.grow drop", 2, [CALL, CALL]),
        ("i32.const 1 call $f2 call_indirect return_call $f2", 2, [CALL, RETURN_CALL]),
        (f"(local {'i32 ' * 17}) i32.const 1 local.set 16 block end", 2, []),
        (f"(local {'i32 ' * 17}) i32.const 16 local.set 16 block call $f2 end", 2, [CALL]),
        ("(block (br_table 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 (i32.const 1))) call $f0", 0, [CALL]),
    ],
)
def test_the_instructions_that_name_a_function_are_found(body: str, func: int, expected: list[int]) -> None:
    module = decode_module(
        bytes(wat2wasm(f"(module {IMPORTS} (memory 1) (table 1 funcref) (elem declare func $f2) (func {body}))"))
    )
    namings = NamingIndex(module).namings(func)
    assert [naming.opcode for naming in namings] == expected
    assert {naming.func for naming in namings} <= {func}
    assert all(module.data[naming.start] == naming.opcode for naming in namings)


ONE_OF_EACH = section(4, b"\1\x70\0\0") + section(5, b"\1\0\0")
"""A table and a memory."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


@pytest.mark.parametrize("count", [CALL, RETURN_CALL])
def test_the_number_of_functions_names_none(count: int) -> None:
    functions = "(func call $f5 nop)" * count
    module = decode_module(bytes(wat2wasm(f"(module {IMPORTS} {functions})")))
    assert module.data[module.body_bounds[0] - 1] == count
    assert module.data[module.body_bounds[0]] == 5, "the size of a body, which could be the index of a function"
    assert NamingIndex(module).callers(5) == set(range(20, 20 + count))


NUMERIC, ON_REFERENCES = range(0x45, 0xC5), (0xD1, 0xD3, 0xD4)


def test_instructions_that_disprove_a_call_are_those_of_invalid_code(engine: Engine) -> None:
    module = decode_module(b"\0asm\1\0\0\0" + ONE_OF_EACH)
    pattern = re.compile(impossible_pattern(module), re.DOTALL)
    operations = [*NUMERIC, *ON_REFERENCES]
    choices = random.Random(1)
    triples = (tuple(choices.choices(operations, k=3)) for _ in range(2000))
    for instructions in map(bytes, (*product(operations, repeat=2), *triples)):
        assert bool(pattern.match(instructions)) != is_valid(engine, instructions), instructions


@pytest.mark.parametrize(
    ("features", "disproves"),
    [
        (["+sign-ext", "+simd128", "-shared-mem"], True),
        (["+sign-ext", "+stack-switching"], False),
        (["+not yet there"], False),
        ([], True),
        (None, False),
    ],
)
def test_a_byte_that_is_no_instruction_disproves_a_call_where_the_module_says_what_it_uses(
    engine: Engine, features: list[str] | None, disproves: bool
) -> None:
    declared = b"" if features is None else custom_section("target_features", encode_features(*features))
    module = decode_module(b"\0asm\1\0\0\0" + ONE_OF_EACH + declared)
    pattern = re.compile(impossible_pattern(module), re.DOTALL)
    known = {opcode.code if opcode.prefix is None else opcode.prefix for opcode in OPCODES.values()}
    for byte, count in product(set(range(256)) - known, range(4)):
        instructions = b"\x67" * count + bytes((byte,))
        assert bool(pattern.match(instructions)) == disproves
        assert not is_valid(engine, instructions)


@pytest.mark.parametrize("features", [b"\x05", encode_features("+not yet there")])
def test_a_call_before_an_instruction_that_is_yet_to_come_is_found(features: bytes) -> None:
    body = b"\0\x10\x05\xe7\x0b"
    head = bytes(wat2wasm(f"(module {IMPORTS} (func call $f5))")).partition(section(10, b"\1\4\0\x10\5\x0b"))[0]
    data = head + section(10, b"\1" + leb128(len(body)) + body) + custom_section("target_features", features)
    assert NamingIndex(decode_module(data)).callers(5) == {20}


@pytest.mark.parametrize(
    "instruction", ["3f 00", "3f 01", "40 00", "40 01", "11 00 00", "11 00 01", "13 00 00", "13 00 01"]
)
def test_instructions_on_what_is_not_there_disprove_a_call(engine: Engine, instruction: str) -> None:
    module = decode_module(b"\0asm\1\0\0\0" + ONE_OF_EACH)
    match = re.match(impossible_pattern(module), bytes.fromhex(instruction), re.DOTALL)
    assert bool(match) != is_valid(engine, bytes.fromhex(instruction))


def is_valid(engine: Engine, instructions: bytes) -> bool:
    """Tell whether instructions are valid code behind one that never returns, where any operands may be assumed."""
    body = b"\0\0" + instructions + b"\0\x0b"
    data = (
        b"\0asm\1\0\0\0"
        + section(1, b"\1\x60\0\0")
        + section(3, b"\1\0")
        + ONE_OF_EACH
        + section(10, b"\1" + leb128(len(body)) + body)
    )
    try:
        WasmtimeModule.validate(engine, data)
    except WasmtimeError:
        return False
    return True


INDICES = st.one_of(st.integers(0, 300), st.sampled_from([0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000, 0xFFFFFFFF]))


@given(st.sets(INDICES, min_size=1, max_size=12), INDICES, st.integers(1, 5))
def test_a_pattern_matches_the_encodings_of_its_indices_only(wanted: set[int], index: int, width: int) -> None:
    pattern = re.compile(index_pattern(sorted(wanted)), re.DOTALL)
    for number in wanted | {index}:
        encoded = leb128(number, width)
        match = pattern.match(encoded + b"\x80\x00")
        assert bool(match) == (number in wanted)
        assert match is None or match.end() == len(encoded)


@given(st.sets(INDICES, min_size=1, max_size=5), st.binary(min_size=1, max_size=6))
def test_no_other_bytes_match(wanted: set[int], data: bytes) -> None:
    match = re.compile(index_pattern(sorted(wanted)), re.DOTALL).match(data)
    if match:
        value = sum((byte & 0x7F) << 7 * position for position, byte in enumerate(match.group()))
        assert value in wanted


FUNCTIONS = 200

INSTRUCTIONS = st.one_of(
    st.builds(
        lambda opcode, func, width: opcode + leb128(func, width),
        st.sampled_from([b"\x10", b"\x12", b"\xd2"]),
        st.integers(0, FUNCTIONS - 1),
        st.integers(1, 5),
    ),
    # numbers, tables and types in whose bytes something like a call stands
    st.builds(lambda data: b"\x44" + data, st.binary(min_size=8, max_size=8)),
    st.builds(
        lambda data: b"\xfd\x0c" + data.ljust(16, b"\x10"),
        st.lists(st.sampled_from(b"\x10\x12\xd2\0\1\x80")).map(bytes).filter(lambda data: len(data) < 17),
    ),
    st.builds(
        lambda labels: b"\x0e" + leb128(len(labels)) + bytes(labels) + b"\x10",
        st.lists(st.sampled_from(b"\x10\x12\0\1"), max_size=200),
    ),
    st.builds(lambda value: b"\x11" + leb128(value) + b"\x10", st.integers(0, 300)),
    # instructions on the memory, on a table, and blocks whose type looks like an instruction on a memory
    st.sampled_from([b"\x3f\0", b"\x40\0", b"\x40\x80\0", b"\x11\0\0", b"\x13\0\x10", b"\x02\x40", b"\x03\x40"]),
    st.sampled_from([b"\x41\x10", b"\x41\x90\x01", b"\x1a", b"\x20\x10", b"\x28\x02\x10", b"\x1c\2\x7f\x7f"]),
)


@given(
    st.lists(st.lists(INSTRUCTIONS, max_size=8).map(b"".join), min_size=1, max_size=5),
    st.sets(st.integers(0, FUNCTIONS - 1), max_size=40),
)
def test_every_naming_is_found(bodies: list[bytes], wanted: set[int]) -> None:
    """Also those behind the first 127 functions, whose indices take two bytes, and in bodies found before."""
    bodies = [b"\0" + body + b"\x0b" for body in bodies] + [b"\0\x0b"] * (FUNCTIONS - 3 - len(bodies))
    module = decode_module(
        b"\0asm\1\0\0\0"
        + section(1, b"\1\x60\0\0")
        + section(2, b"\3" + b"\1a\1b\0\0" * 3)
        + section(3, leb128(len(bodies)) + b"\0" * len(bodies))
        + section(4, b"\x11" + b"\x70\0\0" * 17)
        + section(5, b"\1\0\0")
        + section(9, b"\1\3\0" + leb128(FUNCTIONS) + b"".join(map(leb128, range(FUNCTIONS))))
        + section(10, leb128(len(bodies)) + b"".join(leb128(len(body)) + body for body in bodies))
    )
    namings = NamingIndex(module)
    namings.search(sorted(wanted)[::2])
    namings.search(wanted)
    for func in wanted:
        found = [(naming.opcode, naming.start, naming.end, naming.caller) for naming in namings.namings(func)]
        assert found == naively(module, func)
        assert namings.callers(func) == {caller for *_, caller in found}
        assert namings.is_value(func) == any(opcode == 0xD2 for opcode, *_ in found)
        assert namings.count_calls(func) == sum(opcode != 0xD2 for opcode, *_ in found)


def naively(module: Module, func: int) -> list[tuple[int, int, int, int]]:
    found = []
    for caller in range(len(module.func_imports), module.func_count):
        start, end = module.body(caller)
        for instruction in iterate_instructions(module.data, decode_body(module.data, start, end).locals_end, end):
            opcode = module.data[instruction[1]]
            if opcode in (0x10, 0x12, 0xD2) and immediate(module.data, instruction) == func:
                found.append((opcode, *instruction[1:], caller))
    return found

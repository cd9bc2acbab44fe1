"""Where functions are named: every instruction is found, and bytes that only look like one are not."""

from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from externref_build.processor.scan import CALL, REF_FUNC, RETURN_CALL, NamingIndex
from externref_build.wasm.module import decode_module

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
        ("(block (br_table 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 (i32.const 1))) call $f0", 0, [CALL]),
    ],
)
def test_the_instructions_that_name_a_function_are_found(body: str, func: int, expected: list[int]) -> None:
    module = decode_module(bytes(wat2wasm(f"(module {IMPORTS} (elem declare func $f2) (func {body}))")))
    namings = NamingIndex(module).namings(func)
    assert [naming.opcode for naming in namings] == expected
    assert {naming.func for naming in namings} <= {func}
    assert all(module.data[naming.start] == naming.opcode for naming in namings)

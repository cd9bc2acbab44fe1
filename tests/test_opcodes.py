"""Hold the opcode table against two independent sources: wat2wasm for encodings, wasmtime's validator for arities."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import wasmtime
from plugins import ENGINE, leb128, section

from externref_build.wasm.decoding import decode_module
from externref_build.wasm.instructions import encode_opcode, iterate_instructions
from externref_build.wasm.opcodes import OPCODES, Opcode

_ALL = list(OPCODES.values())
_IDS = [f"{opcode.mnemonic}-{key:x}" for key, opcode in OPCODES.items()]

_SKELETON = """
(module
  (type (func))
  (type (struct (field (mut i32))))
  (type (array (mut i32)))
  (type (array (mut i8)))
  (type (array (mut funcref)))
  (type (struct (field (mut i8))))
  (memory 1)
  (table 1 funcref)
  (global (mut i32) (i32.const 0))
  (elem func)
  (data "")
  (tag)
  (func data.drop 0)
  (func {body}))
"""

_WITH_DESCRIPTORS = _SKELETON.replace(
    "(memory", "(rec (type (descriptor 7) (struct)) (type (describes 6) (struct)))\n  (memory"
)
"""The same with types of the proposal custom-descriptors, which wasmtime assembles but doesn't validate."""

_TEXT = {
    "blocktype": "",
    "memarg": "offset=300",
    "labels": "0 0 0",
    "s32": "-2000000000",
    "s64": "-9000000000000000000",
    "f32": "1.5",
    "f64": "1.5",
    "bytes16": "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
    "heaptype": "extern",
    "valtypes": "(result i64)",
    "catches": "(catch 0 0) (catch_ref 0 0) (catch_all 0) (catch_all_ref 0)",
    "castflags": "",
    "type,table": "0 (type 0)",
}
"""How the text format spells each kind of immediate; 0 for indices."""

_SPELLINGS = {
    "v128.const": "v128.const i64x2 1 -1",
    "else": "if else end",
    "end": "block end",
    "call_indirect": "call_indirect 0 (type 0)",
    "return_call_indirect": "return_call_indirect 0 (type 0)",
    "ref.test": "ref.test (ref 1)",
    "ref.test_null": "ref.test (ref null eq)",
    "ref.cast": "ref.cast (ref 1)",
    "ref.cast_null": "ref.cast (ref null eq)",
    "br_on_cast": "br_on_cast 0 (ref null any) (ref eq)",
    "br_on_cast_fail": "br_on_cast_fail 0 (ref null any) (ref eq)",
    "ref.cast_desc_eq": "ref.cast_desc_eq (ref 6)",
    "ref.cast_desc_eq_null": "ref.cast_desc_eq (ref null (exact 6))",
    "br_on_cast_desc_eq": "br_on_cast_desc_eq 0 (ref null any) (ref (exact 6))",
    "br_on_cast_desc_eq_fail": "br_on_cast_desc_eq_fail 0 (ref null (exact 6)) (ref 6)",
    "block": "block end",
    "loop": "loop (result i32) i32.const 0 end",
    "if": "if (param i64) end",
    "try": "try end",
    "try_table": "try_table (result i32) (catch 0 0) (catch_ref 0 0) (catch_all 0) (catch_all_ref 0) i32.const 0 end",
    "atomic.fence": "atomic.fence",
}


def _spell(opcode: Opcode) -> str:
    if opcode.mnemonic in _SPELLINGS:
        return _SPELLINGS[opcode.mnemonic]
    return " ".join([opcode.mnemonic, *(_TEXT.get(kind, "0") for kind in opcode.immediates)])


def _is_of_descriptors(opcode: Opcode) -> bool:
    return "_desc" in opcode.mnemonic


@pytest.mark.parametrize("opcode", _ALL, ids=_IDS)
def test_every_opcode_is_decoded_as_it_is_assembled(opcode: Opcode) -> None:
    skeleton = _WITH_DESCRIPTORS if _is_of_descriptors(opcode) else _SKELETON
    module = bytes(wasmtime.wat2wasm(skeleton.format(body=_spell(opcode))))
    start, end = decode_module(module).body(1)
    decoded = list(iterate_instructions(module, start + 1, end))
    assert module[start] == 0
    assert opcode in [found for found, _, _ in decoded]
    assert [begin for _, begin, _ in decoded] == [start + 1, *(behind for _, _, behind in decoded[:-1])]
    assert decoded[-1][0].mnemonic == "end"
    assert decoded[-1][2] == end
    [first] = [first for found, first, _ in decoded if found is opcode][:1]
    assert module[first:].startswith(encode_opcode(opcode))


_LOCALS = ("7f", "7e", "7d", "7c", "7b", "6f", "70", "6e", "6d", "6c", "63 01", "63 02", "63 03", "63 04", "63 05")
"""A value of each of these types is offered to every instruction."""

_TYPES = {
    "array.get_s": 3,
    "array.get_u": 3,
    "array.new_elem": 4,
    "array.init_elem": 4,
    "array.new_data": 3,
    "array.init_data": 3,
    "struct.get_s": 5,
    "struct.get_u": 5,
}


def _immediates(opcode: Opcode) -> Iterator[bytes]:
    """Give immediates to try, of which one set is valid."""
    type_index = _TYPES.get(opcode.mnemonic, 1 if opcode.mnemonic.startswith("struct") else 2)
    heap_type = 0x6F if opcode.mnemonic == "ref.null" else 0x6E
    fixed = {"type": bytes([type_index]), "heaptype": bytes([heap_type]), "f32": bytes(4), "f64": bytes(8)}
    fixed["bytes16"] = bytes(16)
    for align in range(5 if "memarg" in opcode.immediates else 1):
        yield b"".join(fixed.get(kind, bytes([align, 0]) if kind == "memarg" else b"\0") for kind in opcode.immediates)


class _Validator:
    """Asks wasmtime whether a body of `_SKELETON` is valid."""

    def __init__(self) -> None:
        self.module = bytes(wasmtime.wat2wasm(_SKELETON.format(body="")))
        found = decode_module(self.module)
        self.first, self.end = found.body(0)
        code = next(entry for entry in found.sections if entry.id == 10)
        self.head, self.tail = self.module[: code.start], self.module[code.end :]
        locals_ = leb128(len(_LOCALS)) + b"".join(b"\x01" + bytes.fromhex(val_type) for val_type in _LOCALS)
        self.frame = locals_ + b"\x00"  # unreachable: whatever is missing on the stack is there

    def accepts(self, body: bytes) -> bool:
        bodies = [self.module[self.first : self.end], self.frame + body + b"\x0b"]
        payload = leb128(2) + b"".join(leb128(len(found)) + found for found in bodies)
        try:
            wasmtime.Module.validate(ENGINE, self.head + section(10, payload) + self.tail)
        except wasmtime.WasmtimeError:
            return False
        return True

    def arity(self, opcode: Opcode) -> tuple[int, int] | None:
        """Find how many operands an instruction takes and puts, or None if it is never valid."""
        for immediates in _immediates(opcode):
            instruction = encode_opcode(opcode) + immediates
            for pushes in range(3):
                if self.accepts(instruction + b"\x1a" * pushes):
                    return self._pops(instruction + b"\x1a" * pushes), pushes
        return None

    def _pops(self, instruction: bytes) -> int:
        """Put operands before an instruction, one below the other, as long as it takes them."""
        operands = b""
        for count in range(8):
            for local in range(len(_LOCALS)):
                operand = b"\x20" + bytes([local])
                if self.accepts(operand + operands + instruction):
                    operands = operand + operands
                    break
            else:
                return count
        raise AssertionError("an instruction takes any number of operands")


def test_every_arity_is_what_the_validator_takes() -> None:
    validator = _Validator()
    judged = [opcode for opcode in _ALL if opcode.arity and not _is_of_descriptors(opcode)]
    known = {opcode.mnemonic: opcode.arity for opcode in judged}
    assert len(known) > 450
    found = {opcode.mnemonic: validator.arity(opcode) for opcode in judged}
    assert found == known


@pytest.mark.parametrize("opcode", _ALL, ids=_IDS)
def test_a_padded_opcode_behind_its_prefix_is_the_same(opcode: Opcode) -> None:
    if opcode.prefix is None:
        assert len(encode_opcode(opcode)) == 1
        return
    immediates = next(_immediates(opcode))
    for width in range(2, 6):
        data = bytes([opcode.prefix]) + leb128(opcode.code, width) + immediates
        assert list(iterate_instructions(data, 0, len(data))) == [(opcode, 0, len(data))]

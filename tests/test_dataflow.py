"""What forces an adapter, and at which instruction; and bodies that are not valid."""

from __future__ import annotations

import pytest
import wasmtime
from plugins import ENGINE, SURROGATES, assemble, bodies_of, replace_bodies

from externref_build import Processor, process
from externref_build.errors import MalformedModuleError
from externref_build.processor.report import FunctionLowering
from externref_build.wasm.body import decode_body
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.instructions import iterate_instructions

GUEST = """
;; declare import host.echo: r -> r
;; declare import host.two: r r
;; declare export run: r i -> r
(module {surrogates}
  (type $unary (func (param i32) (result i32)))
  (type $array (array (mut i32)))
  (type $struct (struct (field i32) (field i64)))
  (import "host" "echo" (func $echo (param i32) (result i32)))
  (import "host" "two" (func $two (param i32 i32)))
  (memory 1)
  (table 1 funcref)
  (tag $t (param i32))
  (global $any (mut anyref) (ref.null any))
  (func $known (export "known") (param i32) (result i32) (local.get 0))
  (func (export "run") (param $r i32) (param $n i32) (result i32)
    (local $x i32)
    {body}))
"""


def lowering_of(body: str) -> tuple[FunctionLowering, str]:
    """Process a function; tell its lowering, and which instruction of it decided that."""
    module = assemble(GUEST.format(surrogates=SURROGATES, body=body))
    processor = Processor(debug_info="strip")
    wasmtime.Module.validate(ENGINE, processor.process(module))
    assert processor.report
    [found] = [function for function in processor.report.functions if function.name == "run"]
    if found.offset is None:
        return found, ""
    start, end = decode_module(module).body(found.index)
    instructions = iterate_instructions(module, decode_body(module, start, end).locals_end, end)
    return found, next((opcode.mnemonic for opcode, first, _ in instructions if first == found.offset), "")


ADAPTERS = [
    ("(i32.add (local.get $r) (i32.const 0))", "i32.add", "`i32.add` takes a reference as a number"),
    ("(i32.eqz (call $echo (local.get $r)))", "i32.eqz", "`i32.eqz` takes a reference as a number"),
    ("(i32.load (local.get $r))", "i32.load", "`i32.load` takes a reference as a number"),
    (
        "(i32.store (local.get $r) (i32.const 0)) (local.get $r)",
        "i32.store",
        "`i32.store` takes a reference as a number",
    ),
    ("(i32.store8 (i32.const 0) (local.get $r)) (local.get $r)", "i32.store8", "takes a reference as a number"),
    ("(i31.get_u (ref.i31 (local.get $r)))", "ref.i31", "`ref.i31` takes a reference as a number"),
    (
        "(call $insert (local.get $n)) drop (local.get $r)",
        "call",
        "externref.insert gets a number as parameter 1, where",
    ),
    (
        "(call $drop (local.get $r)) (local.get $r)",
        "call",
        "externref.drop gets a reference as parameter 1, where a number",
    ),
    ("(call $two (local.get $r) (local.get $n)) (local.get $r)", "call", "host.two gets a number as parameter 2"),
    ("(call $known (local.get $r))", "call", "known gets a reference as parameter 1, where a number is declared"),
    (
        "(call_indirect (type $unary) (local.get $r) (local.get $n))",
        "call_indirect",
        "`call_indirect` passes a reference",
    ),
    ("(call_ref $unary (local.get $r) (ref.null $unary))", "call_ref", "`call_ref` passes a reference"),
    ("(if (local.get $r) (then)) (local.get $r)", "if", "`if` decides by a reference"),
    ("(block (br_if 0 (local.get $r))) (local.get $r)", "br_if", "`br_if` decides by a reference"),
    ("(block (br_table 0 0 (local.get $r))) (local.get $r)", "br_table", "`br_table` decides by a reference"),
    (
        "(select (local.get $r) (local.get $n) (i32.const 1))",
        "select",
        "`select` chooses between a reference and a number",
    ),
    ("(select (local.get $n) (local.get $n) (local.get $r))", "select", "or by a reference"),
    ("(throw $t (local.get $r))", "throw", "`throw` takes a reference as a number"),
    ("(local.get $n)", "end", "returns a number where a reference is declared"),
    (
        "(if (result i32) (local.get $n) (then (local.get $r)) (else (local.get $n)))",
        "end",
        "a value is a reference on one path and a number on another",
    ),
    (
        "(if (local.get $n) (then (local.set $x (local.get $r)))) (local.get $x)",
        "local.get",
        "local 2 holds a reference on one path and a number on another",
    ),
    (
        "(local.get $r) (loop (param i32) (drop) (local.get $n) (br_if 0 (local.get $n)) (drop)) (local.get $r)",
        "loop",
        "a value is a reference on one path and a number on another",
    ),
    (
        "(block (try_table (catch_all 0) (local.set $x (local.get $r)) (throw $t (i32.const 0)))) (local.get $x)",
        "local.get",
        "local 2 holds a reference on one path and a number on another",
    ),
    (
        "(block (try_table (catch_all 0)"
        " (try_table (local.set $x (local.get $r)) (throw $t (i32.const 0))))) (local.get $x)",
        "local.get",
        "local 2 holds a reference on one path and a number on another",
    ),
    (
        "(local.set $x (local.get $r))"
        " (loop (drop (local.get $x)) (local.set $x (i32.const 1)) (br_if 0 (local.get $n))) (local.get $r)",
        "local.get",
        "local 2 holds a reference on one path and a number on another",
    ),
]


@pytest.mark.parametrize(("body", "mnemonic", "reason"), ADAPTERS, ids=[case[0] for case in ADAPTERS])
def test_what_forces_an_adapter(body: str, mnemonic: str, reason: str) -> None:
    found, at = lowering_of(body)
    assert found.lowering == "adapter"
    assert found.reason
    assert reason in found.reason
    assert at == mnemonic


DIRECT = [
    "(if (local.get $n) (then (local.set $x (local.get $r))) (else (drop (i32.eqz (local.get $x))))) (local.get $r)",
    # $x is used up on one path before it is a number on both; $r is not, for it holds another reference by then
    "(local.set $x (call $echo (call $get (i32.const -1))))"
    " (if (local.get $n) (then (drop (call $insert (local.get $x)))) (else (local.set $x (i32.const 5))))"
    " (drop (i32.eqz (local.get $x)))"
    " (drop (call $insert (local.get $r) (local.set $r (call $get (i32.const -1))))) (local.get $r)",
    "(local.set $x (i32.const 1)) (if (local.get $n) (then (local.set $x (local.get $r)))) (local.get $r)",
    "(loop (local.set $x (local.get $n)) (local.set $x (local.get $r)) (br_if 0 (local.get $n))) (local.get $x)",
    "(br_on_null 0 (local.get $r) (ref.null func)) drop",
    "(block (result (ref any)) (br_on_non_null 0 (global.get $any)) (return (local.get $r))) drop (local.get $r)",
    "(block (result (ref i31)) (br_on_cast 0 anyref (ref i31) (global.get $any)) drop (return (local.get $r)))"
    " drop (local.get $r)",
    "(block (result anyref) (br_on_cast_fail 0 anyref (ref i31) (global.get $any))) drop (local.get $r)",
    "(select (result i32) (local.get $r) (local.get $r) (local.get $n))",
    "(block (result i32) (br_table 0 1 (local.get $r) (local.get $n)))",
    "(local.tee $x (call $echo (local.tee $x (local.get $r))))",
    "(drop (local.get $r)) (call $get (i32.const -1))",
    "(drop (array.new_fixed $array 3 (i32.const 1) (i32.const 2) (i32.const 3))) (local.get $r)",
    "(drop (struct.new $struct (i32.const 1) (i64.const 2))) (drop (struct.new_default $struct)) (local.get $r)",
    "unreachable",
    "(loop (br 0)) (local.get $n)",
    "(throw $t (local.get $n))",
    "(throw_ref (ref.null exn))",
]


@pytest.mark.parametrize("body", DIRECT)
def test_what_does_not(body: str) -> None:
    found, _ = lowering_of(body)
    assert (found.lowering, found.reason) == ("direct", None)


INVALID = [
    ("local.get 9", "local 9 of 3"),
    ("(local.set 3 (local.get $r)) (local.get $r)", "local 3 of 3"),
    ("br 3", "label 3 of 1"),
    ("(block (br_if 2 (local.get $n))) (local.get $r)", "label 2 of 2"),
    ("(throw 5) (local.get $r)", "tag 5 of 1"),
    ("(block (try_table (catch 5 0))) (local.get $r)", "tag 5 of 1"),
    ("(block (try_table (catch $t 0))) (local.get $r)", "a branch carries another number of operands than its label"),
    ("i32.add", "an instruction takes more operands than there are"),
    ("(local.get $r) (block (drop))", "an instruction takes more operands than there are"),
    ("(local.get $r) (block (call $echo) (drop)) (local.get $r)", "an instruction takes more operands than there are"),
    ("(local.get $r) (local.get $r)", "a block leaves more operands than it has results"),
    ("(block (local.get $n)) (local.get $r)", "a block leaves more operands than it has results"),
    ("(if (result i32) (local.get $n) (then (local.get $r)))", "`if` without `else` has results other than"),
    ("call 99", "function 99 of 9"),
    ("(drop (struct.new $array (i32.const 1))) (local.get $r)", "is not a structure"),
    ("(drop (struct.new 99)) (local.get $r)", "type 99 is not a structure"),
]


@pytest.mark.parametrize(("body", "message"), INVALID, ids=[case[0] for case in INVALID])
def test_invalid_code(body: str, message: str) -> None:
    refuse(assemble(GUEST.format(surrogates=SURROGATES, body=body)), message)


INVALID_BYTES = [
    ("20 00 0b 01", "instructions behind the end of a function"),
    ("20 00", "a function body has no end"),
    ("02 40 20 00 0b", "a function body has no end"),
    ("05 20 00 0b", "`else` without `if`"),
    ("20 00 07 00 0b", "`catch` without `try`"),
    ("02 40 19 0b 20 00 0b", "`catch_all` without `try`"),
    ("02 40 18 00 20 00 0b", "`delegate` without `try`"),
    ("02 e3 00 0b 20 00 0b", "type 99 of"),
    ("02 01 0b 20 00 0b", "type 1 is not a function type"),
    ("20 01 11 01 00 0b", "type 1 is not a function type"),
    ("20 01 11 63 00 0b", "type 99 of"),
]


@pytest.mark.parametrize(("code", "message"), INVALID_BYTES, ids=[case[0] for case in INVALID_BYTES])
def test_code_that_no_text_spells(code: str, message: str) -> None:
    module = assemble(GUEST.format(surrogates=SURROGATES, body="local.get $r"))
    bodies = [*bodies_of(module)[:-1], b"\0" + bytes.fromhex(code)]
    refuse(replace_bodies(module, bodies), message)


def refuse(module: bytes, message: str) -> None:
    """Process a module that is not valid."""
    with pytest.raises(wasmtime.WasmtimeError):
        wasmtime.Module.validate(ENGINE, module)
    with pytest.raises(MalformedModuleError, match=message) as caught:
        process(module)
    assert decode_module(module).body_bounds[-2] < caught.value.offset <= len(module)

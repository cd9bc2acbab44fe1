"""What inner functions exchange: references, wherever all that is live agrees on it."""

from __future__ import annotations

import pytest
import wasmtime

from externref_build import Processor
from externref_build.metadata import Record, encode_record

IMPORTS = """
  (import "externref" "insert" (func $insert (param i32) (result i32)))
  (import "externref" "get" (func $get (param i32) (result i32)))
  (import "externref" "drop" (func $drop (param i32)))
  (import "host" "eat" (func $eat (param i32)))
"""

DIRECT = {
    "a recursive function returns what it got": """
      (func $walk (param i32 i32) (result i32)
        local.get 1
        if (result i32)
          (call $walk (local.get 0) (i32.sub (local.get 1) (i32.const 1)))
        else
          local.get 0
        end)
      (func (export "run") (param i32)
        (call $eat (call $walk (local.get 0) (i32.const 3))))""",
    "a recursive function uses its own result before it returns one": """
      (func $find (param i32) (result i32)
        local.get 0
        if
          (call $drop (call $insert (call $find (i32.const 0))))
        end
        (call $get (i32.const 0)))
      (func (export "run") (param i32)
        (call $eat (local.get 0))
        (call $eat (call $find (i32.const 1))))""",
    "a function stands before its callers, and uses what they pass": """
      (func $inner (param i32) (result i32)
        (call $eat (local.get 0))
        (call $get (i32.const 0)))
      (func $outer (param i32) (result i32)
        (call $inner (local.get 0)))
      (func (export "run") (param i32)
        (call $eat (call $outer (local.get 0))))""",
    "two functions each wait for what the other one returns": """
      (func $even (param i32 i32) (result i32)
        local.get 1
        if
          (return (call $odd (local.get 0) (i32.sub (local.get 1) (i32.const 1))))
        end
        local.get 0)
      (func $odd (param i32 i32) (result i32)
        (call $drop (call $insert (call $even (call $get (i32.const 0)) (i32.const 0))))
        (call $even (local.get 0) (i32.sub (local.get 1) (i32.const 1))))
      (func (export "run") (param i32)
        (call $eat (call $even (local.get 0) (i32.const 2))))""",
    "a function that never returns is called in tail position for a reference": """
      (func $forever (param i32) (result i32)
        (call $drop (local.get 0))
        (return_call $forever (i32.add (local.get 0) (i32.const 1))))
      (func $wait (param i32) (result i32)
        (if (local.get 0) (then (return (call $get (i32.const 0)))))
        (return_call $forever (i32.const 0)))
      (func (export "run") (param i32)
        (call $eat (local.get 0))
        (call $eat (call $wait (i32.const 1))))""",
    "the local of a reference that is used up joins a number": """
      (func $f (export "run") (param i32) (local $x i32)
        (local.set $x (local.get 0))
        (call $drop (call $insert (local.get $x)))
        (block
          (br_if 0 (i32.eqz (memory.size)))
          (local.set $x (i32.const 7)))
        (drop (i32.add (local.get $x) (i32.const 1)))
        (call $eat (call $get (i32.const 0))))
      (memory 1)""",
    "a reference is also stored for a debugger": """
      (memory 1)
      (func (export "run") (param i32)
        (i32.store (i32.const 0) (local.get 0))
        (call $eat (local.get 0)))""",
}


@pytest.mark.parametrize("functions", DIRECT.values(), ids=DIRECT.keys())
def test_inner_functions_exchange_references(functions: str) -> None:
    processor = Processor(require_direct=True)
    output = processor.process(guest(functions))
    engine = wasmtime.Engine()
    module = wasmtime.Module(engine, output)
    store = wasmtime.Store(engine)
    eaten: list[object] = []
    [wanted] = module.imports
    assert isinstance(wanted.type, wasmtime.FuncType)
    instance = wasmtime.Instance(store, module, [wasmtime.Func(store, wanted.type, eaten.append)])
    table = instance.exports(store)["externrefs"]
    assert isinstance(table, wasmtime.Table)
    table.grow(store, 1, "a slot's content")
    run = instance.exports(store)["run"]
    assert isinstance(run, wasmtime.Func)
    run(store, "an argument")
    assert set(eaten) <= {"an argument", "a slot's content"}
    assert eaten


def test_a_number_at_one_call_keeps_numbers_at_all() -> None:
    processor = Processor()
    processor.process(
        guest("""
          (func $same (param i32) (result i32)
            local.get 0)
          (func (export "number") (param i32) (result i32)
            (call $same (local.get 0)))
          (func (export "run") (param i32)
            (call $eat (call $same (local.get 0))))""")
    )
    assert processor.report is not None
    reasons = [function.reason for function in processor.report.functions if function.name == "run"]
    assert reasons == ["same gets a reference as parameter 1, where a number is declared"]


def guest(functions: str) -> bytes:
    """Assemble a guest that declares the parameters of ``host.eat`` and of its export ``run``."""
    records = [Record("host", "eat", (True,)), Record(None, "run", (True,))]
    content = "".join(f"\\{byte:02x}" for record in records for byte in encode_record(record))
    return bytes(wasmtime.wat2wasm(f'(module {IMPORTS} {functions} (@custom "__externrefs" "{content}"))'))

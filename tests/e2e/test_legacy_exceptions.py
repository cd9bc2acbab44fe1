"""Exceptions as compilers wrote them before WebAssembly 3.0, run by an engine that still has them."""

from __future__ import annotations

import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
from plugins import SURROGATES, assemble, process_demoted

from externref_build import process
from externref_build.wasm.decoding import decode_module

pytestmark = pytest.mark.once

GUEST = f"""
;; declare import host.echo: r -> r
;; declare import host.fail: r i -> r
;; declare export either: r r i -> r
;; declare export again: r i -> r
;; declare export thrown: r i -> r
;; declare export cleaned: r i -> r
(module {SURROGATES}
  (import "host" "echo" (func $echo (param i32) (result i32)))
  (import "host" "fail" (func $fail (param i32 i32) (result i32)))
  (tag $slot (param i32))

  ;; the reference is the result of the block, from its body or from a handler
  (func (export "either") (param $a i32) (param $b i32) (param $fails i32) (result i32)
    try (result i32)
      (if (local.get $fails) (then (throw $slot (i32.const 7))))
      (call $echo (local.get $a))
    catch $slot
      drop
      (call $echo (local.get $b))
    end)

  ;; a handler throws its exception again, past another one to the outermost
  (func (export "again") (param $a i32) (param $fails i32) (result i32)
    (local $x i32)
    try (result i32)
      try (result i32)
        try (result i32)
          (local.set $x (i32.const 1))
          (if (local.get $fails) (then (throw $slot (i32.const 7))))
          (local.set $x (call $echo (local.get $a)))
          (local.get $x)
        catch_all
          rethrow 0
        end
      delegate 0
    catch $slot
      drop
      (local.get $a)
    end)

  ;; what the host throws passes through, and a handler gives back what it held
  (func (export "cleaned") (param $a i32) (param $fails i32) (result i32)
    (local $held i32)
    (local.set $held (call $insert (local.get $a)))
    try (result i32)
      (call $fail (call $get (local.get $held)) (local.get $fails))
      (call $drop (local.get $held))
    catch_all
      (call $drop (local.get $held))
      rethrow 0
    end)

  ;; the slot of a reference travels in the exception, through a function without references
  (func $throw (param $slot i32) (param $fails i32)
    (if (local.get $fails) (then (throw $slot (local.get $slot)))))
  (func (export "thrown") (param $a i32) (param $fails i32) (result i32)
    (local $held i32)
    (local.set $held (call $insert (local.get $a)))
    try (result i32)
      (call $throw (local.get $held) (local.get $fails))
      (local.get $held)
    catch $slot
    end
    (local.set $held)
    (call $take (local.get $held))))
"""

SCRIPT = """
import { readFileSync } from "node:fs";
import assert from "node:assert";

const one = { name: "one" }, other = { name: "other" }, failure = new Error("of the host");
let echoed = 0;
const host = {
  echo: (thing) => (echoed++, thing),
  fail: (thing, fails) => { assert.equal(thing, one); if (fails) throw failure; return other; },
};
for (const path of process.argv.slice(2)) {
  const { instance } = await WebAssembly.instantiate(readFileSync(path), { host });
  const { either, again, thrown, cleaned, externrefs } = instance.exports;
  const held = () => Array.from({ length: externrefs.length }, (_, slot) => externrefs.get(slot)).filter(Boolean);
  for (let round = 0; round < 3; round++) {
    assert.equal(either(one, other, 0), one);
    assert.equal(either(one, other, 1), other);
    assert.equal(again(one, 0), one);
    assert.equal(again(one, 1), one);
    assert.equal(cleaned(one, 0), other);
    assert.throws(() => cleaned(one, 1), failure);
    assert.equal(thrown(one, 0), one);
    assert.equal(thrown(one, 1), one);
    assert.deepEqual(held(), []);
  }
}
assert.equal(echoed, 3 * 3 * (process.argv.length - 2));
"""


def test_references_pass_legacy_exceptions_in_both_lowerings(tmp_path: Path) -> None:
    """Direct, in adapters, and with each pair of functions in adapters while the others are direct."""
    data = assemble(GUEST)
    module = decode_module(data)
    functions = range(len(module.func_imports), module.func_count)
    outputs = {process(data, require_direct=True), process_demoted(data)[0]}
    outputs |= {process_demoted(data, demoted)[0] for demoted in combinations(functions, 2)}
    assert len(outputs) > 5
    paths = []
    for number, output in enumerate(outputs):
        paths.append(tmp_path / f"{number}.wasm")
        paths[-1].write_bytes(output)
    (tmp_path / "host.mjs").write_text(SCRIPT, encoding="utf-8")
    node = shutil.which("node")
    assert node, "node is not installed"
    done = subprocess.run([node, tmp_path / "host.mjs", *paths], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

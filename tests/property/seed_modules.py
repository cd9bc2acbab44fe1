"""Small valid modules that between them use every feature whose bytes the processor reads or moves."""

from __future__ import annotations

from pathlib import Path

import wasmtime
from compact_imports import ENCODINGS, compact
from guest_model import SeededChoices
from injection import inject
from surrogate_guests import generate

from externref_build.metadata import Record, encode_record

_IMPORTS = """
  (import "host" "alloc" (func $alloc (param i32 i32) (result i32)))
  (import "externref" "insert" (func $insert (param i32) (result i32)))
  (import "host" "plain" (func $plain (param i32) (result i32)))
  (import "externref" "get" (func $get (param i32) (result i32)))
  (import "externref" "drop" (func $drop (param i32)))
  (import "externref" "guard" (func $guard))
"""

_RECORDS = [Record("host", "alloc", (True, False, True)), Record(None, "take", (True, False, True))]

_TAKE = """
  (func $take (export "take") (param $ref i32) (param $size i32) (result i32)
    (local $slot i32) (local $other i32)
    (call $guard)
    (local.set $slot (call $insert (call $alloc (local.get $ref) (local.get $size))))
    {body}
    (local.set $other (call $get (local.get $slot)))
    (call $drop (local.get $slot))
    local.get $other)
"""

_FEATURES = {
    "indices everywhere": (
        """
  (table $funcs 8 funcref)
  (table $made 2 funcref (ref.func $plain))
  (table $made_of_null 2 externref (ref.null extern))
  (global $reference funcref (ref.func $alloc))
  (global $sum i32 (i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3))))
  (elem (i32.const 0) $alloc $plain $take)
  (elem (table $funcs) (i32.const 4) func $insert)
  (elem $passive func $alloc $get)
  (elem declare func $plain)
  (elem (table $funcs) (offset (i32.const 6)) funcref (ref.func $drop) (ref.null func))
  (elem $expressions funcref (ref.func $guard) (item ref.func $take))
  (export "plain" (func $plain)) (export "alloc" (func $alloc))
  (start $begin)
  (func $begin (drop (ref.func $plain)) (drop (ref.func $alloc)))
""",
        """
    (local.set $slot (call_indirect $funcs (param i32) (result i32) (local.get $slot) (i32.const 5)))
    (table.init $funcs $passive (i32.const 0) (i32.const 0) (i32.const 0)) (elem.drop $passive)""",
    ),
    "memories": (
        """
  (memory $first 1 2) (memory $second 1)
  (memory $wide i64 1 4)
  (data $bytes "some bytes")
  (data (memory $second) (i32.const 8) "active")
""",
        """
    (i32.store $second offset=8 (i32.const 1) (local.get $size))
    (i64.store $wide offset=4294967296 (i64.const 1) (i64.const 2))
    (memory.init $second $bytes (i32.const 0) (i32.const 0) (i32.const 2)) (data.drop $bytes)
    (memory.copy $first $second (i32.const 0) (i32.const 0) (i32.const 2))
    (memory.fill $first (i32.const 0) (i32.const 0) (i32.const 2))
    (drop (memory.grow $first (i32.const 0)))""",
    ),
    "control": (
        """
  (func $inner (param i32 i64) (result i64 i32) (return_call $outer (local.get 0) (local.get 1)))
  (func $outer (param i32 i64) (result i64 i32) local.get 1 local.get 0)
""",
        """
    block $done (result i32)
      local.get $ref
      loop $again (param i32) (result i32)
        (br_if $again (local.get $size))
        (br_table $done $done $done (local.get $size))
      end
    end
    drop
    (call $inner (local.get $ref) (i64.const 4)) local.set $ref drop
    (local.set $ref (select (result i32) (local.get $ref) (local.get $ref) (i32.const 1)))
    (if (local.get $size) (then (return (local.get $ref))) (else unreachable (call $drop)))
    (if (i32.const 0) (then (return (i32.const 3) (call $get))))""",
    ),
    "exceptions": (
        "(tag $failed (param i32)) (tag $ended)",
        """
    block $caught (result i32)
      block $all (result exnref)
        try_table (catch $failed $caught) (catch_all_ref $all)
          (throw $failed (i32.const 1))
        end
        unreachable
      end
      throw_ref
    end
    drop""",
    ),
    "types of the GC proposal": (
        """
  (rec (type $node (sub (struct (field i32) (field (mut (ref null $node)))))) (type $leaf (sub $node (struct
    (field i32) (field (mut (ref null $node))) (field i64)))))
  (type $bytes (array (mut i8)))
  (type $callback (func (param i32) (result i32)))
  (elem declare func $plain $take)
  (global $root (ref $node) (struct.new $node (i32.const 1) (ref.null $node)))
""",
        """
    (drop (struct.new $leaf (local.get $size) (ref.null $node) (i64.const 3)))
    (drop (array.new_fixed $bytes 3 (i32.const 1) (i32.const 2) (i32.const 3)))
    (drop (array.len (array.new_default $bytes (local.get $size))))
    (local.set $slot (call_ref $callback (local.get $slot) (ref.func $plain)))
    block $is_leaf (result (ref $leaf))
      (br_on_cast $is_leaf (ref $node) (ref $leaf) (global.get $root))
      drop
      (return (local.get $ref))
    end
    drop
    block $is_null
      (br_on_null $is_null (ref.null $node))
      drop
    end
    (drop (ref.test (ref $leaf) (global.get $root)))
    (drop (i31.get_u (ref.i31 (i32.const 1))))""",
    ),
    "vectors and atomics": (
        "(memory 1 1 shared)",
        """
    (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
      (v128.const i32x4 0x10 0x11 0x12 0x13) (i32x4.splat (local.get $size))))
    (v128.store8_lane offset=16 3 (i32.const 0) (v128.const i64x2 0 0))
    (drop (i32x4.relaxed_dot_i8x16_i7x16_add_s (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0)))
    (drop (i32.atomic.rmw.cmpxchg (i32.const 0) (i32.const 0) (i32.const 1)))
    (atomic.fence)
    (drop (f64.const nan:0x7ff0000000001)) (drop (f32.const 0x1p-149)) (drop (i64.const -9223372036854775808))
    (drop (i64.trunc_sat_f64_u (f64.const 1)))""",
    ),
    "custom sections": (
        r"""
  (memory 1)
  (@custom "producers" "\01\0cprocessed-by\01\05clang\0418.1")
  (@custom "target_features" "\02+\0fmutable-globals+\08sign-ext")
  (@custom "__externrefs_interface" "{\"v\":1,\"kind\":\"import\",\"module\":\"host\",\"name\":\"alloc\",\"params\":
[[\"arena\",{\"ref\":\"Arena\"}],[\"size\",\"u32\"]],\"results\":[{\"own\":\"Bytes\",\"null\":true}]}\0a")
  (@custom "something else" "content")
""".replace("\n[[", "[["),
        """
    (i32.store (i32.const 0) (local.get $ref))
    (@metadata.code.branch_hint "\\01")
    (if (local.get $size) (then (call $drop (local.get $slot))))""",
    ),
}


def _assemble(around: str, body: str) -> bytes:
    records = b"".join(map(encode_record, _RECORDS))
    metadata = "".join(f"\\{byte:02x}" for byte in records)
    custom = f'(@custom "__externrefs" "{metadata}")'
    return bytes(wasmtime.wat2wasm(f"(module $seed {_IMPORTS} {around} {_TAKE.format(body=body)} {custom})"))


_DEBUGGED = Path(__file__).resolve().parent.parent / "corpus" / "dwarf"


def seed_modules() -> list[bytes]:
    """Assemble one module for each feature, make guests of compiled modules with debug info, and generate a few."""
    seeds = [_assemble(*texts) for texts in _FEATURES.values()]
    seeds += [compact(seeds[0], encoding) for encoding in ENCODINGS.values()]
    seeds += [inject(path.read_bytes(), everywhere=True) for path in sorted(_DEBUGGED.glob("*.wasm"))]
    for seed in range(8):
        seeds.append(bytes(wasmtime.wat2wasm(generate(SeededChoices(seed), is_plain=seed % 2 == 0).text)))
    return seeds

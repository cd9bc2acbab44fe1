"""A guest that passes a value of every type through: from its caller to the host's function of that name, and back."""

from __future__ import annotations

from typing import Any

from bound_guests import assemble, exported, imported

REF = {"ref": "Thing"}
TYPES: dict[str, Any] = {
    **{name: name for name in ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "usize", "isize", "ptr")},
    **{name: name for name in ("f32", "f64", "char")},
    "flag": "bool",
    "text": "str",
    "data": "bytes",
    **{f"list_{name}": {"list": name} for name in ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64")},
    "option_str": {"option": "str"},
    "option_bytes": {"option": "bytes"},
    "option_list": {"option": {"list": "u16"}},
    "thing": REF,
    "maybe": {"own": "Thing", "null": True},
}
"""Value types by the names of the functions that pass them through."""

_CORE = {"s64": "i64", "u64": "i64", "f32": "f32", "f64": "f64"}


def core(value_type: Any, *, is_result: bool = False) -> str:
    """Spell the core types of a value."""
    if isinstance(value_type, dict) and ("ref" in value_type or "own" in value_type):
        return "externref"
    if isinstance(value_type, dict) or value_type in ("str", "bytes"):
        return "i64" if is_result else "i32 i32"
    return _CORE.get(value_type, "i32")


PRELUDE = """
    (import "externref.host" "fail" (func $fail (param i32 i32)))
    (import "externref.host" "panic" (func $panic (param i32 i32 i32 i32 i32 i32)))
"""

BODY = """
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 4096))
    (table $refs (export "externrefs") 16 externref)
    (func $realloc (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32) (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
        (global.set $top (i32.add (local.get $at) (local.get $size)))
        (if (i32.gt_u (global.get $top) (i32.mul (memory.size) (i32.const 65536)))
            (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16)))))))
        (local.get $at))
"""
"""A memory, and an allocator that gives away what it has, and grows; the memory of one call is free with the next."""


def echo_guest() -> bytes:
    """Assemble the guest."""
    imports, functions, interface = [], [], []
    for name, value_type in TYPES.items():
        params, result = core(value_type), core(value_type, is_result=True)
        count = len(params.split())
        passed = " ".join(f"(local.get {index})" for index in range(count))
        imports.append(f'(import "host" "{name}" (func $h_{name} (param {params}) (result {result})))')
        functions.append(
            f'(func (export "{name}") (param {params}) (result {result}) (local $out {result}) '
            f"(local.set $out (call $h_{name} {passed})) (global.set $top (i32.const 4096)) (local.get $out))"
        )
        imports.append(f'(import "host" "try_{name}" (func $t_{name} (param {params} i32) (result {result})))')
        functions.append(
            f'(func (export "try_{name}") (param {params}) (result {result}) (local $out {result}) '
            f"(i64.store (i32.const 16) (i64.const 0)) "
            f"(local.set $out (call $t_{name} {passed} (i32.const 16))) (global.set $top (i32.const 4096)) "
            "(if (i32.load (i32.const 16)) (then (call $fail (i32.load (i32.const 16)) (i32.load (i32.const 20))))) "
            "(local.get $out))"
        )
        for prefix, more in (("", {}), ("try_", {"error": "str"})):
            interface.append(imported("host", prefix + name, [("value", value_type)], [value_type], **more))
            interface.append(exported(prefix + name, [("value", value_type)], [value_type], **more))
    text = f"(module {PRELUDE} {' '.join(imports)} {BODY} {' '.join(functions)})"
    return assemble(text, *interface)

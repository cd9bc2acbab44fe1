"""A guest that passes values of every type to its host and back, and breaks each rule when it is told to."""

from __future__ import annotations

from typing import Any, Final

from bound_guests import assemble, exported, imported

SCALARS: Final = {
    **dict.fromkeys(("bool", "char", "s8", "u8", "s16", "u16", "s32", "u32", "isize", "usize", "ptr"), "i32"),
    **dict.fromkeys(("s64", "u64"), "i64"),
    "f32": "f32",
    "f64": "f64",
}
ELEMENTS: Final = ("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64")
BUFFERS: Final[dict[str, Any]] = {
    "str": "str",
    "bytes": "bytes",
    **{f"list_{element}": {"list": element} for element in ELEMENTS},
    "option_str": {"option": "str"},
    "option_bytes": {"option": "bytes"},
    "option_list_f64": {"option": {"list": "f64"}},
}
THING: Final = {"ref": "Thing"}
OWN_THING: Final = {"own": "Thing"}
VECTOR: Final = {"ref": "Vector"}
OWN_VECTOR: Final = {"own": "Vector"}
PACK: Final = "(i64.or (i64.extend_i32_u (local.get 0)) (i64.shl (i64.extend_i32_u (local.get 1)) (i64.const 32)))"


def _lent(address: int, length: int) -> str:
    return f"(i64.const {address | length << 32})"


_IMPORTS: Final = [
    *(
        (
            f'(import "host" "{name}" (func ${name} (param {core}) (result {core})))',
            imported("host", name, [("value", name)], [name]),
        )
        for name, core in SCALARS.items()
    ),
    *(
        (
            f'(import "host" "{name}" (func ${name} (param i32 i32) (result i64)))',
            imported("host", name, [("value", value_type)], [value_type]),
        )
        for name, value_type in BUFFERS.items()
    ),
    (
        '(import "host" "pass" (func $pass (param externref) (result externref)))',
        imported("host", "pass", [("thing", THING)], [OWN_THING]),
    ),
    (
        '(import "host" "pass_null" (func $pass_null (param externref) (result externref)))',
        imported("host", "pass_null", [("thing", {**THING, "null": True})], [{**OWN_THING, "null": True}]),
    ),
    (
        '(import "host" "dropped" (func $dropped (param externref)))',
        imported("host", "dropped", [("thing", OWN_THING)]),
    ),
    (
        '(import "host" "attempt" (func $attempt (param i32 i32 i32) (result i64)))',
        imported("host", "attempt", [("text", "str")], ["str"], error="str"),
    ),
    ('(import "host" "run" (func $run))', imported("host", "run", [], doc="Runs what the host likes.")),
    ('(import "host" "tell" (func $tell (param i32 i32)))', imported("host", "tell", [("text", "str")])),
    (
        '(import "host" "tell_list" (func $tell_list (param i32 i32)))',
        imported("host", "tell_list", [("list", {"list": "f64"})]),
    ),
    ('(import "host" "tell_char" (func $tell_char (param i32)))', imported("host", "tell_char", [("char", "char")])),
    (
        '(import "host" "fill" (func $fill (param i32 i32)))',
        imported("host", "fill", [("list", {"list": "s32", "mut": True})]),
    ),
    (
        '(import "host" "fold" (func $fold (param i32 i32) (result i32)))',
        imported("host", "fold", [("start", "s32"), ("step", {"fn": [["s32", "s32"], ["s32"]]})], ["s32"]),
    ),
    (
        '(import "host" "translate" (func $translate (param i32)))',
        imported("host", "translate", [("how", {"fn": [["str"], ["str"]]})]),
    ),
    ('(import "externref.host" "panic" (func $panic (param i32 i32 i32 i32 i32 i32)))', None),
    ('(import "externref.host" "fail" (func $fail (param i32 i32)))', None),
    ('(import "plain" "number" (func $plain (param i32 i64 f32) (result i64)))', None),
    (
        '(import "client" "[constructor]Vector" (func $vector (param f64) (result externref)))',
        imported("client", "[constructor]Vector", [("x", "f64")], [OWN_VECTOR]),
    ),
    (
        '(import "client" "[method]Vector.add" (func $add (param externref externref) (result externref)))',
        imported("client", "[method]Vector.add", [("this", VECTOR), ("other", VECTOR)], [OWN_VECTOR]),
    ),
    (
        '(import "client" "[method]Vector.add#f64" (func $add_number (param externref f64) (result externref)))',
        imported("client", "[method]Vector.add#f64", [("this", VECTOR), ("other", "f64")], [OWN_VECTOR]),
    ),
    (
        '(import "client" "[static]Vector.zero" (func $zero (result externref)))',
        imported("client", "[static]Vector.zero", [], [OWN_VECTOR]),
    ),
    (
        '(import "client" "[get]Vector.x" (func $get_x (param externref) (result f64)))',
        imported("client", "[get]Vector.x", [("this", VECTOR)], ["f64"]),
    ),
    (
        '(import "client" "[set]Vector.x" (func $set_x (param externref f64)))',
        imported("client", "[set]Vector.x", [("this", VECTOR), ("value", "f64")]),
    ),
    (
        '(import "client" "[global]origin" (func $origin (result externref)))',
        imported("client", "[global]origin", [], [OWN_VECTOR]),
    ),
]

_EXPORTS: Final = [
    *(
        (
            f'(func (export "{name}") (param {core}) (result {core}) (call ${name} (local.get 0)))',
            exported(name, [("value", name)], [name]),
        )
        for name, core in SCALARS.items()
    ),
    *(
        (
            f'(func (export "{name}") (param i32 i32) (result i64) (call ${name} (local.get 0) (local.get 1)))',
            exported(name, [("value", value_type)], [value_type]),
        )
        for name, value_type in BUFFERS.items()
    ),
    (
        '(func (export "pass") (param externref) (result externref) (call $pass (local.get 0)))',
        exported("pass", [("thing", THING)], [OWN_THING], doc="Passes a thing */ to the host.\n\nAnd back."),
    ),
    (
        '(func (export "pass_null") (param externref) (result externref) (call $pass_null (local.get 0)))',
        exported("pass_null", [("thing", {**THING, "null": True})], [{**OWN_THING, "null": True}]),
    ),
    ('(func (export "any") (param externref) (result externref) (local.get 0))', None),
    (
        '(func (export "keep") (param externref i32) (table.set $externrefs (local.get 1) (local.get 0)))',
        exported("keep", [("thing", OWN_THING), ("slot", "u32")]),
    ),
    (
        """(func (export "forget") (param i32)
             (call $dropped (table.get $externrefs (local.get 0)))
             (table.set $externrefs (local.get 0) (ref.null extern)))""",
        exported("forget", [("slot", "u32")]),
    ),
    (
        """(func (export "attempt") (param i32 i32) (result i64) (local i64)
             (i64.store (i32.const 8) (i64.const 0))
             (local.set 2 (call $attempt (local.get 0) (local.get 1) (i32.const 8)))
             (if (i32.load (i32.const 8)) (then
               (call $fail (i32.load (i32.const 8)) (i32.load (i32.const 12)))
               (return (i64.const 0))))
             (local.get 2))""",
        exported("attempt", [("text", "str")], ["str"], error="str"),
    ),
    ('(func (export "run") (call $run))', exported("run", [])),
    (
        '(func (export "fail_late") (result i32) (call $fail (i32.const 16) (i32.const 4)) (call $run) (i32.const 0))',
        exported("fail_late", [], ["s32"], error="str"),
    ),
    ('(func (export "trap") unreachable)', exported("trap", [])),
    ('(func $deep (export "overflow") (call $deep))', exported("overflow", [])),
    (
        """(func (export "panic")
             (call $panic (i32.const 16) (i32.const 4) (i32.const 20) (i32.const 10) (i32.const 12) (i32.const 9))
             unreachable)""",
        exported("panic", []),
    ),
    ('(func (export "grow") (param i32) (drop (memory.grow (local.get 0))))', exported("grow", [("pages", "u32")])),
    (f'(func (export "bad_text") (result i64) {_lent(32, 2)})', exported("bad_text", [], ["str"])),
    (f'(func (export "far_text") (result i64) {_lent(0xFFFF_FFF0, 32)})', exported("far_text", [], ["str"])),
    (f'(func (export "far_bytes") (result i64) {_lent(65536 * 4, 1)})', exported("far_bytes", [], ["bytes"])),
    (f'(func (export "odd_list") (result i64) {_lent(12, 1)})', exported("odd_list", [], [{"list": "f64"}])),
    (f'(func (export "far_list") (result i64) {_lent(8, 0x7FFF_FFFF)})', exported("far_list", [], [{"list": "f64"}])),
    ('(func (export "bad_char") (result i32) (i32.const 0xd800))', exported("bad_char", [], ["char"])),
    ('(func (export "no_thing") (result externref) (ref.null extern))', exported("no_thing", [], [OWN_THING])),
    ('(func (export "wide_bool") (result i32) (i32.const 256))', exported("wide_bool", [], ["bool"])),
    ('(func (export "wide_u8") (result i32) (i32.const -1))', exported("wide_u8", [], ["u8"])),
    ('(func (export "wide_s8") (result i32) (i32.const 0x180))', exported("wide_s8", [], ["s8"])),
    ('(func (export "tell_bad_text") (call $tell (i32.const 32) (i32.const 2)))', exported("tell_bad_text", [])),
    ('(func (export "tell_far_text") (call $tell (i32.const -16) (i32.const 32)))', exported("tell_far_text", [])),
    ('(func (export "tell_odd_list") (call $tell_list (i32.const 12) (i32.const 1)))', exported("tell_odd_list", [])),
    ('(func (export "tell_bad_char") (call $tell_char (i32.const 0x110000)))', exported("tell_bad_char", [])),
    ('(func (export "tell_no_thing") (drop (call $pass (ref.null extern))))', exported("tell_no_thing", [])),
    ('(func (export "fold_nothing") (drop (call $fold (i32.const 0) (i32.const 0))))', exported("fold_nothing", [])),
    ('(func (export "fold_far") (drop (call $fold (i32.const 0) (i32.const 99))))', exported("fold_far", [])),
    (
        f'(func (export "fill") (param i32 i32) (result i64) (call $fill (local.get 0) (local.get 1)) {PACK})',
        exported("fill", [("list", {"list": "s32"})], [{"list": "s32"}]),
    ),
    (
        '(func (export "fold") (param i32) (result i32) (call $fold (local.get 0) (i32.const 1)))',
        exported("fold", [("start", "s32")], ["s32"]),
    ),
    ('(func (export "fold_trap") (drop (call $fold (i32.const 0) (i32.const 3))))', exported("fold_trap", [])),
    ('(func (export "translate") (call $translate (i32.const 2)))', exported("translate", [])),
    (
        """(func (export "number") (param i32 i64 f32) (result i64)
             (call $plain (local.get 0) (local.get 1) (local.get 2)))""",
        None,
    ),
    ('(func (export "two") (result i32 i64) (i32.const -1) (i64.const -2))', None),
    (
        '(func (export "vector") (param f64) (result externref) (call $vector (local.get 0)))',
        exported("vector", [("x", "f64")], [OWN_VECTOR]),
    ),
    (
        """(func (export "sum") (param externref externref) (result externref)
             (call $add_number (call $add (local.get 0) (local.get 1)) (f64.const 0.5)))""",
        exported("sum", [("first", VECTOR), ("second", VECTOR)], [OWN_VECTOR]),
    ),
    (
        """(func (export "twice") (param externref) (result f64)
             (call $set_x (local.get 0) (f64.mul (call $get_x (local.get 0)) (f64.const 2)))
             (f64.add (call $get_x (local.get 0)) (call $get_x (call $add (call $zero) (call $origin)))))""",
        exported("twice", [("vector", VECTOR)], ["f64"]),
    ),
    (
        '(func (export "x_of") (param externref) (result f64) (call $get_x (local.get 0)))',
        exported("x_of", [("thing", THING)], ["f64"]),
    ),
    ('(func (export "then") (result i32) (i32.const 7))', exported("then", [], ["s32"])),
    ('(func (export "close") (result i32) (i32.const 8))', exported("close", [], ["s32"])),
    (
        '(func (export "constructor") (param i32) (result i32) (local.get 0))',
        exported("constructor", [("class", "s32")], ["s32"]),
    ),
]

TEXT: Final = f"""(module
  {"  ".join(text for text, _ in _IMPORTS)}
  (memory (export "memory") 1)
  (table $externrefs (export "externrefs") 8 externref)
  (table $functions (export "__indirect_function_table") 4 funcref)
  (elem (table $functions) (i32.const 1) func $step $same $stop)
  (func $step (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $same (param i32 i32) (result i64) {PACK})
  (func $stop (param i32 i32) (result i32) unreachable)
  (data (i32.const 16) "boomsrc/lib.rs")
  (data (i32.const 32) "\\ff\\fe")
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get 3)))
    (block $enough (loop $more
      (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
      (br_if $more (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))
      unreachable)))
  {"  ".join(text for text, _ in _EXPORTS)}
)"""


def echo_guest() -> bytes:
    """Assemble the guest, as the processor would leave it."""
    return assemble(TEXT, *(entry for _, entry in [*_IMPORTS, *_EXPORTS] if entry is not None))

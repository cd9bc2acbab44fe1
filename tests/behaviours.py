"""Guests and what they must do, whichever way they are processed.

Each case is a guest in the text format and a script that uses it as a host does. The same script has to pass with the
unprocessed guest under surrogates played in Python, with the guest processed, with all of its functions in adapters,
and with each one of them in an adapter while the others are not.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from plugins import SURROGATES, Plugin

CORPUS = Path(__file__).parent / "corpus"


class Thing:
    """A host object, equal only to itself."""


@dataclass
class Host:
    """Functions that guests import, and a log of their calls."""

    log: list[tuple[Any, ...]] = field(default_factory=list)
    made: list[weakref.ref[Thing]] = field(default_factory=list)
    plugin: Plugin | None = None

    def thing(self) -> Thing:
        """Make an object that is watched."""
        thing = Thing()
        self.made.append(weakref.ref(thing))
        return thing

    def functions(self) -> dict[str, Callable[..., Any]]:
        def note(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any) -> Any:
                self.log.append((name, *args))
                return answer(*args)

            return call

        answers: dict[str, Callable[..., Any]] = {
            "make": self.thing,
            "none": lambda: None,
            "begin": lambda: None,
            "use": lambda thing: None,
            "tell": lambda number: None,
            "echo": lambda thing: thing,
            "two": lambda first, second: 7,
            "swap": lambda first, second: [second, first],
            "mixed": lambda thing, number: [number + 1, thing, 0.5],
            "enter": lambda thing: self.enter(thing),
            "dropped": lambda thing: None,
            "native_echo": lambda thing: thing,
            "native_make": self.thing,
            "native_of": lambda thing: thing,
        }
        failures: dict[str, Callable[..., Any]] = {"fail": lambda *message: None, "panic": lambda *message: None}
        functions = {f"host.{name}": note(name, answer) for name, answer in answers.items()}
        return {**functions, **{f"externref.host.{name}": note(name, answer) for name, answer in failures.items()}}

    def enter(self, thing: Any) -> Any:
        assert self.plugin
        return self.plugin.call("entered", thing)

    def calls(self, name: str) -> list[tuple[Any, ...]]:
        """Give the arguments of all calls of a function so far, and forget them."""
        found = [args for called, *args in self.log if called == name]
        self.log = [entry for entry in self.log if entry[0] != name]
        return [tuple(args) for args in found]


HOST = """
    ;; declare import host.make: -> r
    (import "host" "make" (func $make (result i32)))
    ;; declare import host.none: -> r
    (import "host" "none" (func $none (result i32)))
    ;; declare import host.use: r
    (import "host" "use" (func $use (param i32)))
    (import "host" "tell" (func $tell (param i32)))
    ;; declare import host.echo: r -> r
    (import "host" "echo" (func $echo (param i32) (result i32)))
    ;; declare import host.two: r r -> i
    (import "host" "two" (func $two (param i32 i32) (result i32)))
    ;; declare import host.swap: r r -> r r
    (import "host" "swap" (func $swap (param i32 i32) (result i32 i32)))
    ;; declare import host.mixed: r i -> i r f
    (import "host" "mixed" (func $mixed (param i32 i32) (result i32 i32 f64)))
"""

Script = Callable[[Plugin, Host], None]


@dataclass(frozen=True)
class Behaviour:
    """A guest, and a script that asserts what it does."""

    name: str
    text: str
    script: Script
    is_direct: bool
    """Whether every function takes direct lowering."""
    has_hook: bool
    may_keep: bool
    """Whether references may stay on their way because the guest loses them."""
    ignores: bool
    """Whether the guest doesn't read parameters that are references, which only the processor sees."""


BEHAVIOURS: list[Behaviour] = []


def guest(
    text: str, *, direct: bool = True, hook: bool = False, may_keep: bool = False, ignores: bool = False
) -> Callable[[Script], Script]:
    """Register a script for a guest: the text inside of ``(module)``, or the name of a file in the corpus."""
    source = (CORPUS / text).read_text() if text.endswith(".wat") else f"(module {SURROGATES} {HOST} {text})"

    def register(script: Script) -> Script:
        BEHAVIOURS.append(Behaviour(script.__name__, source, script, direct, hook, may_keep, ignores))
        return script

    return register


# References through functions


@guest("""
  ;; declare export store: r -> i
  (func (export "store") (param i32) (result i32) local.get 0 call $insert)
  ;; declare export load: i -> r
  (func (export "load") (param i32) (result i32) local.get 0 call $get)
  (func (export "forget") (param i32) local.get 0 call $drop)
""")
def the_same_object_comes_back(plugin: Plugin, host: Host) -> None:
    first, second = host.thing(), host.thing()
    assert (plugin.call("store", first), plugin.call("store", second)) == (0, 1)
    assert plugin.call("load", 0) is first
    assert plugin.call("load", 1) is second
    plugin.call("forget", 0)
    assert plugin.held() == [second]
    assert plugin.call("store", first) == 0
    plugin.call("forget", 0)
    plugin.call("forget", 1)
    assert plugin.held() == []


@guest("""
  ;; declare export through: r -> r
  (func (export "through") (param i32) (result i32) (local $slot i32)
    local.get 0
    call $insert
    local.tee $slot
    call $tell
    local.get $slot
    call $get
    call $echo
    call $insert
    call $get
    local.get $slot
    call $drop)
  ;; declare export none: -> r
  (func (export "none") (result i32) call $none)
  ;; declare export minus: -> r
  (func (export "minus") (result i32) i32.const -1 call $get)
""")
def null_is_none_both_ways(plugin: Plugin, host: Host) -> None:
    assert plugin.call("through", None) is None
    assert host.calls("tell") == [(-1,)]
    assert host.calls("echo") == [(None,)]
    assert plugin.call("none") is None
    assert plugin.call("minus") is None
    assert plugin.held() == []


@guest("""
  ;; declare export run: r i r -> r
  (func (export "run") (param $a i32) (param $n i32) (param $b i32) (result i32)
    (local $slot_a i32) (local $slot_b i32) (local $slot_c i32)
    ;; the arguments are consumed from the last to the first
    (local.set $slot_b (call $insert (local.get $b)))
    (local.set $slot_a (call $insert (local.get $a)))
    (local.set $slot_c (call $insert (call $make)))
    (call $tell (call $two (call $get (local.get $slot_c)) (call $get (local.get $slot_a))))
    (call $use (call $get (local.get $slot_b)))
    (call $get (local.get $slot_c))
    (call $drop (local.get $slot_a))
    (call $drop (local.get $slot_b))
    (call $drop (local.get $slot_c)))
""")
def arguments_are_consumed_in_any_order(plugin: Plugin, host: Host) -> None:
    first, last = host.thing(), host.thing()
    for _ in range(3):
        made = plugin.call("run", first, 5, last)
        assert host.calls("two") == [(made, first)]
        assert host.calls("use") == [(last,)]
        assert host.calls("tell") == [(7,)]
    assert plugin.held() == []


@guest("""
  ;; declare export swap: r r -> r i r
  (func (export "swap") (param i32 i32) (result i32 i32 i32)
    (local i32 i32)
    local.get 0
    local.get 1
    call $swap
    local.set 2
    local.set 3
    local.get 2
    i32.const 42
    local.get 3)
  ;; declare export mixed: r -> f r i
  (func (export "mixed") (param i32) (result f64 i32 i32)
    (local $n i32) (local $r i32) (local $f f64)
    (call $mixed (local.get 0) (i32.const 4))
    (local.set $f)
    (local.set $r)
    (local.set $n)
    local.get $f
    local.get $r
    local.get $n)
""")
def several_results(plugin: Plugin, host: Host) -> None:
    first, second = host.thing(), host.thing()
    assert plugin.call("swap", first, second) == [first, 42, second]
    assert host.calls("swap") == [(first, second)]
    assert plugin.call("swap", None, second) == [None, 42, second]
    assert plugin.call("mixed", first) == [0.5, first, 5]
    assert host.calls("mixed") == [(first, 4)]


@guest("""
  ;; declare export run: r -> r
  (func (export "run") (param i32) (result i32) local.get 0 return_call $echo)
  ;; declare export again: r -> r
  (func $again (export "again") (param i32) (result i32) local.get 0 return_call $inner)
  (func $inner (param i32) (result i32) local.get 0 return_call $again2)
  ;; declare export again2: r -> r
  (func $again2 (export "again2") (param i32) (result i32) local.get 0 return_call $echo nop)
  ;; declare export store: r -> i
  (func (export "store") (param i32) (result i32) local.get 0 return_call $insert)
  ;; declare export load: i -> r
  (func (export "load") (param i32) (result i32) local.get 0 return_call $get)
  (func (export "guard") return_call $guard)
  ;; declare export use: r
  (func (export "use") (param i32) (local.get 0) (return_call $use))
  (func (export "forget") (param i32) (if (local.get 0) (then)) (return_call $drop (local.get 0)))
""")
def tail_calls(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("run", thing) is thing
    assert plugin.call("again", thing) is thing
    assert plugin.call("store", thing) == 0
    assert plugin.call("load", 0) is thing
    plugin.call("guard")
    plugin.call("use", thing)
    assert host.calls("use") == [(thing,)]
    plugin.call("forget", 0)
    assert plugin.held() == []


# Who may call whom


@guest(
    """
  ;; declare export f: r i
  ;; declare export g: i r
  (func (export "f") (export "g") (export "h") (param i32 i32) nop)
  ;; declare export both: r -> r
  ;; declare export alias: r -> r
  (func $both (export "both") (export "alias") (param i32) (result i32) local.get 0)
  ;; declare export kept: r -> r
  (func $kept (export "kept") (export "raw") (param i32) (result i32) local.get 0 call $echo)
  ;; declare export inside: r -> r
  (func (export "inside") (param i32) (result i32) local.get 0 call $kept call $both)
""",
    direct=False,
)
def each_name_of_a_function_counts(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("both", thing) is thing
    assert plugin.call("alias", thing) is thing
    assert plugin.call("kept", thing) is thing
    assert plugin.call("raw", -1) == -1
    assert plugin.call("inside", thing) is thing
    plugin.call("h", 5, 6)


@guest("""
  ;; declare import host.use: r
  (import "host" "use" (func $use2 (param i32)))
  (import "externref" "get" (func $get2 (param i32) (result i32)))
  (import "externref" "insert" (func $insert2 (param i32) (result i32)))
  (import "host" "tell" (func $tell2 (param i32)))
  ;; declare export run: r
  (func (export "run") (param i32) (local i32)
    (local.set 1 (call $insert2 (local.get 0)))
    (call $use (call $get2 (local.get 1)))
    (call $use2 (call $get (local.get 1)))
    (call $tell2 (i32.const 1))
    (call $tell (i32.const 2))
    (call $drop (local.get 1)))
""")
def equal_imports(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    plugin.call("run", thing)
    assert host.calls("use") == [(thing,), (thing,)]
    assert host.calls("tell") == [(1,), (2,)]


@guest("indirect.wat", direct=False)
def function_pointers(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("run", thing) is thing
    assert host.calls("use") == [(thing,)]
    assert host.calls("tell") == [(0,), (5,)]
    assert plugin.held() == []
    assert plugin.call("by_pointer", thing, 6) is thing
    assert plugin.call("by_reference", thing) is thing
    assert plugin.call("tail", thing) is thing
    assert plugin.call("from_global", thing) is thing


@guest("""
  (export "raw_get" (func $get))
  (export "raw_take" (func $take))
  (export "raw_insert" (func $insert))
  (export "raw_drop" (func $drop))
  (export "raw_guard" (func $guard))
  ;; declare export echo: r -> r
  (export "echo" (func $echo))
  (export "raw_echo" (func $echo))
  ;; declare export put: r -> i
  (export "put" (func $insert))
  ;; declare export fetch: i -> r
  (export "fetch" (func $get))
""")
def imports_that_are_exported_again(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("put", thing) == 0
    assert plugin.call("fetch", 0) is thing
    assert plugin.call("raw_insert", plugin.call("raw_get", 0)) == 1
    assert plugin.call("raw_insert", plugin.call("raw_echo", plugin.call("raw_take", 0))) == 0
    assert host.calls("echo") == [(thing,)]
    assert plugin.held() == [thing, thing]
    plugin.call("raw_drop", 1)
    plugin.call("raw_drop", 0)
    plugin.call("raw_guard")
    assert plugin.held() == []
    assert plugin.call("echo", thing) is thing
    assert plugin.call("raw_echo", -1) == -1


@guest("""
  ;; declare import host.enter: r -> r
  (import "host" "enter" (func $enter (param i32) (result i32)))
  (global $depth (mut i32) (i32.const 0))
  ;; declare export run: r r -> r
  (func (export "run") (param $a i32) (param $b i32) (result i32)
    (local $slot i32) (local $inner i32)
    ;; $b is still on its way while the host comes back into the guest
    (local.set $slot (call $insert (local.get $a)))
    (local.set $inner (call $insert (call $enter (call $get (local.get $slot)))))
    (call $use (local.get $b))
    (call $get (local.get $inner))
    (call $drop (local.get $inner))
    (call $drop (local.get $slot)))
  ;; declare export entered: r -> r
  (func (export "entered") (param $a i32) (result i32)
    (local $slot i32)
    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
    (if (result i32) (i32.lt_u (global.get $depth) (i32.const 4))
      (then
        (local.set $slot (call $insert (local.get $a)))
        (call $enter (call $get (local.get $slot)))
        (call $drop (local.get $slot)))
      (else (call $use (local.get $a)) (call $make))))
""")
def a_host_that_comes_back_into_the_guest(plugin: Plugin, host: Host) -> None:
    first, second = host.thing(), host.thing()
    made = plugin.call("run", first, second)
    assert host.calls("enter") == [(first,)] * 4
    assert host.calls("use") == [(first,), (second,)]
    assert made not in (None, first, second)
    assert plugin.held() == []


@guest(
    """
  (type $unary (func (param i32) (result i32)))
  ;; what declares this function for `ref.func` is its export alone
  ;; declare export value: r -> r
  (func $value (export "value") (type $unary) (call $echo (local.get 0)))
  ;; declare export run: r -> r
  (func (export "run") (param i32) (result i32) (call_ref $unary (local.get 0) (ref.func $value)))
  ;; declare export keep: r -> i
  (func (export "keep") (param i32) (result i32)
    (drop (ref.func $value))
    (call $insert (local.get 0)))
""",
    direct=False,
)
def an_exported_function_as_a_value(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("run", thing) is thing
    assert plugin.call("value", thing) is thing
    assert plugin.call("keep", thing) == 0
    assert plugin.held() == [thing]


@guest(
    """
  (rec (type $map (func (param i32) (result i32))) (type $eat (func (param i32))) (type $do (func)))
  (import "externref" "insert" (func $insert_in_group (type $map)))
  (import "externref" "take" (func $take_in_group (type $map)))
  (import "externref" "drop" (func $drop_in_group (type $eat)))
  (import "externref" "guard" (func $guard_in_group (type $do)))
  (import "host" "echo" (func $echo_in_group (type $map)))
  (table $maps 3 (ref $map) (ref.func $insert_in_group))
  (elem (table $maps) (i32.const 1) (ref $map) (ref.func $take_in_group) (ref.func $echo_in_group))
  (global $drop_it (ref $eat) (ref.func $drop_in_group))
  (elem declare func $guard_in_group)
  ;; declare export run: r -> r
  (func (export "run") (param $thing i32) (result i32)
    (local $slot i32)
    (call_ref $do (ref.func $guard_in_group))
    (local.set $slot (call_indirect $maps (type $map) (local.get $thing) (i32.const 0)))
    (local.set $thing (call $take_in_group (local.get $slot)))
    (local.set $slot (call_indirect $maps (type $map) (local.get $thing) (i32.const 0)))
    (drop (call $insert (call $get (local.get $slot))))
    (local.set $thing (call_indirect $maps (type $map) (local.get $slot) (i32.const 1)))
    (call_ref $eat (i32.const 1) (global.get $drop_it))
    (return (call $echo (local.get $thing))))
""",
    direct=False,
)
def surrogates_of_types_in_a_group(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("run", thing) is thing
    assert plugin.held() == []


@guest("""
  (import "host" "begin" (func $begin))
  (start $begin)
  ;; declare export run: r -> r
  (func (export "run") (param i32) (result i32) (call $echo (local.get 0)))
""")
def an_import_as_start_function(plugin: Plugin, host: Host) -> None:
    assert host.calls("begin") == [()]
    thing = host.thing()
    assert plugin.call("run", thing) is thing


@guest("""
  (global $slot (mut i32) (i32.const -1))
  (func $start (global.set $slot (call $insert (call $make))))
  (start $start)
  ;; declare export made: -> r
  (func (export "made") (result i32) (call $get (global.get $slot)))
""")
def a_start_function(plugin: Plugin, host: Host) -> None:
    made = plugin.call("made")
    assert isinstance(made, Thing)
    assert plugin.held() == [made]


@guest("""
  ;; declare export run: r i -> r
  (func (export "run") (param i32 i32) (result i32)
    (call $outer (local.get 0) (local.get 1)))
  (func $outer (param i32 i32) (result i32)
    (call $tell (local.get 1))
    (call $inner (local.get 1) (local.get 0)))
  (func $inner (param $n i32) (param $r i32) (result i32)
    (local $slot i32)
    (if (result i32) (local.get $n)
      (then (call $inner (i32.sub (local.get $n) (i32.const 1)) (call $echo (local.get $r))))
      (else
        (local.set $slot (call $insert (local.get $r)))
        (call $get (local.get $slot))
        (call $drop (local.get $slot)))))
  (func $never (param i32) (result i32) (local i32)
    (local.set 1 (call $insert (local.get 0)))
    unreachable)
  ;; declare export fail: r -> r
  (func (export "fail") (param i32) (result i32) (i32.add (call $never (local.get 0)) (i32.const 1)))
""")
def inner_functions_pass_references(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("run", thing, 3) is thing
    assert host.calls("echo") == [(thing,)] * 3
    assert plugin.call("run", None, 1) is None


@guest(
    """
  ;; declare export run: r -> r
  (func (export "run") (param i32) (result i32)
    (call $tell (call $identity (i32.const 5)))
    (call $identity (local.get 0)))
  (func $identity (param i32) (result i32) local.get 0)
  ;; declare export other: r -> r
  (func (export "other") (param i32) (result i32) (call $echo (local.get 0)))
""",
    direct=False,
)
def a_function_for_numbers_and_references(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("run", thing) is thing
    assert host.calls("tell") == [(5,)]
    assert plugin.call("other", thing) is thing


# Where references are kept


@guest("""
  ;; declare export run: r r i -> r
  (func (export "run") (param $a i32) (param $b i32) (param $n i32) (result i32)
    (local $x i32) (local $slot i32)
    ;; one local, in turn a number, a reference, a number and another reference
    (local.set $x (i32.const 11))
    (call $tell (local.get $x))
    (local.set $x (local.get $a))
    (local.set $slot (call $insert (local.get $x)))
    (local.set $x (i32.add (local.get $slot) (i32.const 20)))
    (call $tell (local.get $x))
    ;; a parameter that was a reference is a number, and the other way round
    (local.set $a (i32.const 30))
    (call $tell (local.get $a))
    (local.set $n (call $make))
    (call $use (local.tee $a (local.get $n)))
    (local.set $x (call $insert (local.get $b)))
    (call $get (local.get $slot))
    (call $drop (local.get $slot))
    (call $drop (local.get $x)))
""")
def a_local_holds_numbers_and_references_in_turn(plugin: Plugin, host: Host) -> None:
    first, second = host.thing(), host.thing()
    assert plugin.call("run", first, second, 1) is first
    assert host.calls("tell") == [(11,), (20,), (30,)]
    assert len(host.calls("use")) == 1
    assert plugin.held() == []


@guest("control.wat", may_keep=True)
def control_flow_carries_references(plugin: Plugin, host: Host) -> None:
    first, second = host.thing(), host.thing()
    for condition in (0, 1):
        chosen = first if condition else second
        for export in ("if", "if_params", "block", "select", "select_typed", "br_table", "many"):
            assert plugin.call(export, first, second, condition) is chosen, export
            assert set(host.calls("use")) <= {(first,), (second,)}
    host.log.clear()
    assert plugin.call("loop", first, 5) is first
    assert len(host.calls("echo")) == 5
    assert plugin.call("countdown", first, 4) is first
    assert host.calls("tell") == [(4,), (3,), (2,), (1,)]
    assert plugin.held() == []


@guest("dead.wat")
def code_that_cannot_be_reached(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    for export in ("after_return", "after_branch", "after_loop", "in_branches", "after_blocks", "typed"):
        assert plugin.call(export, thing) is thing, export
    assert plugin.held() == []


@guest(
    """
  (memory 1)
  (global $stack (mut i32) (i32.const 65536))
  ;; declare export run: r i -> r
  (func (export "run") (param $r i32) (param $n i32) (result i32)
    (local $frame i32) (local $slot i32)
    ;; as compilers do without optimisation: what a debugger wants to see is stored, and never loaded
    (local.set $frame (i32.sub (global.get $stack) (i32.const 16)))
    (i32.store offset=12 (local.get $frame) (local.get $r))
    (i32.store offset=8 (local.get $frame) (local.get $n))
    (local.set $slot (call $insert (local.get $r)))
    (i32.store offset=4 (local.get $frame) (local.get $slot))
    (i32.store (local.get $frame) (call $get (i32.load offset=4 (local.get $frame))))
    (call $tell (i32.load offset=8 (local.get $frame)))
    (call $get (local.get $slot))
    (call $drop (local.get $slot)))
""",
    may_keep=True,
)
def copies_for_a_debugger(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("run", thing, 9) is thing
    assert host.calls("tell") == [(9,)]


@guest(
    """
  (memory 1)
  (global $global (mut i32) (i32.const 0))
  (table $numbers 1 1 funcref)
  ;; declare export memory: r -> r
  (func (export "memory") (param i32) (result i32)
    (i32.store (i32.const 16) (local.get 0))
    (call $echo (i32.load (i32.const 16))))
  ;; declare export global: r -> r
  (func (export "global") (param i32) (result i32)
    (global.set $global (call $echo (local.get 0)))
    (global.get $global))
  ;; declare export arithmetic: r -> r
  (func (export "arithmetic") (param i32) (result i32)
    (i32.xor (i32.xor (local.get 0) (i32.const 0x55)) (i32.const 0x55)))
  ;; declare export wide: r -> r
  (func (export "wide") (param i32) (result i32)
    (i32.wrap_i64 (i64.shr_u (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32)) (i64.const 32))))
  ;; declare export direct: r -> r
  (func (export "direct") (param i32) (result i32) (call $echo (local.get 0)))
  ;; declare export compare: r -> i
  (func (export "compare") (param i32) (result i32) (local i32)
    (if (result i32) (i32.eq (local.get 0) (i32.const -1))
      (then (i32.const 0))
      (else (local.set 1 (call $insert (local.get 0))) (call $drop (local.get 1)) (i32.const 1))))
""",
    direct=False,
)
def references_as_numbers(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    for export in ("memory", "global", "arithmetic", "wide", "direct"):
        assert plugin.call(export, thing) is thing, export
        assert plugin.call(export, None) is None, export
    assert plugin.call("compare", thing) == 1
    assert plugin.call("compare", None) == 0
    assert plugin.held() == []


@guest(
    """
  ;; declare export ignore: r i r -> i
  (func (export "ignore") (param i32 i32 i32) (result i32)
    (drop (call $insert (local.get 2)))
    (call $drop (i32.const 0))
    local.get 1)
  ;; declare export let_go: r
  (func (export "let_go") (param i32) (local.set 0 (i32.const 5)))
  (func (export "pass_on") (call $use (call $echo (call $make))))
""",
    ignores=True,
)
def parameters_that_nobody_reads(plugin: Plugin, host: Host) -> None:
    for _ in range(20):
        assert plugin.call("ignore", host.thing(), 8, host.thing()) == 8
        plugin.call("let_go", host.thing())
        plugin.call("pass_on")


@guest("exceptions.wat", may_keep=True)
def exceptions(plugin: Plugin, host: Host) -> None:
    thing, other = host.thing(), host.thing()
    for fails in (0, 1):
        assert plugin.call("caught", thing, other, fails) is (other if fails else thing), fails
        assert plugin.call("payload", thing, fails) is thing
        assert plugin.call("number_in_handler", thing, fails) == (3 if fails else 4)
        assert plugin.call("all_kinds", thing, fails) is thing
    host.log.clear()
    assert plugin.call("loop", thing, 4) is thing
    assert len(host.calls("echo")) == 4
    assert plugin.held() == []


@guest("""
  (import "externref.host" "panic" (func $panic (param i32 i32 i32 i32 i32 i32)))
  (import "externref.host" "fail" (func $fail (param i32 i32)))
  (table funcref (elem $fail $panic))
  ;; declare export check: r i -> r
  (func (export "check") (param $thing i32) (param $state i32) (result i32)
    (local $slot i32)
    (local.set $slot (call $insert (call $echo (local.get $thing))))
    (block $bad
      (br_if $bad (i32.eq (local.get $state) (i32.const 1)))
      (if (local.get $state) (then
        (call $panic (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 6))
        (unreachable)))
      (return (call $take (local.get $slot))))
    (call_indirect (param i32 i32) (i32.const 64) (i32.const 5) (i32.const 0))
    (call $fail (i32.const 80) (i32.const 0))
    (call $drop (local.get $slot))
    (call $get (i32.const -1)))
""")
def failures_and_panics(plugin: Plugin, host: Host) -> None:
    thing = host.thing()
    assert plugin.call("check", thing, 0) is thing
    assert plugin.call("check", thing, 1) is None
    assert host.calls("fail") == [(64, 5), (80, 0)]
    with pytest.raises(wasmtime.Trap):
        plugin.call("check", thing, 2)
    assert host.calls("panic") == [(1, 2, 3, 4, 5, 6)]
    assert plugin.call("check", thing, 0) is thing
    assert plugin.held() == [thing]


# Beside references that the module has itself


@guest("native.wat", may_keep=True)
def native_references(plugin: Plugin, host: Host) -> None:
    first, second = host.thing(), host.thing()
    assert plugin.call("keep", first) == 0
    assert [plugin.call("put", second), plugin.call("put", None), plugin.call("put", first)] == [2, 3, 4]
    assert [plugin.call("entry", index) for index in range(5)] == [None, None, second, None, first]
    assert plugin.call("copy_entries", 2, 0, 2) == 1
    assert [plugin.call("entry", index) for index in range(5)] == [second, None, second, None, first]
    assert plugin.call("both", second, first, 1) is second
    assert plugin.call("both", second, first, 0) is first
    assert plugin.call("both", None, None, 1) is None
    assert host.calls("use") == [(first,), (first,), (None,)]
    assert plugin.call("swap", first, second) == [second, first]
    assert plugin.call("swap", None, second) == [second, None]
    for thing in (first, None):
        assert plugin.call("or_made", thing) is (thing or plugin.call("remembered"))
        assert plugin.call("is_there", thing) == (thing is not None)
        assert plugin.call("thrown", thing) is thing
        assert plugin.call("by_pointer", thing, thing) is thing
    assert host.calls("echo") == [(first,), (None,)]
    assert plugin.call("loop", first, second, 3) is second
    assert len(host.calls("echo")) == 3
    assert plugin.call("fetch", 0) is first
    assert plugin.held() == [first]
    plugin.call("forget", 0)
    assert plugin.held() == []


# Giving up ownership


@guest(
    """
  ;; declare export store: r -> i
  (func (export "store") (param i32) (result i32) local.get 0 call $insert)
  ;; declare export give: i -> r
  (func (export "give") (param i32) (result i32) local.get 0 call $take)
  (func (export "forget") (param i32) local.get 0 call $drop)
  ;; declare export hand_over: i
  (func (export "hand_over") (param i32) local.get 0 call $take call $use)
""",
    hook=True,
)
def the_drop_hook(plugin: Plugin, host: Host) -> None:
    first, second, third = host.thing(), host.thing(), host.thing()
    for thing in (first, second, third):
        plugin.call("store", thing)
    plugin.call("forget", -1)
    assert host.calls("dropped") == []
    plugin.call("forget", 1)
    plugin.call("forget", 1)
    assert host.calls("dropped") == [(second,)]
    assert plugin.call("give", 2) is third
    plugin.call("forget", 2)
    assert plugin.call("give", 2) is None
    assert plugin.call("give", -1) is None
    plugin.call("hand_over", 0)
    assert host.calls("use") == [(first,)]
    assert host.calls("dropped") == []
    assert plugin.held() == []

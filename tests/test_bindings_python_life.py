"""How plugins of a generated Python host live and end: errors, limits, references, threads, hosts that don't fit."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import wasmtime
from bound_guests import assemble, bind, exported, imported
from echo_guest import BODY, PRELUDE

REF = {"ref": "Thing"}
FN = {"fn": [["s32", "str"], ["str"]]}

GUEST = f"""(module {PRELUDE}
    (import "host" "use" (func $use (param externref) (result i32)))
    (import "host" "give" (func $give (result externref)))
    (import "host" "later" (func $later (param i32)))
    (import "host" "print" (func $print (param i32 i32)))
    (import "host" "number" (func $number (result i32)))
    (type $callback (func (param i32 i32 i32) (result i64)))
    (type $other (func))
    {BODY.replace("(param i32 i32 i32 $size i32)", "(param i32 i32 i32) (param $size i32)")}
    (table $functions (export "__indirect_function_table") 4 funcref)
    (elem (table $functions) (i32.const 1) func $shout $nothing)
    (data (i32.const 100) "it broke")
    (data (i32.const 120) "src/lib.rs")
    (data (i32.const 140) "\\ff\\fe")
    (func $shout (type $callback) (i64.or (i64.extend_i32_u (local.get 1))
        (i64.shl (i64.extend_i32_u (i32.sub (local.get 2) (local.get 0))) (i64.const 32))))
    (func $nothing (type $other))
    (func (export "call_use") (param externref) (result i32)
        (table.set $refs (i32.const 1) (local.get 0)) (call $use (local.get 0)))
    (func (export "keep") (param externref) (table.set $refs (i32.const 2) (local.get 0)))
    (func (export "call_give") (result externref) (call $give))
    (func (export "leak") (result i32) (local $i i32) (loop $next
        (drop (call $give)) (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 3000)))) (local.get $i))
    (func (export "panics") (table.set $refs (i32.const 3) (call $give))
        (call $panic (i32.const 100) (i32.const 8) (i32.const 120) (i32.const 10) (i32.const 42) (i32.const 7))
        unreachable)
    (func (export "traps") (drop (i32.div_u (i32.const 1) (i32.const 0))))
    (func (export "fails") (param i32) (result i32) (if (local.get 0)
        (then (call $fail (i32.const 100) (i32.const 8)) (call $later (i32.const 1)))) (i32.const 0))
    (func $alloc::rust_oom (export "runs_out_of_memory") unreachable)
    (func $externref.insert unreachable)
    (func (export "runs_out_of_references") (call $externref.insert))
    (func (export "call_and_run_on") (call $later (i32.const 1))
        (loop $forever (i32.store (i32.const 0) (i32.const 1)) (br $forever)))
    (func (export "runs_on") (loop $forever (br $forever)))
    (func $recurses (export "recurses") (call $recurses))
    (func (export "grows") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "grows_table") (param i32) (result i32)
        (table.grow $refs (ref.null extern) (local.get 0)))
    (func (export "hands_out") (param i32) (call $later (local.get 0)))
    (func (export "prints") (param i32 i32) (call $print (local.get 0) (local.get 1)))
    (func (export "bad_text") (result i64) (i64.const 0x2_0000008c))
    (func (export "far_text") (result i64) (i64.const 0x7fffffff_00000000))
    (func (export "bad_char") (result i32) (i32.const 0xd800))
    (func (export "no_thing") (result externref) (ref.null extern))
    (func (export "call_number") (result i32) (call $number))
)"""

INTERFACE = (
    imported("host", "use", [("thing", REF)], ["s32"]),
    imported("host", "give", [], [{"own": "Thing"}]),
    imported("host", "later", [("function", FN)]),
    imported("host", "print", [("text", "str")]),
    imported("host", "number", [], ["s32"]),
    exported("call_use", [("thing", REF)], ["s32"]),
    exported("keep", [("thing", {"own": "Thing", "null": True})]),
    exported("call_give", [], [{"own": "Thing"}]),
    exported("hands_out", [("index", "u32")]),
    exported("fails", [("how", "s32")], ["s32"], error="str"),
    exported("bad_text", [], ["str"]),
    exported("far_text", [], ["bytes"]),
    exported("bad_char", [], ["char"]),
    exported("no_thing", [], [REF]),
)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return bind(tmp_path_factory.mktemp("life"), assemble(GUEST, *INTERFACE), name="life")


@pytest.fixture(params=["unchecked", "public"])
def life(request: pytest.FixtureRequest, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The generated host, on one of its ways into wasmtime."""
    if request.param == "public":
        monkeypatch.setattr(module, "_C", None)
    return module


class Host:
    """Does what a test says, by the name of the function."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        self.functions = functions

    def use(self, thing: Any) -> int:
        return int(self.functions["use"](thing))

    def give(self) -> Any:
        return self.functions["give"]() if "give" in self.functions else Thing()

    def later(self, function: Any) -> None:
        self.functions["later"](function)

    def print(self, text: str) -> None:
        self.functions["print"](text)

    def number(self) -> Any:
        return self.functions["number"]()


class Thing:
    """Something to refer to weakly."""


# What stops a plugin


def test_an_exception_of_the_host_arrives_as_itself(life: ModuleType) -> None:
    raised: list[BaseException] = []

    def use(_: object) -> int:
        raised.append(ZeroDivisionError("the host's own"))
        raise raised[0]

    plugin = life.Life.load(Host(use=use))
    thing = Thing()
    reference = weakref.ref(thing)
    with pytest.raises(ZeroDivisionError) as caught:
        plugin.call_use(thing)
    assert caught.value is raised[0]
    assert "use" in "".join(traceback.format_tb(caught.value.__traceback__))
    if sys.version_info >= (3, 11):
        [note] = caught.value.__notes__
        assert note.startswith("in the plugin (most recent call first):\n    0:")
    with pytest.raises(life.PluginClosedError, match="closed: it was stopped by ZeroDivisionError"):
        plugin.call_use(thing)
    raised.clear()
    del thing, caught
    gc.collect()
    assert reference() is None


class SealedError(Exception):
    """Has no attributes but its own, as that of a frozen dataclass."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


@pytest.mark.parametrize("kind", [ValueError, SealedError])
def test_an_exception_of_the_host_keeps_what_caused_it(life: ModuleType, kind: type[Exception]) -> None:
    error, cause = kind("the host's own"), KeyError("before")

    def use(_: object) -> int:
        raise error from cause

    with pytest.raises(kind) as caught:
        life.Life.load(Host(use=use)).call_use(Thing())
    assert caught.value is error
    assert caught.value.__cause__ is cause
    [note] = getattr(caught.value, "__notes__", [])
    assert note.startswith("in the plugin (most recent call first):\n    0:")


def test_an_exception_of_the_host_keeps_its_context(life: ModuleType) -> None:
    def use(_: object) -> int:
        try:
            raise KeyError("before")
        except KeyError:
            raise ValueError("the host's own")  # noqa: B904

    with pytest.raises(ValueError, match="own") as caught:
        life.Life.load(Host(use=use)).call_use(Thing())
    assert not caught.value.__suppress_context__
    assert isinstance(caught.value.__context__, KeyError)


def test_what_cannot_be_shown_is_named_by_its_class(life: ModuleType) -> None:
    class SecretError(Exception):
        def __repr__(self) -> str:
            raise RuntimeError("not for you")

    def use(_: object) -> int:
        raise SecretError

    plugin = life.Life.load(Host(use=use, number=SecretError))
    with pytest.raises(TypeError, match="grows: arg0 is <SecretError>, expected an int"):
        plugin.grows(SecretError())
    with pytest.raises(SecretError):
        plugin.call_use(Thing())
    with pytest.raises(life.PluginClosedError, match="stopped by <SecretError>"):
        plugin.call_number()


def test_a_panic_has_its_message_and_place(life: ModuleType) -> None:
    given: list[weakref.ref[Thing]] = []

    def give() -> Thing:
        thing = Thing()
        given.append(weakref.ref(thing))
        return thing

    plugin = life.Life.load(Host(give=give))
    with pytest.raises(life.GuestPanic) as caught:
        plugin.panics()
    panic = caught.value
    assert (panic.message, panic.file, panic.line, panic.column) == ("it broke", "src/lib.rs", 42, 7)
    assert str(panic) == "it broke (src/lib.rs:42:7)"
    assert [reference() for reference in given] == [None], "references are released with the plugin"
    with pytest.raises(life.PluginClosedError, match="it broke"):
        plugin.traps()
    assert plugin.live_references == 0


@pytest.mark.parametrize(
    ("method", "code", "words"),
    [
        ("traps", "INTEGER_DIVISION_BY_ZERO", "integer divide by zero"),
        ("recurses", "STACK_OVERFLOW", "call stack exhausted"),
    ],
)
def test_a_trap_says_what_happened_and_where(life: ModuleType, method: str, code: str, words: str) -> None:
    plugin = life.Life.load(Host())
    with pytest.raises(life.GuestTrap) as caught:
        getattr(plugin, method)()
    assert caught.value.code == code
    assert words in str(caught.value)
    assert "unreachable" not in str(caught.value)
    if sys.version_info >= (3, 11):
        assert "0:" in caught.value.__notes__[0]


def test_a_backtrace_names_functions_that_became_a_part_of_others(tmp_path: Path) -> None:
    module = (Path(__file__).parent / "corpus" / "dwarf" / "dwarf5-O2.wasm").read_bytes()
    traced = bind(tmp_path, module, name="traced")
    with pytest.raises(traced.GuestTrap) as caught:
        traced.Traced.load().run(40)
    [note] = getattr(caught.value, "__notes__", [])
    words = " ".join(note.split())
    assert " - checked at /guest/guest.c:14:13 - sum at /guest/guest.c:22:16 1: " in words
    assert words.endswith(" - run at /guest/guest.c:36:15")


@pytest.mark.parametrize("copied", [copy.deepcopy, pickle.dumps])
def test_a_plugin_is_not_copied(life: ModuleType, copied: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match="a plugin cannot be pickled or copied"):
        copied(life.Life.load(Host()))


def test_the_words_of_a_faulty_guest(life: ModuleType) -> None:
    with life.Life.load(Host()) as plugin:
        for method, words in (
            ("bad_text", "bad_text returned text that is not UTF-8: invalid start byte at byte 0"),
            ("far_text", "far_text returned 2147483647 elements at 0x0, beyond the end of its memory at 0x10000"),
            ("bad_char", "bad_char returned 0xd800, which is no character"),
            ("no_thing", "no_thing returned None, expected a Thing"),
        ):
            with pytest.raises(life.GuestFault) as caught:
                getattr(plugin, method)()
            assert str(caught.value) == words


@pytest.mark.parametrize(("place", "words"), [((140, 2), "not UTF-8"), ((0xFFFF_FFF0, 0xFF), "beyond the end")])
def test_arguments_of_a_faulty_guest_do_not_reach_the_host(
    life: ModuleType, place: tuple[int, int], words: str
) -> None:
    came: list[str] = []
    plugin = life.Life.load(Host(print=came.append))
    plugin.prints(100, 8)
    with pytest.raises(life.GuestFault, match=f"the plugin called host.print: text is .*{words}"):
        plugin.prints(*place)
    assert came == ["it broke"]


# Limits


def test_fuel_stops_a_runaway(life: ModuleType) -> None:
    plugin = life.Life.load(Host(number=lambda: 1), fuel=10_000)
    for _ in range(100):
        assert plugin.call_number() == 1, "each call has its own fuel"
    with pytest.raises(life.LimitExceeded, match="fuel of 10000") as caught:
        plugin.runs_on()
    assert caught.value.code == "OUT_OF_FUEL"


def test_fuel_stops_a_runaway_where_wasmtime_cannot_name_the_reason(
    life: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in versions of the package wasmtime before those whose `TrapCode` has fuel."""
    monkeypatch.setattr(wasmtime.Trap, "trap_code", property(lambda _: wasmtime.TrapCode(-1)))
    with pytest.raises(life.LimitExceeded, match="fuel of 10000"):
        life.Life.load(Host(), fuel=10_000).runs_on()
    with pytest.raises(life.GuestTrap, match="integer divide by zero"):
        life.Life.load(Host()).traps()


def test_a_deadline_stops_a_runaway(life: ModuleType) -> None:
    plugin = life.Life.load(Host(number=lambda: 1), deadline=0.1)
    assert plugin.call_number() == 1
    with pytest.raises(life.LimitExceeded, match=r"longer than 0\.1 seconds") as caught:
        plugin.runs_on()
    assert caught.value.code == "INTERRUPT"


def test_a_deadline_leaves_other_threads_running(life: ModuleType) -> None:
    counted = 0
    done = threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += 1

    counter = threading.Thread(target=count)
    counter.start()
    try:
        with pytest.raises(life.LimitExceeded):
            life.Life.load(Host(), deadline=0.2).runs_on()
    finally:
        done.set()
        counter.join()
    assert counted > 100


def test_memory_and_tables_stop_growing(life: ModuleType) -> None:
    with life.Life.load(Host(), memory=3 * 65536, table=20) as plugin:
        assert plugin.grows(2) == 1
        assert plugin.grows(1) == -1
        assert plugin.grows_table(4) == 16
        assert plugin.grows_table(1) == -1
    with life.Life.load(Host()) as plugin:
        assert plugin.grows(100) == 1


@pytest.mark.parametrize(("method", "limit"), [("runs_out_of_memory", "memory"), ("runs_out_of_references", "table")])
def test_a_plugin_that_gives_up_at_its_limits_exceeded_them(life: ModuleType, method: str, limit: str) -> None:
    plugin = life.Life.load(Host(), **{limit: 100_000})
    with pytest.raises(life.LimitExceeded, match="of which it may have 100000"):
        getattr(plugin, method)()
    with pytest.raises(life.GuestTrap, match="unreachable") as caught:
        getattr(life.Life.load(Host()), method)()
    assert not isinstance(caught.value, life.LimitExceeded)


def test_a_module_that_needs_more_than_it_may_have_does_not_load(life: ModuleType) -> None:
    for limit in ("memory", "table"):
        with pytest.raises(life.LimitExceeded, match=f"starts with more than it may have: {limit} minimum size"):
            life.Life.load(Host(), **{limit: 0})


@pytest.mark.parametrize("limit", ["fuel", "deadline", "memory", "table"])
def test_limits_are_numbers(life: ModuleType, limit: str) -> None:
    too_much: tuple[Any, ...] = (-1, float("nan"), float("inf")) if limit == "deadline" else (-1, 1 << 63)
    for wrong, error in (("1", TypeError), (True, TypeError), *((wrong, ValueError) for wrong in too_much)):
        with pytest.raises(error, match=f"{limit} is"):
            life.Life.load(Host(), **{limit: wrong})


# References


def test_references_live_as_long_as_the_guest_holds_them(life: ModuleType) -> None:
    with life.Life.load(Host()) as plugin:
        thing = Thing()
        reference = weakref.ref(thing)
        plugin.keep(thing)
        del thing
        assert plugin.live_references == 1
        assert reference() is not None
        plugin.keep(None)
        assert plugin.live_references == 0
        assert reference() is None


def test_close_releases_all(life: ModuleType) -> None:
    thing = Thing()
    reference = weakref.ref(thing)
    plugin = life.Life.load(Host())
    plugin.keep(thing)
    del thing
    plugin.close()
    plugin.close()
    assert reference() is None
    with pytest.raises(life.PluginClosedError, match=r"close\(\) was called"):
        plugin.keep(None)


def test_a_plugin_that_is_forgotten_releases_all(life: ModuleType) -> None:
    thing = Thing()
    reference = weakref.ref(thing)
    plugin = life.Life.load(Host())
    plugin.keep(thing)
    del thing, plugin
    gc.collect()
    assert reference() is None


def test_the_code_of_an_argument_does_not_close_the_plugin(life: ModuleType) -> None:
    class Closing(NamedTuple):
        plugin: Any

        def __index__(self) -> int:
            self.plugin.close()
            return 1

    plugin = life.Life.load(Host())
    for method, args in (("grows", [1]), ("prints", [100, 8]), ("hands_out", [1])):
        with pytest.raises(life.PluginError, match="in the middle of a call"):
            getattr(plugin, method)(Closing(plugin), *args[1:])
    plugin.grows(1)


class Closing:
    """An object whose own code closes a plugin, whenever it goes."""

    def __init__(self, plugin: Any) -> None:
        self.plugin = plugin

    def __del__(self) -> None:
        self.plugin.close()


def test_the_code_of_an_object_that_goes_may_close_the_plugin(life: ModuleType) -> None:
    plugin = life.Life.load(Host())

    def keep_on() -> None:
        for _ in range(5000):
            plugin.keep(Closing(plugin))

    with pytest.raises(life.PluginClosedError, match=r"close\(\) was called"):
        keep_on()


def test_objects_that_go_together_with_the_plugin_find_it_closed(life: ModuleType) -> None:
    class Handle:
        def __init__(self, plugin: Any) -> None:
            self.plugin = plugin

        def __del__(self) -> None:
            try:
                self.plugin.grows(0)
            except life.PluginClosedError as error:
                said.append(str(error))

    said: list[str] = []
    for _ in range(20):
        host: Any = Host()
        plugin = life.Life.load(host)
        host.handles = [Handle(plugin) for _ in range(5)]
        del host, plugin
        gc.collect()
    assert said == ["the plugin is closed: nothing refers to it any more"] * 100


def test_objects_made_during_one_long_call_do_not_pile_up(life: ModuleType) -> None:
    alive = 0
    most = 0

    class Counted:
        def __init__(self) -> None:
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    with life.Life.load(Host(give=Counted)) as plugin:
        for _ in range(10):
            assert plugin.leak() == 3000
        if life._C is not None:
            assert most < 3000
        assert plugin.live_references == 0
        assert alive == 0


# Calls within calls


def test_a_host_may_call_the_plugin_from_within(life: ModuleType) -> None:
    depth = 0

    def use(thing: Any) -> int:
        nonlocal depth
        depth += 1
        return 1 if depth == 20 else int(plugin.call_use(thing)) + 1

    thing = Thing()
    with life.Life.load(Host(use=use)) as plugin:
        assert plugin.call_use(thing) == 20


def test_a_failure_outlives_what_is_called_behind_it(life: ModuleType) -> None:
    def later(function: Any) -> None:
        failed.append(plugin.fails(0))

    failed: list[int] = []
    with life.Life.load(Host(later=later)) as plugin:
        with pytest.raises(life.GuestError, match="it broke"):
            plugin.fails(1)
        assert failed == [0]
        assert plugin.fails(0) == 0


def test_a_plugin_that_was_stopped_within_is_not_resumed(life: ModuleType) -> None:
    def use(_: object) -> int:
        with pytest.raises(life.GuestTrap):
            plugin.traps()
        return 1

    plugin = life.Life.load(Host(use=use))
    with pytest.raises(life.PluginClosedError, match="divide by zero"):
        plugin.call_use(Thing())
    with pytest.raises(life.PluginClosedError):
        plugin.keep(None)


def test_a_plugin_is_not_closed_within_a_call(life: ModuleType) -> None:
    def use(_: object) -> int:
        with pytest.raises(life.PluginError, match="in the middle of a call"):
            plugin.close()
        return 5

    with life.Life.load(Host(use=use)) as plugin:
        assert plugin.call_use(Thing()) == 5


def test_functions_of_the_guest_are_called_back(life: ModuleType) -> None:
    kept: list[Callable[[int, str], str]] = []
    with life.Life.load(Host(later=kept.append)) as plugin:
        plugin.hands_out(1)
        [function] = kept
        assert function(2, "shout") == "sho"
        with pytest.raises(TypeError, match="takes 2 arguments, 1 were given"):
            function(1)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="argument 2 is 5, expected a str"):
            function(1, 5)  # type: ignore[arg-type]
    with pytest.raises(life.PluginClosedError):
        function(2, "shout")


@pytest.mark.parametrize("index", [0, 2, 3, 4, 0xFFFF_FFFF])
def test_functions_that_are_not_there_are_no_functions(life: ModuleType, index: int) -> None:
    plugin = life.Life.load(Host(later=lambda _: None))
    with pytest.raises(life.GuestFault, match=f"function is function {index} of its table"):
        plugin.hands_out(index)


# Threads


def test_another_thread_is_refused(life: ModuleType) -> None:
    plugin = life.Life.load(Host(number=lambda: 1))
    caught: list[Exception] = []

    def call() -> None:
        for use in (plugin.call_number, lambda: plugin.live_references):
            try:
                use()
            except life.WrongThreadError as error:
                caught.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert ["load one in each thread" in str(error) for error in caught] == [True, True]
    assert plugin.call_number() == 1
    plugin.close()


def test_another_thread_does_not_close_a_plugin_in_the_middle_of_a_call(life: ModuleType) -> None:
    plugin = life.Life.load(Host(), deadline=0.5)
    caught: list[Exception] = []

    def close() -> None:
        try:
            plugin.close()
        except life.WrongThreadError as error:
            caught.append(error)

    timer = threading.Timer(0.1, close)
    timer.start()
    with pytest.raises(life.LimitExceeded):
        plugin.runs_on()
    timer.join()
    assert len(caught) == 1


def run_beside(module: ModuleType, program: str, *options: str, timeout: float = 100) -> str:
    """Run a program that can import the bindings, and has to end well; return what it wrote to its stderr."""
    folder = Path(sys.modules[module.__name__.partition(".")[0]].__path__[0]).parent
    command = [sys.executable, *options, "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=timeout)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_program_ends_while_another_thread_is_in_a_plugin(life: ModuleType) -> None:
    program = f"""
import threading, time
from {life.__name__} import Life, _C
import {life.__name__} as host
if {life._C is None}: host._C = None
class Host:
    def __getattr__(self, name): return lambda *args: started.set()
def run(): Life.load(Host()).call_and_run_on()
started = threading.Event()
threading.Thread(target=run, daemon=True).start()
started.wait()
"""
    run_beside(life, program)


AT_THE_EDGE = """
import signal, sys
import {host} as host
from {host} import Life
if {public}: host._C = None
class Host:
    def __getattr__(self, name): return lambda *args: 7
"""
INTERRUPTED = """
class Interrupt(Exception): pass
def interrupt(*_): raise Interrupt
def calls(plugin):  # its own function: signals at the end of a loop can miss the try around it
    for _ in range(3000):
        assert plugin.call_number() == plugin.call_use(plugin) == 7
signal.signal(signal.SIGALRM, interrupt)
for number in range(300):
    plugin = Life.load(Host())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0004 + 0.0001 * (number % 7))
        calls(plugin)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
    plugin.close()
"""
DEEP = """
def at(depth, call): return at(depth - 1, call) if depth else call()
outcomes = set()
for depth in range(sys.getrecursionlimit() - 100, sys.getrecursionlimit()):
    plugin = Life.load(Host())
    for call in (plugin.call_number, lambda: plugin.call_use(plugin)):
        try:
            outcomes.add(at(depth, call))
        except Exception as error:
            outcomes.add("RecursionError" if "RecursionError" in repr(error) + str(error) else type(error).__name__)
assert {{7, "RecursionError"}} <= outcomes <= {{7, "RecursionError", "PluginClosedError"}}, outcomes
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers that send signals")
def test_a_signal_may_come_at_any_time(module: ModuleType) -> None:
    assert module._C is not None, "wasmtime's own functions of the host have no answer to signals"
    program = (AT_THE_EDGE + INTERRUPTED).format(host=module.__name__, public=False)
    assert "calling ctypes callback" not in run_beside(module, program)


def test_a_plugin_that_has_no_room_to_be_called_is_not(life: ModuleType) -> None:
    program = (AT_THE_EDGE + DEEP).format(host=life.__name__, public=life._C is None)
    assert "calling ctypes callback" not in run_beside(life, program)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_deadlines_outlive_a_fork_whatever_was_locked(life: ModuleType) -> None:
    program = f"""
import os, signal, threading
from {life.__name__} import _ENGINES, Life, LimitExceeded
import {life.__name__} as host
if {life._C is None}: host._C = None
class Host:
    def __getattr__(self, name): return lambda *args: 1
def hold(lock):
    with lock:
        held.set()
        done.wait()
held, done = threading.Event(), threading.Event()
assert Life.load(Host(), deadline=9).call_number() == 1
threading.Thread(target=hold, args=(next(iter(_ENGINES.values()))._lock,), daemon=True).start()
held.wait()
child = os.fork()
if not child:
    signal.alarm(20)
    try:
        Life.load(Host(), deadline=0.1).runs_on()
    except LimitExceeded:
        os._exit(7)
    os._exit(8)
done.set()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""
    run_beside(life, program, "-W", "ignore", timeout=60)


def test_each_thread_has_its_own(life: ModuleType) -> None:
    results: list[int] = []

    def run(number: int) -> None:
        with life.Life.load(Host(number=lambda: number)) as plugin:
            results.extend(plugin.call_number() for _ in range(200))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(list(range(4)) * 200)


# Hosts that do not fit


def test_a_host_that_lacks_functions_or_takes_others_is_refused(life: ModuleType) -> None:
    class Wrong:
        number = 5

        def use(self) -> int:
            return 0

        def give(self, more: object = None) -> object:
            return more

        def print(self, text: str) -> None: ...

    with pytest.raises(TypeError) as caught:
        life.Life.load(Wrong())
    said = str(caught.value)
    assert "is no host for `host`" in said
    assert "later is missing" in said
    assert "number is 5" in said
    assert "use() -> int does not take 1 argument" in said.replace("'", "")
    assert "give" not in said
    assert "class" not in said
    with pytest.raises(TypeError, match="it is a class, expected an object"):
        life.Life.load(Wrong)


def test_a_host_that_would_have_to_be_waited_for_is_refused(life: ModuleType) -> None:
    class Waiting(Host):
        async def number(self) -> int:
            return 1

    with pytest.raises(TypeError, match="number is a coroutine function, and a plugin cannot wait for one"):
        life.Life.load(Waiting())


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ("x", TypeError, "host.number of the host returned 'x', expected an int"),
        (None, TypeError, "host.number of the host returned None, expected an int"),
        (1 << 31, OverflowError, "host.number of the host returned 2147483648"),
    ],
)
def test_a_wrong_result_reaches_the_caller(life: ModuleType, answer: Any, error: type[Exception], words: str) -> None:
    plugin = life.Life.load(Host(number=lambda: answer))
    with pytest.raises(error) as caught:
        plugin.call_number()
    assert words in str(caught.value)


def test_a_result_where_none_is_expected_reaches_the_caller(life: ModuleType) -> None:
    class Talking(Host):
        def print(self, text: str) -> Any:
            return len(text)

        def later(self, function: Any) -> Any:
            return function

    plugin = life.Life.load(Talking())
    with pytest.raises(TypeError, match=r"host\.print of the host returned 8, expected None"):
        plugin.prints(100, 8)


def test_a_module_of_another_build_is_refused(life: ModuleType, tmp_path: Path) -> None:
    path = Path(str(life.__file__)).with_name("life.wasm")
    original = path.read_bytes()
    for text, words in (
        ('(module (import "host" "use" (func (param i32))))', "imports host.use of type [i32] -> []"),
        (
            '(module (import "host" "more" (func)))',
            "imports host.more of type [] -> [], its bindings know no such import",
        ),
        ("(module)", "exports bad_char of type no function"),
        ('(module (func (export "bad_char")))', "exports"),
    ):
        fresh = bind(tmp_path, original, name="life")
        fresh._C = life._C  # type: ignore[attr-defined]
        Path(str(fresh.__file__)).with_name("life.wasm").write_bytes(assemble(text))
        with pytest.raises(fresh.PluginError) as caught:
            fresh.Life.load(Host())
        assert words in str(caught.value)
        assert "install the package again" in str(caught.value)

"""The allocator of slots against a model: what is stored stays, what is handed out was empty, and it costs O(1)."""

from __future__ import annotations

from typing import Any

import pytest
import wasmtime
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from plugins import ENGINE, SURROGATES, Processed, assemble, process_demoted

from externref_build import process

GUEST = f"""
;; declare export insert: r -> i
;; declare export get: i -> r
;; declare export take: i -> r
;; declare export fill: r i
;; declare export churn: r i i
(module {SURROGATES}
  (func (export "insert") (param i32) (result i32) (call $insert (local.get 0)))
  (func (export "get") (param i32) (result i32) (call $get (local.get 0)))
  (func (export "take") (param i32) (result i32) (call $take (local.get 0)))
  (func (export "drop") (param i32) (call $drop (local.get 0)))
  ;; Insert one object so many times, which makes the first slot 0.
  (func (export "fill") (param $object i32) (param $count i32) (local $slot i32)
    (local.set $slot (call $insert (local.get $object)))
    (loop
      (br_if 1 (i32.eqz (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
      (drop (call $insert (call $get (local.get $slot))))
      (br 0)))
  ;; Drop a slot chosen at random among the first so many, never slot 0, and insert the object again; so many times.
  (func (export "churn") (param $object i32) (param $live i32) (param $times i32) (local $slot i32) (local $random i32)
    (local.set $slot (call $insert (local.get $object)))
    (local.set $random (i32.const 12345))
    (loop
      (local.set $random (i32.add (i32.mul (local.get $random) (i32.const 1664525)) (i32.const 1013904223)))
      (call $drop (i32.add (i32.const 1)
        (i32.rem_u (i32.shr_u (local.get $random) (i32.const 8)) (i32.sub (local.get $live) (i32.const 1)))))
      (drop (call $insert (call $get (local.get $slot))))
      (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (call $drop (local.get $slot)))
)
"""

MODULE = assemble(GUEST)
DIRECT = process(MODULE, require_direct=True)
ADAPTERS = process_demoted(MODULE)[0]


class Thing:
    """An object that is only equal to itself."""


class Slots(RuleBasedStateMachine):
    """Random operations of a guest, without a host that meddles with the table."""

    module = DIRECT
    host_grows_the_table = False

    def __init__(self) -> None:
        super().__init__()
        self.plugin = Processed(self.module)
        self.model: dict[int, Thing] = {}
        self.size = 0
        self.peak = 0

    def a_slot(self, number: int) -> int:
        return number % self.size

    @rule()
    def insert(self) -> None:
        thing = Thing()
        slot = self.plugin.call("insert", thing)
        assert slot not in self.model, "a slot in use was handed out again"
        assert slot >= 0
        self.model[slot] = thing

    @rule()
    def insert_null(self) -> None:
        assert self.plugin.call("insert", None) == -1

    @precondition(lambda self: self.size)
    @rule(number=st.integers(0, 1000))
    def get(self, number: int) -> None:
        slot = self.a_slot(number)
        assert self.plugin.call("get", slot) is self.model.get(slot)

    @precondition(lambda self: self.size)
    @rule(number=st.integers(0, 1000))
    def drop(self, number: int) -> None:
        slot = self.a_slot(number)
        self.plugin.call("drop", slot)
        self.model.pop(slot, None)

    @precondition(lambda self: self.model)
    @rule(number=st.integers(0, 1000))
    def drop_live(self, number: int) -> None:
        slot = list(self.model)[number % len(self.model)]
        self.plugin.call("drop", slot)
        del self.model[slot]

    @precondition(lambda self: self.size)
    @rule(number=st.integers(0, 1000))
    def take(self, number: int) -> None:
        slot = self.a_slot(number)
        assert self.plugin.call("take", slot) is self.model.pop(slot, None)

    @rule()
    def null_slot(self) -> None:
        assert self.plugin.call("get", -1) is None
        assert self.plugin.call("take", -1) is None
        self.plugin.call("drop", -1)

    @rule(beyond=st.sampled_from([0, 1, 1000, 0x7FFFFFFF]), operation=st.sampled_from(["get", "take", "drop"]))
    def no_slot(self, beyond: int, operation: str) -> None:
        slot = min(self.size + beyond, 0x7FFFFFFF)
        with pytest.raises(wasmtime.Trap, match="out of bounds"):
            self.plugin.call(operation, slot)

    @invariant()
    def the_table_holds_what_was_stored(self) -> None:
        slots = self.plugin.slots()
        self.size = len(slots)
        self.peak = max(self.peak, len(self.model))
        assert {slot: content for slot, content in enumerate(slots) if content is not None} == self.model
        if not self.host_grows_the_table:
            assert 3 * self.size <= 5 * self.peak + 6, "the table is larger than 5/3 of its peak"


class AdapterSlots(Slots):
    """The same through functions that hold references as integers."""

    module = ADAPTERS


class MeddlingHost(Slots):
    """The same while a host writes to the exported table."""

    @precondition(lambda self: self.size)
    @rule(number=st.integers(0, 1000), fill=st.booleans())
    def write(self, number: int, fill: bool) -> None:
        slot = self.a_slot(number)
        thing = Thing() if fill else None
        self.plugin.export("externrefs").set(self.plugin.store, slot, thing)
        self.model.pop(slot, None)
        if thing:
            self.model[slot] = thing


class GrowingHost(MeddlingHost):
    """The same while a host also makes the exported table larger than it has to be."""

    host_grows_the_table = True

    @rule(count=st.integers(1, 9))
    def grow(self, count: int) -> None:
        self.plugin.export("externrefs").grow(self.plugin.store, count, None)


_SETTINGS = settings(max_examples=40, stateful_step_count=60, deadline=None)
TestSlots = Slots.TestCase
TestAdapterSlots = AdapterSlots.TestCase
TestMeddlingHost = MeddlingHost.TestCase
TestGrowingHost = GrowingHost.TestCase
for case in (TestSlots, TestAdapterSlots, TestMeddlingHost, TestGrowingHost):
    case.settings = _SETTINGS


@pytest.mark.parametrize("module", [DIRECT, ADAPTERS], ids=["direct", "adapters"])
def test_a_young_table_is_dense(module: bytes) -> None:
    plugin = Processed(module)
    things = [Thing() for _ in range(5)]
    assert plugin.slots() == []
    for slot, thing in enumerate(things):
        assert plugin.call("insert", thing) == slot
        assert plugin.slots()[: slot + 1] == things[: slot + 1]
        assert len(plugin.slots()) <= slot + 2


@pytest.mark.parametrize("release", ["drop", "take"])
@pytest.mark.parametrize("live", [0, 1, 20])
def test_pairs_of_insert_and_release_use_one_slot(live: int, release: str) -> None:
    plugin = Processed(DIRECT)
    for _ in range(live):
        plugin.call("insert", Thing())
    size = len(plugin.slots())
    for _ in range(50):
        assert plugin.call("insert", Thing()) == live
        plugin.call(release, live)
    assert len(plugin.slots()) <= max(size, live + 1)


def test_a_slot_dropped_twice_is_handed_out_once() -> None:
    plugin = Processed(DIRECT)
    plugin.call("fill", Thing(), 4)
    for slot in (1, 1, 1, 3, 3):
        plugin.call("drop", slot)
    assert sorted(plugin.call("insert", Thing()) for _ in range(2)) == [1, 3]


@pytest.mark.parametrize("module", [DIRECT, ADAPTERS], ids=["direct", "adapters"])
def test_slots_that_the_host_empties_are_used_again(module: bytes) -> None:
    """A host that takes its objects out of the table by itself makes room as the guest does with `drop`."""
    plugin = Processed(module)
    table = plugin.export("externrefs")
    sizes = []
    for _ in range(20):
        for _ in range(40):
            plugin.call("insert", Thing())
        sizes.append(len(plugin.slots()))
        for slot in range(sizes[-1]):
            table.set(plugin.store, slot, None)
    assert max(sizes) <= 5 / 3 * 40 + 2


def limited(limit: int, module: bytes = DIRECT) -> Processed:
    """Run a guest under a host that refuses tables of more elements."""
    plugin = Processed(module)
    plugin.store = wasmtime.Store(ENGINE)
    plugin.store.set_limits(table_elements=limit)
    plugin.instance = wasmtime.Instance(plugin.store, wasmtime.Module(ENGINE, module), [])
    return plugin


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 9, 31, 100])
def test_every_slot_is_used_before_the_guest_traps(limit: int) -> None:
    """Whatever the size is by which the table usually grows; and a trap leaves the table as it was."""
    plugin = limited(limit)
    things = [Thing() for _ in range(limit)]
    assert [plugin.call("insert", thing) for thing in things] == list(range(limit))
    for _ in range(3):
        with pytest.raises(wasmtime.Trap, match="unreachable"):
            plugin.call("insert", Thing())
        assert plugin.slots() == things
    for number, slot in enumerate((limit // 2, 0, limit - 1, limit // 3)):
        if number % 2:
            plugin.call("drop", slot)
        else:
            plugin.export("externrefs").set(plugin.store, slot, None)
        things[slot] = Thing()
        assert plugin.call("insert", things[slot]) == slot
        assert plugin.slots() == things


def test_transit_grows_to_what_the_host_allows() -> None:
    names = range(7)
    text = f"""
;; declare export pass: {"r " * len(names)}
(module {SURROGATES} (memory 1)
  (func (export "pass") {"(param i32)" * len(names)}
    {" ".join(f"(drop (call $insert (local.get {name})))" for name in names)}))
"""
    module = process_demoted(assemble(text))[0]
    things = [Thing() for _ in names]
    plugin = limited(len(names), module)
    plugin.call("pass", *things)
    assert plugin.slots() == things
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        limited(len(names) - 1, module).call("pass", *things)


def test_null_needs_no_slot() -> None:
    plugin = limited(0)
    assert plugin.call("insert", None) == -1
    with pytest.raises(wasmtime.Trap, match="unreachable"):
        plugin.call("insert", Thing())


def fuel_per_operation(live: int, call: str, *args: Any, operations: int, limit: int = -1) -> float:
    """Measure the work of operations by the number of instructions, which no other process disturbs."""
    config = wasmtime.Config()
    config.consume_fuel = True
    store = wasmtime.Store(wasmtime.Engine(config))
    store.set_limits(table_elements=limit)
    instance = wasmtime.Instance(store, wasmtime.Module(store.engine, DIRECT), [])
    exports: Any = instance.exports(store)
    plenty = 1 << 40
    store.set_fuel(plenty)
    exports["fill"](store, Thing(), live)
    if call == "fill":
        return (plenty - store.get_fuel()) / live
    store.set_fuel(plenty)
    exports[call](store, *args)
    return (plenty - store.get_fuel()) / operations


def test_an_insert_costs_the_same_in_any_table() -> None:
    costs = [fuel_per_operation(live, "fill", operations=live) for live in (100, 10_000, 300_000)]
    assert max(costs) < 120
    assert max(costs) < 1.2 * min(costs)


@pytest.mark.parametrize("live", [10_000, 100_000])
def test_a_table_is_filled_to_its_limit_without_asking_for_each_slot(live: int) -> None:
    assert fuel_per_operation(live, "fill", operations=live, limit=live) < 250


@pytest.mark.parametrize("live", [100, 10_000, 100_000])
def test_random_drops_and_inserts_in_a_full_table_cost_the_same_in_any_table(live: int) -> None:
    operations = 100_000
    cost = fuel_per_operation(live, "churn", Thing(), live, operations, operations=operations)
    assert cost < 140

"""References between a generated Python host and a guest that keeps many: identity, counts, objects' own code."""

from __future__ import annotations

import ctypes
import gc
import random
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import wasmtime
from bound_guests import assemble, bind, exported, imported

THING = {"ref": "Thing", "null": True}
GUEST = """(module
    (import "host" "make" (func $make (result externref)))
    (import "host" "same" (func $same (param externref externref) (result externref)))
    (table $kept 5000 externref)
    (func (export "put") (param i32 externref) (table.set $kept (local.get 0) (local.get 1)))
    (func (export "take") (param i32) (result externref) (table.get $kept (local.get 0)))
    (func (export "fill") (param i32)
        (loop $again
            (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (table.set $kept (local.get 0) (call $make))
            (br_if $again (local.get 0))))
    (func (export "compare") (param i32 i32) (result externref)
        (call $same (table.get $kept (local.get 0)) (table.get $kept (local.get 1))))
    (func (export "choose") (param externref externref i32) (result externref)
        (select (result externref) (local.get 0) (local.get 1) (local.get 2))))"""
INTERFACE = (
    imported("host", "make", [], [{"own": "Thing"}]),
    imported("host", "same", [("left", THING), ("right", THING)], [THING]),
    exported("put", [("index", "u32"), ("thing", {"own": "Thing", "null": True})]),
    exported("take", [("index", "u32")], [THING]),
    exported("fill", [("count", "u32")]),
    exported("compare", [("left", "u32"), ("right", "u32")], [THING]),
    exported("choose", [("left", THING), ("right", THING), ("first", "bool")], [THING]),
)


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return bind(tmp_path_factory.mktemp("references"), assemble(GUEST, *INTERFACE))


@pytest.fixture(params=["unchecked", "public"])
def host(request: pytest.FixtureRequest, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    if request.param == "public":
        monkeypatch.setattr(module, "_C", None)
    return module


class Thing:
    """Something to refer to weakly."""


class Host:
    def __init__(self) -> None:
        self.made: list[weakref.ref[Thing]] = []
        self.compared: list[tuple[object, object]] = []

    def make(self) -> Thing:
        thing = Thing()
        self.made.append(weakref.ref(thing))
        return thing

    def same(self, left: object, right: object) -> object:
        self.compared.append((left, right))
        return left if left is right else None


@pytest.mark.parametrize("seed", range(3))
def test_a_guest_gives_back_what_it_was_given(host: ModuleType, seed: int) -> None:
    """Many references come and go in any order, so that the engine uses places again."""
    chance = random.Random(seed)
    model: dict[int, Thing] = {}
    provided = Host()
    with host.Plug.load(provided) as plugin:
        for _ in range(5000):
            index = chance.randrange(1500)
            if chance.random() < 0.45:
                model[index] = Thing()
                plugin.put(index, model[index])
            elif chance.random() < 0.5:
                model.pop(index, None)
                plugin.put(index, None)
            elif chance.random() < 0.5:
                assert plugin.take(index) is model.get(index)
            else:
                other = chance.randrange(1500)
                plugin.compare(index, other)
                left, right = provided.compared[-1]
                assert left is model.get(index)
                assert right is model.get(other)
        assert plugin.live_references == len(model)
        assert all(plugin.take(index) is thing for index, thing in model.items())


def test_references_outnumber_what_is_set_aside_for_them(host: ModuleType) -> None:
    provided = Host()
    with host.Plug.load(provided) as plugin:
        for round_ in range(2):
            plugin.fill(5000)
            provided.made = provided.made[-5000:]
            gc.collect()
            assert plugin.live_references == 5000, round_
            assert all(plugin.take(index) is provided.made[4999 - index]() for index in range(0, 5000, 37))
        for index in range(5000):
            plugin.put(index, None)
        assert plugin.live_references == 0
        assert not any(reference() for reference in provided.made)


def test_both_references_of_a_call_are_there(host: ModuleType) -> None:
    with host.Plug.load(Host()) as plugin:
        for index in range(5000):
            left, right = Thing(), Thing()
            assert plugin.choose(left, right, index % 2 == 0) is (right if index % 2 else left)
        assert plugin.choose(None, left, False) is left
        assert plugin.choose(None, left, True) is None
        assert plugin.live_references == 0


def test_objects_may_use_the_plugin_when_they_go(host: ModuleType) -> None:
    class Leaving(Thing):
        def __del__(self) -> None:
            gone.append(plugin.choose(first, second, True))

    gone: list[Any] = []
    first, second = Thing(), Thing()
    with host.Plug.load(Host()) as plugin:
        for _ in range(2500):
            leaving = Leaving()
            assert plugin.choose(leaving, second, True) is leaving
        del leaving
        assert plugin.live_references == 0
        assert gone == [first] * len(gone)
        assert len(gone) > 1000


def test_the_code_of_an_argument_may_call_the_same_function(host: ModuleType) -> None:
    class Calling:
        def __index__(self) -> int:
            plugin.compare(3, 4)
            return 2

    provided, things = Host(), [Thing() for _ in range(5)]
    with host.Plug.load(provided) as plugin:
        for index, thing in enumerate(things):
            plugin.put(index, thing)
        plugin.compare(1, Calling())
    assert provided.compared == [(things[3], things[4]), (things[1], things[2])]


@pytest.fixture
def tireless_collector(host: ModuleType) -> Iterator[None]:
    """Have Python look for garbage at every opportunity; at some where each call makes many."""
    thresholds, callbacks = gc.get_threshold(), gc.callbacks[:]
    gc.set_threshold(50 if host._C is None else 1)
    yield
    gc.callbacks[:] = callbacks
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("tireless_collector")
def test_code_that_the_collector_runs_may_use_the_plugin_at_any_time(host: ModuleType) -> None:
    inner: list[bool] = []

    def use(phase: str, _: object) -> None:
        if phase == "stop" and not using:
            using.append(True)
            thing = Thing()
            inner.append(plugin.choose(thing, Thing(), True) is thing)
            if len(inner) % 50 == 0:
                counts.append(plugin.live_references)
            using.pop()

    counts: list[int] = []
    using: list[bool] = []
    with host.Plug.load(Host()) as plugin:
        gc.callbacks.append(use)
        for index in range(200):
            left, right = Thing(), Thing()
            assert plugin.choose(left, right, index % 2 == 0) is (right if index % 2 else left)
            plugin.put(index % 50, left)
            assert plugin.take(index % 50) is left
            plugin.fill(3)
        gc.callbacks.remove(use)
        assert plugin.live_references == 50
    assert all(inner)
    assert len(inner) > 100


def test_a_guest_cannot_make_references_of_its_own(tmp_path: Path) -> None:
    forger = assemble(
        """(module (import "host" "same" (func $same (param externref externref) (result externref)))
            (func (export "forge") (result externref)
                (call $same (extern.convert_any (ref.i31 (i32.const 8))) (ref.null extern))))""",
        imported("host", "same", [("left", THING), ("right", THING)], [THING]),
        exported("forge", [], [THING]),
    )
    host = bind(tmp_path, forger)
    with pytest.raises(host.PluginError, match="is no module that wasmtime can run"):
        host.Plug.load(Host())


def test_a_wasmtime_of_another_kind_is_used_through_its_public_classes(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module._unchecked() is not None
    unroot = wasmtime._bindings._wasmtime_externref_unroot
    monkeypatch.setattr(unroot, "argtypes", [ctypes.c_void_p] * 2)  # as it was before version 38
    assert module._unchecked() is None

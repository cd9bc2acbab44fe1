"""Functions of a guest that hosts call through an export of the guest's, with references, in Python and JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bound_guests import assemble, bind, exported, imported
from javascript_hosts import node, write_bindings

from externref_build.bindings.reading import read_model
from externref_build.errors import BindingError, MalformedMetadataError

WAY = "[callback]Thing,s32->Thing"
FN = {"fn": [[{"ref": "Thing"}, "s32"], [{"own": "Thing", "null": True}]], "via": WAY, "null": True}

GUEST = f"""(module
    (import "host" "listen" (func $listen (param i32)))
    (type $listener (func (param externref i32) (result externref)))
    (table 4 funcref)
    (elem (i32.const 1) func $same $none)
    (func $same (type $listener) (local.get 0))
    (func $none (type $listener) (ref.null extern))
    (func (export "start") (param i32) (call $listen (local.get 0)))
    (func (export "{WAY}") (param i32 externref i32) (result externref)
        (if (i32.gt_s (local.get 2) (i32.const 9)) (then unreachable))
        (call_indirect (type $listener) (local.get 1) (local.get 2) (local.get 0)))
)"""
INTERFACE = (imported("host", "listen", [("listener", FN)]), exported("start", [("which", "u32")]))


class Thing:
    """An object of the host."""


class Host:
    def __init__(self) -> None:
        self.listeners: list[Any] = []

    def listen(self, listener: Any) -> None:
        self.listeners.append(listener)


@pytest.mark.parametrize("way", ["unchecked", "public"])
def test_a_python_host_calls_back_with_objects(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = bind(tmp_path, assemble(GUEST, *INTERFACE))
    if way == "public":
        monkeypatch.setattr(module, "_C", None)
    host, thing = Host(), Thing()
    with module.Plug.load(host=host) as plugin:
        assert not [name for name in dir(plugin) if "callback" in name], "the way back is no method of the plugin"
        for which in (1, 2, 0, 1):
            plugin.start(which)
        same, none, null, again = host.listeners
        assert null is None
        assert same is again, "one function is one object"
        assert same(thing, 3) is thing
        assert none(thing, 3) is None
        with pytest.raises(TypeError, match="argument 1"):
            same(None, 3)
        with pytest.raises(TypeError, match="takes 2 arguments, 1 were given"):
            same(thing)
        with pytest.raises(module.GuestTrap):
            same(thing, 10)


@pytest.mark.once
def test_a_javascript_host_calls_back_with_objects(tmp_path: Path) -> None:
    write_bindings(tmp_path, assemble(GUEST, *INTERFACE))
    script = """
        import { load } from "./plug.js";
        const listeners = [];
        const plugin = await load({ host: { listen: (listener) => listeners.push(listener) } });
        for (const which of [1, 2, 0, 1]) plugin.start(which);
        const [same, none, nothing, again] = listeners;
        const thing = {};
        const caught = (call) => { try { call(); } catch (error) { return error.constructor.name; } };
        out([nothing, same === again, same(thing, 3) === thing, none(thing, 3), caught(() => same(null, 3)),
             Object.keys(plugin).filter((name) => name.includes("callback"))]);
        """
    assert node(tmp_path, script) == [None, True, True, None, "TypeError", []]


def test_a_way_back_that_nothing_is_left_of() -> None:
    text = f'(module (func (export "{WAY}") (param i32 externref i32) (result externref) (ref.null extern)))'
    assert read_model(assemble(text)).exports == ()


WRONG_WAYS = {
    "none": (GUEST.replace(WAY, "other"), "to be called through export `.*` of type .*, and there is none"),
    "another type": (
        GUEST.replace("(param i32 externref i32)", "(param i32 externref f32)").replace(
            "(local.get 2)", "(i32.const 1)"
        ),
        "and that has type",
    ),
}


@pytest.mark.parametrize(("guest", "message"), WRONG_WAYS.values(), ids=WRONG_WAYS.keys())
def test_a_way_back_that_is_not_there(guest: str, message: str) -> None:
    with pytest.raises(BindingError, match=message):
        read_model(assemble(guest, *INTERFACE))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, 'functions without "via" take none'),
        ({"via": 1}, "unknown value type"),
        ({"via": WAY, "null": "yes"}, "unknown value type"),
    ],
)
def test_a_function_type_that_is_none(members: dict[str, Any], message: str) -> None:
    listener = {"fn": FN["fn"], **members}
    with pytest.raises(MalformedMetadataError, match=message):
        read_model(assemble(GUEST, imported("host", "listen", [("listener", listener)])))

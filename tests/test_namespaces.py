"""Host objects of which a guest uses static members alone, such as JavaScript's `Math` and Python's modules."""

from __future__ import annotations

import math
import types
from pathlib import Path

import pytest
from bound_guests import assemble, bind, exported, imported
from javascript_hosts import node, type_errors, write_bindings

GUEST = """(module
    (import "client" "[static]Math.max" (func $max (param f64 f64) (result f64)))
    (func (export "larger") (param f64 f64) (result f64) (call $max (local.get 0) (local.get 1)))
)"""
INTERFACE = (
    imported("client", "[static]Math.max", [("a", "f64"), ("b", "f64")], ["f64"]),
    exported("larger", [("a", "f64"), ("b", "f64")], ["f64"]),
)


class Math:
    max = staticmethod(max)


@pytest.mark.parametrize(
    "allowed", [Math, Math(), types.SimpleNamespace(max=max)], ids=["class", "object", "namespace"]
)
def test_a_python_host_allows_any_object(allowed: object, tmp_path: Path) -> None:
    plugin = bind(tmp_path, assemble(GUEST, *INTERFACE)).Plug
    assert plugin.load({"Math": allowed}).larger(1.0, 2.0) == 2.0


def test_a_python_host_needs_the_members(tmp_path: Path) -> None:
    plugin = bind(tmp_path, assemble(GUEST, *INTERFACE)).Plug
    with pytest.raises(TypeError, match="has no max, which the plugin calls"):
        plugin.load({"Math": math})


@pytest.mark.once
def test_a_javascript_host_allows_any_object(tmp_path: Path) -> None:
    write_bindings(tmp_path, assemble(GUEST, *INTERFACE))
    script = """
        import { load } from "./plug.js";
        const plugin = await load({ client: { Math } });
        const refused = await load({ client: { Math: 5 } }).catch((error) => error.message);
        out([plugin.larger(1, 2), refused]);
    """
    assert node(tmp_path, script) == [2, "client.Math is 5, expected an object with functions"]


@pytest.mark.once
def test_typescript_takes_any_object(test_cache: Path, tmp_path: Path) -> None:
    write_bindings(tmp_path, assemble(GUEST, *INTERFACE))
    program = 'import { load } from "./plug.js";\nexport const plugin = load({ client: { Math } });\n'
    assert not type_errors(test_cache, tmp_path, program)

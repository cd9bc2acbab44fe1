"""Run time of guests under wasmtime: loops over references, processed by this tool and by externref-cli."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from prepare import Subjects
from wasmtime import Engine, Func, Instance, Module, Store

from externref_build import Processor
from externref_build.processor.rewrite import Options, rewrite

HOST = """
(module
  (global $item (mut externref) (ref.null extern))
  (func (export "set") (param externref) (global.set $item (local.get 0)))
  (func (export "make") (result externref) (global.get $item))
  (func (export "touch") (param externref)))
"""
"""The host's functions, as a module of its own: what is measured is the guest, not how Python is called."""

CALLS = 2_000_000
LIVE = 1_000_000
FILLS = (1_000, 10_000, 100_000, 1_000_000)
PEER_FILLS = (1_000, 10_000, 30_000)
"""The peer's inserts take a time that grows with the number of slots in use: no more than it does in seconds."""


def measure_loops(subjects: Subjects, rounds: int) -> dict[str, Any]:
    """Measure get-and-call, inserts, and random replacements."""
    engine = Engine()
    ours = subjects.small["externref-guest"].read_bytes()
    theirs = subjects.small["externref"].read_bytes()
    processor = Processor()
    direct = processor.process(ours)
    functions = frozenset(function.index for function in processor.report.functions)
    adapter, _ = rewrite(ours, Options(demoted=functions))
    by_peer = _process_with_peer(subjects)
    modules = {
        "direct": Module(engine, direct),
        "adapter": Module(engine, adapter),
        "peer's guest, externref-build": Module(engine, processor.process(theirs)),
        "peer's guest, externref-cli": Module(engine, by_peer),
    }
    calls = dict.fromkeys(modules, float("inf"))
    for _ in range(rounds):
        for name, module in modules.items():
            loops = _Loops(engine, module)
            calls[name] = min(calls[name], loops.time("get_and_call", object(), CALLS) / CALLS)
    fills = {name: _fills(engine, modules[name], FILLS, rounds) for name in ("direct", "adapter")}
    fills["externref-cli"] = _fills(engine, modules["peer's guest, externref-cli"], PEER_FILLS, 1)
    return {"get_and_call": calls, "fill": fills, "replace": _replace(engine, modules["direct"], rounds)}


class _Loops:
    def __init__(self, engine: Engine, module: Module) -> None:
        self._store = Store(engine)
        host = Instance(self._store, Module(engine, HOST), [])
        exports = host.exports(self._store)
        setter = exports["set"]
        assert isinstance(setter, Func)
        setter(self._store, object())
        self._exports = Instance(self._store, module, [exports[entry.name or ""] for entry in module.imports]).exports(
            self._store
        )

    def time(self, name: str, *arguments: object) -> float:
        function = self._exports[name]
        assert isinstance(function, Func)
        start = time.thread_time()
        function(self._store, *arguments)
        return time.thread_time() - start


def _fills(engine: Engine, module: Module, counts: tuple[int, ...], rounds: int) -> dict[int, float]:
    """Measure the seconds that a new instance takes to fill its table with so many references."""
    return {count: min(_Loops(engine, module).time("fill", count) for _ in range(rounds)) for count in counts}


def _replace(engine: Engine, module: Module, rounds: int) -> float:
    """Measure the seconds of a million random replacements among a million references."""

    def once() -> float:
        loops = _Loops(engine, module)
        loops.time("fill", LIVE)
        return loops.time("replace", LIVE)

    return min(once() for _ in range(rounds))


def _process_with_peer(subjects: Subjects) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "loops.wasm"
        subprocess.run([subjects.externref_cli, subjects.small["externref"], "-o", output], check=True)
        return output.read_bytes()

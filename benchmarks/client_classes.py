"""What client classes of C++ cost, against a module with native ``externref`` written by hand in the text format.

Both play the same loops, under wasmtime, against a host that is a module of its own: what is measured is the guest, not
how another language is called. Writes the table in ``docs/client-classes.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import textwrap
import time
from pathlib import Path

from page import replace_part, table
from wasmtime import Config, Engine, Func, Instance, Linker, Module, Store

from externref_build.build.engine import build_module
from externref_build.build.progress import Progress
from externref_build.config import load_config

PAGE = Path(__file__).parents[1] / "docs" / "client-classes.md"
CALLS = 5_000_000
FRAMES = 200_000

HOST = """
(module
  (global $node (mut externref) (ref.null extern))
  (func (export "put") (param externref) (global.set $node (local.get 0)))
  (func (export "[global]root") (result externref) (global.get $node))
  (func (export "[method]Node.touch") (param externref))
  (func (export "[method]Node.pass") (param externref externref))
  (func (export "[get]Node.next") (param externref) (result externref) (local.get 0)))
"""

BY_HAND = """
(module
  (import "client" "[global]root" (func $root (result externref)))
  (import "client" "[method]Node.touch" (func $touch (param externref)))
  (import "client" "[method]Node.pass" (func $pass (param externref externref)))
  (import "client" "[get]Node.next" (func $next (param externref) (result externref)))
  (table $nodes 8 externref)
  (func (export "_initialize") (table.set $nodes (i32.const 1) (call $root)))
  (func (export "call") (param $n i32)
    (loop $more
      (call $touch (table.get $nodes (i32.const 1)))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "pass") (param $n i32)
    (loop $more
      (call $pass (table.get $nodes (i32.const 1)) (table.get $nodes (i32.const 1)))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "returned") (param $n i32)
    (loop $more
      (call $touch (call $next (table.get $nodes (i32.const 1))))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "keep") (param $n i32)
    (loop $more
      (table.set $nodes (i32.const 2) (call $next (table.get $nodes (i32.const 1))))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "take") (param $n i32)
    (loop $more
      (table.set $nodes (i32.const 2) (call $next (table.get $nodes (i32.const 1))))
      (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
  (func (export "nothing"))
  (func (export "frame")
    (call $touch (call $next (table.get $nodes (i32.const 1))))))
"""

CLASSES = """
#include "externref.hpp"
namespace client {
struct Node {
    void touch();
    void pass(const Node &other);
    Node &get_next();
};
extern Node root;
}
using client::root;
static externref::ref<client::Node> kept;
EXTERNREF_EXPORT("call", void, call, (u32, n)) { do root.touch(); while (--n); }
EXTERNREF_EXPORT("pass", void, pass, (u32, n)) { do root.pass(root); while (--n); }
EXTERNREF_EXPORT("returned", void, returned, (u32, n)) {
    do { externref::scope each; root.get_next().touch(); } while (--n);
}
EXTERNREF_EXPORT("keep", void, keep, (u32, n)) {
    do { externref::scope each; kept = externref::ref(root.get_next()); } while (--n);
}
EXTERNREF_EXPORT("take", void, take, (u32, n)) {
    do { externref::scope each; kept = externref::ref(static_cast<client::Node &&>(root.get_next())); } while (--n);
}
EXTERNREF_EXPORT("nothing", void, nothing) {}
EXTERNREF_EXPORT("frame", void, frame) { root.get_next().touch(); }
"""

LOOPS = {
    "call": "a method of an object in memory",
    "pass": "a method with an object as argument",
    "returned": "a returned reference, one method of it, and the end of its scope",
    "keep": "a second reference to what was returned, kept in a `ref`, and the end of the scope",
    "take": "a returned reference, moved to a `ref`, and the end of the scope",
}
EXPORTS = {
    "nothing": "an export that does nothing",
    "frame": "an export with one returned reference and one method of it",
}


class _Guest:
    def __init__(self, engine: Engine, module: Module) -> None:
        self._store = Store(engine)
        linker = Linker(engine)
        host = Instance(self._store, Module(engine, HOST), [])
        linker.define_instance(self._store, "client", host)
        put = host.exports(self._store)["put"]
        assert isinstance(put, Func)
        put(self._store, object())
        caller = Module(engine, _caller())
        guest = linker.instantiate(self._store, module)
        linker.define_instance(self._store, "guest", guest)
        self._exports = {
            **dict(guest.exports(self._store)),
            **dict(linker.instantiate(self._store, caller).exports(self._store)),
        }
        self._call("_initialize")

    def _call(self, name: str, *arguments: object) -> None:
        function = self._exports[name]
        assert isinstance(function, Func)
        function(self._store, *arguments)

    def time(self, name: str, count: int) -> float:
        """Return the nanoseconds of one round of a loop."""
        start = time.thread_time()
        self._call(name, count)
        return (time.thread_time() - start) / count * 1e9


def _caller() -> str:
    """Write a module that calls the exports in a loop, as a host would that is compiled code as well."""
    functions = "".join(
        f"""
        (func (export "{name}s") (param $n i32)
          (loop $more
            (call ${name})
            (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
        """
        for name in EXPORTS
    )
    imports = "".join(f'(import "guest" "{name}" (func ${name}))' for name in EXPORTS)
    return f"(module {imports} {functions})"


def _build(folder: Path, compiler: str, flags: list[str]) -> bytes:
    (folder / "src" / "plug").mkdir(parents=True)
    (folder / "src" / "plug" / "__init__.py").touch()
    (folder / "plug.cpp").write_text(CLASSES)
    keys = f'package = "plug"\nsources = ["plug.cpp"]\nstd = "c++17"\ncflags = {flags}\ncompiler = "{compiler}"\n'
    (folder / "pyproject.toml").write_text(f"[tool.externref]\n{keys}".replace("'", '"'))
    (module,) = load_config(folder, environ={}).modules
    return build_module(module, progress=Progress(quiet=True), environ=os.environ).path.read_bytes()


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", default="zig")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    engine = Engine(Config())
    modules = {"by hand": Module(engine, BY_HAND)}
    with tempfile.TemporaryDirectory() as scratch:
        for name, flags in (("-O2", ["-O2"]), ("-O2 -flto", ["-O2", "-flto"])):
            modules[name] = Module(engine, _build(Path(scratch, name.replace(" ", "")), options.compiler, flags))
    best: dict[tuple[str, str], float] = {}
    for _ in range(options.rounds):
        for name, module in modules.items():
            guest = _Guest(engine, module)
            for loop in LOOPS:
                best[loop, name] = min(best.get((loop, name), float("inf")), guest.time(loop, CALLS))
            for export in EXPORTS:
                best[export, name] = min(best.get((export, name), float("inf")), guest.time(f"{export}s", FRAMES))
    rows = [(what, *(f"{best[key, name]:.1f} ns" for name in modules)) for key, what in {**LOOPS, **EXPORTS}.items()]
    text = table(("one round", "native `externref`, by hand", "`-O2`", "`-O2 -flto`"), rows)
    print(text)
    where = f"{platform.machine()}, {platform.system()}"
    note = textwrap.fill(f"Nanoseconds under wasmtime, the best of {options.rounds} rounds ({where}).", 118)
    PAGE.write_text(replace_part(PAGE.read_text(encoding="utf-8"), "cost", f"{text}\n\n{note}"), encoding="utf-8")


if __name__ == "__main__":
    main()

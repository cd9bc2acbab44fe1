"""Run a script of the official test suite under wasmtime, and write down all that can be observed."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from suite import Script
from wasmtime import (
    Config,
    Engine,
    Func,
    FuncType,
    Global,
    GlobalType,
    Instance,
    Limits,
    Linker,
    Memory,
    MemoryType,
    Module,
    Store,
    Table,
    TableType,
    Trap,
    Val,
    ValType,
    WasmtimeError,
)

from externref_build.wasm.decoding import decode_module
from externref_build.wasm.module import FUNC
from externref_build.wasm.types import EXTERNREF, F32, F64, FUNCREF, I32, I64

FEATURES = [
    "custom_page_sizes",
    "exceptions",
    "function_references",
    "gc",
    "memory64",
    "multi_memory",
    "relaxed_simd_deterministic",
    "tail_call",
    "threads",
    "wide_arithmetic",
]


_NO_MODULE = "nothing: its module could not be instantiated"


def make_engine() -> Engine:
    """Make an engine that accepts every feature that wasmtime has."""
    config = Config()
    for feature in FEATURES:
        setattr(config, f"wasm_{feature}", True)
    return Engine(config)


def run_script(script: Script, engine: Engine, rewrite: Callable[[bytes], bytes]) -> list[str]:
    """Carry out the commands with each valid module rewritten; return a line for each with what came of it."""
    return [f"line {command['line']}: {event}" for command, event in _Runner(script, engine, rewrite).events()]


class _Runner:
    def __init__(self, script: Script, engine: Engine, rewrite: Callable[[bytes], bytes]) -> None:
        self._script = script
        self._rewrite = rewrite
        self._store = Store(engine)
        self._linker = Linker(engine)
        self._linker.allow_shadowing = True
        self._instances: dict[str | None, _Instantiated] = {}
        self._definitions: dict[str | None, _Compiled] = {}
        _define_spectest(self._linker, self._store)

    def events(self) -> Iterator[tuple[dict[str, Any], str]]:
        for command in self._script.commands:
            if command.get("filename", "").endswith(".wat") or command["type"].startswith("assert_inv"):
                continue
            if command["type"] == "assert_malformed":
                continue
            try:
                yield command, self._carry_out(command)
            except Trap as trap:
                yield command, f"trap: {trap.trap_code or trap.message.splitlines()[-1]}"
            except WasmtimeError as error:
                yield command, f"error: {_cause(error)}"

    def _carry_out(self, command: dict[str, Any]) -> str:
        kind, name = command["type"], command.get("name")
        if kind in ("module", "assert_unlinkable", "assert_uninstantiable"):
            self._instantiate(name, self._compile(command["filename"]))
        elif kind == "module_definition":
            self._definitions[name] = self._compile(command["filename"])
        elif kind == "module_instance":
            self._instantiate(command["instance"], self._definitions[command["module"]])
        elif kind == "register" and name not in self._instances:
            return _NO_MODULE
        elif kind == "register":
            self._linker.define_instance(self._store, command["as"], self._instances[name].instance)
        else:
            return self._act(command["action"], [value["type"] for value in command.get("expected", ())])
        return "done"

    def _compile(self, filename: str) -> _Compiled:
        original = (self._script.folder / filename).read_bytes()
        return _Compiled(Module(self._store.engine, self._rewrite(original)), _plain_exports(original))

    def _instantiate(self, name: str | None, compiled: _Compiled) -> None:
        instance = self._linker.instantiate(self._store, compiled.module)
        self._instances[name] = self._instances[None] = _Instantiated(instance, compiled.plain_exports)

    def _act(self, action: dict[str, Any], expected: list[str]) -> str:
        found = self._instances.get(action.get("module"))
        if found is None:
            return _NO_MODULE
        arguments = [_value(argument) for argument in action.get("args", ())]
        if action["type"] == "get" and set(expected) <= _PLAIN_NAMES:
            variable = found.instance.exports(self._store)[action["field"]]
            assert isinstance(variable, Global)
            return _spell(variable.value(self._store))
        if action["field"] not in found.plain_exports or None in arguments:
            return "nothing: a value that wasmtime does not pass to Python"
        function = found.instance.exports(self._store)[action["field"]]
        assert isinstance(function, Func)
        results = function(self._store, *arguments)
        return " ".join(map(_spell, results if isinstance(results, list) else [results]))


@dataclass(frozen=True, slots=True)
class _Compiled:
    module: Module
    plain_exports: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Instantiated:
    instance: Instance
    plain_exports: frozenset[str]


_PLAIN_NAMES = {"i32", "i64", "f32", "f64", "externref", "funcref"}
_PLAIN_TYPES = {I32, I64, F32, F64, EXTERNREF, FUNCREF}


def _plain_exports(data: bytes) -> frozenset[str]:
    """Collect the exported functions whose values wasmtime passes to Python; it aborts on others."""
    module = decode_module(data)
    types = {export.name: module.func_type(export.index) for export in module.exports if export.kind == FUNC}
    return frozenset(name for name, found in types.items() if {*found.params, *found.results} <= _PLAIN_TYPES)


def _define_spectest(linker: Linker, store: Store) -> None:
    """Define the host module that all scripts may import from."""
    i32, i64, f32, f64 = ValType.i32(), ValType.i64(), ValType.f32(), ValType.f64()

    def define(name: str, item: Func | Global | Memory | Table) -> None:
        linker.define(store, "spectest", name, item)

    signatures = {"": [], "_i32": [i32], "_i64": [i64], "_f32": [f32], "_f64": [f64]}
    signatures |= {"_i32_f32": [i32, f32], "_f64_f64": [f64, f64]}
    for suffix, params in signatures.items():
        define(f"print{suffix}", Func(store, FuncType(params, []), lambda *values: None))
    for val_type, value in ((i32, Val.i32(666)), (i64, Val.i64(666)), (f32, Val.f32(666.6)), (f64, Val.f64(666.6))):
        define(f"global_{val_type}", Global(store, GlobalType(val_type, False), value))
    define("memory", Memory(store, MemoryType(Limits(1, 2))))
    define("table", Table(store, TableType(ValType.funcref(), Limits(10, 20)), None))


def _value(argument: dict[str, Any]) -> Val | None:
    kind, value = argument["type"], argument.get("value", "")
    if kind in ("i32", "i64"):
        bits = 32 if kind == "i32" else 64
        number = int(value)
        number -= (number >> (bits - 1)) << bits
        return Val.i32(number) if kind == "i32" else Val.i64(number)
    if kind == "f32":
        return Val.f32(struct.unpack("<f", struct.pack("<I", int(value)))[0])
    if kind == "f64":
        return Val.f64(struct.unpack("<d", struct.pack("<Q", int(value)))[0])
    if kind == "externref":
        return Val.externref(None if value == "null" else f"host object {value}")
    if kind == "funcref" and value == "null":
        return Val.funcref(None)
    return None


def _spell(value: object) -> str:
    if isinstance(value, float):
        return struct.pack("<d", value).hex()
    return "a function" if isinstance(value, Func) else repr(value)


def _cause(error: WasmtimeError) -> str:
    """Drop backtraces, offsets, and the numbers that an engine gives to types."""
    last = str(error).splitlines()[-1]
    cause = last.partition(": ")[2] if last.lstrip()[:1].isdigit() else last
    return re.sub(r"\(engine \d+\)|at offset (0x[0-9a-f]+|\d+)", "", cause)

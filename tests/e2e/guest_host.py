"""A host in Python that runs a guest and writes down all that it can observe.

It runs the same guest in two forms: processed, where references are real, and as the linker left it, where they are
numbers and the functions of module ``externref`` are played by :class:`Surrogates`. What both forms do has to be equal,
event by event.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wasmtime import (
    Config,
    Engine,
    Func,
    FuncType,
    Linker,
    Memory,
    Module,
    Store,
    Table,
    Trap,
    Val,
    ValType,
    WasiConfig,
    _bindings,
)

DROP_HOOK = ("host", "dropped")

_VALUES: Mapping[str, Callable[[], ValType]] = {
    **dict.fromkeys("ian", ValType.i32),
    "I": ValType.i64,
    "f": ValType.f32,
    "d": ValType.f64,
}


def _engine() -> Engine:
    config = Config()
    _bindings.wasmtime_config_wasm_compact_imports_set(config.ptr(), True)  # there is no property yet
    return Engine(config)


@dataclass(frozen=True, slots=True)
class Signature:
    """Types of a function's values, one letter each.

    ``r`` is a reference, ``i`` and ``I`` are integers of 32 and 64 bits, ``f`` and ``d`` floats; ``s`` is a text, two
    parameters: a pointer and a length. ``n`` is the number of a slot, which isn't the same in both forms, and ``a`` the
    address of one; both stand for the object in it.
    """

    params: str
    results: str

    @classmethod
    def parse(cls, text: str) -> Signature:
        """Parse ``"ri:r"``: what stands before the colon goes in."""
        params, _, results = text.partition(":")
        return cls(params, results)

    def core(self, reference: Callable[[], ValType]) -> FuncType:
        """Return the type of the function in a module whose references have the given type."""
        values = {**_VALUES, "r": reference}
        params = self.params.replace("s", "ii")
        return FuncType([values[letter]() for letter in params], [values[letter]() for letter in self.results])


class Thing:
    """An object of the host, known by its label."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __repr__(self) -> str:
        return self.label


@dataclass
class Surrogates:
    """The functions that stand in for references in a module that was not processed.

    A raw number stands for a reference on its way and is consumed exactly once.
    """

    dropped: Callable[[object], None]
    raws: dict[int, object] = field(default_factory=dict)
    slots: dict[int, object] = field(default_factory=dict)
    last_raw: int = 1000

    def to_raw(self, value: object) -> int:
        """Return a new raw number for an object; null is -1."""
        if value is None:
            return -1
        self.last_raw += 1
        self.raws[self.last_raw] = value
        return self.last_raw

    def from_raw(self, raw: int) -> object:
        """Consume a raw number."""
        assert raw == -1 or raw in self.raws, f"raw surrogate {raw} was made up or consumed before"
        return None if raw == -1 else self.raws.pop(raw)

    def insert(self, raw: int) -> int:
        """Store a reference in the first free slot."""
        value = self.from_raw(raw)
        if value is None:
            return -1
        slot = next(index for index in range(len(self.slots) + 1) if index not in self.slots)
        self.slots[slot] = value
        return slot

    def get(self, slot: int) -> int:
        """Read a slot."""
        return self.to_raw(self.slots.get(slot))

    def take(self, slot: int) -> int:
        """Read and empty a slot."""
        return self.to_raw(self.slots.pop(slot, None))

    def drop(self, slot: int) -> None:
        """Empty a slot, after the drop hook was told of its content; an empty one, or null, is nobody's business."""
        if slot in self.slots:
            self.dropped(self.slots[slot])
            del self.slots[slot]

    def guard(self) -> None:
        """Do nothing."""


HostFunction = Callable[..., object]


@dataclass(frozen=True)
class Api:
    """What a guest and its host offer each other."""

    imports: Mapping[tuple[str, str], tuple[str, HostFunction]]
    """Signature and implementation; the first argument of each implementation is the :class:`Host`."""
    exports: Mapping[str, str]


class Host:
    """One instance of a guest, with everything that happened to it."""

    def __init__(self, module: bytes, api: Api, *, processed: bool, table: str = "externrefs") -> None:
        self.events: list[str] = []
        self.things: dict[str, Thing] = {}
        self.state: dict[str, Any] = {}
        self._processed = processed
        self._table = table
        self._exports = {name: Signature.parse(text) for name, text in api.exports.items()}
        self._surrogates = Surrogates(self._dropped)
        self._store = Store(_engine())
        self._store.set_wasi(WasiConfig())
        self._instance = self._instantiate(module, api)
        self._check_types()

    def thing(self, label: str) -> Thing:
        """Make an object with a label of its own."""
        number = sum(known.startswith(f"{label}#") for known in self.things) + 1
        thing = Thing(f"{label}#{number}")
        self.things[thing.label] = thing
        return thing

    def call(self, name: str, *arguments: object) -> Any:
        """Call an export with objects and numbers; return its result."""
        signature = self._exports[name]
        self.events.append(f"{name}{_shown(arguments)}")
        function = self._instance.exports(self._store)[name]
        assert isinstance(function, Func)
        result = function(self._store, *map(self._outgoing, signature.params, arguments))
        if signature.results:
            result = self._incoming(signature.results, result)
        self.events.append(f"{name} returned {result!r}")
        return result

    def call_trapping(self, name: str, *arguments: object) -> None:
        """Call an export that has to trap."""
        try:
            self.call(name, *arguments)
        except Trap as trap:
            self.events.append(f"{name} trapped: {trap.trap_code}")
            return
        raise AssertionError(f"{name} did not trap")

    def held(self) -> list[str]:
        """Return the labels of all objects that the guest holds."""
        held = list(self._surrogates.slots.values())
        if self._processed:
            table = self._instance.exports(self._store)[self._table]
            assert isinstance(table, Table)
            entries = [table.get(self._store, index) for index in range(table.size(self._store))]
            held = [entry for entry in entries if entry is not None and not isinstance(entry, Val)]
        return sorted(map(repr, held))

    def alive(self) -> list[str]:
        """Forget all objects on the host's side; return the labels of those that the guest's instance keeps alive."""
        references = [weakref.ref(thing) for thing in self.things.values()]
        self.things.clear()
        self.state.clear()
        self._store.gc()
        gc.collect()
        return sorted(repr(thing) for thing in (reference() for reference in references) if thing is not None)

    def _instantiate(self, binary: bytes, api: Api) -> Any:
        module = Module(self._store.engine, binary)
        linker = Linker(self._store.engine)
        linker.define_wasi()
        for entry in module.imports:
            name = entry.name or ""
            if entry.module == "externref":
                assert isinstance(entry.type, FuncType)
                linker.define_func("externref", name, entry.type, getattr(self._surrogates, name))
            elif (entry.module, name) == DROP_HOOK and self._processed:
                linker.define_func(*DROP_HOOK, Signature("r", "").core(ValType.externref), self._dropped)
            elif not entry.module.startswith("wasi"):
                text, function = api.imports[entry.module, name]
                signature = Signature.parse(text)
                wrapped = self._host_function(name, signature, function)
                linker.define_func(entry.module, name, signature.core(self._reference), wrapped)
        instance = linker.instantiate(self._store, module)
        initialize = instance.exports(self._store).get("_initialize")
        if isinstance(initialize, Func):
            initialize(self._store)
        return instance

    def _check_types(self) -> None:
        for name, signature in self._exports.items():
            function = self._instance.exports(self._store)[name]
            assert isinstance(function, Func)
            expected, found = signature.core(self._reference), function.type(self._store)
            assert str(found.params) == str(expected.params), name
            assert str(found.results) == str(expected.results), name

    def _reference(self) -> ValType:
        return ValType.externref() if self._processed else ValType.i32()

    def _host_function(self, name: str, signature: Signature, function: HostFunction) -> HostFunction:
        def call(*raw: Any) -> object:
            values = iter(raw)
            arguments = [
                self._text(next(values), next(values)) if letter == "s" else self._incoming(letter, next(values))
                for letter in signature.params
            ]
            self.events.append(f"  {name}{_shown(arguments)}")
            result = function(self, *arguments)
            self.events.append(f"  {name} answered {result!r}")
            return self._outgoing(signature.results, result) if signature.results else None

        return call

    def _incoming(self, letter: str, value: Any) -> Any:
        if letter == "a":
            return self._slot(int.from_bytes(self._memory().read(self._store, value, value + 4), "little"))
        if letter == "n":
            return self._slot(value)
        if letter != "r":
            return value
        thing = value if self._processed else self._surrogates.from_raw(value)
        assert thing is None or (isinstance(thing, Thing) and self.things[thing.label] is thing)
        return thing

    def _outgoing(self, letter: str, value: Any) -> Any:
        return self._surrogates.to_raw(value) if letter == "r" and not self._processed else value

    def _slot(self, number: int) -> object:
        if not self._processed:
            return self._surrogates.slots[number]
        table = self._instance.exports(self._store)[self._table]
        assert isinstance(table, Table)
        return table.get(self._store, number)

    def _text(self, pointer: int, length: int) -> str:
        return self._memory().read(self._store, pointer, pointer + length).decode()

    def _memory(self) -> Memory:
        memory = self._instance.exports(self._store)["memory"]
        assert isinstance(memory, Memory)
        return memory

    def _dropped(self, thing: object) -> None:
        self.events.append(f"  dropped {thing!r}")


def _shown(arguments: Any) -> str:
    return f"({', '.join(map(repr, arguments))})"

"""Hosts for random guests: one that implements the surrogates over integers, one that holds real references.

Both do the same things and write down the same trace. The first is the reference: it runs guests as they were
generated, issues a fresh number for each raw surrogate, and sees to it that each is consumed at most once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import wasmtime
from guest_model import Choices, Guest, Kind

DROP_HOOK = ("hook", "dropped")


def make_engine() -> wasmtime.Engine:
    """Make an engine that accepts what guests use, and compiles quickly."""
    config = wasmtime.Config()
    config.wasm_exceptions = True
    config.wasm_function_references = True
    config.wasm_gc = True
    config.wasm_tail_call = True
    config.cranelift_opt_level = "none"
    return wasmtime.Engine(config)


@dataclass(frozen=True, slots=True)
class Token:
    """A host object."""

    serial: int


class TokenReuseError(AssertionError):
    """A raw surrogate was consumed twice: the guest is wrong, not the processor."""


class OutOfTableError(Exception):
    """A slot beyond the table: a trap."""


@dataclass(slots=True)
class SlotModel:
    """The allocator of slots: sweep from a cursor, start over if a quarter is free, else grow by a quarter."""

    slots: list[Token | None] = field(default_factory=list)
    cursor: int = 0
    free: int = 0

    def insert(self, token: Token | None) -> int:
        if token is None:
            return -1
        slot = self._search(self.cursor)
        if slot is None and 4 * self.free >= len(self.slots):
            slot = self._search(0)
        if slot is None:
            slot, added = len(self.slots), len(self.slots) // 4 + 1
            self.slots += [None] * added
            self.free += added
        self.slots[slot] = token
        self.cursor = slot + 1
        self.free = max(self.free - 1, 0)
        return slot

    def _search(self, first: int) -> int | None:
        return next((slot for slot in range(first, len(self.slots)) if self.slots[slot] is None), None)

    def get(self, slot: int) -> Token | None:
        if slot == -1:
            return None
        if not 0 <= slot < len(self.slots):
            raise OutOfTableError
        return self.slots[slot]

    def empty(self, slot: int) -> None:
        self.slots[slot] = None
        self.free += 1
        if self.cursor == slot + 1:
            self.cursor = slot


@dataclass(slots=True)
class Plan:
    """What a host does, drawn once and followed by every run."""

    calls: list[tuple[str, tuple[int, ...]]]
    """Exports to call in turn, with a number for each argument."""
    answers: list[int]
    """Decisions of the host's functions, in the order of their calls; over and over."""
    has_hook: bool

    @classmethod
    def draw(cls, choices: Choices, guest: Guest) -> Plan:
        names = list(guest.exports)
        called = ["setup", "touch"] if choices.below(2) else ["setup"]
        called += [names[choices.below(len(names))] for _ in range(1 + choices.below(5))]
        calls = [(name, tuple(choices.below(6) for _ in guest.exports[name].params)) for name in called]
        return cls(calls, [choices.below(8) for _ in range(1 + choices.below(12))], choices.below(3) > 0)


class Host:
    """Runs one guest with real references; `SurrogateHost` overrides what is different with integers."""

    def __init__(self, engine: wasmtime.Engine, guest: Guest, plan: Plan, module: bytes) -> None:
        self.guest = guest
        self.plan = plan
        self.trace: list[tuple[object, ...]] = []
        self.tokens: list[Token | None] = [None]
        self.decisions = 0
        self.depth = 0
        self.store = wasmtime.Store(engine)
        self.compiled = wasmtime.Module(engine, module)
        self.instance: wasmtime.Instance | None = None

    def run(self) -> list[tuple[object, ...]]:
        """Instantiate the guest, make the calls of the plan, and return the trace; an object runs once."""
        try:
            provided = [self._provide(wanted) for wanted in self.compiled.imports]
            self.instance = wasmtime.Instance(self.store, self.compiled, provided)
            for name, numbers in self.plan.calls:
                self.call(name, numbers)
        except (wasmtime.WasmtimeError, wasmtime.Trap, OutOfTableError) as error:
            self.trace.append(("start failed", _describe(error)))
        finally:
            self.store.close()
            self.compiled.close()
        return self.trace

    def call(self, name: str, numbers: tuple[int, ...]) -> None:
        """Call an export and write down what comes of it."""
        signature = self.guest.exports[name]
        values = [self._value(kind, number) for kind, number in zip(signature.params, numbers, strict=True)]
        self.trace.append(("call", name, *values))
        assert self.instance is not None
        export = self.instance.exports(self.store)[name]
        assert isinstance(export, wasmtime.Func)
        try:
            found = export(self.store, *map(self.lower, signature.params, values))
        except (wasmtime.WasmtimeError, wasmtime.Trap, OutOfTableError) as error:
            self.trace.append(("trap", _describe(error)))
            if self.depth:
                raise
            return
        results = found if isinstance(found, list) else [found][: len(signature.results)]
        self.trace.append(("returned", name, *map(self.lift, signature.results, results)))

    def lift(self, kind: Kind, value: object) -> object:
        """Turn a value of the guest into one for the trace."""
        return value

    def lower(self, kind: Kind, value: object) -> object:
        """Turn a value of the host into one for the guest."""
        return value

    def _value(self, kind: Kind, number: int) -> object:
        return self.tokens[number % len(self.tokens)] if kind == "ref" else number

    def _decide(self) -> int:
        self.decisions += 1
        return self.plan.answers[self.decisions % len(self.plan.answers)] + self.decisions // 16 % 2

    def _provide(self, wanted: wasmtime.ImportType) -> wasmtime.Func:
        assert isinstance(wanted.type, wasmtime.FuncType)
        if (wanted.module, wanted.name) == DROP_HOOK:
            return wasmtime.Func(self.store, wanted.type, self.dropped)
        if wanted.module == "host":
            assert wanted.name is not None
            return wasmtime.Func(self.store, wanted.type, self._function(wanted.name))
        return wasmtime.Func(self.store, wanted.type, self.surrogate(wanted.name or ""))

    def surrogate(self, name: str) -> Callable[..., int | None]:
        raise AssertionError(f"the surrogate {name} is still imported")

    def dropped(self, token: Token | None) -> None:
        """Take note of a dropped reference, and now and then call the guest back."""
        self.trace.append(("dropped", token))
        if self._decide() == 7:
            self._call_back()

    def _function(self, name: str) -> Callable[..., object]:
        signature = self.guest.imports[name]

        def function(*args: object) -> object:
            values = list(map(self.lift, signature.params, args))
            self.trace.append((name, *values))
            decision = self._decide()
            if decision == 6:
                self._call_back()
            results = [self._answer(kind, values, decision) for kind in signature.results]
            self.trace.append(("answer", *results))
            lowered = list(map(self.lower, signature.results, results))
            return lowered[0] if len(lowered) == 1 else lowered or None

        return function

    def _answer(self, kind: Kind, values: list[object], decision: int) -> object:
        if kind != "ref":
            return decision
        known = [value for value in values if isinstance(value, Token)]
        if decision == 1:
            return None
        if decision % 2 and known:
            return known[0]
        token = Token(len(self.tokens))
        self.tokens.append(token)
        return token

    def _call_back(self) -> None:
        if self.depth < 2 and self.instance is not None:
            self.depth += 1
            try:
                name, numbers = self.plan.calls[self.decisions % len(self.plan.calls)]
                if name != "setup":
                    self.call(name, numbers)
            finally:
                self.depth -= 1


class SurrogateHost(Host):
    """Runs a guest as it was generated, and implements the surrogates over integers."""

    def __init__(self, engine: wasmtime.Engine, guest: Guest, plan: Plan, module: bytes) -> None:
        super().__init__(engine, guest, plan, module)
        self.raw: dict[int, Token] = {}
        self.issued = 0
        self.model = SlotModel()

    def lift(self, kind: Kind, value: object) -> object:
        if kind != "ref" or value == -1:
            return None if kind == "ref" else value
        assert isinstance(value, int)
        if value not in self.raw:
            raise TokenReuseError(f"raw surrogate {value}")
        return self.raw.pop(value)

    def lower(self, kind: Kind, value: object) -> object:
        if kind != "ref" or value is None:
            return -1 if kind == "ref" else value
        assert isinstance(value, Token)
        self.issued += 1
        raw = 1_000_000 + self.issued
        self.raw[raw] = value
        return raw

    def surrogate(self, name: str) -> Callable[..., int | None]:
        model = self.model

        def insert(raw: int) -> int:
            token = self.lift("ref", raw)
            assert token is None or isinstance(token, Token)
            return model.insert(token)

        def get(slot: int) -> object:
            return self.lower("ref", model.get(slot))

        def drop(slot: int) -> None:
            token = model.get(slot)
            if token is not None:
                if self.plan.has_hook:
                    self.dropped(token)
                if model.get(slot) is not None:
                    model.empty(slot)

        def take(slot: int) -> object:
            token = model.get(slot)
            if token is not None:
                model.empty(slot)
            return self.lower("ref", token)

        return {"insert": insert, "get": get, "drop": drop, "take": take, "guard": lambda: None}[name]  # type: ignore[return-value]


def _describe(error: BaseException) -> str:
    if isinstance(error, OutOfTableError):
        return "table out of bounds"
    if isinstance(error, wasmtime.Trap):
        known = {wasmtime.TrapCode.TABLE_OUT_OF_BOUNDS: "table out of bounds"}
        return known.get(error.trap_code, error.trap_code.name) if error.trap_code else "trap"
    return "uncaught exception" if "exception" in str(error) else str(error)

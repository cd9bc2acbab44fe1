"""The part of a Python host that is the same for every plugin; the generator appends it to what it writes.

Two kinds of guests differ in how numbers and references cross. `_RawGuest` uses the unchecked functions of the C API
that the package wasmtime carries: the types are known, so nothing has to be asked or converted twice. `_PublicGuest`
uses the package's public classes, and takes over where the former are not what this file was written for.
"""

from __future__ import annotations

# imports
import array
import contextlib
import ctypes
import inspect
import itertools
import os
import re
import struct
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final, NoReturn

import wasmtime
from wasmtime import _ffi

# runtime


class PluginError(Exception):
    """Root of all that a plugin itself does wrong."""


class GuestError(PluginError):
    """A function of the plugin returned an error; the text is the plugin's own. It stays usable."""


class GuestFault(PluginError):
    """The plugin broke the rules of its interface, with text that is not UTF-8 or beyond its memory, for example."""


class GuestTrap(PluginError):
    """The plugin was stopped in the middle of a call, and is closed for use."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        """The name of wasmtime's `TrapCode`, where there is one."""


class GuestPanic(GuestTrap):
    """The plugin panicked."""

    def __init__(self, message: str, file: str, line: int, column: int) -> None:
        super().__init__(f"{message} ({file}:{line}:{column})" if file else message, "UNREACHABLE")
        self.message = message
        self.file = file
        """The source file of the plugin, as its compiler named it."""
        self.line = line
        self.column = column


class LimitExceeded(GuestTrap):
    """The plugin used up the fuel or the time that a call was given."""


class PluginClosedError(PluginError):
    """The plugin was closed, by its host or by what stopped it."""


class WrongThreadError(PluginError):
    """A plugin belongs to the thread that loaded it."""


@dataclass(frozen=True)
class Wasi:
    """What a plugin may reach of the system. Each field grants one thing; by default there is nothing."""

    args: Sequence[str] = ()
    """Arguments of its command line, its own name first."""
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: str | os.PathLike[str] | None = None
    """A file that it reads as its standard input."""
    stdout: Callable[[bytes], object] | None = None
    """Called with what it prints, such as ``sys.stdout.buffer.write``."""
    stderr: Callable[[bytes], object] | None = None
    directories: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)
    """Folders by the names that it knows them under; it may read them."""
    writable: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)
    """Folders that it may change as well."""
    clock: bool = False
    random: bool = False
    """Randomness; without it, a Rust guest cannot make a ``HashMap``."""


# How values pass


class _Type:
    """How one value passes: its core values, and what it is made of on either side."""

    name: str = ""
    letters: str = ""
    """A letter of `struct` for each core value as the host writes it; ``r`` is a reference."""
    lifted: str = ""
    """The letters as the host reads them."""
    is_plain = False
    """Whether the core value is the value itself, and `struct` checks it."""

    def prepare(self, value: Any) -> Any:
        """Check a value for the guest, and encode it. Raises TypeError, OverflowError or ValueError."""
        raise NotImplementedError

    def lower(self, guest: _Guest, prepared: Any) -> tuple[Any, ...]:  # noqa: ARG002
        """Return the core values of what was prepared; texts and lists are copied into the guest's memory."""
        return (prepared,)

    def lift(self, guest: _Guest, *core: Any) -> Any:  # noqa: ARG002
        """Make a value of the guest's core values. Raises GuestFault."""
        return core[0]

    def release(self, value: Any) -> None:
        """Take back what was lent for the time of a call."""


class _Integer(_Type):
    def __init__(self, name: str, letter: str, lifted: str, low: int, high: int) -> None:
        self.name, self.letters, self.lifted = name, letter, lifted
        self.low, self.high = low, high
        self.is_plain = letter == lifted

    def prepare(self, value: Any) -> Any:
        if not hasattr(value, "__index__"):
            raise TypeError(f"{_shown(value)}, expected an int")
        number = value.__index__()
        if not self.low <= number <= self.high:
            raise OverflowError(f"{number}, expected {self.low} to {self.high} ({self.name})")
        return number


class _Opaque(_Integer):
    """A number of which the module tells no sign: either is taken, and signed ones come back."""

    def __init__(self, bits: int) -> None:
        letter = "i" if bits == 32 else "q"
        super().__init__(f"i{bits}", letter, letter, -(1 << bits - 1), (1 << bits) - 1)
        self.bits = bits
        self.is_plain = False

    def prepare(self, value: Any) -> Any:
        number = super().prepare(value)
        return number - (1 << self.bits) if number >> (self.bits - 1) == 1 else number


class _Float(_Type):
    is_plain = True

    def __init__(self, name: str, letter: str) -> None:
        self.name, self.letters, self.lifted = name, letter, letter

    def prepare(self, value: Any) -> Any:
        if isinstance(value, (str, bytes)) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
            raise TypeError(f"{_shown(value)}, expected a float")
        try:
            struct.pack(f"<{self.letters}", value)
        except OverflowError:
            raise OverflowError(f"{_shown(value)}, which is beyond the range of {self.name}") from None
        return float(value)


class _Bool(_Type):
    name, letters, lifted = "bool", "I", "I"

    def prepare(self, value: Any) -> Any:
        if value is True or value is False:
            return int(value)
        raise TypeError(f"{_shown(value)}, expected True or False")

    def lift(self, guest: _Guest, *core: Any) -> Any:  # noqa: ARG002
        return core[0] != 0


class _Char(_Type):
    name, letters, lifted = "char", "I", "I"

    def prepare(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"{_shown(value)}, expected a str of one character")
        if len(value) != 1 or 0xD800 <= ord(value) <= 0xDFFF:
            raise ValueError(f"{_shown(value)}, expected one character that is no surrogate")
        return ord(value)

    def lift(self, guest: _Guest, *core: Any) -> Any:  # noqa: ARG002
        if core[0] > 0x10FFFF or 0xD800 <= core[0] <= 0xDFFF:
            raise GuestFault(f"{core[0]:#x}, which is no character")
        return chr(core[0])


class _Reference(_Type):
    """A reference to an object of the host, of a class if that is known."""

    letters = lifted = "r"

    def __init__(self, name: str, kind: Any, null: bool = False) -> None:
        self.name, self.null = name, null
        self.kind: Any = kind if isinstance(kind, type) else object
        self.accepted = (self.kind, type(None)) if null else self.kind
        self.refuses_null = not null and self.kind is object
        self.is_checked = self.kind is not object

    def prepare(self, value: Any) -> Any:
        if value is None and not self.null:
            raise TypeError(f"None, expected a {self.name or 'reference'}")
        if not isinstance(value, self.accepted):
            raise TypeError(f"{_shown(value)}, expected a {self.name}{' or None' * self.null}")
        return value

    def lift(self, guest: _Guest, *core: Any) -> Any:  # noqa: ARG002
        try:
            return self.prepare(core[0])
        except TypeError as error:
            raise GuestFault(*error.args) from None


class _Buffer(_Type):
    """What lies in the guest's memory: a pointer and a number of elements."""

    letters = lifted = "II"
    size = 1
    """Of one element, in bytes."""

    def lower(self, guest: _Guest, prepared: Any) -> tuple[Any, ...]:
        return guest.give(prepared, self.size), len(prepared) // self.size

    def view(self, guest: _Guest, pointer: int, count: int) -> memoryview:
        """Return the guest's bytes. Raises GuestFault where they lie beyond its memory."""
        memory = guest.memory()
        end = pointer + count * self.size
        if end > len(memory):
            raise GuestFault(f"{count} elements at {pointer:#x}, beyond the end of its memory at {len(memory):#x}")
        return memory[pointer:end]


class _Text(_Buffer):
    name = "str"

    def prepare(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"{_shown(value)}, expected a str")
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{_shown(value)}, which has a lone surrogate at {error.start}") from None

    def lift(self, guest: _Guest, *core: Any) -> Any:
        try:
            return str(self.view(guest, *core), "utf-8")
        except UnicodeDecodeError as error:
            raise GuestFault(f"text that is not UTF-8: {error.reason} at byte {error.start}") from None


class _Bytes(_Buffer):
    name = "bytes"

    def prepare(self, value: Any) -> Any:
        try:
            view = memoryview(value)
        except TypeError:
            raise TypeError(f"{_shown(value)}, expected bytes") from None
        if view.itemsize != 1:
            raise TypeError(f"{_shown(value)}, expected bytes")
        return bytes(view)

    def lift(self, guest: _Guest, *core: Any) -> Any:
        return bytes(self.view(guest, *core))


class _List(_Buffer):
    """Numbers: lent to the host as a `memoryview`, given to it as an `array.array`, taken as either or a sequence."""

    def __init__(self, name: str, code: str, lent: bool = False, mutable: bool = False) -> None:
        self.name, self.code, self.lent, self.mutable = f"list of {name}", code, lent, mutable
        self.size = array.array(code).itemsize

    def prepare(self, value: Any) -> Any:
        try:
            view = memoryview(value)
        except TypeError:
            return self._pack(value)
        code = view.format.lstrip("@=<")
        if {"l": "q", "L": "Q", "c": "B"}.get(code, code) != self.code or view.itemsize != self.size:
            raise TypeError(f"a buffer of format {view.format!r}, expected {self.code!r} ({self.name})")
        return view.tobytes()

    def _pack(self, value: Any) -> bytes:
        if isinstance(value, str):
            raise TypeError(f"{_shown(value)}, expected a {self.name}")
        try:
            return array.array(self.code, value).tobytes()
        except TypeError:
            raise TypeError(f"{_shown(value)}, expected a {self.name}") from None
        except OverflowError as error:
            raise OverflowError(f"{_shown(value)}, expected a {self.name}: {error}") from None

    def lift(self, guest: _Guest, *core: Any) -> Any:
        view = self.view(guest, *core)
        if not self.lent:
            return array.array(self.code, view.tobytes())
        lent: memoryview = guest.window(core[0], len(view)).cast(self.code)  # type: ignore[call-overload]
        return lent if self.mutable else lent.toreadonly()

    def release(self, value: Any) -> None:
        if not self.lent:
            return
        window = weakref.ref(value.obj)
        with contextlib.suppress(BufferError):
            value.release()
        if window() is not None:
            raise BufferError(
                f"the host kept a view of a {self.name} that it was lent for the time of a call: copy it instead"
            )


class _Option(_Buffer):
    def __init__(self, inner: _Buffer) -> None:
        self.inner, self.name = inner, f"{inner.name} or None"

    def prepare(self, value: Any) -> Any:
        return None if value is None else self.inner.prepare(value)

    def lower(self, guest: _Guest, prepared: Any) -> tuple[Any, ...]:
        return (0, 0) if prepared is None else self.inner.lower(guest, prepared)

    def lift(self, guest: _Guest, *core: Any) -> Any:
        return self.inner.lift(guest, *core) if core[0] else None

    def release(self, value: Any) -> None:
        if value is not None:
            self.inner.release(value)


class _Callback(_Type):
    """A function of the guest, which the host may call as long as the plugin is open."""

    name, letters, lifted = "function", "I", "I"

    def __init__(self, params: Sequence[_Type], result: _Type | None) -> None:
        self.params, self.result = params, result

    def lift(self, guest: _Guest, *core: Any) -> Any:
        return guest.callback(core[0], self)


class _Signature:
    """What a function takes and returns, and how that is spelled in core values."""

    def __init__(
        self,
        label: str,
        params: Mapping[str, _Type],
        result: _Type | None = None,
        fallible: bool = False,
        fails_in_place: bool = False,
    ) -> None:
        self.label, self.names, self.params = label, tuple(params), tuple(params.values())
        self.result, self.fallible = result, fallible
        self.fails_in_place = fails_in_place
        """Whether it is an import, which has one more core parameter: where the message of an error goes."""
        self.is_direct = all(param.is_plain or isinstance(param, _Reference) for param in self.params)
        """Whether the arguments are core values themselves, as long as they are right."""
        self.is_checked_by_import = (
            self.is_direct and not fails_in_place and (result is None or result.is_plain or result.letters == "r")
        )
        """Whether a function of the host with it can stand for an import as it is."""
        references = [(index, param) for index, param in enumerate(self.params) if isinstance(param, _Reference)]
        self.nulls = [index for index, param in references if param.refuses_null]
        self.kinds = [(index, param.accepted) for index, param in references if param.is_checked]

    def suits(self, args: Sequence[Any]) -> bool:
        """Whether the references among the arguments of a direct signature are right."""
        return all(args[index] is not None for index in self.nulls) and all(
            isinstance(args[index], accepted) for index, accepted in self.kinds
        )

    def letters(self, lifted: bool = False) -> str:
        return "".join(param.lifted if lifted else param.letters for param in self.params)

    def result_letters(self, lifted: bool = False) -> str:
        if self.result is None:
            return ""
        letters = self.result.lifted if lifted else self.result.letters
        return "Q" if letters == "II" else letters

    def lower(self, guest: _Guest, args: Sequence[Any]) -> list[Any]:
        """Return the core values of a call's arguments. Nothing is in the guest's memory before all are checked."""
        core: list[Any] = []
        for param, prepared in zip(self.params, self.prepare(args), strict=True):
            core += param.lower(guest, prepared)
        return core

    def prepare(self, args: Sequence[Any]) -> list[Any]:
        """Check the arguments, and encode them. Raises what `_Type.prepare` raises, with the name of the parameter."""
        prepared = []
        for name, param, arg in zip(self.names, self.params, args, strict=True):
            try:
                prepared.append(param.prepare(arg))
            except (TypeError, OverflowError, ValueError) as error:
                raise type(error)(f"{self.label}: {name} is {error}") from None
        return prepared

    def lift(self, guest: _Guest, core: Sequence[Any]) -> list[Any]:
        """Return the arguments of a call that the guest makes."""
        args, position = [], 0
        for name, param in zip(self.names, self.params, strict=True):
            width = len(param.letters)
            try:
                args.append(param.lift(guest, *core[position : position + width]))
            except GuestFault as error:
                raise GuestFault(f"the plugin called {self.label}: {name} is {error}") from None
            position += width
        return args

    def lower_result(self, guest: _Guest, value: Any) -> Any:
        """Return the core value of what a function of the host returned."""
        if self.result is None:
            if value is not None:
                raise TypeError(f"{self.label} of the host returned {_shown(value)}, expected None")
            return None
        try:
            prepared = self.result.prepare(value)
        except (TypeError, OverflowError, ValueError) as error:
            raise type(error)(f"{self.label} of the host returned {error}") from None
        core = self.result.lower(guest, prepared)
        return core[0] if len(core) == 1 else core[0] | core[1] << 32

    def lift_result(self, guest: _Guest, core: Any) -> Any:
        """Return the value of what the guest returned."""
        if self.result is None:
            return None
        values = (core & 0xFFFF_FFFF, core >> 32) if self.result.letters == "II" else (core,)
        try:
            return self.result.lift(guest, *values)
        except GuestFault as error:
            raise GuestFault(f"{self.label} returned {error}") from None


_U8, _U16 = _Integer("u8", "B", "B", 0, 0xFF), _Integer("u16", "H", "H", 0, 0xFFFF)
_U32, _U64 = _Integer("u32", "I", "I", 0, 0xFFFF_FFFF), _Integer("u64", "Q", "Q", 0, (1 << 64) - 1)
_S8, _S16 = _Integer("s8", "i", "b", -0x80, 0x7F), _Integer("s16", "i", "h", -0x8000, 0x7FFF)
_S32 = _Integer("s32", "i", "i", -0x8000_0000, 0x7FFF_FFFF)
_S64 = _Integer("s64", "q", "q", -(1 << 63), (1 << 63) - 1)
_I32, _I64 = _Opaque(32), _Opaque(64)
_F32, _F64 = _Float("f32", "f"), _Float("f64", "d")
_BOOL, _CHAR, _TEXT, _BYTES = _Bool(), _Char(), _Text(), _Bytes()


def _numbers(count: int) -> dict[str, _Type]:
    """Return so many parameters that are plain numbers."""
    return dict.fromkeys(map(str, range(count)), _U32)


def _shown(value: object) -> str:
    """Spell a value for an error, in few words."""
    text = f"<{type(value).__name__}>" if isinstance(value, (list, dict, set, tuple)) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# Engines and modules: shared by all plugins of the process


_TICK: Final = 0.01
"""In seconds: how often engines look whether a deadline has passed."""


class _Engine:
    """An engine for plugins with the same kinds of limits, and the modules that it compiled."""

    def __init__(self, fuel: bool, deadline: bool) -> None:
        config = wasmtime.Config()
        config.consume_fuel = fuel
        config.epoch_interruption = deadline
        with contextlib.suppress(wasmtime.WasmtimeError):  # without a home there is no cache
            config.cache = True
        with _source_lines():
            self.engine = wasmtime.Engine(config)
        self._modules: dict[str, wasmtime.Module] = {}
        self._running = 0
        self._lock = threading.Condition()
        self._ticker: threading.Thread | None = None

    def module(self, name: str, read: Callable[[], bytes]) -> wasmtime.Module:
        """Return a compiled module; it is compiled once."""
        if name not in self._modules:
            self._modules[name] = wasmtime.Module(self.engine, read())
        return self._modules[name]

    def enter(self) -> None:
        """Let time pass: a call with a deadline begins."""
        with self._lock:
            self._running += 1
            if self._ticker is None or not self._ticker.is_alive():  # it does not outlive a fork
                self._ticker = threading.Thread(target=self._tick, name="plugin deadlines", daemon=True)
                self._ticker.start()
            self._lock.notify()

    def leave(self) -> None:
        """Note that a call with a deadline has ended."""
        with self._lock:
            self._running -= 1

    def _tick(self) -> None:
        done = threading.Event()
        while True:
            with self._lock:
                while not self._running:
                    self._lock.wait()
            done.wait(_TICK)
            self.engine.increment_epoch()


@contextlib.contextmanager
def _source_lines() -> Iterator[None]:
    """Have wasmtime name source lines in backtraces, unless the environment says otherwise."""
    variable = "WASMTIME_BACKTRACE_DETAILS"
    if variable in os.environ:
        yield
        return
    os.environ[variable] = "1"
    try:
        yield
    finally:
        del os.environ[variable]


_ENGINES: dict[tuple[bool, bool], _Engine] = {}
_ENGINES_LOCK = threading.Lock()


def _engine(fuel: bool, deadline: bool) -> _Engine:
    with _ENGINES_LOCK:
        if (fuel, deadline) not in _ENGINES:
            _ENGINES[fuel, deadline] = _Engine(fuel, deadline)
        return _ENGINES[fuel, deadline]


def _read_module(name: str) -> bytes:
    """Read the module that lies beside this file, in a folder or an archive."""
    if __package__:
        return resources.files(__package__).joinpath(name).read_bytes()
    return Path(__file__).with_name(name).read_bytes()


# Guests


@dataclass(frozen=True)
class _Limits:
    fuel: int | None = None
    deadline: float | None = None
    memory: int | None = None
    table: int | None = None

    def __post_init__(self) -> None:
        for name, value, kinds in (
            ("fuel", self.fuel, int),
            ("deadline", self.deadline, (int, float)),
            ("memory", self.memory, int),
            ("table", self.table, int),
        ):
            if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
                raise TypeError(f"{name} is {_shown(value)}, expected a number or None")
            if value is not None and value < 0:
                raise ValueError(f"{name} is {value}, expected a number that is not negative, or None")


class _Guest:
    """An instance of a module and all that belongs to it. The subclasses know how values cross."""

    def __init__(self, file: str, limits: _Limits) -> None:
        self.file = file
        self.limits = limits
        self.engine = _engine(limits.fuel is not None, limits.deadline is not None)
        self.module = self.engine.module(file, lambda: _read_module(file))
        self.store = wasmtime.Store(self.engine.engine)
        self.thread = threading.get_ident()
        self.depth = 0
        """How many functions of the host run now, called by the guest."""
        self.unusable: PluginError | None = None
        self.pending: BaseException | None = None
        """What a function of the host raised, while the guest is unwound."""
        self.failure: str | None = None
        self.panic: GuestPanic | None = None
        self.imports: dict[tuple[str, str], wasmtime.Func] = {}
        self.exports: Mapping[str, Any] = {}
        self._memory: wasmtime.Memory | None = None
        self._view: memoryview | None = None
        self._owners: list[weakref.ref[Any]] = []
        """Arrays over the memory, which live as long as a view of it."""
        self._allocate: Callable[..., Any] | None = None
        self._callbacks: dict[tuple[int, int], Callable[..., Any]] = {}
        self.store.set_limits(
            -1 if limits.memory is None else limits.memory, -1 if limits.table is None else limits.table
        )
        self._finalizer = weakref.finalize(self, self.store.close)

    # Before the start

    def provide(self, module: str, name: str, signature: _Signature, function: Callable[..., Any]) -> None:
        """Have a function of the host stand for an import."""
        self.imports[module, name] = self._import(signature, self._answer(signature, function))

    def start(self, wasi: Wasi | None = None, initialize: bool = False) -> None:
        """Instantiate the module. Raises GuestTrap if its start function fails, PluginError if it does not fit."""
        for name, report, count in (("fail", self._fail, 2), ("panic", self._panic, 6)):
            self.provide("externref.host", name, _Signature(name, _numbers(count)), report)
        linker = wasmtime.Linker(self.engine.engine)
        linker.allow_shadowing = True
        for entry in self.module.imports:
            key = entry.module, entry.name or ""
            if entry.module == "wasi_snapshot_preview1":
                continue
            function = self.imports.get(key)
            expected = "no such import" if function is None else _spelled(function.type(self.store))
            found = _spelled(entry.type)
            if function is None or expected != found:
                raise PluginError(
                    f"{self.file} imports {'.'.join(key)} of type {found}, its bindings know {expected}: "
                    "both come from one build, install the package again"
                )
            linker.define(self.store, *key, function)
        if any(entry.module == "wasi_snapshot_preview1" for entry in self.module.imports):
            _grant(linker, self.store, wasi or Wasi())
        self._guarded(lambda: self._instantiate(linker))
        if initialize:
            self.export("_initialize", _Signature("_initialize", {}))()

    def _instantiate(self, linker: wasmtime.Linker) -> None:
        exports = linker.instantiate(self.store, self.module).exports(self.store)
        self.exports = {name: exports[name] for name in exports}
        memory = self.exports.get("memory")
        self._memory = memory if isinstance(memory, wasmtime.Memory) else None
        if "cabi_realloc" in self.exports:
            self._allocate = self.export("cabi_realloc", _Signature("cabi_realloc", _numbers(4), _U32))

    def export(self, name: str, signature: _Signature) -> Callable[..., Any]:
        """Return a function that calls an export. Raises PluginError if the module's is not what is expected."""
        function = self.exports.get(name)
        expected = _spelled(_func_type(signature))
        found = _spelled(function.type(self.store)) if isinstance(function, wasmtime.Func) else "no function"
        if found != expected:
            raise PluginError(
                f"{self.file} exports {name} of type {found}, its bindings know {expected}: "
                "both come from one build, install the package again"
            )
        assert isinstance(function, wasmtime.Func)
        return self._caller(function, signature)

    # Calls

    def refusal(self) -> PluginError:
        """Return why a call cannot be made."""
        if self.unusable is not None:
            return PluginClosedError(f"the plugin is closed: {self.unusable}")
        return WrongThreadError(
            "the plugin was called from another thread than the one that loaded it: load one in each thread"
        )

    def begin(self) -> None:
        """Give a call its fuel and its time."""
        if self.limits.fuel is not None:
            self.store.set_fuel(self.limits.fuel)
        if self.limits.deadline is not None:
            self.store.set_epoch_deadline(int(self.limits.deadline / _TICK) + 2)
            self.engine.enter()

    def end(self) -> None:
        """Note that a call has ended, for which `begin` was called."""
        if self.limits.deadline is not None:
            self.engine.leave()

    def _guarded(self, call: Callable[[], Any]) -> Any:
        self.begin()
        try:
            return call()
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            self.stopped(error)
        finally:
            self.end()

    def stopped(self, error: BaseException) -> NoReturn:
        """Raise what stopped the guest; it is not usable any more."""
        pending, self.pending = self.pending, None
        panic, self.panic = self.panic, None
        cause = pending or panic or _trap(error, self.limits)
        if self.unusable is None:
            self.unusable = cause if isinstance(cause, PluginError) else PluginError(f"it was stopped by {cause!r}")
        if self.depth == 0:
            self.close()
        _add_backtrace(cause, error)
        raise cause from None

    def _answer(self, signature: _Signature, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of core values that calls one of values; references are objects in both.

        For a signature without texts and the like they are the same, but for what `_import` checks.
        """
        if signature.is_checked_by_import:
            return function
        lent = [index for index, param in enumerate(signature.params) if type(param).release is not _Type.release]

        def answer(*core: Any) -> Any:
            args = signature.lift(self, core)
            try:
                result = function(*args)
            except Exception as error:
                with contextlib.suppress(BufferError):
                    release(args)
                if not signature.fails_in_place or isinstance(error, GuestTrap):
                    raise
                return self._report(error, core[-1], signature)
            lowered = signature.lower_result(self, result)
            del result
            release(args)
            return lowered

        def release(args: Sequence[Any]) -> None:
            for index in lent:
                signature.params[index].release(args[index])

        return answer

    def _report(self, error: Exception, place: int, signature: _Signature) -> Any:
        """Tell the guest that a function of the host failed; return what stands for the result."""
        message = (str(error) or type(error).__name__).encode("utf-8", "backslashreplace")
        pointer = self.give(message, 1)
        memory = self.memory()
        if place + 8 > len(memory):
            raise GuestFault(f"the place for an error is at {place:#x}, beyond its memory") from error
        memory[place : place + 8] = struct.pack("<II", pointer, len(message))
        return None if signature.result_letters() in ("", "r") else 0

    def _fail(self, pointer: int, length: int) -> None:
        self.failure = _TEXT.lift(self, pointer, length)

    def _panic(self, message: int, length: int, file: int, file_length: int, line: int, column: int) -> None:
        text, path = (
            str(_BYTES.lift(self, *place), "utf-8", "replace") for place in ((message, length), (file, file_length))
        )
        self.panic = GuestPanic(text, path, line, column)

    def callback(self, index: int, kind: _Callback) -> Callable[..., Any]:
        """Return a function that calls one in the guest's table. Raises GuestFault if there is none of the type."""
        known = self._callbacks.get((index, id(kind)))
        if known is not None:
            return known
        table = self.exports.get("__indirect_function_table")
        function = table.get(self.store, index) if isinstance(table, wasmtime.Table) else None
        params = {f"argument {number}": param for number, param in enumerate(kind.params, 1)}
        signature = _Signature("a function of the plugin", params, kind.result)
        expected = _spelled(_func_type(signature))
        if not isinstance(function, wasmtime.Func) or _spelled(function.type(self.store)) != expected:
            raise GuestFault(f"function {index} of its table, where there is none of type {expected}")
        call = self._caller(function, signature)

        def checked(*args: Any) -> Any:
            if len(args) != len(params):
                raise TypeError(f"a function of the plugin takes {len(params)} arguments, {len(args)} were given")
            return call(*args)

        self._callbacks[index, id(kind)] = checked
        return checked

    # Memory

    def memory(self) -> memoryview:
        """Return the guest's memory as it is now: it may have grown."""
        assert self._memory is not None, "checked when the bindings were made"
        size = self._memory_size()
        if self._view is None or len(self._view) != size:
            self._view = self.window(0, size)
        return self._view

    def window(self, pointer: int, size: int) -> memoryview:
        """Return a view of the guest's memory that keeps it there, even beyond `close`."""
        assert self._memory is not None, "checked when the bindings were made"
        window: Any = self._memory.get_buffer_ptr(self.store, size, pointer)
        window.store = self.store
        self._owners = [owner for owner in self._owners if owner() is not None] + [weakref.ref(window)]
        return memoryview(window).cast("B")

    def give(self, data: bytes, align: int) -> int:
        """Copy bytes into memory that the guest allocates and owns; return the pointer."""
        if not data:
            return align
        assert self._allocate is not None, "checked when the bindings were made"
        pointer: int = self._allocate(0, 0, align, len(data))
        if not pointer or pointer % align or pointer + len(data) > self._memory_size():
            raise GuestFault(f"its allocator returned {pointer:#x} for {len(data)} bytes")
        self.memory()[pointer : pointer + len(data)] = data
        return pointer

    def close(self) -> None:
        """Release the instance, its memory and all its references."""
        if self.depth:
            raise PluginError("the plugin is in the middle of a call: it cannot be closed now")
        if self.unusable is None:
            self.unusable = PluginError("close() was called")
        self.exports, self.imports, self._allocate, self._memory = {}, {}, None, None
        self._callbacks.clear()
        self._view = None
        if any(owner() is not None for owner in self._owners):
            self._finalizer.detach()  # a view outlived its call: its memory stays for as long as it
        else:
            self._finalizer()
        self._forget()

    def count(self) -> int:
        """Count the references that the guest can still reach."""
        if self.unusable is not None:
            return 0
        if threading.get_ident() != self.thread:
            raise self.refusal()
        return self.live_references()

    # What the subclasses know

    def _import(self, signature: _Signature, answer: Callable[..., Any]) -> wasmtime.Func:
        """Make a function for the guest; ``answer`` takes core values, objects for references."""
        raise NotImplementedError

    def _caller(self, function: wasmtime.Func, signature: _Signature) -> Callable[..., Any]:
        """Return a function that calls one of the guest."""
        raise NotImplementedError

    def _memory_size(self) -> int:
        raise NotImplementedError

    def live_references(self) -> int:
        """Count the references that the guest can still reach."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Let go of all objects."""


class _RawGuest(_Guest):
    """A guest behind the unchecked functions of wasmtime's C API.

    A reference is a number that means something until the engine collects garbage, which it may do whenever a
    reference is made or the guest runs. So all references of a call are made before the first of them becomes such a
    number, and those that come from the guest become objects before anything else happens.
    """

    def __init__(self, file: str, limits: _Limits) -> None:
        super().__init__(file, limits)
        self.context = ctypes.cast(self.store._context(), ctypes.c_void_p).value
        self.objects: dict[int, Any] = {}
        """Objects that the engine holds a reference to, by the number under which it knows them."""
        self.freed: deque[int] = deque()
        """Numbers of those that it let go of. They leave `objects` later: code of theirs must not run inside of it."""
        self.crowd = 1000
        """As soon as there are so many objects, look which of them are garbage."""
        self.numbers = itertools.count(1)
        self.free = _FREE(self.freed.append)
        self.store.free = self.free  # type: ignore[attr-defined]  # called when the store is deleted
        self.kept: list[Any] = [self.free]
        self.memory_at = 0
        self.trap = ctypes.c_void_p()

    def sweep(self) -> None:
        """Let go of the objects that the engine let go of."""
        if len(self.objects) > self.crowd:
            _C.gc(self.context)
        freed, objects = self.freed, self.objects
        while freed:
            del objects[freed.popleft()]
        self.crowd = max(1000, 2 * len(objects))

    def live_references(self) -> int:
        _C.gc(self.context)
        self.sweep()
        return len(self.objects)

    def _forget(self) -> None:
        self.objects.clear()
        self.freed.clear()

    def _memory_size(self) -> int:
        if not self.memory_at and self._memory is not None:
            self.kept.append(self._memory)
            self.memory_at = ctypes.addressof(self._memory._memory)
        return int(_C.memory_size(self.context, self.memory_at))

    def _caller(self, function: wasmtime.Func, signature: _Signature) -> Callable[..., Any]:
        guest, context, thread, objects, freed = self, self.context, self.thread, self.objects, self.freed
        numbers, free, trap = self.numbers, self.free, self.trap
        get_thread, new, to_raw, from_raw, unroot, data = (
            threading.get_ident, _C.ref_new, _C.ref_to_raw, _C.ref_from_raw, _C.ref_unroot, _C.ref_data,
        )  # fmt: skip
        letters, result = signature.letters(), signature.result
        slots = max(len(letters), 1)
        buffer = (ctypes.c_uint32 * (4 * slots))()
        packer = struct.Struct(_slots(letters))
        unpack = struct.Struct(_slots(signature.result_letters(lifted=True))).unpack_from
        pack = packer.pack_into
        references = [index for index, letter in enumerate(letters) if letter == "r"]
        roots = [_Root() for _ in references or (0,)]
        places = [(index, ctypes.addressof(root)) for index, root in zip(references, roots, strict=False)]
        root_at = ctypes.addressof(roots[0])
        function_at, buffer_at, trap_at = (
            ctypes.addressof(function._func), ctypes.addressof(buffer), ctypes.addressof(trap),
        )  # fmt: skip
        self.kept += [function, roots, buffer]
        direct, kinds, nulls = signature.is_direct, signature.kinds, signature.nulls
        limited = self.limits.fuel is not None or self.limits.deadline is not None
        fallible, lift_result, invoke = signature.fallible, signature.lift_result, _C.call
        is_reference, accepted, refused, plain_result = _traits(result)

        def call(*args: Any) -> Any:
            if guest.unusable is not None or get_thread() != thread:
                raise guest.refusal()
            if direct:
                for index in nulls:
                    if args[index] is None:
                        signature.prepare(args)
                for index, kind in kinds:
                    if not isinstance(args[index], kind):
                        signature.prepare(args)
                core: Any = args
            else:
                core = signature.lower(guest, args)
            values: Any = core
            if references:
                core = list(core)
                for index in references:
                    core[index] = 0
            try:
                pack(buffer, 0, *core)
            except (struct.error, TypeError, OverflowError):
                signature.prepare(args)
                raise
            if references:
                if freed or len(objects) > guest.crowd:
                    guest.sweep()
                for index, place in places:
                    value = values[index]
                    if value is not None:
                        number = next(numbers)
                        objects[number] = value
                        new(context, number, free, place)
                for index, place in places:
                    if values[index] is not None:
                        buffer[4 * index] = to_raw(context, place)
                        unroot(place)
            if fallible:
                guest.failure = None
            if limited and guest.depth == 0:
                guest.begin()
                error = invoke(context, function_at, buffer_at, slots, trap_at)
                guest.end()
            else:
                error = invoke(context, function_at, buffer_at, slots, trap_at)
            if error is not None or trap.value is not None:
                guest.stopped(_error(error, trap))
            if fallible and guest.failure is not None:
                message, guest.failure = guest.failure, None
                raise GuestError(message)
            if is_reference:
                raw = buffer[0]
                value = None
                if raw:
                    from_raw(context, raw, root_at)
                    value = objects[data(context, root_at)]
                    unroot(root_at)
                return value if isinstance(value, accepted) and value is not refused else lift_result(guest, value)
            if result is None:
                return None
            return unpack(buffer)[0] if plain_result else lift_result(guest, unpack(buffer)[0])

        return call

    def _import(self, signature: _Signature, answer: Callable[..., Any]) -> wasmtime.Func:
        guest, context, objects, freed = self, self.context, self.objects, self.freed
        numbers, free = self.numbers, self.free
        new, to_raw, from_raw, unroot, data = (
            _C.ref_new, _C.ref_to_raw, _C.ref_from_raw, _C.ref_unroot, _C.ref_data,
        )  # fmt: skip
        result, direct, kinds, nulls = signature.result, signature.is_direct, signature.kinds, signature.nulls
        letters = signature.letters(lifted=True) + "I" * signature.fails_in_place
        unpack = struct.Struct(_slots(letters)).unpack_from
        pack = struct.Struct(_slots(signature.result_letters())).pack_into
        references = [index for index, letter in enumerate(letters) if letter == "r"]
        window = ctypes.c_uint32 * (4 * max(len(letters), 1))
        windows: dict[int, Any] = {}
        root = _Root()
        root_at = ctypes.addressof(root)
        is_reference, accepted, refused, _ = _traits(result)
        is_checked = not signature.is_checked_by_import or (result is not None and result.is_plain)

        def answered(_env: object, _caller: object, args_at: int, _count: int) -> int:
            guest.depth += 1
            try:
                slots = windows.get(args_at)
                if slots is None:
                    if len(windows) > 64:
                        windows.clear()
                    slots = windows[args_at] = window.from_address(args_at)
                core: Any = unpack(slots)
                if references:
                    core = list(core)
                    for index in references:
                        raw, core[index] = core[index], None
                        if raw:
                            from_raw(context, raw, root_at)
                            core[index] = objects[data(context, root_at)]
                            unroot(root_at)
                    if direct:
                        for index in nulls:
                            if core[index] is None:
                                signature.lift(guest, core)
                        for index, kind in kinds:
                            if not isinstance(core[index], kind):
                                signature.lift(guest, core)
                value = answer(*core)
                if guest.unusable is not None:
                    raise guest.refusal()
                if not is_checked and (not isinstance(value, accepted) or value is refused):
                    signature.lower_result(guest, value)
                if is_reference:
                    if value is None:
                        slots[0] = 0
                    else:
                        if freed or len(objects) > guest.crowd:
                            guest.sweep()
                        number = next(numbers)
                        objects[number] = value
                        new(context, number, free, root_at)
                        slots[0] = to_raw(context, root_at)
                        unroot(root_at)
                elif result is not None:
                    try:
                        pack(slots, 0, value)
                    except (struct.error, TypeError, OverflowError):
                        signature.lower_result(guest, value)
                        raise
                return 0
            except BaseException as error:
                guest.pending = error
                return _trap_at("a function of the host failed")
            finally:
                guest.depth -= 1

        thunk = _ANSWER(answered)
        function = wasmtime.Func._from_raw(_ffi.wasmtime_func_t())
        type_ = _func_type(signature)
        type_at = ctypes.cast(type_.ptr(), ctypes.c_void_p)
        _C.func_new(context, type_at, thunk, None, None, ctypes.addressof(function._func))
        self.kept += [thunk, root]
        return function


class _PublicGuest(_Guest):
    """A guest behind the public classes of the package wasmtime."""

    def __init__(self, file: str, limits: _Limits) -> None:
        super().__init__(file, limits)
        self.held: weakref.WeakSet[_Held] = weakref.WeakSet()
        self.answers: list[Callable[..., Any]] = []

    def live_references(self) -> int:
        self.store.gc()
        return len(self.held)

    def _forget(self) -> None:
        self.held.clear()

    def _memory_size(self) -> int:
        return self._memory.data_len(self.store) if self._memory is not None else 0

    def hold(self, value: Any) -> _Held | None:
        """Wrap an object for the engine, so that it can be counted and is never taken for a value of wasmtime's."""
        if value is None:
            return None
        held = _Held(value)
        self.held.add(held)
        return held

    def _caller(self, function: wasmtime.Func, signature: _Signature) -> Callable[..., Any]:
        letters = signature.letters()
        packer = struct.Struct("<" + letters.replace("r", ""))
        lifted = signature.result_letters(lifted=True)
        limited = self.limits.fuel is not None or self.limits.deadline is not None

        def call(*args: Any) -> Any:
            if self.unusable is not None or threading.get_ident() != self.thread:
                raise self.refusal()
            if signature.is_direct and not signature.suits(args):
                signature.prepare(args)
            core = list(args) if signature.is_direct else signature.lower(self, args)
            try:
                numbers = packer.pack(*(value for value, letter in zip(core, letters, strict=True) if letter != "r"))
            except (struct.error, TypeError, OverflowError):
                signature.prepare(args)
                raise
            checked = iter(packer.unpack(numbers))
            core = [
                self.hold(value) if letter == "r" else next(checked)
                for value, letter in zip(core, letters, strict=True)
            ]
            self.failure = None
            is_outermost = limited and self.depth == 0
            if is_outermost:
                self.begin()
            try:
                result = function(self.store, *core)
            except BaseException as error:
                self.stopped(error)
            finally:
                if is_outermost:
                    self.end()
            if signature.fallible and self.failure is not None:
                message, self.failure = self.failure, None
                raise GuestError(message)
            return signature.lift_result(self, _unsigned(result, lifted))

        return call

    def _import(self, signature: _Signature, answer: Callable[..., Any]) -> wasmtime.Func:
        letters = signature.letters(lifted=True) + "I" * signature.fails_in_place
        result, written = signature.result, signature.result_letters()

        def answered(*core: Any) -> Any:
            self.depth += 1
            try:
                args = [_unsigned(value, letter) for value, letter in zip(core, letters, strict=True)]
                if signature.is_direct and not signature.suits(args):
                    signature.lift(self, args)
                value = answer(*args)
                if self.unusable is not None:
                    raise self.refusal()
                if signature.is_checked_by_import:
                    value = signature.lower_result(self, value)
                if result is None:
                    return None
                if written == "r":
                    return self.hold(value)
                return float(value) if written in "fd" else value
            except BaseException as error:
                self.pending = error
                raise
            finally:
                self.depth -= 1

        guest = weakref.ref(self)  # wasmtime keeps a function for as long as its store, which this guest keeps
        index = len(self.answers)
        self.answers.append(answered)

        def forwarded(*core: Any) -> Any:
            found = guest()
            assert found is not None, "it is in the middle of a call"
            return found.answers[index](*core)

        return wasmtime.Func(self.store, _func_type(signature), forwarded)


class _Held:
    """An object that the guest has a reference to."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _unsigned(value: Any, letter: str) -> Any:
    """Read a core value, which the public classes bring with a sign, as its letter says."""
    if letter == "r":
        return value.value if isinstance(value, _Held) else None
    if letter and letter in "BHIbhQ":
        return struct.unpack_from(f"<{letter}", struct.pack("<q", value))[0]
    return value


def _traits(result: _Type | None) -> tuple[bool, Any, Any, bool]:
    """Say whether a result is a reference, which classes it may have, what it must not be, and if it is plain."""
    if isinstance(result, _Reference):
        return True, result.accepted, None if result.refuses_null else _NOTHING, False
    return False, type(None) if result is None else object, _NOTHING, result is not None and result.is_plain


_NOTHING: Final = object()


def _slots(letters: str) -> str:
    """Spell core values for `struct`: each has 16 bytes in the C API."""
    pads = {"b": 15, "B": 15, "h": 14, "H": 14, "q": 8, "Q": 8, "d": 8}
    return "<" + "".join(f"{'I' if letter == 'r' else letter}{pads.get(letter, 12)}x" for letter in letters)


def _func_type(signature: _Signature) -> wasmtime.FuncType:
    """Make the core type of a function."""
    i32, i64 = wasmtime.ValType.i32, wasmtime.ValType.i64
    types = {"q": i64, "Q": i64, "f": wasmtime.ValType.f32, "d": wasmtime.ValType.f64, "r": wasmtime.ValType.externref}
    params = signature.letters() + "I" * signature.fails_in_place
    return wasmtime.FuncType(
        [types.get(letter, i32)() for letter in params],
        [types.get(letter, i32)() for letter in signature.result_letters()],
    )


def _spelled(type_: object) -> str:
    """Spell the type of an import or export."""
    if isinstance(type_, wasmtime.FuncType):
        return f"[{' '.join(map(str, type_.params))}] -> [{' '.join(map(str, type_.results))}]"
    return type(type_).__name__.removesuffix("Type").lower()


# What stopped a guest


def _trap(error: BaseException, limits: _Limits) -> BaseException:
    """Say what stopped a guest, in the words of this module."""
    if isinstance(error, wasmtime.ExitTrap):
        return GuestTrap(f"the plugin exited with code {error.code}", "EXIT")
    if not isinstance(error, (wasmtime.Trap, wasmtime.WasmtimeError)):
        return error
    trap_code = error.trap_code if isinstance(error, wasmtime.Trap) else None
    code = trap_code.name if trap_code is not None else None
    if code == "OUT_OF_FUEL":
        return LimitExceeded(f"the plugin used up its fuel of {limits.fuel} for one call", code)
    if code == "INTERRUPT":
        return LimitExceeded(f"the plugin took longer than {limits.deadline} seconds for one call", code)
    text = str(error)
    reason = text.rpartition("wasm trap: ")[2] if "wasm trap: " in text else text.partition("\n")[0]
    return GuestTrap(reason.strip() or "the plugin was stopped", code)


def _add_backtrace(cause: BaseException, error: BaseException) -> None:
    """Note on an exception where the guest was."""
    if error is cause or not isinstance(error, (wasmtime.Trap, wasmtime.WasmtimeError)):
        return
    lines = str(error).splitlines()
    frames = [line for line in lines if _FRAME.match(line)]
    if not frames:
        return
    note = "in the plugin (most recent call first):\n" + "\n".join(frames)
    if sys.version_info >= (3, 11):
        cause.add_note(note)
    else:
        cause.__notes__ = [*getattr(cause, "__notes__", []), note]  # type: ignore[attr-defined]


_FRAME: Final = re.compile(r"\s+(\d+: |at )")


def _grant(linker: wasmtime.Linker, store: wasmtime.Store, wasi: Wasi) -> None:
    """Give a guest what was granted to it of the system, and nothing else."""
    config = wasmtime.WasiConfig()
    config.argv = list(wasi.args)
    config.env = list(wasi.env.items())
    if wasi.stdin is not None:
        config.stdin_file = wasi.stdin
    for name, writer in (("stdout_custom", wasi.stdout), ("stderr_custom", wasi.stderr)):
        if writer is not None:
            setattr(config, name, _output(writer))
    for folders, mutable in ((wasi.directories, False), (wasi.writable, True)):
        for name, folder in folders.items():
            config.preopen_dir(os.fspath(folder), name, mutable)
    store.set_wasi(config)
    linker.define_wasi()
    i32, i64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()
    for granted, name, params in (
        (wasi.clock, "clock_time_get", [i32, i64, i32]),
        (wasi.clock, "clock_res_get", [i32, i32]),
        (wasi.clock, "poll_oneoff", [i32, i32, i32, i32]),
        (wasi.random, "random_get", [i32, i32]),
    ):
        if not granted:
            linker.define_func("wasi_snapshot_preview1", name, wasmtime.FuncType(params, [i32]), _refuse)


_NOT_CAPABLE: Final = 76
"""WASI's error number for what was not granted."""


def _refuse(*_: int) -> int:
    return _NOT_CAPABLE


def _output(writer: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def write(data: bytes) -> None:
        writer(data)

    return write


# Hosts


def _check_host(name: str, host: object, methods: Mapping[str, int]) -> None:
    """Raise TypeError unless a host has each method, for that many arguments."""
    problems = []
    for method, count in methods.items():
        function = getattr(host, method, None)
        if not callable(function):
            problems.append(f"{method} is missing" if function is None else f"{method} is {_shown(function)}")
            continue
        try:
            inspect.signature(function).bind(*range(count))
        except TypeError:
            problems.append(f"{method}{inspect.signature(function)} does not take {count} arguments")
        except ValueError:  # written in C, without a signature
            continue
    if problems:
        raise TypeError(f"{_shown(host)} is no host for `{name}`: {'; '.join(problems)}")


class _Objects:
    """Objects of the host that a guest may use, by name: what was allowed, and of that what the guest declares."""

    def __init__(self, name: str, allowed: Mapping[str, Any], classes: Sequence[str], others: Sequence[str]) -> None:
        missing = [key for key in (*classes, *others) if key not in allowed]
        if missing:
            raise TypeError(f"`{name}` lacks {', '.join(missing)}, which the plugin uses")
        for key in classes:
            if not isinstance(allowed[key], type):
                raise TypeError(f"`{name}` has {_shown(allowed[key])} for {key}, expected a class")
        self.allowed = allowed

    def member(self, kind: str, owner: str, name: str) -> Callable[..., Any]:
        """Return a function that uses a member; ``this`` is its first argument, and of the class `owner`."""
        assert not name.startswith("_"), "refused when the bindings were made"
        value = self.allowed[owner or name]
        if kind == "constructor":
            return value  # type: ignore[no-any-return]
        if kind == "global":
            return lambda: value
        if kind == "method":
            return lambda this, *args: getattr(this, name)(*args)
        if kind == "get":
            return lambda this: getattr(this, name)
        if kind == "set":
            return lambda this, new: setattr(this, name, new)
        if not any(name in vars(base) for base in value.__mro__):
            raise TypeError(f"{_shown(value)} has no {name}, which the plugin calls")
        return getattr(value, name)  # type: ignore[no-any-return]


# The unchecked functions of the C API


_Root = _ffi.wasmtime_externref_t
_FREE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_ANSWER = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class _Unchecked:
    """Functions of the library that the package wasmtime carries, with addresses as plain integers.

    Those that run no guest keep Python's lock: giving it up costs more than they take.
    """

    def __init__(self) -> None:
        path = str(_ffi.filename)
        held, released = ctypes.PyDLL(path), ctypes.CDLL(path)
        address, word, truth = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_bool

        def function(library: ctypes.CDLL, name: str, result: Any, *params: Any) -> Any:
            found = library[name]
            found.restype, found.argtypes = result, params
            return found

        self.call = function(
            released, "wasmtime_func_call_unchecked", address, address, address, address, ctypes.c_size_t, address
        )
        self.func_new = function(
            held, "wasmtime_func_new_unchecked", None, address, address, _ANSWER, address, address, address
        )
        self.ref_new = function(held, "wasmtime_externref_new", truth, address, address, _FREE, address)
        self.ref_data = function(held, "wasmtime_externref_data", address, address, address)
        self.ref_to_raw = function(held, "wasmtime_externref_to_raw", word, address, address)
        self.ref_from_raw = function(held, "wasmtime_externref_from_raw", None, address, word, address)
        self.ref_unroot = function(held, "wasmtime_externref_unroot", None, address)
        self.gc = function(held, "wasmtime_context_gc", address, address)
        self.memory_size = function(held, "wasmtime_memory_data_size", ctypes.c_size_t, address, address)


def _unchecked() -> _Unchecked | None:
    """Return the unchecked functions if they are there and do what this file was written for."""
    try:
        calls = _Unchecked()
        store = wasmtime.Store(wasmtime.Engine())
        context = ctypes.cast(store._context(), ctypes.c_void_p).value
        freed: list[int] = []
        free = _FREE(freed.append)
        root = _Root()
        root_at = ctypes.addressof(root)
        slots = (ctypes.c_uint32 * 8)()

        def answered(_env: object, _caller: object, args_at: int, count: int) -> int:
            seen = type(slots).from_address(args_at)
            calls.ref_from_raw(context, seen[0], root_at)
            known = calls.ref_data(context, root_at)
            seen[0] = calls.ref_to_raw(context, root_at) if (known, seen[4], count) == (7, 0xFFFF_FFFF, 2) else 0
            calls.ref_unroot(root_at)
            return 0

        thunk, function = _ANSWER(answered), _ffi.wasmtime_func_t()
        ref, i32 = wasmtime.ValType.externref(), wasmtime.ValType.i32()
        type_ = wasmtime.FuncType([ref, i32], [ref])
        type_at = ctypes.cast(type_.ptr(), ctypes.c_void_p)
        calls.func_new(context, type_at, thunk, None, None, ctypes.addressof(function))
        calls.ref_new(context, 7, free, root_at)
        slots[0], slots[4] = calls.ref_to_raw(context, root_at), 0xFFFF_FFFF
        calls.ref_unroot(root_at)
        trap = ctypes.c_void_p()
        error = calls.call(context, ctypes.addressof(function), ctypes.addressof(slots), 2, ctypes.addressof(trap))
        calls.ref_from_raw(context, slots[0], root_at)
        came_back = error is None and trap.value is None and calls.ref_data(context, root_at) == 7
        calls.ref_unroot(root_at)
        store.close()
    except (AttributeError, TypeError, ValueError, ctypes.ArgumentError, wasmtime.WasmtimeError):
        return None
    has_slots = ctypes.sizeof(_ffi.wasmtime_val_raw_t) == 16 and sys.byteorder == "little"
    return calls if has_slots and came_back and freed == [7] else None


_C: Any = _unchecked()


def _error(error: int | None, trap: ctypes.c_void_p) -> wasmtime.Trap | wasmtime.WasmtimeError:
    """Take over the error or the trap that a call ended with."""
    if error is not None:
        return wasmtime.WasmtimeError._from_ptr(ctypes.cast(error, ctypes.POINTER(_ffi.wasmtime_error_t)))
    found = ctypes.cast(trap, ctypes.POINTER(_ffi.wasm_trap_t))
    trap.value = None
    return wasmtime.Trap._from_ptr(found)


def _trap_at(message: str) -> int:
    """Make a trap for the engine, which owns it."""
    return ctypes.cast(wasmtime.Trap(message)._consume(), ctypes.c_void_p).value or 0


def _guest(file: str, limits: _Limits) -> _Guest:
    """Make the instance of the module in a file beside this one."""
    return (_PublicGuest if _C is None else _RawGuest)(file, limits)

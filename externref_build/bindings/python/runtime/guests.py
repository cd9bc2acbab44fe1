"""Instances of a module: what they have in common, however values cross."""

from __future__ import annotations

import contextlib
import errno
import functools
import struct
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import wasmtime

from externref_build.bindings.python.runtime.answers import _room
from externref_build.bindings.python.runtime.core_types import _core_type, _spelled
from externref_build.bindings.python.runtime.engines import _TICK, _engine, _read_module
from externref_build.bindings.python.runtime.failures import (
    GuestFault,
    GuestPanic,
    GuestTrap,
    PluginClosedError,
    PluginError,
    WrongThreadError,
)
from externref_build.bindings.python.runtime.signatures import _numbers, _Signature
from externref_build.bindings.python.runtime.system import Wasi, _grant
from externref_build.bindings.python.runtime.traps import _add_backtrace, _Limits, _set, _trap
from externref_build.bindings.python.runtime.values import _BYTES, _TEXT, _U32, _Callback, _shown


class _Store(wasmtime.Store):
    """A store that says whether it can be used.

    Python may delete it before other garbage, the code of which may still call the plugin.
    """

    def __init__(self, engine: wasmtime.Engine) -> None:
        super().__init__(engine)
        self.unusable: PluginError | None = None
        self.is_deleted = False
        self.forgotten = PluginError("nothing refers to it any more")
        self.stopped = PluginError("it was stopped in the middle of a call")
        """What closed it while nothing better is known."""

    def _delete(self, ptr: Any) -> None:
        if self.unusable is None:
            self.unusable = self.forgotten
        if not self.is_deleted:  # or a signal came between that and the note of it
            self.is_deleted = True
            super()._delete(ptr)


class _Guest:
    """An instance of a module and all that belongs to it. The subclasses know how values cross."""

    def __init__(self, file: str, limits: _Limits) -> None:
        self.file = file
        self.limits = limits
        self.engine = _engine(limits.fuel is not None, limits.deadline is not None)
        self.module = self.engine.module(file, lambda: _read_module(file))
        self.store = _Store(self.engine.engine)
        self.thread = threading.get_ident()
        self.depth = 0
        """How often the call that runs now has passed from one side to the other: odd while the guest has its turn."""
        self.pending: BaseException | None = None
        """What a function of the host raised, while the guest is unwound."""
        self.unwritten: Exception | None = None
        """What the host raised instead of taking the guest's output."""
        self.failure: str | None = None
        self.panic: GuestPanic | None = None
        self.imports: dict[tuple[str, str], wasmtime.Func] = {}
        self.exports: Mapping[str, Any] = {}
        self._memory: wasmtime.Memory | None = None
        self.seen = memoryview(b"")
        """Its memory as it was last looked at. It never shrinks."""
        self.memory_stays = self.engine.memory_stays
        self._owners: list[weakref.ref[Any]] = []
        """Arrays over the memory, which live as long as a view of it."""
        self._allocate: Callable[[int, int], int] | None = None
        """Takes an alignment and a size, returns an address."""
        self._callbacks: dict[tuple[int, str | int], Callable[..., Any]] = {}
        self.store.set_limits(
            -1 if limits.memory is None else limits.memory, -1 if limits.table is None else limits.table
        )
        self._finalizer = weakref.finalize(self, _release, self.store, self._owners)
        self._finalizer.atexit = False  # another thread may be in the middle of a call then

    def __reduce__(self) -> NoReturn:
        raise TypeError("a plugin cannot be pickled or copied: load another one instead")

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
            _grant(linker, self.store, wasi or Wasi(), self._writer)
        self._guarded(lambda: self._instantiate(linker))
        if initialize:
            self.export("_initialize", _Signature("_initialize", {}))()

    def _writer(self, write: Callable[[bytes], object]) -> Callable[[bytes], int | None]:
        """Return what takes the guest's output; the guest is told if that fails."""
        guest = weakref.ref(self)  # wasmtime keeps it for as long as its store, which this guest keeps

        def written(data: bytes) -> int | None:
            found = guest()
            assert found is not None, "it is in the middle of a call"
            found.depth += 1
            try:
                write(data)
            except Exception as error:
                found.unwritten = error
                return -errno.EIO
            except BaseException as error:
                found.pending = error
                return -errno.EIO
            else:
                found.unwritten = None
                return None
            finally:
                found.depth -= 1

        return written

    def _instantiate(self, linker: wasmtime.Linker) -> None:
        exports = linker.instantiate(self.store, self.module).exports(self.store)
        self.exports = {name: exports[name] for name in exports}
        memory = self.exports.get("memory")
        self._memory = memory if isinstance(memory, wasmtime.Memory) else None
        if "cabi_realloc" in self.exports:
            self._allocate = self._allocator(_Signature("cabi_realloc", _numbers(4), _U32))

    def export(self, name: str, signature: _Signature) -> Callable[..., Any]:
        """Return a function that calls an export. Raises PluginError if the module's is not what is expected."""
        return self._caller(self._exported(name, signature), signature)

    def _exported(self, name: str, signature: _Signature) -> wasmtime.Func:
        function = self.exports.get(name)
        expected = _core_type(signature)
        found = _spelled(function.type(self.store)) if isinstance(function, wasmtime.Func) else "no function"
        if found != expected:
            raise PluginError(
                f"{self.file} exports {name} of type {found}, its bindings know {expected}: "
                "both come from one build, install the package again"
            )
        assert isinstance(function, wasmtime.Func)
        return function

    # Calls

    @property
    def unusable(self) -> PluginError | None:
        """What closed the guest."""
        return self.store.unusable

    @unusable.setter
    def unusable(self, cause: PluginError) -> None:
        self.store.unusable = cause

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
        _room(30)
        self.begin()
        self.depth += 1
        try:
            return call()
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            self.stopped(error)
        finally:
            self.depth -= 1
            self.end()

    def stopped(self, error: BaseException) -> NoReturn:
        """Raise what stopped the guest; it is not usable any more."""
        self.unusable = self.unusable or self.store.stopped
        pending, self.pending = self.pending, None
        panic, self.panic = self.panic, None
        cause = pending if pending is not None else panic
        if cause is None:
            cause = _trap(error, self.limits)
        if self.unusable is self.store.stopped:
            self.unusable = (
                cause if isinstance(cause, PluginError) else PluginError(f"it was stopped by {_shown(cause)}")
            )
        if self.depth == 1:
            self._let_go()
        _add_backtrace(cause, error)
        if cause is not pending:
            raise cause from self.unwritten
        context = cause.__context__
        try:
            raise cause
        finally:
            _set(cause, "__context__", context)

    def _answer(self, signature: _Signature, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of core values that calls one of values; references are objects in both.

        Without texts and the like they are the same, but for what `_import` checks.
        """
        if signature.is_direct and signature.is_result_direct:
            return function
        lent = [index for index, param in enumerate(signature.params) if param.is_lent]
        if not lent and not signature.fails_in_place:
            lift, lower_result = signature.lift, signature.lower_result
            if signature.is_result_direct:
                return lambda *core: function(*lift(self, core))
            return lambda *core: lower_result(self, function(*lift(self, core)))

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
        text = ""
        with contextlib.suppress(Exception):
            text = str(error)
        message = (text or type(error).__name__).encode("utf-8", "backslashreplace")
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
        """Return the function that calls one of the guest's. Raises GuestFault if there is none of the type."""
        key = (index, kind.via or id(kind))
        known = self._callbacks.get(key)
        if known is not None:
            return known
        params = {f"argument {number}": param for number, param in enumerate(kind.params, 1)}
        if kind.via is None:
            table = self.exports.get("__indirect_function_table")
            function = table.get(self.store, index) if isinstance(table, wasmtime.Table) else None
            signature = _Signature("a function of the plugin", params, kind.result)
            expected = _core_type(signature)
            if not isinstance(function, wasmtime.Func) or _spelled(function.type(self.store)) != expected:
                raise GuestFault(f"function {index} of its table, where there is none of type {expected}")
            call = self._caller(function, signature)
        else:
            signature = _Signature("a function of the plugin", {"index": _U32, **params}, kind.result)
            call = functools.partial(self.export(kind.via, signature), index)

        def checked(*args: Any) -> Any:
            if len(args) != len(params):
                raise TypeError(f"a function of the plugin takes {len(params)} arguments, {len(args)} were given")
            return call(*args)

        self._callbacks[key] = checked
        return checked

    # Memory

    def memory(self) -> memoryview:
        """Return the guest's memory as it is now: it may have grown."""
        size = self._memory_size()
        if len(self.seen) != size:
            self.seen = self.window(0, size)
        return self.seen

    def window(self, pointer: int, size: int) -> memoryview:
        """Return a view of the guest's memory that keeps it there, even beyond `close`."""
        assert self._memory is not None, "checked when the bindings were made"
        window: Any = self._memory.get_buffer_ptr(self.store, size, pointer)
        window.store = self.store
        self._owners[:] = [owner for owner in self._owners if owner() is not None] + [weakref.ref(window)]
        return memoryview(window).cast("B")

    def give(self, data: bytes, align: int) -> int:
        """Copy bytes into memory that the guest allocates and owns; return the pointer."""
        if not data:
            return align
        assert self._allocate is not None, "checked when the bindings were made"
        pointer = self._allocate(align, len(data))
        end = pointer + len(data)
        memory = self.seen
        if end > len(memory) or not self.memory_stays:
            memory = self.memory()
        if not pointer or pointer % align or end > len(memory):
            raise GuestFault(f"its allocator returned {pointer:#x} for {len(data)} bytes")
        memory[pointer:end] = data
        return pointer

    def close(self) -> None:
        """Release the instance, its memory and all its references."""
        if self.unusable is None and threading.get_ident() != self.thread:
            raise self.refusal()
        if self.depth:
            raise PluginError("the plugin is in the middle of a call: it cannot be closed now")
        if self.unusable is None:
            self.unusable = PluginError("close() was called")
        self._let_go()

    def _let_go(self) -> None:
        self.exports, self.imports, self._allocate, self._memory = {}, {}, None, None
        self._callbacks.clear()
        self.seen = memoryview(b"")
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

    def _allocator(self, signature: _Signature) -> Callable[[int, int], int]:
        """Return a function that allocates memory of the guest's."""
        call = self.export(signature.label, signature)
        return lambda align, size: call(0, 0, align, size)

    def _memory_size(self) -> int:
        raise NotImplementedError

    def live_references(self) -> int:
        """Count the references that the guest can still reach."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Let go of all objects."""


def _release(store: wasmtime.Store, owners: Sequence[weakref.ref[Any]]) -> None:
    """Release the instance of a store, unless a view of its memory outlived its call: then it stays for as long."""
    if all(owner() is None for owner in owners):
        store.close()

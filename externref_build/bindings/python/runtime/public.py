"""Guests behind the public classes of the package wasmtime, where the unchecked functions are not what was expected."""

from __future__ import annotations

import struct
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import wasmtime

from externref_build.bindings.python.runtime.answers import _room
from externref_build.bindings.python.runtime.core_types import _func_type
from externref_build.bindings.python.runtime.failures import GuestError
from externref_build.bindings.python.runtime.guests import _Guest
from externref_build.bindings.python.runtime.signatures import _Signature
from externref_build.bindings.python.runtime.traps import _Limits


class _PublicGuest(_Guest):
    """A guest behind the public classes of the package wasmtime."""

    def __init__(self, file: str, limits: _Limits) -> None:
        super().__init__(file, limits)
        self.held: weakref.WeakSet[_Held] = weakref.WeakSet()
        self.gone: deque[Any] = deque()
        """Objects that the engine let go of. They go later: code of theirs must not run inside of it."""
        self.answers: list[Callable[..., Any]] = []

    def live_references(self) -> int:
        self.store.gc()
        live = len(self.held)
        self.gone.clear()
        return live

    def _forget(self) -> None:
        self.held.clear()
        self.gone.clear()

    def _memory_size(self) -> int:
        return self._memory.data_len(self.store) if self._memory is not None else 0

    def hold(self, value: Any) -> _Held | None:
        """Wrap an object for the engine, so that it can be counted and is never taken for a value of wasmtime's."""
        if value is None:
            return None
        held = _Held(value, self.gone)
        self.held.add(held)
        return held

    def _caller(self, function: wasmtime.Func, signature: _Signature) -> Callable[..., Any]:
        letters = signature.letters()
        packer = struct.Struct("<" + letters.replace("r", ""))
        lifted = signature.result_letters(lifted=True)
        limited = self.limits.fuel is not None or self.limits.deadline is not None

        def call(*args: Any) -> Any:
            if self.unusable is None and threading.get_ident() == self.thread:
                self.gone.clear()  # which may close it
            if self.unusable is not None or threading.get_ident() != self.thread:
                raise self.refusal()
            _room(30)
            depth = self.depth
            if limited and not depth:
                self.begin()
            self.depth = depth | 1
            try:
                return called(*args)
            finally:
                self.depth = depth
                if limited and not depth:
                    self.end()

        def called(*args: Any) -> Any:
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
            outer, self.failure = self.failure, None
            try:
                result = function(self.store, *core)
            except BaseException as error:
                self.stopped(error)
            message, self.failure = self.failure, outer
            if signature.fallible and message is not None:
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
                if signature.is_result_direct:
                    value = signature.lower_result(self, value)
                if result is None:
                    return None
                if written == "r":
                    return self.hold(value)
                return float(value) if written in "fd" else value
            except BaseException as error:
                self.pending = error
                raise wasmtime.WasmtimeError("a function of the host failed") from None
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

    def __init__(self, value: Any, gone: deque[Any]) -> None:
        self.value, self.gone = value, gone

    def __del__(self) -> None:
        self.gone.append(self.value)


def _unsigned(value: Any, letter: str) -> Any:
    """Read a core value, which the public classes bring with a sign, as its letter says."""
    if letter == "r":
        return value.value if isinstance(value, _Held) else None
    if letter and letter in "BHIbhQ":
        return struct.unpack_from(f"<{letter}", struct.pack("<q", value))[0]
    return value

"""Guests behind the unchecked functions of wasmtime's C API."""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import wasmtime
from wasmtime import _ffi

from externref_build.bindings.python.runtime.answers import _little_room, _without_gap
from externref_build.bindings.python.runtime.core_types import _func_type, _slots
from externref_build.bindings.python.runtime.failures import GuestError
from externref_build.bindings.python.runtime.guests import _Guest
from externref_build.bindings.python.runtime.library import _ANSWER, _context_of
from externref_build.bindings.python.runtime.probe import _C
from externref_build.bindings.python.runtime.references import _References
from externref_build.bindings.python.runtime.signatures import _Signature
from externref_build.bindings.python.runtime.traps import _Limits
from externref_build.bindings.python.runtime.values import _Reference, _Type


def _error(error: int | None, trap: ctypes.c_void_p) -> wasmtime.Trap | wasmtime.WasmtimeError:
    """Take over the error or the trap that a call ended with."""
    if error is not None:
        return wasmtime.WasmtimeError._from_ptr(ctypes.cast(error, ctypes.POINTER(_ffi.wasmtime_error_t)))
    found = ctypes.cast(trap, ctypes.POINTER(_ffi.wasm_trap_t))
    trap.value = None
    return wasmtime.Trap._from_ptr(found)


class _RawGuest(_Guest):
    """A guest behind the unchecked functions of wasmtime's C API.

    What was given to a guest that does not have it yet may be garbage as soon as further references are made. So all
    references of a call come from those in stock.
    """

    def __init__(self, file: str, limits: _Limits) -> None:
        super().__init__(file, limits)
        self.context = _context_of(self.store)
        self.references = _References(_C, self.store)
        self.kept: list[Any] = []
        self.allocated: Any = None
        """What the allocator is called with."""
        self.memory_at: Any = None
        self.trap = ctypes.c_void_p()

    def interleave(self, call: Callable[..., Any], args: Sequence[Any], buffer: Any) -> Any:
        """Make a call while another begins or ends: code of an object does so that Python's collector found.

        It leaves the other one what that has prepared, and what that has come to.
        """
        if self.unusable is not None or threading.get_ident() != self.thread:
            raise self.refusal()
        places = [place for place in (buffer, self.allocated) if place is not None]
        saved = [bytes(place) for place in places]
        outcome = self.pending, self.panic, self.failure, self.trap.value
        self.pending = self.panic = self.failure = self.trap.value = None
        self.depth += 1
        self.references.pinned += 1
        try:
            return call(*args)
        finally:
            self.references.pinned -= 1
            self.depth -= 1
            self.pending, self.panic, self.failure, self.trap.value = outcome
            for place, data in zip(places, saved, strict=True):
                ctypes.memmove(place, data, len(data))

    def live_references(self) -> int:
        return self.references.count(settle=not self.depth & 1)

    def _forget(self) -> None:
        self.references.clear()

    def _memory_size(self) -> int:
        if self.memory_at is None and self._memory is not None:
            self.kept.append(self._memory)
            self.memory_at = ctypes.byref(self._memory._memory)
        return int(_C.memory_size(self.context, self.memory_at))

    def _caller(self, function: wasmtime.Func, signature: _Signature) -> Callable[..., Any]:
        guest, store, context, trap = self, self.store, self.context, self.trap
        thread, get_thread = self.thread, threading.get_ident
        held = self.references
        objects, indices, stock, give = held.objects, held.indices, held.stock, held.give
        letters, result = signature.letters(), signature.result
        slots = max(len(letters), 1)
        buffer = (ctypes.c_uint32 * (4 * slots))()
        packer = struct.Struct(_slots(letters))
        unpack = struct.Struct(_slots(signature.result_letters(lifted=True))).unpack_from
        pack = packer.pack_into
        references = [index for index, letter in enumerate(letters) if letter == "r"]
        needed = len(references)
        function_at, buffer_at, trap_at = ctypes.byref(function._func), ctypes.byref(buffer), ctypes.byref(trap)
        count = ctypes.c_size_t(slots)
        self.kept += [function, buffer]
        direct, kinds, nulls = signature.is_direct, signature.kinds, signature.nulls
        fallible, lift_result, invoke, room = signature.fallible, signature.lift_result, _C.call, _little_room
        is_reference, accepted, refused, plain_result = _traits(result)

        def call(*args: Any) -> Any:
            depth = guest.depth
            if depth & 1:
                return guest.interleave(call, args, buffer)
            if store.unusable is not None or get_thread() != thread:
                raise guest.refusal()
            room()
            guest.depth = depth + 1
            try:
                core: Any = args if direct else signature.lower(guest, args)
                if references:
                    if direct:
                        fits = True
                        for index in nulls:
                            fits = fits and args[index] is not None
                        for index, kind in kinds:
                            fits = fits and isinstance(args[index], kind)
                        if not fits:
                            signature.prepare(args)
                    values, core = core, list(core)
                    for index in references:
                        core[index] = 0
                if letters:
                    try:
                        pack(buffer, 0, *core)
                    except (struct.error, TypeError, OverflowError):
                        signature.prepare(args)
                        raise
                if references:
                    if len(stock) < needed:
                        _gone = held.refill()  # until the call is over: the code of an object may call this function
                    for index in references:
                        value = values[index]
                        buffer[4 * index] = 0 if value is None else give(value)
                if fallible:
                    outer, guest.failure = guest.failure, None
                error = invoke(context, function_at, buffer_at, count, trap_at)
                if error is not None or trap.value is not None:
                    store.unusable = store.unusable or store.stopped
                    guest.stopped(_error(error, trap))
                if fallible:
                    message, guest.failure = guest.failure, outer
                    if message is not None:
                        raise GuestError(message)
                if is_reference:
                    number = buffer[0]
                    value = objects[indices[number]] if number else None
                    if value is refused or (accepted and not isinstance(value, accepted)):
                        return lift_result(guest, value)
                    return value
                if result is None:
                    return None
                return unpack(buffer)[0] if plain_result else lift_result(guest, unpack(buffer)[0])
            finally:
                guest.depth = depth

        def limited(*args: Any) -> Any:
            if guest.depth or store.unusable is not None or get_thread() != thread:
                return call(*args)
            guest.begin()
            try:
                return call(*args)
            finally:
                guest.end()

        return call if self.limits.fuel is None and self.limits.deadline is None else limited

    def _allocator(self, signature: _Signature) -> Callable[[int, int], int]:
        guest, store, context, trap, invoke = self, self.store, self.context, self.trap, _C.call
        function = self._exported(signature.label, signature)
        buffer = (ctypes.c_uint32 * 16)()
        function_at, buffer_at, trap_at = ctypes.byref(function._func), ctypes.byref(buffer), ctypes.byref(trap)
        count = ctypes.c_size_t(4)
        self.kept.append(function)
        self.allocated = buffer

        def allocate(align: int, size: int) -> int:
            if store.unusable is not None:
                raise guest.refusal()
            depth = guest.depth
            guest.depth = depth | 1
            try:
                buffer[0] = buffer[4] = 0
                buffer[8], buffer[12] = align, size
                error = invoke(context, function_at, buffer_at, count, trap_at)
                if error is not None or trap.value is not None:
                    store.unusable = store.unusable or store.stopped
                    guest.stopped(_error(error, trap))
                return buffer[0]
            finally:
                guest.depth = depth

        return allocate

    def _import(self, signature: _Signature, answer: Callable[..., Any]) -> wasmtime.Func:
        guest, store, objects, indices = self, self.store, self.references.objects, self.references.indices
        stock, restock = self.references.stock, self.references.restock
        result, direct = signature.result, signature.is_direct and not signature.fails_in_place
        letters = signature.letters(lifted=True) + "I" * signature.fails_in_place
        unpack = struct.Struct(_slots(letters)).unpack_from
        pack = struct.Struct(_slots(signature.result_letters())).pack_into
        references = [index for index, letter in enumerate(letters) if letter == "r"]
        has_object = direct and references == [0]
        """Whether it is like a method: one reference, the first parameter."""
        _, kind_of_object, refused_object, _ = _traits(signature.params[0] if has_object else None)
        if has_object:
            unpack = struct.Struct(f"<16x{_slots(letters[1:])[1:]}").unpack_from
        window = ctypes.c_uint32 * (4 * max(len(letters), 1))
        windows: dict[int, Any] = {}
        last_at = 0
        last: Any = None
        is_reference = isinstance(result, _Reference)
        trap_new, words, size = _C.trap_new, _FAILED, ctypes.c_size_t(len(_FAILED))
        checked = result if isinstance(result, _Reference) and signature.is_result_direct else None
        """What `answer` has not looked at."""
        refuses_null = checked is not None and not checked.null
        accepted = checked.accepted if checked is not None and checked.is_checked else None

        def slots_at(args_at: int) -> Any:
            nonlocal last_at, last
            if len(windows) > 64:
                windows.clear()
            last = windows.get(args_at) or windows.setdefault(args_at, window.from_address(args_at))
            last_at = args_at
            return last

        def lifted(slots: Any) -> list[Any]:
            core = list(unpack(slots))
            for index in references:
                core[index] = objects[indices[core[index]]] if core[index] else None
            return core

        @_without_gap
        def answered(_env: None, _caller: int, args_at: int, _count: int, depth: Any = None) -> Any:
            try:
                depth = guest.depth
                slots = last if args_at == last_at else slots_at(args_at)
                if not letters:
                    guest.depth = depth + 1
                    value = answer()
                elif has_object:
                    number = slots[0]
                    thing = objects[indices[number]] if number else None
                    guest.depth = depth + 1
                    if thing is refused_object or (kind_of_object and not isinstance(thing, kind_of_object)):
                        signature.lift(guest, (thing, *unpack(slots)))
                    value = answer(thing, *unpack(slots))
                elif references:
                    core = lifted(slots)
                    guest.depth = depth + 1
                    if direct and not signature.suits(core):
                        signature.lift(guest, core)
                    value = answer(*core)
                else:
                    guest.depth = depth + 1
                    value = answer(*unpack(slots))
                if store.unusable is not None:
                    raise guest.refusal()
                if is_reference:
                    if value is None:
                        if refuses_null:
                            signature.lower_result(guest, value)
                        slots[0] = 0
                    else:
                        if accepted and not isinstance(value, accepted):
                            signature.lower_result(guest, value)
                        if not stock:
                            restock()
                        slots[0] = number = stock[-1]
                        del stock[-1]
                        objects[indices[number]] = value
                elif result is not None:
                    try:
                        pack(slots, 0, value)
                    except (struct.error, TypeError, OverflowError):
                        signature.lower_result(guest, value)
                        raise
                elif value is not None:
                    signature.lower_result(guest, value)
                guest.depth = depth
                return 0
            except BaseException as error:
                guest.pending = error
                if depth is not None:  # or a signal came before
                    guest.depth = depth
                return trap_new(words, size)

        thunk = _ANSWER(answered)
        function = wasmtime.Func._from_raw(_ffi.wasmtime_func_t())
        type_ = _func_type(signature)
        type_at = ctypes.cast(type_.ptr(), ctypes.c_void_p)
        _C.func_new(self.context, type_at, thunk, None, None, ctypes.byref(function._func))
        self.kept.append(thunk)
        return function


def _traits(result: _Type | None) -> tuple[bool, Any, Any, bool]:
    """Say whether a result is a reference, which classes it must have if any, what it must not be, if it is plain."""
    if isinstance(result, _Reference):
        accepted = result.accepted if result.is_checked else None
        return True, accepted, None if result.refuses_null else _NOTHING, False
    return False, type(None) if result is None else None, _NOTHING, result is not None and result.is_plain


_NOTHING: Final = object()
_FAILED: Final = b"a function of the host failed"

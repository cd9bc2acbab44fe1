"""Guests behind the unchecked functions of wasmtime's C API."""

from __future__ import annotations

import ctypes
import struct
import threading
from collections.abc import Callable
from typing import Any, Final

import wasmtime
from wasmtime import _ffi

from externref_build.bindings.python.runtime.failures import GuestError
from externref_build.bindings.python.runtime.guests import _func_type, _Guest, _Limits, _slots
from externref_build.bindings.python.runtime.references import _ANSWER, _C, _context_of, _References, _Root
from externref_build.bindings.python.runtime.values import _Reference, _Signature, _Type


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


class _RawGuest(_Guest):
    """A guest behind the unchecked functions of wasmtime's C API.

    The engine may look for garbage whenever a reference is made, and what a guest does not have yet is garbage. So all
    references of a call are made before the first of them is left to the guest.
    """

    def __init__(self, file: str, limits: _Limits) -> None:
        super().__init__(file, limits)
        self.context = _context_of(self.store)
        self.references = _References(_C, self.store)
        self.kept: list[Any] = []
        self.memory_at: Any = None
        self.trap = ctypes.c_void_p()

    def live_references(self) -> int:
        return self.references.count()

    def _forget(self) -> None:
        self.references.clear()

    def _memory_size(self) -> int:
        if self.memory_at is None and self._memory is not None:
            self.kept.append(self._memory)
            self.memory_at = ctypes.byref(self._memory._memory)
        return int(_C.memory_size(self.context, self.memory_at))

    def _caller(self, function: wasmtime.Func, signature: _Signature) -> Callable[..., Any]:
        guest, context, thread, trap, get_thread = self, self.context, self.thread, self.trap, threading.get_ident
        held = self.references
        objects, indices, give, spare = held.objects, held.indices, held.give, held.spare
        letters, result = signature.letters(), signature.result
        slots = max(len(letters), 1)
        buffer = (ctypes.c_uint32 * (4 * slots))()
        packer = struct.Struct(_slots(letters))
        unpack = struct.Struct(_slots(signature.result_letters(lifted=True))).unpack_from
        pack = packer.pack_into
        references = [index for index, letter in enumerate(letters) if letter == "r"]
        single = references[0] if len(references) == 1 else None
        roots = [_Root() for _ in references]
        places = [(index, ctypes.byref(root)) for index, root in zip(references, roots, strict=False)]
        function_at, buffer_at, trap_at = ctypes.byref(function._func), ctypes.byref(buffer), ctypes.byref(trap)
        count = ctypes.c_size_t(slots)
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
                if len(spare) < len(references):
                    held.sweep()  # before the buffer is filled: the code of an object may call this function
                core = list(core)
                for index in references:
                    core[index] = 0
            try:
                pack(buffer, 0, *core)
            except (struct.error, TypeError, OverflowError):
                signature.prepare(args)
                raise
            if guest.unusable is not None:  # code of the arguments closed it
                raise guest.refusal()
            if references:
                if single is None:
                    made = [
                        (index, place, held.root(values[index], place))
                        for index, place in places
                        if values[index] is not None
                    ]
                    for index, place, record in made:
                        buffer[4 * index] = held.unroot(record, place)
                elif values[single] is not None:
                    buffer[4 * single] = give(values[single])
            if fallible:
                outer, guest.failure = guest.failure, None
            if limited and guest.depth == 0:
                guest.begin()
                error = invoke(context, function_at, buffer_at, count, trap_at)
                guest.end()
            else:
                error = invoke(context, function_at, buffer_at, count, trap_at)
            if error is not None or trap.value is not None:
                guest.stopped(_error(error, trap))
            if fallible:
                message, guest.failure = guest.failure, outer
                if message is not None:
                    raise GuestError(message)
            if is_reference:
                number = buffer[0]
                value = objects[indices[number]] if number else None
                return value if isinstance(value, accepted) and value is not refused else lift_result(guest, value)
            if result is None:
                return None
            return unpack(buffer)[0] if plain_result else lift_result(guest, unpack(buffer)[0])

        return call

    def _allocator(self, signature: _Signature) -> Callable[[int, int], int]:
        guest, context, trap, invoke = self, self.context, self.trap, _C.call
        function = self._exported(signature.label, signature)
        limited = self.limits.fuel is not None or self.limits.deadline is not None
        buffer = (ctypes.c_uint32 * 16)()
        function_at, buffer_at, trap_at = ctypes.byref(function._func), ctypes.byref(buffer), ctypes.byref(trap)
        count = ctypes.c_size_t(4)
        self.kept.append(function)

        def allocate(align: int, size: int) -> int:
            if guest.unusable is not None:
                raise guest.refusal()
            buffer[0] = buffer[4] = 0
            buffer[8], buffer[12] = align, size
            is_outermost = limited and guest.depth == 0
            if is_outermost:
                guest.begin()
            error = invoke(context, function_at, buffer_at, count, trap_at)
            if is_outermost:
                guest.end()
            if error is not None or trap.value is not None:
                guest.stopped(_error(error, trap))
            return buffer[0]

        return allocate

    def _import(self, signature: _Signature, answer: Callable[..., Any]) -> wasmtime.Func:
        guest, objects, indices, give = self, self.references.objects, self.references.indices, self.references.give
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
        is_reference, accepted, refused, _ = _traits(result)
        is_checked = not signature.is_result_direct or (result is not None and result.is_plain)

        def answered(_env: object, _caller: object, args_at: int, _count: int) -> int:
            guest.depth += 1
            try:
                slots = windows.get(args_at)
                if slots is None:
                    if len(windows) > 64:
                        windows.clear()
                    slots = windows[args_at] = window.from_address(args_at)
                if has_object:
                    number = slots[0]
                    thing = objects[indices[number]] if number else None
                    if thing is refused_object or not isinstance(thing, kind_of_object):
                        signature.lift(guest, (thing, *unpack(slots)))
                    value = answer(thing, *unpack(slots))
                elif references:
                    core = list(unpack(slots))
                    for index in references:
                        core[index] = objects[indices[core[index]]] if core[index] else None
                    if direct and not signature.suits(core):
                        signature.lift(guest, core)
                    value = answer(*core)
                else:
                    value = answer(*unpack(slots)) if letters else answer()
                if guest.unusable is not None:
                    raise guest.refusal()
                if not is_checked and (not isinstance(value, accepted) or value is refused):
                    signature.lower_result(guest, value)
                if is_reference:
                    slots[0] = 0 if value is None else give(value)
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
        _C.func_new(self.context, type_at, thunk, None, None, ctypes.byref(function._func))
        self.kept.append(thunk)
        return function


def _traits(result: _Type | None) -> tuple[bool, Any, Any, bool]:
    """Say whether a result is a reference, which classes it may have, what it must not be, and if it is plain."""
    if isinstance(result, _Reference):
        return True, result.accepted, None if result.refuses_null else _NOTHING, False
    return False, type(None) if result is None else object, _NOTHING, result is not None and result.is_plain


_NOTHING: Final = object()

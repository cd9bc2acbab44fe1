"""The unchecked functions of the C API that the package wasmtime carries, and guests behind them."""

from __future__ import annotations

import ctypes
import itertools
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import wasmtime
from wasmtime import _ffi

from externref_build.bindings.python.runtime.failures import GuestError
from externref_build.bindings.python.runtime.guests import _func_type, _Guest, _Limits, _slots
from externref_build.bindings.python.runtime.values import _Reference, _Signature, _Type

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
                if has_object:
                    raw, thing = slots[0], None
                    if raw:
                        from_raw(context, raw, root_at)
                        thing = objects[data(context, root_at)]
                        unroot(root_at)
                    if thing is refused_object or not isinstance(thing, kind_of_object):
                        signature.lift(guest, (thing, *unpack(slots)))
                    value = answer(thing, *unpack(slots))
                else:
                    core: Any = unpack(slots)
                    if references:
                        core = list(core)
                        for index in references:
                            raw, core[index] = core[index], None
                            if raw:
                                from_raw(context, raw, root_at)
                                core[index] = objects[data(context, root_at)]
                                unroot(root_at)
                        if direct and not signature.suits(core):
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


def _traits(result: _Type | None) -> tuple[bool, Any, Any, bool]:
    """Say whether a result is a reference, which classes it may have, what it must not be, and if it is plain."""
    if isinstance(result, _Reference):
        return True, result.accepted, None if result.refuses_null else _NOTHING, False
    return False, type(None) if result is None else object, _NOTHING, result is not None and result.is_plain


_NOTHING: Final = object()

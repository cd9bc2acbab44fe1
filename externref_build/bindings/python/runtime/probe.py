"""Whether the unchecked functions do what the modules behind them were written for."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import wasmtime
from wasmtime import _ffi

from externref_build.bindings.python.runtime.library import _ANSWER, _context_of, _Unchecked
from externref_build.bindings.python.runtime.references import _References


def _unchecked() -> _Unchecked | None:
    """Return the unchecked functions if they are there and do what this file was written for."""
    try:
        calls = _Unchecked()
        is_known = _passes(calls) and _stays(calls)
    except (AttributeError, KeyError, TypeError, ValueError, ctypes.ArgumentError, wasmtime.WasmtimeError):
        return None
    has_slots = ctypes.sizeof(_ffi.wasmtime_val_raw_t) == 16 and sys.byteorder == "little"
    return calls if has_slots and is_known else None


def _passes(calls: _Unchecked) -> bool:
    """Whether a reference and a number arrive in a function, and the reference comes back."""
    store = wasmtime.Store()
    context, references = _context_of(store), _References(calls, store)
    slots = (ctypes.c_uint32 * 8)()
    came: list[Any] = []
    thing = object()

    def answered(_env: object, _caller: object, args_at: int, count: int) -> int:
        seen = type(slots).from_address(args_at)
        came.extend((references.objects[references.indices[seen[0]]], seen[4], count))
        return 0

    thunk, function = _ANSWER(answered), _ffi.wasmtime_func_t()
    ref, i32 = wasmtime.ValType.externref(), wasmtime.ValType.i32()
    type_ = wasmtime.FuncType([ref, i32], [ref])
    type_at = ctypes.cast(type_.ptr(), ctypes.c_void_p)
    calls.func_new(context, type_at, thunk, None, None, ctypes.byref(function))
    number = slots[0] = references.give(thing)
    slots[4] = 0xFFFF_FFFF
    trap = ctypes.c_void_p()
    error = calls.call(context, ctypes.byref(function), slots, ctypes.c_size_t(2), ctypes.byref(trap))
    return (error, trap.value, slots[0]) == (None, None, number) and came == [thing, 0xFFFF_FFFF, 2]


def _stays(calls: _Unchecked) -> bool:
    """Whether references keep their numbers while others go, and records are cleared when they do."""
    store = wasmtime.Store()
    references = _References(calls, store)
    while len(references.stock) < 64:
        references.refill()
    numbers, places = references.stock[:], references.rooted[:]
    indices = [references.indices[number] for number in numbers]
    for index in indices:
        references.objects[index] = index
    references.stock[:], references.rooted[:] = numbers[1::2], places[1::2]
    for place in places[::2]:
        calls.ref_unroot(place)
    is_counted = references.count() == 0
    calls.gc(references.context)
    is_witnessed = references.witness[0] == 0
    is_same = numbers[1::2] == [calls.ref_to_raw(references.context, place) for place in places[1::2]]
    kept = [index if number % 2 else None for number, index in enumerate(indices)]
    is_kept = [references.objects[index] for index in indices] == kept
    references.clear()
    store.close()
    [block] = references.blocks
    return is_counted and is_witnessed and is_same and is_kept and not any(block[2 * index] for index in indices[1::2])


_C: Any = _unchecked()

"""The unchecked functions of the C API that the package wasmtime carries, and references behind them."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable
from typing import Any, Final

import wasmtime
from wasmtime import _bindings, _ffi

_Root = _ffi.wasmtime_externref_t
_ANSWER = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


_CLEARED: Final = re.compile(rb"\0+")


class _Unchecked:
    """Functions of the library that the package wasmtime carries.

    They have no types of parameters: to look at those takes longer than what most of the functions do. So an address
    is passed as what `ctypes.byref` returns, which needs no conversion, and a plain number is an ``int`` of C. Those
    that run no guest keep Python's lock, for the same reason.
    """

    def __init__(self) -> None:
        path = str(_ffi.filename)
        held, released = ctypes.PyDLL(path), ctypes.CDLL(path)
        address = ctypes.c_void_p

        def function(library: ctypes.CDLL, name: str, params: int, result: Any) -> Any:
            if len(getattr(_bindings, f"_{name}").argtypes) != params:
                raise TypeError(f"{name} of this wasmtime takes other arguments")
            found = library[name]
            found.restype = result
            return found

        self.call = function(released, "wasmtime_func_call_unchecked", 5, address)
        self.func_new = function(held, "wasmtime_func_new_unchecked", 6, None)
        self.ref_new = function(held, "wasmtime_externref_new", 4, ctypes.c_bool)
        cleared = function(held, "wasm_byte_vec_new_empty", 1, None)
        self.ref_gone = _place(ctypes.cast(cleared, address).value)
        """What the engine calls when it lets go of a reference: it sets the first word of a record to 0."""
        self.ref_to_raw = function(held, "wasmtime_externref_to_raw", 2, ctypes.c_uint32)
        self.ref_unroot = function(held, "wasmtime_externref_unroot", 1, None)
        self.gc = function(held, "wasmtime_context_gc", 1, address)
        self.memory_size = function(held, "wasmtime_memory_data_size", 2, ctypes.c_size_t)


def _place(address: int | None) -> Any:
    """Return what passes an address to a function of C."""
    assert address
    return ctypes.byref(ctypes.c_char.from_address(address))


def _context_of(store: wasmtime.Store) -> Any:
    return _place(ctypes.cast(store._context(), ctypes.c_void_p).value)


class _References:
    """The references that the engine of one store holds to objects of the host.

    The engine knows a reference by a number, the same for as long as it holds it. Whatever a guest passes has such a
    number, for a guest cannot make references (see `_Engine`). When the engine lets go of one, it clears the record
    that it was given with it, before the number can be another's: no code of Python runs within the engine.
    """

    def __init__(self, calls: Any, store: wasmtime.Store) -> None:
        self.calls, self.context = calls, _context_of(store)
        self.objects: list[Any] = []
        """By the index of their records."""
        self.indices: dict[int, int] = {}
        """The index of the record, by the engine's number."""
        self.blocks: list[Any] = []
        """The records, two words each."""
        self.records: list[Any] = []
        """Their addresses."""
        self.spare: list[int] = []
        """Indices of records that are not in use."""
        store.references = self.blocks  # type: ignore[attr-defined]  # it clears them when it is deleted
        self.give = self._giver()

    def root(self, value: Any, root_at: Any) -> int:
        """Make a reference that stays; return the index of its record."""
        if not self.spare:
            self.sweep()
        index = self.spare.pop()
        self.objects[index] = value
        if not self.calls.ref_new(self.context, self.records[index], self.calls.ref_gone, root_at):
            raise MemoryError("the engine has no room for another reference")
        return index

    def unroot(self, index: int, root_at: Any) -> int:
        """Return the number of a rooted reference, which only what the guest does with it keeps from now on."""
        number: int = self.calls.ref_to_raw(self.context, root_at)
        self.calls.ref_unroot(root_at)
        self.indices[number] = index
        return number

    def _giver(self) -> Callable[[Any], int]:
        """Return a function that makes a reference and returns its number: `root` and `unroot`, without detours."""
        context, new, gone = self.context, self.calls.ref_new, self.calls.ref_gone
        to_raw, unroot, root = self.calls.ref_to_raw, self.calls.ref_unroot, _Root()
        objects, indices, records, spare = self.objects, self.indices, self.records, self.spare
        root_at, sweep = ctypes.byref(root), self.sweep

        def give(value: Any) -> int:
            if not spare:
                sweep()
            index = spare.pop()
            objects[index] = value
            if not new(context, records[index], gone, root_at):
                raise MemoryError("the engine has no room for another reference")
            number: int = to_raw(context, root_at)
            unroot(root_at)
            indices[number] = index
            return number

        return give

    def sweep(self) -> list[Any]:
        """Have spare records again; return the objects that the engine let go of, whose code may run when they go."""
        self.calls.gc(self.context)
        gone: list[Any] = []
        start = 0
        for block in self.blocks:
            for run in _CLEARED.finditer(bytes(block)[::16]):
                first, end = start + run.start(), start + run.end()
                gone += self.objects[first:end]
                self.objects[first:end] = [None] * (end - first)
                self.spare += range(first, end)
            ctypes.memset(block, 1, ctypes.sizeof(block))
            start += len(block) // 2
        wanted = max(1000, start - len(self.spare))
        if 2 * len(self.spare) < wanted:
            self._extend(start, wanted)
        return gone

    def _extend(self, start: int, count: int) -> None:
        block = (ctypes.c_uint64 * (2 * count))()
        ctypes.memset(block, 1, ctypes.sizeof(block))
        self.blocks.append(block)
        self.records += [ctypes.byref(block, offset) for offset in range(0, 16 * count, 16)]
        self.objects += [None] * count
        self.spare += range(start, start + count)

    def count(self) -> int:
        """Count the references that the engine holds."""
        gone = self.sweep()
        live = len(self.objects) - len(self.spare)
        gone.clear()
        return live

    def clear(self) -> None:
        """Let go of all objects; no reference is used any more."""
        self.objects[:] = [None] * len(self.objects)


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
    roots = [_Root() for _ in range(64)]
    places = [ctypes.byref(root) for root in roots]
    indices = [references.root(index, place) for index, place in enumerate(places)]
    numbers = [calls.ref_to_raw(references.context, place) for place in places]
    for place in places[::2]:
        calls.ref_unroot(place)
    is_counted = references.count() == 32
    is_same = numbers[1::2] == [calls.ref_to_raw(references.context, place) for place in places[1::2]]
    is_kept = [references.objects[index] for index in indices] == [index if index % 2 else None for index in range(64)]
    for place in places[1::2]:
        calls.ref_unroot(place)
    store.close()
    [block] = references.blocks
    return is_counted and is_same and is_kept and not any(block[2 * index] for index in indices[1::2])


_C: Any = _unchecked()

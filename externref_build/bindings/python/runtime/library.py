"""The unchecked functions of the C API that the package wasmtime carries."""

from __future__ import annotations

import ctypes
from typing import Any

import wasmtime
from wasmtime import _bindings, _ffi

_Root = _ffi.wasmtime_externref_t
_ANSWER = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


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
        self.trap_new = function(held, "wasmtime_trap_new", 2, address)
        self.gc = function(held, "wasmtime_context_gc", 1, address)
        self.memory_size = function(held, "wasmtime_memory_data_size", 2, ctypes.c_size_t)


def _place(address: int | None) -> Any:
    """Return what passes an address to a function of C."""
    assert address
    return ctypes.byref(ctypes.c_char.from_address(address))


def _context_of(store: wasmtime.Store) -> Any:
    return _place(ctypes.cast(store._context(), ctypes.c_void_p).value)

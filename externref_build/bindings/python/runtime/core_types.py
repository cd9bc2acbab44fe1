"""Core types of functions, in the three ways in which they are spelled."""

from __future__ import annotations

from typing import Final

import wasmtime

from externref_build.bindings.python.runtime.signatures import _Signature


def _slots(letters: str) -> str:
    """Spell core values for `struct`: each has 16 bytes in the C API."""
    pads = {"b": 15, "B": 15, "h": 14, "H": 14, "q": 8, "Q": 8, "d": 8}
    return "<" + "".join(f"{'I' if letter == 'r' else letter}{pads.get(letter, 12)}x" for letter in letters)


_CORE_TYPES: Final = {"q": "i64", "Q": "i64", "f": "f32", "d": "f64", "r": "externref"}
"""By the letter of a core value; what is not here is an i32."""


def _func_type(signature: _Signature) -> wasmtime.FuncType:
    """Make the core type of a function."""
    params, results = (
        [getattr(wasmtime.ValType, _CORE_TYPES.get(letter, "i32"))() for letter in letters]
        for letters in (signature.letters() + "I" * signature.fails_in_place, signature.result_letters())
    )
    return wasmtime.FuncType(params, results)


def _core_type(signature: _Signature) -> str:
    """Spell the core type of an export."""
    params, results = (
        " ".join(_CORE_TYPES.get(letter, "i32") for letter in letters)
        for letters in (signature.letters(), signature.result_letters())
    )
    return f"[{params}] -> [{results}]"


def _spelled(type_: object) -> str:
    """Spell the type of an import or export."""
    if isinstance(type_, wasmtime.FuncType):
        params, results = (" ".join(map(str, types)) for types in (type_.params, type_.results))
        return f"[{params}] -> [{results}]".replace("anyref", "externref")  # the package still has its old name
    return type(type_).__name__.removesuffix("Type").lower()

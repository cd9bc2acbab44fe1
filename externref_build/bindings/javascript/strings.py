"""Functions for strings that engines have themselves, as imports of module ``wasm:js-string``.

The specification is https://github.com/WebAssembly/js-string-builtins. Engines insist on the exact types. Functions
that return a string return a ``(ref extern)``, which no guest of ours declares: for these, the bindings have their own.
"""

from __future__ import annotations

from typing import Final

from externref_build.bindings.model import ImportModule
from externref_build.errors import BindingError
from externref_build.wasm.types import EXTERNREF, I32, FuncType

JS_STRING: Final = "wasm:js-string"

_TYPES: Final = {
    "cast": FuncType((EXTERNREF,), (EXTERNREF,)),
    "test": FuncType((EXTERNREF,), (I32,)),
    "fromCharCode": FuncType((I32,), (EXTERNREF,)),
    "fromCodePoint": FuncType((I32,), (EXTERNREF,)),
    "charCodeAt": FuncType((EXTERNREF, I32), (I32,)),
    "codePointAt": FuncType((EXTERNREF, I32), (I32,)),
    "length": FuncType((EXTERNREF,), (I32,)),
    "concat": FuncType((EXTERNREF, EXTERNREF), (EXTERNREF,)),
    "substring": FuncType((EXTERNREF, I32, I32), (EXTERNREF,)),
    "equals": FuncType((EXTERNREF, EXTERNREF), (I32,)),
    "compare": FuncType((EXTERNREF, EXTERNREF), (I32,)),
}


def are_the_engines(module: ImportModule) -> bool:
    """Tell whether an engine can provide all that is imported. Raises BindingError for what nobody can."""
    for function in module.functions:
        expected = _TYPES.get(function.name)
        if function.core != expected:
            known = f"expected {expected}" if expected else f"expected one of {', '.join(_TYPES)}"
            raise BindingError(
                f"{function.label} of type {function.core} is no function that engines have for strings, {known}",
                remedy="declare it as the specification of JS String Builtins does",
            )
    return all(function.core.results == (I32,) for function in module.functions)

"""Value types in Python: how annotations spell them, and the objects of the runtime that pass them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from externref_build.bindings.model import ANY_REFERENCE
from externref_build.bindings.python.layout import quoted
from externref_build.value_types import FunctionType, ListType, OptionType, ResourceType, ValueType
from externref_build.wasm.types import F32, F64, I64, ValType

_PLAIN: Final = {
    **dict.fromkeys(("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "usize", "isize", "ptr"), "int"),
    **dict.fromkeys(("f32", "f64"), "float"),
    "bool": "bool",
    "char": "str",
    "str": "str",
}
_SAME: Final = {"usize": "u32", "ptr": "u32", "isize": "s32", "str": "text"}
_ARRAY_CODES: Final = dict(
    zip(("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64"), "bBhHiIqQfd", strict=True)
)


@dataclass(frozen=True, slots=True)
class Spelling:
    """Spells value types, with the names that resource types have in the generated module."""

    classes: Mapping[str, str]
    """The Python name of each resource type."""
    checked: Mapping[str, str]
    """For resource types that are classes at run time: the expression that brings the class."""

    def given(self, value_type: ValueType, core: ValType) -> str:
        """Spell the annotation of what the host gives to the guest."""
        if isinstance(value_type, ListType):
            return f"Sequence[{_element(value_type)}] | Buffer"
        if isinstance(value_type, OptionType):
            return f"{self.given(value_type.inner, core)} | None"
        if value_type == "bytes":
            return "Buffer"
        return self._either_way(value_type, core)

    def taken(self, value_type: ValueType, core: ValType, *, lent: bool = False) -> str:
        """Spell the annotation of what the host gets from the guest; ``lent`` for the arguments of an import."""
        if isinstance(value_type, ListType):
            return f"{'memoryview' if lent else 'array.array'}[{_element(value_type)}]"
        if isinstance(value_type, OptionType):
            return f"{self.taken(value_type.inner, core, lent=lent)} | None"
        if isinstance(value_type, FunctionType):
            params = ", ".join(self.given(param, b"") for param in value_type.params)
            results = [self.taken(result, b"") for result in value_type.results]
            null = " | None" if value_type.nullable else ""
            return f"Callable[[{params}], {results[0] if results else 'None'}]{null}"
        if value_type == "bytes":
            return "bytes"
        return self._either_way(value_type, core)

    def _either_way(self, value_type: ValueType, core: ValType) -> str:
        if isinstance(value_type, ResourceType):
            name = self.classes.get(value_type.resource, "object")
            return f"{name} | None" if value_type.nullable and value_type != ANY_REFERENCE else name
        assert isinstance(value_type, str)
        return _PLAIN.get(value_type) or ("float" if core in (F32, F64) else "int")

    def object(self, value_type: ValueType, core: ValType, *, lent: bool = False) -> str:
        """Spell the object of the runtime that passes a value."""
        if isinstance(value_type, ResourceType):
            kind = self.checked.get(value_type.resource, "object")
            null = ", null=True" if value_type.nullable else ""
            name = "" if value_type.is_any else value_type.resource
            return f"_Reference({quoted(name)}, {kind}{null})"
        if isinstance(value_type, ListType):
            flags = f", lent={lent}, mutable={value_type.mutable}" if lent else ""
            return f'_List("{value_type.element}", "{_ARRAY_CODES[value_type.element]}"{flags})'
        if isinstance(value_type, OptionType):
            return f"_Option({self.object(value_type.inner, core, lent=lent)})"
        if isinstance(value_type, FunctionType):
            params = "".join(f"{self.object(param, b'')}, " for param in value_type.params)
            results = [self.object(result, b"") for result in value_type.results]
            via = f", {quoted(value_type.via)}" if value_type.via is not None else ""
            null = ", null=True" if value_type.nullable else ""
            return f"_Callback(({params}), {results[0] if results else None}{via}{null})"
        if value_type == "opaque":
            return "_F32" if core == F32 else "_F64" if core == F64 else "_I64" if core == I64 else "_I32"
        return f"_{_SAME.get(value_type, value_type).upper()}"


def _element(value_type: ListType) -> str:
    return "float" if value_type.element in ("f32", "f64") else "int"

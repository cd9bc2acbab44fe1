"""What the values at the border of a module mean: types, as the interface spells them, in JSON and in core types."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from externref_build.errors import MalformedMetadataError
from externref_build.wasm.types import F32, F64, I32, I64, ValType


class ResourceType(NamedTuple):
    """A value that is a reference to a host object."""

    resource: str
    owned: bool = False
    nullable: bool = False

    @property
    def is_any(self) -> bool:
        """Whether nothing is known of the object."""
        return self.resource in ("", "any")

    def __str__(self) -> str:
        spelled = f"{'own' if self.owned else 'ref'} {self.resource}"
        return f"option<{spelled}>" if self.nullable else spelled


class ListType(NamedTuple):
    """Numbers that lie one after the other in the guest's memory."""

    element: str
    """A number's type of 8 to 64 bits."""
    mutable: bool = False
    """The host may write through its view during the call: a parameter of an import."""

    def __str__(self) -> str:
        return f"{'mut ' if self.mutable else ''}list<{self.element}>"


class OptionType(NamedTuple):
    """A text, bytes or a list that may be absent."""

    inner: ListType | str
    """``str``, ``bytes`` or a list."""

    def __str__(self) -> str:
        return f"option<{self.inner}>"


class FunctionType(NamedTuple):
    """A function of the guest that the host may call: an index into its table of functions."""

    params: tuple["ValueType", ...]
    results: tuple["ValueType", ...]
    via: str | None = None
    """The export that calls the function, with the index before the arguments; ``None``: the host calls the entry."""
    nullable: bool = False

    def __str__(self) -> str:
        results = ", ".join(map(str, self.results))
        spelled = f"func({', '.join(map(str, self.params))})" + (f" -> {results}" if results else "")
        return f"option<{spelled}>" if self.nullable else spelled


ValueType: TypeAlias = "ResourceType | ListType | OptionType | FunctionType | str"
"""A resource, a compound type, or one of the plain types by name."""

_NUMBER_TYPES: dict[str, ValType] = {
    **dict.fromkeys(("s8", "u8", "s16", "u16", "s32", "u32"), I32),
    **dict.fromkeys(("s64", "u64"), I64),
    "f32": F32,
    "f64": F64,
}
_CORE_TYPES: dict[str, ValType | None] = {
    **_NUMBER_TYPES,
    **dict.fromkeys(("bool", "char", "usize", "isize", "ptr"), I32),
    "opaque": None,
}
"""The plain types of one core value; that of an opaque one depends on a type of the guest's own."""

_BUFFERS = ("str", "bytes")


def core_types(value_type: ValueType, *, is_result: bool) -> tuple[ValType | None, ...]:
    """Spell a value type in core types: i32 for a reference before processing; None where any type will do."""
    if isinstance(value_type, (ResourceType, FunctionType)):
        return (I32,)
    if lies_in_memory(value_type):
        return (I64,) if is_result else (I32, I32)
    assert isinstance(value_type, str)
    return (_CORE_TYPES[value_type],)


def lies_in_memory(value_type: ValueType) -> bool:
    """Whether values pass as an address in the guest's memory, and a length."""
    return isinstance(value_type, (ListType, OptionType)) or value_type in _BUFFERS


class ValueTypeDecoder:
    """Decodes the value types of one interface record."""

    def __init__(self, fail: Callable[[str], MalformedMetadataError]) -> None:
        self.fail = fail

    def decode(self, value: Any, *, argument: bool = False) -> ValueType:
        """Decode one value type; ``argument`` says that the guest passes it to the host as an argument of a call."""
        if isinstance(value, str) and (value in _CORE_TYPES or value in _BUFFERS):
            return value
        if isinstance(value, dict):
            if isinstance(value.get("ref"), str) and self._flag(value, "ref", "null"):
                return ResourceType(_unqualified(value["ref"]), owned=False, nullable=value.get("null", False))
            if isinstance(value.get("own"), str) and self._flag(value, "own", "null"):
                return ResourceType(_unqualified(value["own"]), owned=True, nullable=value.get("null", False))
            if isinstance(value.get("list"), str):
                return self._list(value, argument=argument)
            if value.keys() == {"option"}:
                inner = value["option"]
                if inner in _BUFFERS:
                    return OptionType(inner)
                if isinstance(inner, dict) and isinstance(inner.get("list"), str):
                    return OptionType(self._list(inner, argument=argument))
            if "fn" in value and value.keys() <= {"fn", "via", "null"}:
                return self._function(value, argument=argument)
        raise self.fail(f"unknown value type {shown(value)}")

    def _list(self, value: dict[str, Any], *, argument: bool) -> ListType:
        if value["list"] not in _NUMBER_TYPES or not self._flag(value, "list", "mut"):
            raise self.fail(f"unknown value type {shown(value)}")
        mutable = value.get("mut", False)
        if mutable and not argument:
            raise self.fail(f"{shown(value)} stands elsewhere than for a parameter of an import")
        return ListType(value["list"], mutable)

    def _function(self, value: dict[str, Any], *, argument: bool) -> FunctionType:
        via, nullable = value.get("via"), value.get("null", False)
        match value["fn"]:
            case [list(params), list(results)] if isinstance(via, str | None) and isinstance(nullable, bool):
                types = (tuple(map(self.decode, params)), tuple(map(self.decode, results)))
                function = FunctionType(*types, via, nullable)
            case _:
                raise self.fail(f"unknown value type {shown(value)}")
        if not argument:
            raise self.fail(f"{shown(value)} stands elsewhere than for a parameter of an import")
        if via is None and any(isinstance(inner, ResourceType) for inner in (*function.params, *function.results)):
            raise self.fail(f'a reference in {shown(value)}, where functions without "via" take none')
        return function

    @staticmethod
    def _flag(value: dict[str, Any], key: str, flag: str) -> bool:
        """Whether a value type has no members but its own and perhaps a flag, true or false."""
        return value.keys() <= {key, flag} and isinstance(value.get(flag, False), bool)


def _unqualified(resource: str) -> str:
    """Leave out the namespaces before a resource type's name, which are the guest's own affair."""
    return resource.rpartition("::")[2].strip()


def shown(value: object) -> str:
    """Spell a value for an error, whatever its size and depth."""
    import json
    from textwrap import shorten

    try:
        return shorten(json.dumps(value), 120)
    except RecursionError:
        return "that is nested too deeply"

"""How a value of each type crosses the border, as expressions of JavaScript.

The guest's side of a value are core values, numbers and references; the host's side is what a programmer expects. Names
that begin with ``$`` belong to the generated code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from externref_build.bindings.model import ANY_REFERENCE
from externref_build.value_types import ListType, OptionType, ResourceType, ValueType, lies_in_memory
from externref_build.wasm.types import F32, F64, I32, I64, ValType


@dataclass(frozen=True, slots=True)
class Plain:
    """A type of one core value that needs no memory; ``{}`` stands for an expression."""

    typescript: str
    expected: str
    """What an error says was expected."""
    wrong: str
    """Whether a value of the host's is none of this type, or outside of its range."""
    send: str = "{}"
    """From the host's value to the core value."""
    receive: str = "{}"
    """From the core value, whatever it is, to the host's."""
    ranged: str | None = None
    """The result of ``typeof`` for values of which some are out of range."""


def _small(low: int, high: int, normal: str) -> Plain:
    return Plain(
        "number",
        f"an integer from {low} to {high}",
        f'typeof {{}} !== "number" || ({normal}) !== {{}}',
        receive=normal,
        ranged="number",
    )


def _wide(low: int, high: int, normal: str) -> Plain:
    return Plain(
        "bigint",
        f"a bigint from {low} to {high}",
        f'typeof {{}} !== "bigint" || {normal} !== {{}}',
        receive=normal if low == 0 else "{}",
        ranged="bigint",
    )


_NUMBER: Final = Plain("number", "a number", 'typeof {} !== "number"')
_SINGLE: Final = Plain("number", "a number in the range of f32", "!isSingle({})", ranged="number")
_S32: Final = _small(-(2**31), 2**31 - 1, "{} | 0")
_U32: Final = _small(0, 2**32 - 1, "{} >>> 0")

PLAIN: Final[dict[str, Plain]] = {
    "bool": Plain("boolean", "true or false", 'typeof {} !== "boolean"', "{} ? 1 : 0", "{} !== 0"),
    "char": Plain("string", "a string of one character", "!isScalar({})", "{}.codePointAt(0)", "scalar({})"),
    "s8": _small(-128, 127, "{} << 24 >> 24"),
    "u8": _small(0, 255, "{} & 255"),
    "s16": _small(-32768, 32767, "{} << 16 >> 16"),
    "u16": _small(0, 65535, "{} & 65535"),
    "s32": _S32,
    "u32": _U32,
    "isize": _S32,
    "usize": _U32,
    "ptr": _U32,
    "s64": _wide(-(2**63), 2**63 - 1, "BigInt.asIntN(64, {})"),
    "u64": _wide(0, 2**64 - 1, "BigInt.asUintN(64, {})"),
    "f32": _SINGLE,
    "f64": _NUMBER,
}

_OPAQUE_32: Final = Plain(
    "number",
    "an integer of 32 bits",
    'typeof {} !== "number" || (({} | 0) !== {} && {} >>> 0 !== {})',
    ranged="number",
)
_OPAQUE: Final = Plain("number | bigint", "a number", 'typeof {} !== "number" && typeof {} !== "bigint"')
_OPAQUE_64: Final = Plain(
    "bigint",
    "a bigint of 64 bits",
    'typeof {} !== "bigint" || (BigInt.asIntN(64, {}) !== {} && BigInt.asUintN(64, {}) !== {})',
    ranged="bigint",
)

_OPAQUE_TYPES: Final[dict[ValType | None, Plain]] = {I32: _OPAQUE_32, I64: _OPAQUE_64, F32: _SINGLE, F64: _NUMBER}

ARRAYS: Final = {
    "s8": "Int8Array",
    "u8": "Uint8Array",
    "s16": "Int16Array",
    "u16": "Uint16Array",
    "s32": "Int32Array",
    "u32": "Uint32Array",
    "s64": "BigInt64Array",
    "u64": "BigUint64Array",
    "f32": "Float32Array",
    "f64": "Float64Array",
}
"""The typed array for numbers of each type."""


def plain(value_type: ValueType, core: ValType | None) -> Plain | None:
    """Return how a type crosses that is one core value and no reference; None for the others."""
    if value_type == "opaque":
        return _OPAQUE_TYPES.get(core, _OPAQUE)
    return PLAIN.get(value_type) if isinstance(value_type, str) else None


def _element(value_type: ValueType) -> str | None:
    """Return the type of a list's elements, bytes being ``u8``; None for text."""
    inner = value_type.inner if isinstance(value_type, OptionType) else value_type
    if isinstance(inner, ListType):
        return inner.element
    return "u8" if inner == "bytes" else None


def is_list(value_type: ValueType) -> bool:
    """Whether values are typed arrays, or nothing."""
    return lies_in_memory(value_type) and _element(value_type) is not None


def expected(value_type: ValueType, core: ValType | None) -> str:
    """Say what an error says was expected."""
    if isinstance(value_type, OptionType):
        return f"{expected(value_type.inner, core)} or null"
    if isinstance(value_type, ResourceType):
        return "a reference" if value_type.is_any else f"a reference to {value_type.resource}"
    if lies_in_memory(value_type):
        element = _element(value_type)
        return f"an array of type {ARRAYS[element]}" if element else "a string without lone surrogates"
    found = plain(value_type, core)
    assert found is not None, f"hosts pass no {value_type}"
    return found.expected


def wrong(value_type: ValueType, core: ValType | None, name: str, *, sent_first: bool = False) -> str | None:
    """Spell the condition under which a value of the host's must be refused; None if there is none.

    Whether a text that is ``sent_first`` has lone surrogates turns out when it is sent.
    """
    if isinstance(value_type, ResourceType):
        return None if value_type.nullable else f"{name} == null"
    if isinstance(value_type, OptionType):
        return f"{name} != null && {wrong(value_type.inner, core, name, sent_first=sent_first)}"
    if lies_in_memory(value_type):
        element = _element(value_type)
        if element is None:
            return f'typeof {name} !== "string"' if sent_first else f"!isText({name})"
        return f"!isArray({ARRAYS[element]}, {name})"
    found = plain(value_type, core)
    assert found is not None, f"hosts pass no {value_type}"
    return found.wrong.replace("{}", name)


def ranged(value_type: ValueType, core: ValType | None) -> str | None:
    """Return the result of ``typeof`` for values of which some are out of range; None for other types."""
    found = plain(value_type, core)
    return found.ranged if found else None


def send(value_type: ValueType, core: ValType | None, name: str, label: str) -> str:
    """Spell the core value of what a host passes, which errors call ``label``, a string literal.

    What lies in memory is its address; `size` then holds its length.
    """
    if isinstance(value_type, ResourceType):
        return f"{name} ?? null" if value_type.nullable and value_type != ANY_REFERENCE else name
    if isinstance(value_type, OptionType):
        return f"{name} == null ? (size = 0) : {send(value_type.inner, core, name, label)}"
    if lies_in_memory(value_type):
        element = _element(value_type)
        if element is None:
            return f"sendText({name}, {label})"
        return f"sendBytes({name})" if element == "u8" else f"send{ARRAYS[element]}({name})"
    found = plain(value_type, core)
    assert found is not None, f"hosts pass no {value_type}"
    return found.send.replace("{}", name)


def receive(value_type: ValueType, core: ValType | None, names: tuple[str, ...], *, copied: bool = False) -> str:
    """Spell the host's value of core values that the guest passes; a list is ``copied`` or a view of the memory."""
    if isinstance(value_type, OptionType):
        return f"{names[0]} === 0 ? null : {receive(value_type.inner, core, names, copied=copied)}"
    if isinstance(value_type, ResourceType):
        return names[0]
    if lies_in_memory(value_type):
        element, values = _element(value_type), ", ".join(names)
        if element is None:
            return f"receiveText({values})"
        received = f"receiveBytes({values})" if element == "u8" else f"receiveList({ARRAYS[element]}, {values})"
        return f"{received}.slice()" if copied else received
    found = plain(value_type, core)
    assert found is not None, f"functions are received elsewhere, not {value_type}"
    return found.receive.replace("{}", names[0])


def typescript(value_type: ValueType, core: ValType | None) -> str:
    """Spell the TypeScript type of a number, text, bytes or list."""
    if lies_in_memory(value_type):
        element = _element(value_type)
        return ARRAYS[element] if element else "string"
    found = plain(value_type, core)
    assert found is not None, f"{value_type} is spelled elsewhere"
    return found.typescript

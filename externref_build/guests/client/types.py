"""How values of C++ pass between a guest and its host: as an object's address, a number, text, or a function."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from externref_build.value_types import FunctionType, OptionType, ResourceType, ValueType

Passing = Literal["object", "number", "text", "view", "callback", "nothing"]
"""The address of an object's word, a number, a pointer to characters, a ``string_view``, a pointer to a function."""


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter or result."""

    name: str
    type: ValueType | None
    """In the interface; None for no result."""
    passing: Passing
    c_type: str = ""
    """Of a number, its type in C."""
    function: Function | None = None
    """What a callback takes and returns."""

    @property
    def nullable(self) -> bool:
        """Whether an object or a function may be null."""
        return isinstance(self.type, (ResourceType, FunctionType)) and self.type.nullable


@dataclass(frozen=True, slots=True)
class Function:
    """The type of a function of the guest that the host may call."""

    params: tuple[Value, ...]
    result: Value

    @property
    def types(self) -> str:
        """Its parameters and result, spelled."""
        params = ",".join(map(spelled_in_full, self.params))
        return f"({params})" + (f"->{spelled_in_full(self.result)}" if self.result.type else "")

    @property
    def way(self) -> str:
        """The name of the export that calls it."""
        return f"[callback]{self.types}"


class UnboundError(Exception):
    """A type has no place in an interface; the reason, and what to write instead."""


NUMBERS: Final = {
    "bool": ("bool", "bool"),
    "char": ("s8", "int8_t"),
    "signed char": ("s8", "int8_t"),
    "unsigned char": ("u8", "uint8_t"),
    "char8_t": ("u8", "uint8_t"),
    "short": ("s16", "int16_t"),
    "unsigned short": ("u16", "uint16_t"),
    "char16_t": ("u16", "uint16_t"),
    "int": ("s32", "int32_t"),
    "unsigned int": ("u32", "uint32_t"),
    "wchar_t": ("s32", "int32_t"),
    "long": ("s32", "int32_t"),
    "unsigned long": ("u32", "uint32_t"),
    "char32_t": ("char", "uint32_t"),
    "long long": ("s64", "int64_t"),
    "unsigned long long": ("u64", "uint64_t"),
    "float": ("f32", "float"),
    "double": ("f64", "double"),
}
"""Of C++'s types on wasm32: the type in the interface, and in C."""

STANDARD: Final = {
    **{
        f"{sign}int{bits}_t": name
        for bits, short in ((8, "char"), (16, "short"), (32, "int"), (64, "long long"))
        for sign, name in (("", f"signed {short}" if bits == 8 else short), ("u", f"unsigned {short}"))
    },
    **dict.fromkeys(("size_t", "uintptr_t"), "unsigned long"),
    **dict.fromkeys(("ptrdiff_t", "ssize_t", "intptr_t"), "long"),
}
"""Names of the standard library; clang's syntax tree does not say what is behind them in a function's type."""

_VIEWS: Final = frozenset({"std::string_view", "std::basic_string_view<char>"})
_QUALIFIERS: Final = re.compile(
    r"\b(?:const|class|struct|enum|volatile|typename)\b|(?<=\bstd::)__\w+::|\bchar_traits<char>"
)
_OF_CALLBACKS: Final = "a callback takes numbers, text and objects, and returns numbers and objects"
_CALLBACK: Final = re.compile(r"(.*?)\(([*&])\)\((.*)\)(?:noexcept)?")
_FUNCTION: Final = re.compile(r"([^()]+)(\([^()]*\)(?: noexcept)?)")


@dataclass(slots=True)
class Types:
    """The names that one source declares in the namespace."""

    namespaces: set[str] = field(default_factory=set)
    """Names of the namespaces inside."""
    classes: set[str] = field(default_factory=set)
    bases: dict[str, str] = field(default_factory=dict)
    """The base of each class that has one."""
    meanings: dict[str, str] = field(default_factory=dict)
    """What names stand for, those in classes with their class in front: of an enumeration, its underlying type."""
    ambiguous: set[str] = field(default_factory=set)
    """Names that stand for different types in several namespaces."""

    def learn(self, name: str, text: str) -> None:
        """Take what a name of a type stands for, unless that is itself."""
        if self.plain(text) != name and self.meanings.setdefault(name, text) != text:
            self.ambiguous.add(name)

    def _meaning(self, name: str, scope: str) -> tuple[str, str] | None:
        """Return what a name stands for in a class, or outside of classes, and the class where that is said."""
        within: str | None = scope
        while within:
            if f"{within}::{name}" in self.meanings:
                return self.meanings[f"{within}::{name}"], within
            within = self.bases.get(within)
        if name in self.ambiguous:
            raise UnboundError(f"{name} is a name of different types in several namespaces: name one of them otherwise")
        if name in self.meanings:
            return self.meanings[name], name.rpartition("::")[0]
        if name in self.classes:
            return None
        others = {key: text for key, text in self.meanings.items() if key.endswith(f"::{name}")}
        if len(set(others.values())) > 1:
            raise UnboundError(f"{name} could be {' or '.join(sorted(others))}: name one of them otherwise")
        return next(((text, key.rpartition("::")[0]) for key, text in others.items()), None)

    def plain(self, text: str) -> str:
        """Return a type as it is spelled inside of the namespace, without qualifiers and spaces that say nothing."""
        text = re.sub(r"\s*([*&(),<>])\s*", r"\1", " ".join(_QUALIFIERS.sub("", text).split()))
        names = "|".join(map(re.escape, sorted(self.namespaces)))
        text = re.sub(rf"(?<![\w:])(?:client::)?(?:(?:{names})::)*(?=\w)" if names else r"(?<![\w:])client::", "", text)
        return re.sub(r",?>$", ">", text) if text.startswith("std::") else text

    def nearest(self, entry: Mapping[str, str], scope: str) -> str:
        """Return clang's spelling of a type that says most: a name learned here, or else what clang finds behind it.

        What is behind a name is spelled as in the class that has the name, and may mean something else in this one.
        """
        text = entry["qualType"]
        is_known = self._meaning(self.plain(text).rstrip("*&"), scope) is not None
        return text if is_known else entry.get("desugaredQualType", text)

    def value(self, name: str, text: str, scope: str = "", *, is_result: bool = False) -> Value:
        """Return how a value of a C++ type passes that is spelled in a class, or outside; raise UnboundError."""
        plain, known = self.plain(text), set[str]()
        while (base := plain.rstrip("*&")) not in known and (meaning := self._meaning(base, scope)):
            known.add(base)
            text, scope = _with_mark(meaning[0], plain[len(base) :]), meaning[1]
            plain = self.plain(text)
        if plain == "void" and is_result:
            return Value(name, None, "nothing", "void")
        number = NUMBERS.get(STANDARD.get(plain.removeprefix("std::"), plain))
        if number:
            return Value(name, number[0], "number", number[1])
        if plain in _VIEWS:
            return Value(name, "str", "view")
        if plain == "char*" and "const" in text:
            return Value(name, OptionType("str"), "text")
        target, mark = plain[:-1], plain[-1:]
        if target in self.classes and mark in "*&":
            return Value(name, ResourceType(target, owned=is_result, nullable=mark == "*"), "object")
        callback = _CALLBACK.fullmatch(plain)
        if callback and not is_result:
            function = self._function(callback[1], callback[3], text, scope)
            return Value(name, _function_type(function, nullable=callback[2] == "*"), "callback", function=function)
        raise UnboundError(self._reason(plain, text, is_result))

    def _function(self, result: str, params: str, text: str, scope: str) -> Function:
        if "(" in params:
            raise UnboundError(_OF_CALLBACKS)
        given = text.rpartition("(")[2].rpartition(")")[0].split(",") if params not in ("", "void") else []
        values = tuple(self.value(f"a{number}", param, scope) for number, param in enumerate(given))
        returned = self.value("", text.partition("(")[0] if "(" not in result else result, scope, is_result=True)
        if returned.passing in ("text", "view"):
            raise UnboundError(_OF_CALLBACKS)
        if isinstance(returned.type, ResourceType):
            returned = Value("", ResourceType(returned.type.resource, nullable=returned.nullable), "object")
        return Function(values, returned)

    def _reason(self, plain: str, text: str, is_result: bool) -> str:
        what = "returned" if is_result else "passed"
        if plain in self.classes:
            return f"an object of {plain} cannot be {what} by value: write {plain} & or {plain} *"
        if plain == "char*":
            return "characters to be written to cannot be passed to the host: write const char *"
        if plain.startswith("std::basic_string<") or plain == "std::string":
            return f"a std::string cannot be {what}: write std::string_view or const char *"
        return (
            f"{text} cannot be {what}: numbers, enumerations, const char *, std::string_view, pointers to functions, "
            "and pointers and references to classes of the namespace can"
        )


def _with_mark(aliased: str, mark: str) -> str:
    """Spell a pointer or reference to what a name stands for, which of a function has its mark inside."""
    function = _FUNCTION.fullmatch(aliased)
    return f"{function[1]}({mark}){function[2]}" if function and mark else f"{aliased} {mark}"


def spelled(value: Value) -> str:
    """Spell a value's type in a name that tells overloads apart."""
    if isinstance(value.type, ResourceType):
        return value.type.resource
    if isinstance(value.type, OptionType):
        return str(value.type.inner)
    return "fn" if isinstance(value.type, FunctionType) else str(value.type)


def spelled_in_full(value: Value) -> str:
    """Spell a value's type with null where that is allowed, and what a function takes and returns."""
    text = f"fn{value.function.types}" if value.function else spelled(value)
    return f"{text}{'?' if value.nullable or isinstance(value.type, OptionType) else ''}"


def _function_type(function: Function, *, nullable: bool) -> FunctionType:
    params = tuple(param.type for param in function.params if param.type)
    results = (function.result.type,) if function.result.type else ()
    return FunctionType(params, results, function.way, nullable)

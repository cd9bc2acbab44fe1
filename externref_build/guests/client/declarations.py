"""What the declarations in ``namespace client`` mean: an import for each, or a diagnostic for what has none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from externref_build.errors import ExternrefBuildError, GuestBuildError, SeveralErrors
from externref_build.guests.client.syntax import PLACE, Node, Place, read_namespaces
from externref_build.metadata import FunctionType, ResourceType, ValueType

Passing = Literal["object", "number", "text", "view", "callback", "nothing"]
"""How C++ passes a value: the address of an object's word, a number, a pointer to characters, a ``string_view``."""


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter or result."""

    name: str
    type: ValueType | None
    """In the interface; None for no result."""
    passing: Passing
    c_type: str
    """For numbers, the type in C."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A declaration with the import that it means."""

    kind: Literal["constructor", "method", "static", "get", "set", "global", "function"]
    class_name: str | None
    member: str
    """The host's own name; the class's for a constructor."""
    symbols: tuple[str, ...]
    """Mangled names under which C++ links to it."""
    params: tuple[Value, ...]
    """Without ``this``."""
    result: Value
    place: Place
    doc: str | None
    is_used: bool = True
    """Of a global: whether the source refers to it."""
    overloaded: bool = False

    @property
    def import_name(self) -> str:
        """The conventional name, with the types of the values where there are several of that name."""
        path = self.member if self.kind == "global" else f"{self.class_name}.{self.member}"
        if self.kind == "constructor":
            path = str(self.class_name)
        base = self.member if self.kind == "function" else f"[{self.kind}]{path}"
        return f"{base}#{','.join(_spelled(param) for param in self.params)}" if self.overloaded else base


@dataclass(frozen=True, slots=True)
class ClientClass:
    """A class of the host, as one source declares it."""

    name: str
    base: str | None
    place: Place
    end: int
    """Offset of its closing brace in the preprocessed source, in bytes."""
    has_constructor: bool
    has_destructor: bool
    has_copy: bool
    """Whether the user declares a copy or move constructor, or an assignment."""


@dataclass(frozen=True, slots=True)
class Client:
    """All that one source declares in ``namespace client``."""

    classes: tuple[ClientClass, ...]
    bound: tuple[Bound, ...]


def read_client(dump: str) -> Client:
    """Read the declarations from clang's dump.

    Raises GuestBuildError, several at once as SeveralErrors, for what cannot be bound; each names file, line and reason.
    """
    reader = _Reader()
    for namespace in read_namespaces(dump):
        reader.read(namespace)
    _raise(reader.errors)
    return Client(tuple(reader.classes), tuple(_mark_overloads(reader.bound)))


def merge(clients: Iterable[Client]) -> list[Bound]:
    """Put the declarations of all sources together; raise GuestBuildError where two of them disagree."""
    classes: dict[str, ClientClass] = {}
    merged: dict[str, Bound] = {}
    errors: list[ExternrefBuildError] = []
    for client in clients:
        for declared in client.classes:
            known = classes.setdefault(declared.name, declared)
            if known.base != declared.base:
                errors.append(
                    _fault(
                        f"client::{declared.name} derives from {declared.base or 'nothing'}, and from "
                        f"{known.base or 'nothing'} at {known.place}",
                        declared.place,
                        "declare the class once, in a header that all sources include",
                    )
                )
        for bound in client.bound:
            earlier = merged.setdefault(bound.symbols[0], bound)
            merged[bound.symbols[0]] = replace(earlier, is_used=earlier.is_used or bound.is_used)
            if _meaning(earlier) != _meaning(bound):
                errors.append(
                    _fault(
                        f"{_shown(bound)} is declared otherwise at {earlier.place}",
                        bound.place,
                        "declare it once, in a header that all sources include",
                    )
                )
    _raise(errors)
    return list(_mark_overloads(merged.values()))


def _meaning(bound: Bound) -> tuple[object, ...]:
    return (bound.kind, bound.class_name, bound.member, [param.type for param in bound.params], bound.result.type)


def _mark_overloads(bound: Iterable[Bound]) -> Iterator[Bound]:
    known = [replace(entry, overloaded=False) for entry in bound]
    names = [entry.import_name for entry in known]
    for entry, name in zip(known, names, strict=True):
        yield replace(entry, overloaded=names.count(name) > 1)


def _raise(errors: list[ExternrefBuildError]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SeveralErrors(errors)


def _fault(problem: str, place: Place, remedy: str) -> GuestBuildError:
    return GuestBuildError(problem, where=str(place), remedy=remedy)


def _shown(bound: Bound) -> str:
    owner = f"{bound.class_name}::" if bound.class_name else ""
    return f"client::{owner}{bound.member}"


def _spelled(value: Value) -> str:
    if isinstance(value.type, ResourceType):
        return value.type.resource
    return "fn" if isinstance(value.type, FunctionType) else str(value.type)


# Types

_NUMBERS = {
    "bool": ("bool", "bool"),
    "char": ("s8", "int8_t"),
    "signed char": ("s8", "int8_t"),
    "unsigned char": ("u8", "uint8_t"),
    "short": ("s16", "int16_t"),
    "unsigned short": ("u16", "uint16_t"),
    "int": ("s32", "int32_t"),
    "unsigned int": ("u32", "uint32_t"),
    "long": ("s32", "int32_t"),
    "unsigned long": ("u32", "uint32_t"),
    "long long": ("s64", "int64_t"),
    "unsigned long long": ("u64", "uint64_t"),
    "float": ("f32", "float"),
    "double": ("f64", "double"),
    "char32_t": ("char", "uint32_t"),
    "char16_t": ("u16", "uint16_t"),
}
"""Of C++'s types on wasm32: the type in the interface, and in C."""

_VIEWS = frozenset({"std::string_view", "string_view", "std::basic_string_view<char>", "basic_string_view<char>"})
_QUALIFIERS = re.compile(r"\b(?:const|class|struct|enum|volatile)\b|\bclient::|\bstd::__[\w]+::(?=basic_string_view)")
_CALLBACK = re.compile(r"(.*?)\(\*\)\((.*)\)(?: noexcept)?")


class _UnboundError(Exception):
    """A type has no place in an interface; the reason, and what to write instead."""


@dataclass(slots=True)
class _Types:
    classes: set[str] = field(default_factory=set)
    enums: dict[str, str] = field(default_factory=dict)
    """The underlying type of each."""

    def value(self, name: str, spelled: str, *, is_result: bool = False) -> Value:
        """Return how a value of a C++ type passes; raise _UnboundError."""
        text = _plain(spelled)
        if text == "void" and is_result:
            return Value(name, None, "nothing", "void")
        number = _NUMBERS.get(self.enums.get(text, text))
        if number:
            return Value(name, number[0], "number", number[1])
        if text in _VIEWS:
            return Value(name, "str", "view", "")
        if text == "char*" and "const" in spelled:
            return Value(name, "str", "text", "")
        target, mark = text[:-1].strip(), text[-1:]
        if target in self.classes and mark in "*&" and not text.endswith("&&"):
            return Value(name, ResourceType(target, owned=is_result, nullable=mark == "*"), "object", "")
        callback = _CALLBACK.fullmatch(text)
        if callback and not is_result:
            return Value(name, self._callback(callback), "callback", "")
        raise _UnboundError(self._reason(text, spelled, is_result))

    def _callback(self, match: re.Match[str]) -> FunctionType:
        params = [text for text in match[2].split(",") if text.strip() not in ("", "void")]
        values = [self.value("", text) for text in params]
        result = self.value("", match[1], is_result=True)
        if any(value.passing != "number" for value in values) or result.passing not in ("number", "nothing"):
            raise _UnboundError("a callback's values are numbers: keep objects in the guest's own variables")
        return FunctionType(
            tuple(value.type for value in values if value.type), tuple(filter(None, [result.type]))
        )

    def _reason(self, text: str, spelled: str, is_result: bool) -> str:
        what = "returned" if is_result else "passed"
        if text in self.classes:
            return f"an object of {text} cannot be {what} by value: write {text} & or {text} *"
        if text == "char*":
            return "characters to be written to cannot be passed to the host: write const char *"
        return (
            f"{spelled} cannot be {what}: numbers, enumerations, const char *, std::string_view, function pointers, and "
            "pointers and references to classes of the namespace can"
        )


def _plain(spelled: str) -> str:
    text = _QUALIFIERS.sub("", spelled)
    return re.sub(r"\s*([*&(),<>])\s*", r"\1", " ".join(text.split()))


# Declarations

_ACCESS_OF_TAG = {"class": "private", "struct": "public"}
_RESERVED = frozenset(
    "await break case catch class const continue debugger default delete do else enum export extends false finally for "
    "function if implements import in instanceof interface let new null package private protected public return static "
    "super switch this throw true try typeof var void while with yield arguments eval".split()
)
"""Words that JavaScript does not take as the name of a class, function or variable (ECMA-262, section 12.7.2)."""


class _Reader:
    def __init__(self) -> None:
        self.types = _Types()
        self.classes: list[ClientClass] = []
        self.bound: list[Bound] = []
        self.errors: list[ExternrefBuildError] = []

    def read(self, namespace: Node) -> None:
        """Read one opening of the namespace. Names are taken first: declarations may use later ones."""
        declared = namespace.get("inner", [])
        for node in declared:
            if node["kind"] == "CXXRecordDecl":
                self.types.classes.add(node["name"])
            elif node["kind"] == "EnumDecl" and "name" in node:
                self.types.enums[node["name"]] = _plain(_type_of(node, "fixedUnderlyingType") or "unsigned int")
        for node in declared:
            self._declaration(node)

    def _declaration(self, node: Node) -> None:
        kind = node["kind"]
        if kind == "CXXRecordDecl" and node.get("completeDefinition"):
            self._class(node)
        elif kind == "FunctionDecl" and not _has_body(node):
            self._function(node, None, "function", node["name"], (node["mangledName"],))
        elif kind == "VarDecl":
            self._global(node)
        elif kind in ("ClassTemplateDecl", "FunctionTemplateDecl", "VarTemplateDecl"):
            self._refuse(node, "is a template, and a host has no templates", "declare what the host has, without parameters")
        elif kind == "NamespaceDecl":
            self._refuse(node, "is a namespace of its own", "declare classes and functions in namespace client itself")

    def _refuse(self, node: Node, problem: str, remedy: str, owner: str | None = None) -> None:
        name = "::".join(filter(None, ("client", owner, node.get("name"))))
        self.errors.append(_fault(f"{name} {problem}", node[PLACE], remedy))

    def _class(self, node: Node) -> None:
        name = node["name"]
        bases = node.get("bases", [])
        members = node.get("inner", [])
        if node.get("tagUsed") == "union":
            self._refuse(node, "is a union, which a host has not", "declare a class")
        if name in _RESERVED:
            self._refuse(node, "has a name that JavaScript reserves", "name it otherwise")
        if len(bases) > 1:
            self._refuse(node, f"has {len(bases)} bases, and an object of a host has one", "leave one of them")
        base = _plain(_type_of(bases[0], "type")) if bases else None
        if base is not None and (base not in self.types.classes or bases[0].get("isVirtual")):
            self._refuse(node, f"derives from {base}, which is no class of the host", "derive from a class of the namespace")
        constructors = [member for member in members if member["kind"] == "CXXConstructorDecl" and _is_declared(member)]
        self.classes.append(
            ClientClass(
                name,
                base,
                node[PLACE],
                node["range"]["end"]["offset"],
                bool(constructors),
                any(member["kind"] == "CXXDestructorDecl" and _is_declared(member) for member in members),
                any(_is_copy(member, name) for member in members if _is_declared(member)),
            )
        )
        access = _ACCESS_OF_TAG.get(node.get("tagUsed", ""), "public")
        for member in members:
            if member["kind"] == "AccessSpecDecl":
                access = member["access"]
            elif access == "public" and _is_declared(member):
                self._member(member, name)

    def _member(self, node: Node, owner: str) -> None:
        kind, name = node["kind"], node.get("name", "")
        if kind == "CXXConstructorDecl":
            complete = node["mangledName"]
            symbols = (complete, complete.replace("C1E", "C2E", 1))
            self._function(node, owner, "constructor", owner, symbols)
        elif kind == "CXXDestructorDecl":
            if node.get("virtual"):
                self._refuse(node, "is virtual, and an object of a host has no table of methods", "declare it without virtual", owner)
        elif kind == "CXXMethodDecl":
            self._method(node, owner, name)
        elif kind == "FieldDecl":
            what = "bit-field" if node.get("isBitfield") else "field"
            self._refuse(
                node, f"is a {what}, and an object of a host has none", f"declare get_{name}() and set_{name}(value)", owner
            )
        elif kind == "VarDecl":
            self._refuse(node, "is a static variable, which a host class does not have", "declare a static function", owner)
        elif kind in ("FunctionTemplateDecl", "ClassTemplateDecl"):
            self._refuse(node, "is a template, and a host has no templates", "declare overloads", owner)
        elif kind == "CXXConversionDecl":
            self._refuse(node, "is a conversion, which a host does not do", "declare a method with a name", owner)

    def _method(self, node: Node, owner: str, name: str) -> None:
        symbols = (node["mangledName"],)
        if node.get("virtual"):
            self._refuse(node, "is virtual, and an object of a host has no table of methods", "declare it without virtual", owner)
        elif name.startswith("operator"):
            self._refuse(node, "is an operator, which a host does not have", "declare a method with a name", owner)
        elif name.startswith("_"):
            self._refuse(node, "begins with an underscore, which hosts keep for themselves", "use members that the host shows", owner)
        elif node.get("storageClass") == "static":
            self._function(node, owner, "static", name, symbols)
        elif name.startswith("get_") and name != "get_" and not _params(node) and _result(node) != "void":
            self._function(node, owner, "get", name[4:], symbols)
        elif name.startswith("set_") and name != "set_" and len(_params(node)) == 1 and _result(node) == "void":
            self._function(node, owner, "set", name[4:], symbols)
        else:
            self._function(node, owner, "method", name, symbols)

    def _function(self, node: Node, owner: str | None, kind: Any, member: str, symbols: tuple[str, ...]) -> None:
        if kind == "function" and member in _RESERVED:
            self._refuse(node, "has a name that JavaScript reserves", "name it otherwise")
            return
        if node.get("variadic"):
            self._refuse(node, "takes any number of arguments, and an import takes a fixed one", "declare overloads", owner)
            return
        params = []
        for number, param in enumerate(_params(node), 1):
            name = param.get("name") or f"arg{number}"
            try:
                params.append(self.types.value(name, _type_of(param, "type")))
            except _UnboundError as reason:
                self._refuse(param | {"name": node["name"]}, f"has a parameter {name} that cannot be bound", str(reason), owner)
        try:
            spelled = "void" if kind == "constructor" else _result(node)
            result = self.types.value("", spelled, is_result=True)
        except _UnboundError as reason:
            self._refuse(node, "has a result that cannot be bound", str(reason), owner)
            return
        if kind == "constructor":
            result = Value("", ResourceType(str(owner), owned=True), "object", "")
        self.bound.append(Bound(kind, owner, member, symbols, tuple(params), result, node[PLACE], _doc(node)))

    def _global(self, node: Node) -> None:
        name, spelled = node["name"], _type_of(node, "type")
        if node.get("storageClass") != "extern":
            self._refuse(node, "is a variable of the guest", "declare it extern, or outside of namespace client")
            return
        if name in _RESERVED:
            self._refuse(node, "has a name that JavaScript reserves", "name it otherwise")
            return
        text = _plain(spelled)
        is_object = text in self.types.classes
        writable = not is_object and not text.endswith("&") and not re.search(r"\bconst\s*$|^const\b(?!.*\*)", spelled.strip())
        if writable:
            self._refuse(node, "could be written to, and a global of the host is read-only", "declare it const")
            return
        try:
            value = self.types.value("", f"{text}&" if is_object else re.sub(r"\bconst\s*$", "", spelled), is_result=True)
        except _UnboundError as reason:
            self._refuse(node, "has a type that cannot be bound", str(reason))
            return
        value = replace(value, c_type="object" if is_object else value.c_type)
        used = bool(node.get("isUsed") or node.get("isReferenced"))
        self.bound.append(Bound("global", None, name, (node["mangledName"],), (), value, node[PLACE], _doc(node), used))


def _is_declared(node: Node) -> bool:
    """Tell whether the user declares a member and leaves it to the host."""
    return not (
        node.get("isImplicit") or node.get("explicitlyDeleted") or node.get("explicitlyDefaulted") or _has_body(node)
    )


def _has_body(node: Node) -> bool:
    return any(inner.get("kind") == "CompoundStmt" for inner in node.get("inner", []))


def _is_copy(node: Node, name: str) -> bool:
    params = [_plain(_type_of(param, "type")) for param in _params(node)]
    takes_its_own = params in ([f"{name}&"], [f"{name}&&"])
    return takes_its_own and (node["kind"] == "CXXConstructorDecl" or node.get("name") == "operator=")


def _params(node: Node) -> list[Node]:
    return [inner for inner in node.get("inner", []) if inner.get("kind") == "ParmVarDecl"]


def _result(node: Node) -> str:
    return _type_of(node, "type").partition("(")[0].strip()


def _type_of(node: Node, key: str) -> str:
    spelled = node.get(key, {})
    return str(spelled.get("desugaredQualType") or spelled.get("qualType") or "")


def _doc(node: Node) -> str | None:
    """Return the text of a documentation comment."""
    for inner in node.get("inner", []):
        if inner.get("kind") == "FullComment":
            paragraphs = (" ".join(_texts(paragraph)) for paragraph in inner.get("inner", []))
            return "\n\n".join(text for text in paragraphs if text) or None
    return None


def _texts(node: Node) -> Iterator[str]:
    if node.get("kind") == "TextComment" and node.get("text", "").strip():
        yield node["text"].strip()
    for inner in node.get("inner", []):
        yield from _texts(inner)

"""Read the declarations in ``namespace client`` from a syntax tree; what cannot be bound is a diagnostic.

https://clang.llvm.org/docs/IntroductionToTheClangAST.html; the JSON has no specification but clang's JSONNodeDumper.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from externref_build.errors import ExternrefBuildError, raise_together
from externref_build.guests.client.declarations import Bound, Client, ClientClass, Kind, Special, fault
from externref_build.guests.client.syntax import END, FUNCTIONS, PLACE, Node, read_namespaces
from externref_build.guests.client.types import Types, UnboundError, Value
from externref_build.value_types import ResourceType

MODULE = "client"
"""The import module of what is declared in the namespace itself; namespaces inside name theirs."""

_ACCESS_OF_TAG = {"class": "private", "struct": "public"}
_RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
        arguments await break case catch class const continue debugger default delete do else enum eval export extends
        false finally for function if implements import in instanceof interface let new null package private protected
        public return static super switch this throw true try typeof var void while with yield
        """,
    )
)
"""Words that JavaScript does not take as the name of a class, function or variable (ECMA-262, section 12.7.2)."""

_NO_TEMPLATE = "is a template, which a host does not have"


def read_client(dump: str) -> Client:
    """Read the declarations from clang's dump.

    Raises GuestBuildError, or several at once, for what cannot be bound; each names file, line and reason.
    """
    reader = _Reader()
    trees = list(read_namespaces(dump))
    namespaces = [tree for tree in trees if tree["kind"] not in FUNCTIONS]
    reader.defined.update(tree["mangledName"] for tree in trees if tree["kind"] in FUNCTIONS and _has_body(tree))
    for namespace in namespaces:
        reader.learn(namespace)
    for namespace in namespaces:
        reader.read(namespace, ())
    raise_together(reader.errors)
    return Client(
        tuple(reader.classes), tuple(entry for entry in reader.bound if entry.symbols[0] not in reader.defined)
    )


class _Reader:
    def __init__(self) -> None:
        self.types = Types()
        self.classes: list[ClientClass] = []
        self.bound: list[Bound] = []
        self.defined: set[str] = set()
        """Symbols of functions that the guest defines behind their declarations."""
        self.errors: list[ExternrefBuildError] = []

    def learn(self, scope: Node, owner: str = "") -> None:
        """Take the names of types, since declarations may use later ones."""
        unnamed: Node = {}
        for node in _inner(scope):
            name = f"{owner}{node.get('name', '')}"
            if node["kind"] == "NamespaceDecl":
                self.types.namespaces.add(name)
                self.learn(node)
            elif node["kind"] == "CXXRecordDecl" and not owner and "name" in node and not node.get("isImplicit"):
                self.types.classes.add(name)
                for base in node.get("bases", [])[:1]:
                    self.types.bases[name] = self.types.plain(_spelling(base["type"]))
                self.learn(node, f"{name}::")
            elif node["kind"] == "EnumDecl" and "name" in node:
                self.types.learn(name, _underlying(node))
            elif node["kind"] in ("TypedefDecl", "TypeAliasDecl"):
                names_it = unnamed and self.types.plain(_type(node)) in (name, node["name"])
                self.types.learn(name, _underlying(unnamed) if names_it else _type(node))
            unnamed = node if node["kind"] == "EnumDecl" and "name" not in node else {}

    def read(self, namespace: Node, path: tuple[str, ...]) -> None:
        """Read one opening of a namespace."""
        for node in _inner(namespace):
            kind = node["kind"]
            if kind == "NamespaceDecl":
                inline = node.get("isInline") or "name" not in node
                self.read(node, path if inline else (*path, node["name"]))
            elif kind == "CXXRecordDecl" and node.get("completeDefinition"):
                self._class(node, path)
            elif kind in FUNCTIONS and _has_body(node):
                self.defined.add(node["mangledName"])
            elif kind == "FunctionDecl" and not _has_body(node):
                self._function(node, path, None, "function", node["name"], (node["mangledName"],))
            elif kind == "VarDecl":
                self._global(node, path)
            elif _is_template_of_host(node):
                self._refuse(node, _NO_TEMPLATE, "declare what the host has, without parameters of types")
            elif kind == "LinkageSpecDecl":
                self._refuse(node, "holds declarations with the linkage of C", 'declare them without extern "C"')

    def _refuse(self, node: Node, problem: str, remedy: str, owner: str | None = None) -> None:
        name = "::".join(filter(None, ("client", owner, node.get("name"))))
        self.errors.append(fault(f"{name} {problem}", node[PLACE], remedy))

    # Classes

    def _class(self, node: Node, path: tuple[str, ...]) -> None:
        name, members = node.get("name", ""), _inner(node)
        end = node["range"]["end"].get("offset")
        if not name:
            self._refuse(node, "has a class without a name", "name it")
        elif node.get("tagUsed") == "union":
            self._refuse(node, "is a union, which a host does not have", "declare a class")
        elif end is None:
            self._refuse(node, "is written by a macro", "write the class out")
        elif name in _RESERVED:
            self._refuse(node, "has a name that JavaScript reserves", "name it otherwise")
        elif name.startswith("_"):
            self._refuse(node, "begins with an underscore, which hosts keep for themselves", "name it otherwise")
        else:
            declared = [member for member in members if _is_declared(member)]
            self.classes.append(
                ClientClass(
                    name=name,
                    module=_module(path),
                    base=self._base(node),
                    place=node[PLACE],
                    end=end,
                    end_place=node[END],
                    has_constructor=any(member["kind"] == "CXXConstructorDecl" for member in declared),
                    special=self._specials(node, name),
                    destructors=_destructors(declared, path, name),
                    members=tuple(sorted((member["name"], _type(member)) for member in declared if "name" in member)),
                )
            )
            access = _ACCESS_OF_TAG.get(node.get("tagUsed", ""), "public")
            for member in members:
                access = member["access"] if member["kind"] == "AccessSpecDecl" else access
                if access == "public" and not member.get("isImplicit"):
                    self._member(member, path, name)

    def _base(self, node: Node) -> str | None:
        bases = node.get("bases", [])
        if len(bases) > 1:
            self._refuse(node, f"has {len(bases)} bases, and an object of a host has one", "leave one of them")
        for entry in bases[:1]:
            base = self.types.plain(_spelling(entry["type"]))
            if base not in self.types.classes:
                self._refuse(
                    node, f"derives from {base}, which is no class of the host", "derive from one of the namespace"
                )
            if entry.get("isVirtual"):
                self._refuse(node, "has a virtual base, which a host does not have", "derive without virtual")
            return base
        return None

    def _specials(self, node: Node, name: str) -> frozenset[Special]:
        """Return what the user declares of the special members. A root class gets the others: they move its word."""
        found = set[Special]()
        for member in _inner(node):
            kind = None if member.get("isImplicit") else self._special(member, name)
            if kind is not None:
                found.add(kind)
                defines = member.get("explicitlyDefaulted") == "default" or _has_body(member)
                if defines and not node.get("bases"):
                    self._refuse(member, f"is a {kind} that knows nothing of the reference", "leave it out", name)
        return frozenset(found)

    def _special(self, member: Node, name: str) -> Special | None:
        if member["kind"] == "CXXDestructorDecl":
            return "destructor"
        params = [self.types.plain(_type(param)) for param in _params(member)]
        if params not in ([f"{name}&"], [f"{name}&&"]):
            return None
        if member["kind"] == "CXXConstructorDecl":
            return "move" if params[0].endswith("&&") else "copy"
        if member.get("name") == "operator=":
            return "move assignment" if params[0].endswith("&&") else "copy assignment"
        return None

    def _member(self, node: Node, path: tuple[str, ...], owner: str) -> None:
        kind, name = node["kind"], node.get("name", "")
        if kind == "FieldDecl":
            what = "a bit-field" if node.get("isBitfield") else "a field"
            members = f"declare get_{name}() and set_{name}(value)"
            self._refuse(node, f"is {what}, and an object of a host has none", members, owner)
        elif kind == "VarDecl" and not _is_constant(node):
            self._refuse(node, "is a static variable, which a host class does not have", "declare a function", owner)
        elif _is_template_of_host(node):
            self._refuse(node, _NO_TEMPLATE, "declare overloads", owner)
        elif kind == "CXXRecordDecl" and node.get("completeDefinition"):
            self._refuse(node, "is a class in a class", "declare it in the namespace", owner)
        elif kind == "UsingDecl" and name.rpartition("::")[2] == owner:
            self._refuse(node, "inherits constructors, which make objects of the base", "declare its own", owner)
        elif node.get("virtual") and _is_declared(node):
            self._refuse(
                node, "is virtual, and an object of a host has no table of methods", "leave out virtual", owner
            )
        elif kind == "CXXConversionDecl" and _is_declared(node):
            self._refuse(node, "is a conversion, which a host does not do", "declare a method with a name", owner)
        elif kind == "CXXConstructorDecl" and _is_declared(node):
            self._function(
                node, path, owner, "constructor", owner, _special_symbols(node["mangledName"], path, owner, "C")
            )
        elif kind == "CXXMethodDecl" and _is_declared(node):
            self._method(node, path, owner, name)

    def _method(self, node: Node, path: tuple[str, ...], owner: str, name: str) -> None:
        params, result = _params(node), _result(node)
        if re.match(r"operator\b", name):
            self._refuse(node, "is an operator, which a host does not have", "declare a method with a name", owner)
            return
        if name.startswith("_"):
            self._refuse(
                node, "begins with an underscore, which hosts keep for themselves", "use what they show", owner
            )
            return
        kind: Kind = "method"
        if node.get("storageClass") == "static":
            kind = "static"
        elif re.match(r"get_.", name) and not params and result != "void":
            kind = "get"
        elif re.match(r"set_.", name) and len(params) == 1 and result == "void":
            kind = "set"
        member = name[4:] if kind in ("get", "set") else name
        self._function(node, path, owner, kind, member, (node["mangledName"],))

    # Functions and globals

    def _function(
        self, node: Node, path: tuple[str, ...], owner: str | None, kind: Kind, member: str, symbols: tuple[str, ...]
    ) -> None:
        if kind == "function" and member in _RESERVED:
            self._refuse(node, "has a name that JavaScript reserves", "name it otherwise")
        elif not member.isidentifier():
            self._refuse(node, "is an operator, which a host does not have", "declare a function with a name", owner)
        elif node.get("variadic"):
            self._refuse(node, "takes any number of arguments, and an import a fixed one", "declare overloads", owner)
        else:
            params = list(self._values(node, owner))
            try:
                returned = "void" if kind == "constructor" else _result(node)
                result = self.types.value("", returned, owner or "", is_result=True)
            except UnboundError as reason:
                self._refuse(node, "has a result that cannot be bound", str(reason), owner)
                return
            if kind == "constructor":
                result = Value("", ResourceType(str(owner), owned=True), "object")
            self.bound.append(
                Bound(kind, _module(path), owner, member, symbols, tuple(params), result, node[PLACE], _doc(node))
            )

    def _values(self, node: Node, owner: str | None) -> Iterator[Value]:
        names: set[str] = set()
        for number, param in enumerate(_params(node), 1):
            name = param.get("name") or f"arg{number}"
            while name in names or name == "this":
                name += "_"
            names.add(name)
            try:
                yield self.types.value(name, self.types.nearest(param["type"], owner or ""), owner or "")
            except UnboundError as reason:
                shown = {PLACE: param[PLACE], "name": node["name"]}
                self._refuse(shown, f"has a parameter {name} that cannot be bound", str(reason), owner)

    def _global(self, node: Node, path: tuple[str, ...]) -> None:
        name, text = node["name"], _type(node)
        plain = self.types.plain(text)
        is_object = plain in self.types.classes
        is_read_only = is_object or plain.endswith("&") or re.search(r"\bconst$|^const\b[^*]*$", text.strip())
        if _is_constant(node):
            return
        if node.get("storageClass") != "extern":
            self._refuse(node, "is a variable of the guest", "declare it extern, or outside of namespace client")
        elif name in _RESERVED:
            self._refuse(node, "has a name that JavaScript reserves", "name it otherwise")
        elif not is_read_only:
            self._refuse(node, "could be written to, and a global of the host is read-only", "declare it const")
        else:
            try:
                result = self.types.value(
                    "", f"{plain} &" if is_object else text.strip().removesuffix("const"), is_result=True
                )
            except UnboundError as reason:
                self._refuse(node, "has a type that cannot be bound", str(reason))
                return
            used = bool(node.get("isUsed") or node.get("isReferenced"))
            symbols = (node["mangledName"],)
            self.bound.append(
                Bound(
                    "global", _module(path), None, name, symbols, (), result, node[PLACE], _doc(node), used, is_object
                )
            )


def _module(path: tuple[str, ...]) -> str:
    return ".".join(path) or MODULE


def _special_symbols(symbol: str, path: Iterable[str], name: str, letter: str) -> tuple[str, ...]:
    """Return the names of a constructor (C) or destructor (D): of whole objects, of bases (Itanium C++ ABI, 5.1.4)."""
    prefix = "".join(f"{len(part)}{part}" for part in ("client", *path, name))
    head = f"_ZN{prefix}{letter}"
    assert symbol.startswith(head), f"{symbol} names a constructor or destructor of {name}"
    return tuple(f"{head}{number}{symbol[len(head) + 1 :]}" for number in (1, 2))


def _destructors(declared: Iterable[Node], path: tuple[str, ...], name: str) -> tuple[str, ...]:
    symbols = (
        node["mangledName"] for node in declared if node["kind"] == "CXXDestructorDecl" and not node.get("virtual")
    )
    return tuple(part for symbol in symbols for part in _special_symbols(symbol, path, name, "D"))


def _is_declared(node: Node) -> bool:
    """Tell whether the user declares a member and leaves it to the host."""
    return not (
        node.get("isImplicit") or node.get("explicitlyDeleted") or node.get("explicitlyDefaulted") or _has_body(node)
    )


def _has_body(node: Node) -> bool:
    return any(inner.get("kind") == "CompoundStmt" for inner in _inner(node))


def _is_template_of_host(node: Node) -> bool:
    """Tell whether a declaration is a template that the guest does not define."""
    if node["kind"] == "FunctionTemplateDecl":
        return not any(map(_has_body, _inner(node)))
    return node["kind"] in ("ClassTemplateDecl", "VarTemplateDecl")


def _is_constant(node: Node) -> bool:
    """Tell whether a variable has its value in the guest."""
    return bool(node.get("constexpr") or node.get("init"))


def _underlying(node: Node) -> str:
    """Return the type of an enumeration's values: ``unsigned`` if nobody says otherwise, and none is negative."""
    if "fixedUnderlyingType" in node:
        return _spelling(node["fixedUnderlyingType"])
    values = (value.get("value", "") for constant in _inner(node) for value in _inner(constant))
    return "int" if any(str(value).startswith("-") for value in values) else "unsigned int"


def _inner(node: Node) -> list[Node]:
    """Return what a declaration consists of, without what is wrong in the eyes of the compiler, which will say so."""
    return [inner for inner in node.get("inner", []) if "kind" in inner and not inner.get("isInvalid")]


def _params(node: Node) -> list[Node]:
    return [inner for inner in _inner(node) if inner["kind"] == "ParmVarDecl"]


def _result(node: Node) -> str:
    before, _, after = _type(node).partition("(")
    return after.rpartition("->")[2].strip() if before.strip() == "auto" else before.strip()


def _type(node: Node) -> str:
    return _spelling(node.get("type", {}))


def _spelling(entry: Node) -> str:
    return str(entry.get("desugaredQualType") or entry.get("qualType") or "")


def _doc(node: Node) -> str | None:
    """Return the text of a documentation comment."""
    for inner in _inner(node):
        if inner["kind"] == "FullComment":
            paragraphs = (" ".join(_texts(paragraph)) for paragraph in _inner(inner))
            return "\n\n".join(text for text in paragraphs if text) or None
    return None


def _texts(node: Node) -> Iterator[str]:
    if node["kind"] == "TextComment" and node.get("text", "").strip():
        yield node["text"].strip()
    for inner in _inner(node):
        yield from _texts(inner)

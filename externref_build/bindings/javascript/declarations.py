"""The types of the ES module, for TypeScript.

A resource is a type parameter: it is inferred from the functions of the host, so that what the host makes comes back as
what it is. Where nothing tells, it is opaque, and where the user names a type, it is that.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from externref_build.bindings.javascript import pieces, values
from externref_build.bindings.javascript.names import (
    MADE_BY,
    RESERVED,
    WORDS,
    comment,
    distinct,
    export_names,
    member,
    quoted,
)
from externref_build.bindings.model import WASI_MODULE, Function, ImportModule, Member, Model, Parameter
from externref_build.errors import BindingError
from externref_build.value_types import FunctionType, OptionType, ResourceType, ValueType
from externref_build.wasm.types import ValType

_TYPE_PATH: Final = re.compile(r"[^\x00-\x1f\"'\\]+:[A-Za-z_$][A-Za-z0-9_$]*")
"""A type of the user's own: where it is imported from, and its name there."""

_ON_OBJECTS: Final = ("method", "get", "set")
_SHORT: Final = 80
"""How many characters of type parameters stay on one line."""
_RELATED: Final = 32
"""How many classes may be declared in terms of each other; TypeScript gives up on more than fifty."""
_MAY_BE_LEFT_OUT: Final = " | undefined"
_ALWAYS: Final = "GuestError GuestFault GuestPanic PluginClosedError PluginError Source"
"""What all modules declare, of what is the same for all."""
_OWN: Final = pieces.names("module.d.ts") | {"Imports", "Plugin", "Record", "ReturnType", "load"}
"""Names of what each module declares, and of TypeScript's own types in there."""
_PLUGIN_OWN: Final = """\
  /** Let go of all that the plugin holds; later calls are refused. Also done when it traps or panics. */
  readonly close: () => void;
  /** Whether the plugin can be used no more. */
  readonly closed: boolean;
"""
_LIVE_REFERENCES: Final = """\
  /** How many references the plugin holds; each look counts them. */
  readonly liveReferences: number;
"""


def declarations(model: Model, file_name: str, types: Mapping[str, str]) -> str:
    """Write the declarations for the ES module of ``file_name``.

    ``types`` maps resources to types of the user's own, as ``module specifier:name``. Raises BindingError.
    """
    _check_types(model, types)
    writer = _Writer(model, types)
    own = [
        *(writer.members_of(resource) for resource in writer.classes),
        *(writer.module(entry) for entry in model.imports),
        writer.imports(),
        writer.plugin(),
        writer.load(),
    ]
    parts = [
        comment(f"The plugin {file_name}, for TypeScript. {MADE_BY}"),
        '/// <reference lib="esnext.disposable" />\n\n',
        *writer.type_imports(),
        *(f"{piece}\n\n" for piece in pieces.needed("module.d.ts", " ".join([_ALWAYS, *own]))),
        *own,
    ]
    return "".join(parts)


def _check_types(model: Model, types: Mapping[str, str]) -> None:
    model.check_resources(types, "typescript-types")
    for resource, path in types.items():
        if not _TYPE_PATH.fullmatch(path):
            raise BindingError(f'typescript-types has {quoted(path)} for {resource}, expected "./module.js:Type"')


class _Writer:
    """The names of all types, and the declarations that use them."""

    def __init__(self, model: Model, types: Mapping[str, str]) -> None:
        self.model = model
        modules = [entry.name for entry in model.imports]
        taken = RESERVED | _OWN
        mapped = [resource for resource in model.resources if resource in types]
        self.mapped = {resource: types[resource].rpartition(":") for resource in mapped}
        self.type = dict(zip(model.resources, distinct(list(model.resources), taken), strict=True))
        """The type, or type parameter, of each resource."""
        taken |= frozenset(self.type.values())
        self.resources = [resource for resource in model.resources if resource not in self.mapped]
        self.module_type = dict(zip(modules, distinct([_camel(name) for name in modules], taken), strict=True))
        taken |= frozenset(self.module_type.values())
        classes: dict[str, list[Member]] = {}
        for entry in model.imports:
            for found in entry.members:
                if found.resource in self.type and found.kind in ("method", "get", "set"):
                    classes.setdefault(found.resource, []).append(found)
        self.classes = classes
        wanted = [f"{self.type[resource]}Members" for resource in classes]
        self.members_type = dict(zip(classes, distinct(wanted, taken), strict=True))
        """The interface with the members of a resource that the guest uses."""
        self.mentioned = {resource: self._mentioned(found) for resource, found in classes.items()}
        """The type parameters of that interface."""
        self.are_related = len(classes) <= _RELATED
        """Whether the members of each class are declared in terms of the others."""

    def _mentioned(self, members: Iterable[Member]) -> list[str]:
        """List the type parameters of an interface with these members: resources that have members themselves."""
        behind = [dataclasses.replace(found.function, params=found.function.params[1:]) for found in members]
        used = self._named(behind)
        return [resource for resource in self.resources if resource in used and resource in self.classes]

    def type_imports(self) -> list[str]:
        """Import the user's own types."""
        lines = [
            f"import type {{ {name} as {self.type[resource]} }} from {quoted(path)};\n"
            for resource, (path, _, name) in self.mapped.items()
        ]
        return [*lines, "\n"] if lines else []

    def value(self, value_type: ValueType, core: ValType | None, *, given: bool, of_member: bool = False) -> str:
        """Spell the type of a value; ``given`` by the host, it may be undefined where null is allowed.

        ``of_member``: in the type of a host object, where nothing is known of objects without members.
        """
        nothing = " | null | undefined" if given else " | null"
        if isinstance(value_type, ResourceType):
            is_bare = value_type.resource in self.resources and value_type.resource not in self.classes
            if not value_type.resource or (of_member and is_bare):
                return "unknown"
            name = "{}" if value_type.is_any else self.type[value_type.resource]
            return f"{name}{nothing}" if value_type.nullable else name
        if isinstance(value_type, OptionType):
            return self.value(value_type.inner, core, given=given) + nothing
        if isinstance(value_type, FunctionType):
            arguments = [self.value(param, None, given=True, of_member=of_member) for param in value_type.params]
            params = _spelled([f"argument{index}" for index, _ in enumerate(arguments, 1)], arguments)
            spelled = f"({params}) => {self._result(value_type.results, (), given=False, of_member=of_member)}"
            return f"({spelled}) | null" if value_type.nullable else spelled
        spelled = values.typescript(value_type, core)
        return f"Unshared<{spelled}>" if values.is_list(value_type) and not given else spelled

    def _result(
        self, types: Sequence[ValueType], core: Sequence[ValType], *, given: bool, of_member: bool = False
    ) -> str:
        cores: Sequence[ValType | None] = core or [None] * len(types)
        spelled = [
            self.value(value_type, cores[index], given=given, of_member=of_member)
            for index, value_type in enumerate(types)
        ]
        return spelled[0] if len(spelled) == 1 else f"[{', '.join(spelled)}]" if spelled else "void"

    def _params(self, params: Sequence[Parameter], *, given: bool, of_member: bool = False) -> str:
        names = distinct([param.name for param in params], WORDS)
        spelled = [
            self.value(param.type, param.core[0] if param.core else None, given=given, of_member=of_member)
            for param in params
        ]
        return _spelled(names, spelled)

    def _function(self, function: Function, *, given: bool) -> str:
        """Spell the type of a function; ``given`` by the host, or the guest's."""
        params = self._params(function.params, given=not given)
        return f"({params}) => {self._result(function.results, function.core.results, given=given)}"

    def members_of(self, resource: str) -> str:
        """Declare the members of a host object that the guest uses."""
        lines = []
        settable = {found.name for found in self.classes[resource] if found.kind == "set"}
        gettable = {found.name for found in self.classes[resource] if found.kind == "get"}
        for found in self.classes[resource]:
            function, rest = found.function, found.function.params[1:]
            lines.append(_about(function))
            if found.kind == "method":
                result = self._result(function.results, function.core.results, given=True, of_member=True)
                params = self._params(rest, given=False, of_member=True)
                lines.append(f"  {member(found.name)}({params}): {result};\n")
            elif found.kind == "get":
                result = self._result(function.results, function.core.results, given=True, of_member=True)
                readonly = "" if found.name in settable else "readonly "
                lines.append(f"  {readonly}{member(found.name)}: {result};\n")
            elif found.name not in gettable:
                lines.append(f"  get {member(found.name)}(): unknown;\n")
                lines.append(f"  set {member(found.name)}({self._params(rest, given=False, of_member=True)});\n")
        text = "".join(lines)
        about = comment(f"What the plugin uses of an object of class {resource}.")
        head = self.members_type[resource] + _bracketed(self.type[found] for found in self.mentioned[resource])
        return f"{about}export interface {head} {{\n{text}}}\n\n"

    def _arguments(self, used: set[str]) -> str:
        """Spell type arguments: the type parameters themselves."""
        return _bracketed(self.type[resource] for resource in self.resources if resource in used)

    def _parameters(self, used: set[str]) -> str:
        """Declare type parameters with what is known of them."""
        return _bracketed(self._parameter(resource) for resource in self.resources if resource in used)

    def _parameter(self, resource: str) -> str:
        members = self.members_type.get(resource)
        if members is None:
            return f"{self.type[resource]} extends {{}} = Opaque<{quoted(resource)}>"
        mentioned = self.mentioned[resource]
        unknown = members + _bracketed("any" for _ in mentioned)
        known = members + _bracketed(self.type[found] for found in mentioned)
        return f"{self.type[resource]} extends {known if self.are_related else unknown} = {unknown}"

    def module(self, module: ImportModule) -> str:
        """Declare what a host provides under one name."""
        lines = []
        for function in module.functions:
            lines.append(_about(function))
            lines.append(f"  readonly {member(function.name)}: {self._function(function, given=True)};\n")
        names = dict.fromkeys(found.resource or found.name for found in module.members)
        for name in names:
            members = [found for found in module.members if (found.resource or found.name) == name]
            if name not in {function.name for function in module.functions}:
                allowed = self._allowed(name, members, is_namespace=name in module.namespaces)
                lines.append(f"  readonly {member(name)}: {allowed};\n")
        used = self._used(module)
        about = comment(f"What a host provides as `{module.name}`.")
        head = f"export interface {self.module_type[module.name]}{self._parameters(used)}"
        return f"{about}{head} {{\n{''.join(lines)}}}\n\n"

    def _allowed(self, name: str, members: Sequence[Member], *, is_namespace: bool) -> str:
        """Spell the type of a class or a global that the host allows."""
        [first, *_] = members
        if first.kind == "global":
            return self._result(first.function.results, first.function.core.results, given=True)
        signatures = []
        for found in members:
            function = found.function
            result = self._result(function.results, function.core.results, given=True)
            params = self._params(function.params, given=False)
            if found.kind == "constructor":
                signatures.append(f"new ({params}): {result}")
            elif found.kind == "static":
                signatures.append(f"{member(found.name)}({params}): {result}")
        parts = [f"{{ {'; '.join(signatures)} }}"] * bool(signatures)
        if not is_namespace and not any(found.kind == "constructor" for found in members):
            parts.insert(0, f"Class<{self.type.get(name, 'unknown')}>")
        return " & ".join(parts)

    def _used(self, module: ImportModule) -> set[str]:
        """Return the resources that become type parameters of what a host provides as a module."""
        functions = [*module.functions, *(found.function for found in module.members if found.kind not in _ON_OBJECTS)]
        classes = {found.resource for found in module.members if found.resource in self.classes}
        return self._resources(functions) | self._closed(classes)

    def _resources(self, functions: Iterable[Function]) -> set[str]:
        """Return the resources that become type parameters of what has these functions."""
        return self._closed(self._named(functions))

    def _named(self, functions: Iterable[Function]) -> set[str]:
        """Return the resources of values of these functions."""
        return {
            value_type.resource
            for function in functions
            for value_type in _value_types(function)
            if isinstance(value_type, ResourceType)
        }

    def _closed(self, named: Iterable[str | None]) -> set[str]:
        """Return resources that become type parameters, and those that are needed to say what they are."""
        found: set[str] = set()
        unread = [resource for resource in named if resource in self.resources]
        while unread:
            resource = unread.pop()
            if resource not in found:
                found.add(resource)
                unread += self.mentioned.get(resource, []) if self.are_related else []
        return found

    def imports(self) -> str:
        """Declare what `load` takes from the host."""
        lines = [
            f"  readonly {member(entry.name)}: {self.module_type[entry.name]}{self._arguments(self._used(entry))};\n"
            for entry in self.model.imports
        ]
        if self.model.uses_wasi:
            lines.append("  /** What the plugin may do beyond; nothing if it is left out. */\n")
            lines.append(f"  readonly {WASI_MODULE}?: Wasi;\n")
        about = comment("What the plugin imports from its host.")
        return f"{about}export interface Imports{self._parameters(self._imported())} {{\n{''.join(lines)}}}\n\n"

    def _imported(self) -> set[str]:
        return {resource for entry in self.model.imports for resource in self._used(entry)}

    def plugin(self) -> str:
        """Declare what a host calls."""
        names = export_names(function.name for function in self.model.exports)
        lines = []
        for function in self.model.exports:
            lines.append(_about(function))
            lines.append(f"  readonly {member(names[function.name])}: {self._function(function, given=False)};\n")
        lines.append(_PLUGIN_OWN)
        lines += [_LIVE_REFERENCES] * bool(self.model.reference_tables)
        lines.append("  [Symbol.dispose](): void;\n")
        about = comment("A running plugin.")
        used = self._resources(self.model.exports)
        return f"{about}export interface Plugin{self._parameters(used)} {{\n{''.join(lines)}}}\n\n"

    def load(self) -> str:
        """Declare the function that starts a plugin."""
        exported = self._resources(self.model.exports)
        imported = self._imported()
        every = self._parameters(imported | exported)
        optional = "" if self.model.imports else "?"
        about = comment(
            "Load the plugin and give it its host.\n\nThe module comes from the file beside this one, unless `source` "
            "is another. Rejects with a TypeError where the\nhost lacks what the plugin imports, or where the module "
            "is not the one that these declarations were made for."
        )
        return (
            f"{about}export function load{every}(\n  imports{optional}: Imports{self._arguments(imported)},\n"
            f"  source?: Source,\n): Promise<Plugin{self._arguments(exported)}>;\n"
        )


def _about(function: Function) -> str:
    """Spell what is said of a function: the guest's own words, and how it fails."""
    fails = "@throws GuestError"
    if function.module is not None:
        fails = "What it throws reaches the plugin as an error with its message."
    said = [function.doc or "", fails if function.fallible else ""]
    return comment("\n\n".join(filter(None, said)), "  ")


def _bracketed(parameters: Iterable[str]) -> str:
    """Spell a list of type parameters or arguments; nothing for none."""
    spelled = list(parameters)
    if sum(map(len, spelled)) > _SHORT:
        return "<\n  " + ",\n  ".join(spelled) + "\n>"
    return f"<{', '.join(spelled)}>" if spelled else ""


def _spelled(names: Sequence[str], types: Sequence[str]) -> str:
    """Spell parameters; those at the end that may be undefined can be left out."""
    needed = max((index for index, found in enumerate(types, 1) if not found.endswith(_MAY_BE_LEFT_OUT)), default=0)
    required = [f"{name}: {found}" for name, found in zip(names[:needed], types[:needed], strict=True)]
    optional = [
        f"{name}?: {found.removesuffix(_MAY_BE_LEFT_OUT)}"
        for name, found in zip(names[needed:], types[needed:], strict=True)
    ]
    return ", ".join([*required, *optional])


def _value_types(function: Function) -> Iterator[ValueType]:
    """Yield the types of all values of a function, and of those that functions among them take and return."""
    for value_type in (*(param.type for param in function.params), *function.results):
        yield value_type
        if isinstance(value_type, FunctionType):
            yield from (*value_type.params, *value_type.results)


def _camel(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.replace("-", "_").split("_"))

"""The ES module: it loads the guest, and stands between it and its host."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from externref_build.bindings.javascript import pieces, values
from externref_build.bindings.javascript.calls import (
    Callback,
    Lines,
    Value,
    call_guest,
    call_host,
    callback_maker,
    callback_type,
    parameters,
    results,
)
from externref_build.bindings.javascript.names import (
    MADE_BY,
    RESERVED,
    access,
    comment,
    distinct,
    export_names,
    key,
    quoted,
)
from externref_build.bindings.javascript.strings import JS_STRING, are_the_engines
from externref_build.bindings.model import (
    ALLOCATOR,
    ANY_REFERENCE,
    FUNCTION_TABLE,
    HOST_MODULE,
    INITIALIZER,
    MEMORY_EXPORT,
    WASI_MODULE,
    Function,
    ImportModule,
    Member,
    Model,
)
from externref_build.errors import BindingError
from externref_build.value_types import FunctionType, ResourceType

_OWN: Final = frozenset(
    {
        "BUILTINS",
        "EXPORTS",
        "INTERFACE",
        "NEEDED",
        "close",
        "guest",
        "imports",
        "lends",
        "instance",
        "load",
        "module",
        "own",
        "ownUrl",
        "source",
        "state",
        "wasi",
    }
)
"""Names that the generated code gives by itself."""

_BEYOND_OBJECTS: Final = frozenset({"constructor", "prototype"})


def javascript(model: Model, file_name: str, interface: bytes, strings: ImportModule | None) -> str:
    """Write the ES module for a module that lies beside it as ``file_name``, with that interface section.

    ``strings`` is the import module of functions for strings. Raises BindingError for members of host objects that no
    plugin may reach, and for functions that there are not.
    """
    _refuse_members(model)
    offered = strings is not None and are_the_engines(strings)
    scope = _Scope(model)
    load = "\n".join(_load(scope, strings is not None))
    constants = [
        f"const ownUrl = () => new URL({quoted(f'./{quote(file_name)}')}, import.meta.url);",
        f"const INTERFACE = {_hash(interface):#010x};",
        f"const EXPORTS = [{', '.join(map(quoted, scope.used))}];",
        f"const BUILTINS = {{ builtins: [{quoted('js-string') * offered}] }};",
        "const NEEDED = [\n" + "".join(f"  {needed},\n" for needed in _needed(model)) + "];",
    ]
    types = quote(file_name.removesuffix(".wasm") + ".d.ts")
    about = f'// @ts-self-types="./{types}"\n' + comment(f"The plugin {file_name}, for JavaScript. {MADE_BY}")
    return about + "\n" + "\n\n".join([*constants, *pieces.needed("module.js", load), load]) + "\n"


def _refuse_members(model: Model) -> None:
    for module in model.imports:
        for member in module.members:
            if member.name in _BEYOND_OBJECTS and member.kind != "constructor":
                raise BindingError(
                    f"{member.function.label} names `{member.name}`, which leads from an object to its class and on to "
                    "`Function`, which runs any text",
                    remedy="give the guest a function that does what it needs",
                )


class _Scope:
    """The names that the generated function `load` gives to what it works with."""

    def __init__(self, model: Model) -> None:
        self.model = model
        taken = RESERVED | _OWN | pieces.names("module.js") | pieces.names("instance.js")
        modules = [entry.name for entry in model.imports]
        self.spaces = dict(zip(modules, distinct(modules, taken), strict=True))
        """The variable for each import module."""
        self.taken = taken | frozenset(self.spaces.values())
        """Names that no parameter may have."""
        self.classes = {
            member.resource: access(self.spaces[entry.name], member.resource)
            for entry in model.imports
            for member in entry.members
            if member.resource and member.resource not in entry.namespaces
        }
        """What brings the class of a resource type that is one."""
        self.callbacks = _callbacks(model)
        ways = [callback.type.via for callback in self.callbacks.values() if callback.type.via is not None]
        own = [function.name for function in model.exports]
        self.functions = list(dict.fromkeys([*own, *ways, *[ALLOCATOR] * model.has_allocator]))
        """The exports that the code calls again and again."""
        self.used = list(dict.fromkeys([*self.functions, *model.reference_tables, *_runtime_exports(model)]))
        """The exports that the code uses."""


def _runtime_exports(model: Model) -> list[str]:
    there = {
        ALLOCATOR: model.has_allocator,
        MEMORY_EXPORT: model.has_memory,
        FUNCTION_TABLE: model.has_function_table,
        INITIALIZER: model.has_initializer,
    }
    return [name for name, present in there.items() if present]


def _callbacks(model: Model) -> dict[FunctionType, Callback]:
    types = [
        callback_type(param.type)
        for entry in model.imports
        for function in entry.every_function
        for param in function.params
        if isinstance(param.type, FunctionType)
    ]
    return {found: Callback(number, found) for number, found in enumerate(dict.fromkeys(types), 1)}


def _load(scope: _Scope, strings: bool) -> Lines:
    model = scope.model
    wasi = "wasiFunctions(module, wasi, () => guest.memory.buffer)"
    glue = [
        "const instance = await WebAssembly.instantiate(module, {",
        *(f"  {line}" for entry in model.imports for line in _import_module(entry, scope)),
        *([f"  {key(HOST_MODULE)}: {{ {', '.join(sorted(model.host_functions))} }},"] * bool(model.host_functions)),
        *([f"  {WASI_MODULE}: {wasi},"] * model.uses_wasi),
        *([f"  {key(JS_STRING)}: stringFunctions,"] * strings),
        "});",
    ]
    plugin = [
        "const own = {",
        *(f"  {line}" for line in _own_members(model)),
        "};",
        "",
        "return {",
        "  __proto__: own,",
        *(f"  {line}" for function in model.exports for line in _method(function, scope)),
        "};",
    ]
    makers = [
        line
        for callback in scope.callbacks.values()
        for line in (*callback_maker(callback, "callback", _way(callback)), "")
    ]
    close = _close(scope)
    text = "\n".join([*glue, *makers, *close, *plugin])
    state = [line for piece in pieces.needed("instance.js", text) for line in (*piece.split("\n"), "")]
    guest = [f"  {key(name)}: {access('instance.exports', name)}," for name in scope.used]
    given = [key(name) if name == space else f"{key(name)}: {space}" for name, space in scope.spaces.items()]
    given += [f"{WASI_MODULE}: wasi"] * model.uses_wasi
    body = [
        "checkImports(imports);",
        "const module = await (source === undefined ? ownModule() : compile(source));",
        "checkModule(module);",
        *([f"const {{ {', '.join(given)} }} = imports ?? {{}};"] * bool(given)),
        "const state = { closed: false, released: false, failed: false, reason: undefined, failure: undefined };",
        *([f"const lends = {'true' if _lends(model) else 'false'};"] * ("copyOfOwn" in "".join(state))),
        "",
        *state,
        *makers,
        *close,
        "",
        *glue,
        *(["const guest = {", *guest, "};"] if guest else []),
        *_initialize(model),
        "",
        *plugin,
    ]
    lines = ["export async function load(imports, source) {", *(f"  {line}" if line else "" for line in body), "}"]
    return [line for index, line in enumerate(lines) if line or lines[index - 1]]


def _way(callback: Callback) -> str | None:
    """Spell the export that calls a function of the guest, if it is called through one."""
    return None if callback.type.via is None else _export(callback.type.via)


def _export(name: str) -> str:
    """Spell an export as it comes from the guest.

    It is a property, as is all else that closing a plugin changes: an engine takes it for a constant until then.
    """
    return access("guest", name)


def _lends(model: Model) -> bool:
    """Tell whether the host ever has a view of the guest's memory."""
    functions = (function for entry in model.imports for function in entry.every_function)
    return any(values.is_list(param.type) for function in functions for param in function.params)


def _initialize(model: Model) -> Lines:
    initializer = f"{_export(INITIALIZER)}();"
    if model.uses_wasi:
        other = f" else {initializer}" if model.has_initializer else ""
        return ['if (typeof wasi?.initialize === "function") wasi.initialize(instance);' + other]
    return [initializer] if model.has_initializer else []


def _close(scope: _Scope) -> Lines:
    """Write `close`: what the plugin was made of is let go, and every later call is refused.

    It may run out of stack, as what stopped the plugin did. The calls outside of that one then finish it.
    """
    return [
        "const close = () => {",
        "  if (state.released) return;",
        "  state.closed = true;",
        *(f"  {_export(name)} = refuse;" for name in scope.functions),
        *(f"  release({_export(table)});" for table in scope.model.reference_tables),
        *(f"  {_export(table)} = [];" for table in _tables(scope)),
        *(f"  {callback.known}.clear();" for callback in scope.callbacks.values()),
        *["  forgetMemory();"] * scope.model.has_memory,
        "  state.released = true;",
        "};",
    ]


def _tables(scope: _Scope) -> list[str]:
    """List the tables that the code uses. Whoever has one has the guest's instance, and its memory."""
    return [*scope.model.reference_tables, *[FUNCTION_TABLE] * scope.model.has_function_table]


def _own_members(model: Model) -> Lines:
    """Write what every plugin has. An engine does not look up the methods of an object that has getters itself."""
    tables = " + ".join(f"held({_export(table)})" for table in model.reference_tables)
    return [
        "get closed() {",
        "  return state.closed;",
        "},",
        *(["get liveReferences() {", f"  return {tables};", "},"] * bool(tables)),
        "close,",
        '[Symbol.dispose ?? Symbol.for("Symbol.dispose")]: close,',
    ]


def _method(function: Function, scope: _Scope) -> Lines:
    params = parameters(function, scope.taken)
    body = [line for param in params for line in _check_kind(param, scope)]
    body += call_guest(_export(function.name), params, results(function), function.fallible)
    name = export_names(found.name for found in scope.model.exports)[function.name]
    return [f"{key(name)}({', '.join(param.name for param in params)}) {{", *(f"  {line}" for line in body), "},"]


def _check_kind(param: Value, scope: _Scope) -> Lines:
    """Refuse an object of the host's that is none of the class that it allows; null is another matter."""
    allowed = scope.classes.get(param.type.resource) if isinstance(param.type, ResourceType) else None
    if allowed is None:
        return []
    condition = f"{param.name} !== null && {param.name} !== undefined && !({param.name} instanceof {allowed})"
    return [
        f"if ({condition}) throw wrong({quoted(param.label)}, {quoted(f'an instance of {allowed}')}, {param.name});"
    ]


def _import_module(module: ImportModule, scope: _Scope) -> Lines:
    space = scope.spaces[module.name]
    lines = [
        line for function in module.functions for line in _import(function, f"{access(space, function.name)}", scope)
    ]
    for member in module.members:
        lines += _member(member, space, scope)
    return [f"{key(module.name)}: {{", *(f"  {line}" for line in lines), "},"]


def _import(function: Function, target: str, scope: _Scope) -> Lines:
    params = parameters(function, scope.taken)
    names, body = call_host(
        params,
        results(function),
        function.fallible,
        lambda arguments: f"{target}({', '.join(arguments)})",
        scope.callbacks,
    )
    return _arrow(function, names, body)


def _arrow(function: Function, names: Sequence[str], body: Lines) -> Lines:
    return [f"{key(function.name)}: ({', '.join(names)}) => {{", *(f"  {line}" for line in body), "},"]


def _member(member: Member, space: str, scope: _Scope) -> Lines:
    """Write an import that acts on a host object, whose class the host allows by giving it."""
    function = member.function
    params = parameters(function, scope.taken)
    allowed = access(space, member.resource or member.name)
    check: Lines = []
    if member.kind in ("method", "get", "set"):
        check = _check_class(params[0], allowed)
        params[0] = dataclasses.replace(params[0], type=ANY_REFERENCE)  # null is no instance of any class

    def call(arguments: Sequence[str]) -> str:
        match member.kind:
            case "constructor":
                return f"new {allowed}({', '.join(arguments)})"
            case "static":
                return f"{access(allowed, member.name)}({', '.join(arguments)})"
            case "global":
                return allowed
        this, behind = access(params[0].name, member.name), ", ".join(arguments[1:])
        match member.kind:
            case "method":
                return f"{this}({behind})"
            case "set":
                return f"{this} = {behind}"
        return this

    names, body = call_host(params, results(function), function.fallible, call, scope.callbacks)
    return _arrow(function, names, [*check, *body])


def _check_class(this: Value, allowed: str) -> Lines:
    return [f"if (!({this.name} instanceof {allowed})) throw alien({quoted(this.label)}, {this.name});"]


def _needed(model: Model) -> list[str]:
    """List what the host must provide: module, name, kind, what errors say was expected, and a detail.

    That is the number of arguments of a function, and the name of a static member.
    """
    found: dict[tuple[str, ...], str] = {}
    for module in model.imports:
        for function in module.functions:
            params = ", ".join(param.name for param in function.params)
            row = ["function", f"a function ({params})"]
            fields = ", ".join(map(quoted, [module.name, function.name, *row]))
            found[module.name, function.name] = f"[{fields}, {len(function.params)}]"
        for member in module.members:
            name = member.resource or member.name
            kind, form = "type", "a class"
            if member.kind == "constructor":
                kind = "class"
            elif member.kind == "global":
                kind, form = "value", "an object"
            elif name in module.namespaces:
                kind, form = "namespace", "an object with functions"
            if (module.name, name) not in found or kind == "class":
                found[module.name, name] = f"[{', '.join(map(quoted, [module.name, name, kind, form]))}]"
            if member.kind == "static":
                row = [module.name, name, "static", "a function of its own", member.name]
                found[module.name, name, member.name] = f"[{', '.join(map(quoted, row))}]"
    return list(found.values())


def _hash(interface: bytes) -> int:
    """Hash by FNV-1a, of 32 bits."""
    state = 0x811C9DC5
    for byte in interface:
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    return state

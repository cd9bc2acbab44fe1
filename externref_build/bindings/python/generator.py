"""Write the Python host of a plugin: its types, what it imports and exports, and then the runtime.

Names: the class of the plugin is that of the module in CamelCase, the protocol of an import module likewise with
``Host`` behind it; functions, parameters and resource types keep the guest's spelling as far as Python lets them
(`externref_build.bindings.names` has the rule).
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Final

from externref_build._version import __version__
from externref_build.bindings.model import Function, ImportModule, Member, Model
from externref_build.bindings.names import camel_case, unique_identifiers
from externref_build.bindings.python.docs import docstring
from externref_build.bindings.python.embed import runtime, spell_imports
from externref_build.bindings.python.layout import call, quoted
from externref_build.bindings.python.types import Spelling
from externref_build.errors import BindingError

_PUBLIC: Final = (
    "GuestError",
    "GuestFault",
    "GuestPanic",
    "GuestTrap",
    "LimitExceeded",
    "PluginClosedError",
    "PluginError",
    "Wasi",
    "WrongThreadError",
)
"""What the runtime offers to hosts."""

_KEYWORDS: Final = {*keyword.kwlist, "self"}
_OPTIONS: Final = {"fuel", "deadline", "memory", "table", "wasi", "cls"}
_LOCALS: Final = {"guest"}
_MEMBERS: Final = {"load", "close", "live_references"}
_ANNOTATIONS: Final = {
    "int",
    "float",
    "bool",
    "str",
    "bytes",
    "object",
    "memoryview",
    "array",
    "property",
    "classmethod",
}
"""Names that mean something else in the body of a class once a method has them."""

_FOR_CHECKERS: Final = """\
# ruff: noqa
# mypy: disable-error-code="no-any-return, type-arg"
# pyright: basic
"""
"""What a guest returns is checked when it does, and the user's classes may have parameters."""

_MODULE_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class _Names:
    """All names of one generated module."""

    plugin: str
    hosts: Mapping[str, str]
    """The protocol, or dictionary type, of each import module."""
    arguments: Mapping[str, str]
    """The parameter of `load` for each import module."""
    resources: Mapping[str, str]
    methods: Mapping[str, str]
    attributes: Mapping[str, str]
    """The attribute, without the underscore in front, that keeps the export behind each method."""


def generate(model: Model, *, name: str, types: Mapping[str, str] | None = None) -> str:
    """Write the module that hosts the plugin in ``<name>.wasm``, which lies beside it.

    ``types`` names the user's class for a resource type, as ``package.module:Class``. Raises BindingError.
    """
    mapped = dict(types or {})
    _check_types(model, mapped)
    names = _names(model, name)
    spelling = _spelling(model, names, mapped)
    body = [
        "\n".join(_new_type(resource, names) for resource in model.resources if resource not in mapped),
        *(_host(module, names, spelling) for module in model.imports),
        _plugin(model, name, names, spelling),
    ]
    public = sorted({names.plugin, *names.hosts.values(), *names.resources.values(), *_PUBLIC})
    imports = _imports(_user_imports(mapped, names), "\n".join(body))
    parts = [
        f"{_header(model, name, names)}\n\n{imports}",
        "__all__ = [\n" + "".join(f'    "{entry}",\n' for entry in public) + "]",
        *body,
        "# What follows is the same for every plugin.",
        runtime().body,
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _check_types(model: Model, mapped: Mapping[str, str]) -> None:
    for resource, path in mapped.items():
        if resource not in model.resources:
            known = ", ".join(model.resources) or "none"
            raise BindingError(
                f"types names a resource type {resource} that the module does not have",
                remedy=f"resource types of the module: {known}",
            )
        if not _MODULE_NAME.fullmatch(path):
            raise BindingError(
                f'types has "{path}" for {resource}, expected "package.module:Class"',
                remedy="name the module and the class in it, with a colon between them",
            )


def plugin_class(name: str) -> str:
    """Return the name of the class that hosts the plugin in ``<name>.wasm``."""
    return unique_identifiers([camel_case(name)], _taken())[camel_case(name)]


def _taken() -> set[str]:
    taken = {*_KEYWORDS, *dir(builtins), *_PUBLIC, *runtime().imported(), "Buffer", "NewType", "Protocol"}
    return taken | {"TYPE_CHECKING", "TypedDict", "annotations"}


def _names(model: Model, name: str) -> _Names:
    taken = _taken()
    plugin = plugin_class(name)
    resources = unique_identifiers(model.resources, {*taken, plugin, *_LOCALS})
    wanted = {module.name: _host_name(module.name) for module in model.imports}
    hosts = {}
    used = {*taken, plugin, *resources.values()}
    for module, host in wanted.items():
        hosts[module] = unique_identifiers([host], used)[host]
        used.add(hosts[module])
    members = {*_KEYWORDS, *_MEMBERS, *_ANNOTATIONS, *used - {*dir(builtins)}}
    methods = unique_identifiers((function.name for function in model.exports), members)
    arguments = unique_identifiers(wanted, {*_KEYWORDS, *_OPTIONS, *_LOCALS, *resources.values()})
    attributes = unique_identifiers(methods.values(), _LOCALS)
    return _Names(plugin, hosts, arguments, resources, methods, attributes)


def _host_name(module: str) -> str:
    name = camel_case(module)
    return name if name.endswith("Host") else f"{name}Host"


def _spelling(model: Model, names: _Names, mapped: Mapping[str, str]) -> Spelling:
    checked = {resource: names.resources[resource] for resource in mapped}
    for module in model.imports:
        for resource in _classes(module):
            checked[resource] = f"{names.arguments[module.name]}[{quoted(resource)}]"
    return Spelling(names.resources, checked)


def _classes(module: ImportModule) -> list[str]:
    return sorted({member.resource for member in module.members if member.resource} - module.namespaces)


def _globals(module: ImportModule) -> list[Member]:
    return [member for member in module.members if member.kind == "global"]


# Parts of the module


def _header(model: Model, name: str, names: _Names) -> str:
    hosts = ", ".join(f"{names.arguments[module.name]}" for module in model.imports)
    lines = [
        f"Host of the plugin in {name}.wasm, which lies beside this file.",
        "",
        f"    with {names.plugin}.load({hosts}) as plugin:",
        "        ...",
        "",
        "A plugin belongs to the thread that loads it. What stops it in the middle of a call closes it: a trap,",
        "a panic, a limit, an exception of the host that the plugin is not prepared for.",
        "",
        f"Generated by externref-build {__version__}. Build the plugin again instead of editing this file.",
    ]
    return f"{_FOR_CHECKERS}{docstring(chr(10).join(lines))}"


def _imports(user_imports: list[str], body: str) -> str:
    """Spell all imports: those of the runtime, of the user's classes, and what the body needs besides."""
    needed = {name for name in ("NewType", "Protocol", "TypedDict") if re.search(rf"\b{name}\b", body)}
    has_buffers = "Buffer" in body
    typing = {*runtime().names["typing"], *needed} - {"TYPE_CHECKING"} | ({"TYPE_CHECKING"} if has_buffers else set())
    imports = spell_imports(runtime().modules, {**runtime().names, "typing": typing}, user_imports)
    return imports + ("\n\nif TYPE_CHECKING:\n    from typing_extensions import Buffer" if has_buffers else "")


def _user_imports(mapped: Mapping[str, str], names: _Names) -> list[str]:
    lines = []
    for resource, path in mapped.items():
        module, _, name = path.partition(":")
        wanted = names.resources[resource]
        lines.append(f"from {module} import {name}" + (f" as {wanted}" if name != wanted else ""))
    return sorted(lines)


def _new_type(resource: str, names: _Names) -> str:
    name = names.resources[resource]
    return f'{name} = NewType("{name}", object)'


def _host(module: ImportModule, names: _Names, spelling: Spelling) -> str:
    if module.members:
        return _dictionary(module, names, spelling)
    lines = [f"class {names.hosts[module.name]}(Protocol):"]
    lines.append(indent(docstring(f"What the plugin imports from `{module.name}`."), "    "))
    for function, method in _methods(module):
        params = "".join(f", {param}" for param in _params(function, spelling, to_guest=False))
        result = _result(function, spelling, to_guest=True)
        slash = ", /" if params else ""
        lines.append(f"\n    def {method}(self{params}{slash}) -> {result}:")
        doc = docstring(function.doc or "", _failure(function))
        lines.append(indent(doc, "        ") if doc else "        ...")
        if doc:
            lines.append("        ...")
    return "\n".join(lines)


def _failure(function: Function) -> str:
    if not function.fallible:
        return ""
    return "Any `Exception` reaches the plugin as an error with its text." if function.module else "Raises GuestError."


def _methods(module: ImportModule) -> list[tuple[Function, str]]:
    """Return the functions of an import module with the names of the methods that stand for them."""
    names = unique_identifiers((function.name for function in module.functions), {*_KEYWORDS, *_ANNOTATIONS})
    return [(function, names[function.name]) for function in module.functions]


def _dictionary(module: ImportModule, names: _Names, spelling: Spelling) -> str:
    """Spell the type of the dictionary with the objects that a host allows."""
    entries: dict[str, str] = {}
    for name in _classes(module):
        entries[name] = f"type[{names.resources[name]}]" if name in spelling.checked.values() else "type[Any]"
    entries.update(dict.fromkeys(sorted(module.namespaces), "Any"))
    for member in _globals(module):
        entries[member.name] = _result(member.function, spelling, to_guest=True)
    for function in module.functions:
        params = ", ".join(spelling.taken(param.type, param.core[0], lent=True) for param in function.params)
        entries[function.name] = f"Callable[[{params}], {_result(function, spelling, to_guest=True)}]"
    host = names.hosts[module.name]
    if all(entry.isidentifier() and not keyword.iskeyword(entry) for entry in entries):
        doc = docstring(f"The objects of `{module.name}` that the plugin may use.")
        fields = "".join(f"    {entry}: {annotation}\n" for entry, annotation in entries.items())
        return f"class {host}(TypedDict):\n{indent(doc, '    ')}\n\n{fields}"
    fields = "".join(f'        "{entry}": "{annotation}",\n' for entry, annotation in entries.items())
    return f'{host} = TypedDict(\n    "{host}",\n    {{\n{fields}    }},\n)'


def _plugin(model: Model, name: str, names: _Names, spelling: Spelling) -> str:
    hosts = [(module, names.arguments[module.name], names.hosts[module.name]) for module in model.imports]
    params = "".join(f"        {argument}: {host},\n" for _, argument, host in hosts)
    wasi = "        wasi: Wasi | None = None,\n" if model.uses_wasi else ""
    setup = [text for module in model.imports for text in _provided(module, names, spelling)]
    exports = [_exported(function, names, spelling) for function in model.exports]
    methods = "\n".join(indent(text, "    ") for text in _called(model, names, spelling))
    passed = ", ".join(["guest", *(argument for _, argument, _ in hosts), *(["wasi"] if model.uses_wasi else [])])
    started = ", ".join(
        [*(["wasi=wasi"] if model.uses_wasi else []), *(["initialize=True"] if model.has_initializer else [])]
    )
    constructor = "".join(f", {argument}: {host}" for _, argument, host in hosts)
    constructor += ", wasi: Wasi | None" if model.uses_wasi else ""
    return f'''class {names.plugin}:
    """An instance of the plugin, with a memory and references of its own."""

    @classmethod
    def load(
        cls,
{params}        *,
        fuel: int | None = None,
        deadline: float | None = None,
        memory: int | None = None,
        table: int | None = None,
{wasi}    ) -> {names.plugin}:
{indent(_load_doc(model, hosts), "        ")}
        guest = _guest({quoted(f"{name}.wasm")}, _Limits(fuel, deadline, memory, table))
        try:
            return cls({passed})
        except BaseException:
            guest.close()
            raise

    def __init__(self, guest: _Guest{constructor}) -> None:
        """Use `load` instead."""
        self._guest = guest
{indent(chr(10).join([*setup, f"guest.start({started})", *exports]), "        ")}

    def close(self) -> None:
        """Release the plugin, its memory and every reference that it holds. Raises PluginError inside of a call."""
        self._guest.close()

    def __enter__(self) -> {names.plugin}:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def live_references(self) -> int:
        """How many references to objects of the host the plugin holds; objects that it let go of are released."""
        return self._guest.count()
{methods}'''


def _load_doc(model: Model, hosts: Iterable[tuple[ImportModule, str, str]]) -> str:
    arguments = [
        *(f"{argument}: What it imports from `{module.name}`." for module, argument, _ in hosts),
        "fuel: How many instructions, about, one call may run; the plugin runs slower then.",
        "deadline: How many seconds one call may take.",
        "memory: How many bytes the plugin's memory may grow to.",
        "table: How many references and functions its tables may grow to.",
        *(["wasi: What it may reach of the system; nothing by default."] if model.uses_wasi else []),
    ]
    return docstring(
        "Load the plugin. The module is compiled once, and kept in wasmtime's cache.",
        "Args:\n" + "\n".join(f"    {argument}" for argument in arguments),
        "Raises TypeError for a host that lacks a function or takes other arguments, PluginError for a module that is "
        "not\nthe one that this file was made for, GuestTrap if it fails to start.",
    )


def _provided(module: ImportModule, names: _Names, spelling: Spelling) -> Iterator[str]:
    """Write what `__init__` does for one import module."""
    argument = names.arguments[module.name]
    if module.members:
        others = [*sorted(module.namespaces), *(member.name for member in _globals(module))]
        objects = f"_{argument}_objects"
        counts = _counts((function.name, function) for function in module.functions)
        allowed = [quoted(module.name), argument, _list(_classes(module)), _list(others), counts]
        yield call(f"{objects} = _Objects", allowed)
        for function in module.functions:
            yield _provide(function, f"{argument}[{quoted(function.name)}]", spelling)
        for member in module.members:
            path = map(quoted, (member.kind, member.resource or "", member.name))
            silent = ["answers=False"] * (member.kind in ("method", "static") and not member.function.results)
            yield _provide(member.function, call(f"{objects}.member", [*path, *silent]), spelling)
        return
    methods = _methods(module)
    counts = _counts((method, function) for function, method in methods)
    yield call("_check_host", [quoted(module.name), argument, counts])
    for function, method in methods:
        yield _provide(function, f"{argument}.{method}", spelling)


def _counts(functions: Iterable[tuple[str, Function]]) -> str:
    """Spell how many arguments functions take, by their names."""
    return f"{{{', '.join(f'{quoted(name)}: {len(function.params)}' for name, function in functions)}}}"


def _provide(function: Function, found: str, spelling: Spelling) -> str:
    assert function.module is not None
    arguments = [quoted(function.module), quoted(function.name), _signature(function, spelling), found]
    return call("guest.provide", arguments)


def _exported(function: Function, names: _Names, spelling: Spelling) -> str:
    arguments = [quoted(function.name), _signature(function, spelling)]
    return call(f"self._{names.attributes[names.methods[function.name]]} = guest.export", arguments)


def _signature(function: Function, spelling: Spelling) -> str:
    lent = function.module is not None
    label = f"{function.module}.{function.name}" if lent else function.name
    params = (
        f"{quoted(param.name)}: {spelling.object(param.type, param.core[0], lent=lent)}" for param in function.params
    )
    arguments = [quoted(label), f"{{{', '.join(params)}}}"]
    if function.results:
        arguments.append(spelling.object(function.results[0], function.core.results[0]))
    if function.fallible:
        arguments.append("fallible=True")
        if lent:
            arguments.append("fails_in_place=True")
    return call("_Signature", arguments)


def _list(names: list[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"


def _called(model: Model, names: _Names, spelling: Spelling) -> Iterator[str]:
    """Write the methods that call the exports."""
    for function in model.exports:
        method = names.methods[function.name]
        params = "".join(f", {param}" for param in _params(function, spelling, to_guest=True))
        arguments = _param_names(function).values()
        doc = docstring(function.doc or "", _failure(function))
        result = _result(function, spelling, to_guest=False)
        body = f"{'return ' * bool(function.results)}self._{names.attributes[method]}({', '.join(arguments)})"
        yield "\n" + f"def {method}(self{params}) -> {result}:\n" + indent((f"{doc}\n" if doc else "") + body, "    ")


def _param_names(function: Function) -> dict[str, str]:
    names = [param.name for param in function.params]
    for name in names:
        if names.count(name) > 1:
            raise BindingError(f"{function.label} has two parameters of the name `{name}`")
    return unique_identifiers(names, _KEYWORDS)


def _params(function: Function, spelling: Spelling, *, to_guest: bool) -> Iterator[str]:
    names = _param_names(function)
    for param in function.params:
        core = param.core[0]
        annotation = spelling.given(param.type, core) if to_guest else spelling.taken(param.type, core, lent=True)
        yield f"{names[param.name]}: {annotation}"


def _result(function: Function, spelling: Spelling, *, to_guest: bool) -> str:
    if not function.results:
        return "None"
    if len(function.results) > 1:
        raise BindingError(
            f"{function.label} has {len(function.results)} results, and bindings know functions of at most one",
            remedy="return one value, or a reference to an object with several",
        )
    spell = spelling.given if to_guest else spelling.taken
    return spell(function.results[0], function.core.results[0])

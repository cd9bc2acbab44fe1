"""Names in the Python host of a plugin.

The class of the plugin is that of the module in CamelCase, the protocol of an import module likewise with ``Host``
behind it; functions, parameters and resource types keep the guest's spelling as far as Python lets them
(`externref_build.bindings.names` has the rule).
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from externref_build.bindings.model import Function, ImportModule, Model
from externref_build.bindings.names import camel_case, unique_identifiers
from externref_build.bindings.python.embed import runtime
from externref_build.errors import BindingError

PUBLIC: Final = (
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


@dataclass(frozen=True, slots=True)
class Names:
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


def plugin_class(name: str) -> str:
    """Return the name of the class that hosts the plugin in ``<name>.wasm``."""
    return unique_identifiers([camel_case(name)], _taken())[camel_case(name)]


def _taken() -> set[str]:
    taken = {*_KEYWORDS, *dir(builtins), *PUBLIC, *runtime().imported(), "Buffer", "NewType", "Protocol", "Self"}
    return taken | {"TYPE_CHECKING", "TypedDict", "annotations"}


def choose_names(model: Model, name: str) -> Names:
    """Choose all names of the module that hosts the plugin in ``<name>.wasm``."""
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
    return Names(plugin, hosts, arguments, resources, methods, attributes)


def _host_name(module: str) -> str:
    name = camel_case(module)
    return name if name.endswith("Host") else f"{name}Host"


def method_names(module: ImportModule) -> list[tuple[Function, str]]:
    """Return the functions of an import module with the names of the methods that stand for them."""
    names = unique_identifiers((function.name for function in module.functions), {*_KEYWORDS, *_ANNOTATIONS})
    return [(function, names[function.name]) for function in module.functions]


def param_names(function: Function) -> dict[str, str]:
    """Return the names of parameters by what the guest calls them. Raises BindingError if it calls two the same."""
    names = [param.name for param in function.params]
    for name in names:
        if names.count(name) > 1:
            raise BindingError(f"{function.label} has two parameters of the name `{name}`")
    return unique_identifiers(names, _KEYWORDS)

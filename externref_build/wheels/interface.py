"""What a processed module offers and asks for, and how that of two modules differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from externref_build.metadata import INTERFACE_SECTION, InterfaceFunction, function_label, interface_of
from externref_build.value_types import ResourceType
from externref_build.wasm.module import FUNC, Module
from externref_build.wasm.types import EXTERNREF, FuncType


@dataclass(frozen=True, slots=True)
class Interface:
    """The functions at a module's border, by the label that errors use."""

    declared: Mapping[str, InterfaceFunction]
    """Those that its source named, with names and types."""
    core: Mapping[str, str]
    """Those with references, with their core types."""


def read_interface(module: Module) -> Interface:
    """Read the interface of a processed module. Raises MalformedMetadataError."""
    declared = {function.label: function for function in interface_of(module, INTERFACE_SECTION)}
    core = {label: str(kind) for label, kind in _border(module).items() if EXTERNREF in (*kind.params, *kind.results)}
    return Interface(declared, core)


def misfits(module: Module, interface: Interface) -> Iterator[str]:
    """Tell where the declared functions are not those of the module."""
    border = _border(module)
    for label, function in interface.declared.items():
        kind = border.get(label)
        if kind is None:
            if function.kind == "export":
                yield f"it declares {label}, which the module does not have"
            continue
        for values, types in (
            ([value for _, value in function.params], kind.params),
            (function.results, kind.results),
        ):
            if sum(isinstance(value, ResourceType) for value in values) != types.count(EXTERNREF):
                yield f"it declares {label} as {function}, the module has {kind}"
                break


def differences(found: Interface, expected: Interface) -> Iterator[str]:
    """Tell function by function what a wheel's module has and what its sources declare."""
    told = {label: str(function) for label, function in found.declared.items()}
    wanted = {label: str(function) for label, function in expected.declared.items()}
    if found.declared or not expected.declared:
        yield from _differences(told, wanted)
    else:
        yield "the module in the wheel carries no interface, expected the names and types that its sources declare"
    yield from _differences(
        {label: kind for label, kind in found.core.items() if label not in wanted},
        {label: kind for label, kind in expected.core.items() if label not in wanted},
    )


def _differences(found: Mapping[str, str], expected: Mapping[str, str]) -> Iterator[str]:
    for label in sorted({*found, *expected}):
        if label not in expected:
            yield f"{label} is {found[label]} in the wheel, and its sources do not declare it"
        elif label not in found:
            yield f"{label} is not in the wheel, and its sources declare it as {expected[label]}"
        elif found[label] != expected[label]:
            yield f"{label} is {found[label]} in the wheel, and its sources declare {expected[label]}"


def _border(module: Module) -> dict[str, FuncType]:
    imports = {
        function_label(entry.module, entry.name): module.func_type(index)
        for index, entry in enumerate(module.func_imports)
    }
    exports = {
        function_label(None, export.name): module.func_type(export.index)
        for export in module.exports
        if export.kind == FUNC
    }
    return imports | exports

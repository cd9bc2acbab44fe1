"""What can be said about a module, processed or not: its functions, and how they are lowered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from externref_build.metadata import (
    GUEST_INTERFACE_SECTION,
    INTERFACE_SECTION,
    InterfaceFunction,
    interface_of,
    is_surrogate,
    merge_interface,
)
from externref_build.processor import Processor
from externref_build.processor.report import Declaration, FunctionLowering, SurrogateUse
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.module import FUNC, Export, Import, Module
from externref_build.wasm.types import EXTERNREF, FuncType, ValType, format_val_type

State = Literal["unprocessed", "processed", "plain"]


@dataclass(frozen=True, slots=True)
class FunctionDescription:
    """An import or export with references among its parameters or results, or with a line of the interface."""

    kind: Literal["import", "export"]
    module: str | None
    """The module of an import; None for an export."""
    name: str
    params: tuple[str, ...]
    """Core types in the text format's words, ``externref`` where the value is a reference once processed."""
    results: tuple[str, ...]
    signature: str | None
    """Names and types as the guest's source gave them, where the module carries its interface."""
    doc: str | None


@dataclass(frozen=True, slots=True)
class Description:
    """A module as `inspect` shows it."""

    state: State
    """``unprocessed``: processing changes it; ``processed``: it holds references; ``plain``: neither."""
    imports: tuple[FunctionDescription, ...]
    exports: tuple[FunctionDescription, ...]
    surrogates: tuple[SurrogateUse, ...]
    functions: tuple[FunctionLowering, ...]
    """How processing lowers each function that touches references; empty for a processed module, which doesn't tell."""
    tables: tuple[str, ...]
    """Names under which tables of externrefs are exported."""
    other_imports: tuple[str, ...]
    """The other functions that a host has to provide, as ``module.name``."""
    other_exports: tuple[str, ...]
    """The other functions that it gets."""


def describe(data: bytes) -> Description:
    """Describe a module. Raises what processing it raises, whatever the name of the table, and `exported_tables`."""
    processor = Processor(table=None)
    processor.process(data)
    report = processor.report
    module = decode_module(data)
    declarations = {_key(declaration): declaration for declaration in (*report.imports, *report.exports)}
    functions = list(_functions(module, declarations, _interface(module)))
    tables = tuple(module.exported_tables(EXTERNREF))
    imports = tuple(function for function in functions if function.kind == "import")
    exports = tuple(function for function in functions if function.kind == "export")
    named = {(function.module, function.name) for function in functions}
    others = [
        f"{entry.module}.{entry.name}"
        for entry in module.func_imports
        if (entry.module, entry.name) not in named and not is_surrogate(entry)
    ]
    return Description(
        state="unprocessed" if report.changed else "processed" if tables or any(map(_holds, functions)) else "plain",
        imports=imports,
        exports=exports,
        surrogates=report.surrogates,
        functions=report.functions,
        tables=tables,
        other_imports=tuple(dict.fromkeys(others)),
        other_exports=tuple(
            export.name for export in module.exports if export.kind == FUNC and (None, export.name) not in named
        ),
    )


_Key = tuple[str | None, str]


def _key(function: Declaration | InterfaceFunction) -> _Key:
    return function.module, function.name


def _functions(
    module: Module, declarations: dict[_Key, Declaration], interface: dict[_Key, InterfaceFunction]
) -> Iterator[FunctionDescription]:
    """Yield each function with a reference or an interface, imports first; ``declarations`` say what will be one."""
    entries: list[tuple[Import | Export, int]] = list(_distinct_imports(module))
    entries.extend((export, export.index) for export in module.exports if export.kind == FUNC)
    for entry, index in entries:
        key = (entry.module if isinstance(entry, Import) else None, entry.name)
        func_type = _with_references(module.func_type(index), declarations.get(key))
        known = interface.get(key)
        if known is None and EXTERNREF not in (*func_type.params, *func_type.results):
            continue
        yield FunctionDescription(
            "import" if isinstance(entry, Import) else "export",
            key[0],
            entry.name,
            tuple(map(format_val_type, func_type.params)),
            tuple(map(format_val_type, func_type.results)),
            f"{entry.name}{known}" if known else None,
            known.doc if known else None,
        )


def _holds(function: FunctionDescription) -> bool:
    return format_val_type(EXTERNREF) in (*function.params, *function.results)


def _distinct_imports(module: Module) -> Iterator[tuple[Import, int]]:
    """Yield each imported function with its index, once for a name that is imported twice."""
    seen = set()
    for index, entry in enumerate(module.func_imports):
        if (entry.module, entry.name) not in seen:
            seen.add((entry.module, entry.name))
            yield entry, index


def _with_references(func_type: FuncType, declaration: Declaration | None) -> FuncType:
    if declaration is None:
        return func_type

    def marked(types: tuple[ValType, ...], references: tuple[bool, ...]) -> tuple[ValType, ...]:
        return tuple(EXTERNREF if reference else own for own, reference in zip(types, references, strict=True))

    return FuncType(marked(func_type.params, declaration.params), marked(func_type.results, declaration.results))


def _interface(module: Module) -> dict[_Key, InterfaceFunction]:
    functions = merge_interface(interface_of(module, GUEST_INTERFACE_SECTION, INTERFACE_SECTION))
    return {_key(function): function for function in functions}

"""What a host of a processed module has to know: read from its imports and exports and the section that says what
their values mean.

A function without a record of the interface gets plain names and the types that its core type tells: a number is
``opaque``, a reference may be any object or null (`ANY_REFERENCE`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from typing import Final, TypeAlias, cast

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
    MemberKind,
    Model,
    Parameter,
)
from externref_build.errors import BindingError
from externref_build.metadata import (
    INTERFACE_SECTION,
    InterfaceFunction,
    function_label,
    interface_of,
    is_surrogate,
    merge_interface,
)
from externref_build.value_types import FunctionType, ResourceType, ValueType, core_types, lies_in_memory
from externref_build.wasm import sections as section_ids
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.module import FUNC, KIND_NAMES, MEMORY, TABLE, Module
from externref_build.wasm.types import (
    EXTERNREF,
    F32,
    F64,
    I32,
    I64,
    FuncType,
    ValType,
    format_val_type,
)

_RUNTIME_EXPORTS: Final = {ALLOCATOR, INITIALIZER, "_start", "__wasm_call_ctors"}
"""Functions that are not the plugin's own; without a record of the interface they are no method of it."""

_WAY_BACK: Final = "[callback]"
"""How the names of exports begin that call functions of the guest, also where no import is left that passes one."""

_HOST_FUNCTIONS: Final = {"fail": FuncType((I32, I32)), "panic": FuncType((I32,) * 6)}

_MEMBER = re.compile(r"\[(constructor|method|static|get|set|global)\]([^#]*)(?:#(.*))?", re.DOTALL)

_FORMS: Final[dict[MemberKind, str]] = {
    "constructor": "Class",
    "method": "Class.member",
    "static": "Class.member",
    "get": "Class.member",
    "set": "Class.member",
    "global": "name",
}

_SHAPES: Final[dict[MemberKind, tuple[int, int]]] = {"get": (1, 1), "set": (2, 0), "global": (0, 1)}
"""How many values are taken, with `this`, and returned."""

_CHANGED: Final = "the module was changed after it was processed: build it again"


def read_model(data: bytes | memoryview) -> Model:
    """Read the model of a processed module.

    Raises `BindingError` for what no bindings can carry, and for an interface that does not fit the module; what
    `decode_module` and `decode_interface` raise for damaged or newer ones.
    """
    module = decode_module(data)
    interface = merge_interface(interface_of(module, INTERFACE_SECTION))
    declared = {(entry.module, entry.name): entry for entry in interface}
    imports = tuple(_imports(module, declared))
    exports = tuple(_exports(module, declared, frozenset(_ways_back(module, imports))))
    functions = [*exports, *(function for entry in imports for function in entry.every_function)]
    model = Model(
        imports=imports,
        exports=exports,
        resources=tuple(sorted(set(_resources(functions)))),
        reference_tables=tuple(sorted(module.exported_tables(EXTERNREF))),
        has_memory=_has(module, MEMORY, MEMORY_EXPORT),
        has_allocator=_has(module, FUNC, ALLOCATOR),
        has_function_table=_has(module, TABLE, FUNCTION_TABLE),
        uses_wasi=any(entry.module == WASI_MODULE for entry in module.imports),
        host_functions=frozenset(entry.name for entry in module.func_imports if entry.module == HOST_MODULE),
        has_initializer=_has(module, FUNC, INITIALIZER),
    )
    for function in functions:
        _check_needs(function, model)
    if model.has_memory:
        _refuse_wide_memory(module)
    return model


Declared: TypeAlias = "dict[tuple[str | None, str], InterfaceFunction]"


def _imports(module: Module, declared: Declared) -> Iterator[ImportModule]:
    by_module: dict[str, dict[str, Function]] = {}
    for entry in module.imports:
        label = function_label(entry.module, entry.name)
        if entry.kind != FUNC:
            raise BindingError(
                f"{label} is a {KIND_NAMES[entry.kind]}, and a host of bindings provides functions only",
                remedy="let the guest define and export it instead",
            )
        if is_surrogate(entry):
            raise BindingError(
                f"{label} shows that the module is not processed yet",
                remedy="process it first: externref-build process IN -o OUT",
            )
        assert entry.type_index is not None
        core = module.as_func_type(entry.type_index, entry.type_start)
        if entry.module == HOST_MODULE:
            if _HOST_FUNCTIONS.get(entry.name) != core:
                raise BindingError(f"{label} of type {core} is not known", remedy="use a newer externref-build")
        elif entry.module != WASI_MODULE:
            function = _function(entry.module, entry.name, core, declared)
            if by_module.setdefault(entry.module, {}).setdefault(entry.name, function) != function:
                raise BindingError(f"{label} stands in the module twice, with different types", remedy=_CHANGED)
    for name in sorted(by_module):
        functions = [by_module[name][function] for function in sorted(by_module[name])]
        members = [(function, _member(function)) for function in functions]
        yield ImportModule(
            name,
            tuple(function for function, member in members if member is None),
            tuple(member for _, member in members if member is not None),
        )


def _ways_back(module: Module, imports: Iterable[ImportModule]) -> Iterator[str]:
    """Yield the names of exports that call functions of the guest. Raises `BindingError` if one does not fit."""
    exported = {export.name: export.index for export in module.exports if export.kind == FUNC}
    for function in (function for entry in imports for function in entry.every_function):
        for type_ in (param.type for param in function.params):
            if isinstance(type_, FunctionType) and type_.via is not None:
                found = module.func_type(exported[type_.via]) if type_.via in exported else None
                params = (I32, *(val_type for param in type_.params for val_type in _core(param, (), 0, False)))
                results = tuple(val_type for result in type_.results for val_type in _core(result, (), 0, True))
                if found != FuncType(params, results):
                    raise BindingError(
                        f"{function.label} passes {type_}, to be called through export `{type_.via}` of type "
                        f"{FuncType(params, results)}, and " + (f"that has type {found}" if found else "there is none"),
                        remedy=_CHANGED,
                    )
                yield type_.via


def _exports(module: Module, declared: Declared, hidden: Set[str]) -> Iterator[Function]:
    exported = {export.name: export for export in module.exports if export.kind == FUNC}
    for module_name, name in declared:
        if module_name is None and name not in exported:
            raise BindingError(f"the interface names export `{name}`, which the module does not have", remedy=_CHANGED)
    for name in sorted(exported):
        internal = name in _RUNTIME_EXPORTS | hidden or name.startswith(_WAY_BACK)
        if not internal or (None, name) in declared:
            yield _function(None, name, module.func_type(exported[name].index), declared)


def _function(module: str | None, name: str, core: FuncType, declared: Declared) -> Function:
    entry = declared.get((module, name))
    if entry is None:
        params = tuple(
            Parameter(f"arg{index}", _plain_type(val_type, module, name), (val_type,))
            for index, val_type in enumerate(core.params)
        )
        results = tuple(_plain_type(val_type, module, name) for val_type in core.results)
        return Function(module, name, params, results, False, None, core, False)
    params = tuple(_params(entry, core))
    results = tuple(entry.results)
    function = Function(module, name, params, results, entry.fallible, entry.doc, core, True)
    core_params = [val_type for param in params for val_type in param.core] + [I32] * _has_error_place(function)
    core_results = [_core(result, core.results, index, True) for index, result in enumerate(results)]
    expected = FuncType(tuple(core_params), tuple(val_type for types in core_results for val_type in types))
    if expected != core:
        raise BindingError(
            f"{function.label} has type {core}, its interface makes it {expected}",
            where=f"interface record at offset {entry.offset:#x}",
            remedy=_CHANGED,
        )
    return function


def _has_error_place(function: Function) -> bool:
    return function.fallible and function.module is not None


def _params(entry: InterfaceFunction, core: FuncType) -> Iterator[Parameter]:
    position = 0
    for name, value_type in entry.params:
        types = _core(value_type, core.params, position, False)
        position += len(types)
        yield Parameter(name, value_type, types)


def _core(value_type: ValueType, actual: tuple[ValType, ...], position: int, is_result: bool) -> tuple[ValType, ...]:
    """Return the core types of a value; an opaque one has that which the function has in its place."""
    if isinstance(value_type, ResourceType):
        return (EXTERNREF,)
    if value_type == "opaque":
        return actual[position : position + 1]
    return cast("tuple[ValType, ...]", core_types(value_type, is_result=is_result))


def _plain_type(val_type: ValType, module: str | None, name: str) -> ValueType:
    if val_type == EXTERNREF:
        return ANY_REFERENCE
    if val_type in (I32, I64, F32, F64):
        return "opaque"
    raise BindingError(
        f"{function_label(module, name)} passes a {format_val_type(val_type)}, which a host cannot make or take",
        remedy="keep such functions inside of the module, or pass numbers and references",
    )


def _member(function: Function) -> Member | None:
    match = _MEMBER.fullmatch(function.name)
    if match is None:
        return None
    kind, path = cast("MemberKind", match[1]), match[2]
    resource, separator, name = path.partition(".")
    if kind == "constructor":
        name = resource
    elif kind == "global":
        resource, name = "", path
    names = [name] if kind == "global" else [resource, name]
    if (kind in ("constructor", "global")) == bool(separator) or not all(map(str.isidentifier, names)):
        raise BindingError(f"{function.label} does not name a member in the form [{kind}]{_FORMS[kind]}")
    for spelled in names:
        if spelled.startswith("_"):
            raise BindingError(
                f"{function.label} names `{spelled}`: what begins with an underscore is the host's own",
                remedy="use members that the host shows",
            )
    this = function.params[0].type if function.params else None
    has_object = isinstance(this, ResourceType) and (not this.nullable or not function.declared)
    if kind in ("method", "get", "set") and not has_object:
        raise BindingError(f"{function.label} lacks a first parameter `this` that is a reference")
    expected = _SHAPES.get(kind)
    if expected is not None and (len(function.params), len(function.results)) != expected:
        raise BindingError(
            f"{function.label} takes {len(function.params)} and returns {len(function.results)} values, "
            f"expected {expected[0]} and {expected[1]}"
        )
    if kind == "constructor" and not any(isinstance(result, ResourceType) for result in function.results):
        raise BindingError(f"{function.label} does not return a reference")
    return Member(kind, resource or None, name, function)


def _resources(functions: Iterable[Function]) -> Iterator[str]:
    for function in functions:
        for value_type, _ in _values(function):
            if isinstance(value_type, ResourceType) and not value_type.is_any:
                yield value_type.resource


def _has(module: Module, kind: int, name: str) -> bool:
    return any(export.kind == kind and export.name == name for export in module.exports)


def _check_needs(function: Function, model: Model) -> None:
    """Raise `BindingError` unless the module exports what the function's values pass through."""
    for value_type, to_guest in _values(function):
        for needed, there in (
            (MEMORY_EXPORT, model.has_memory or not lies_in_memory(value_type)),
            (ALLOCATOR, model.has_allocator or not (to_guest and lies_in_memory(value_type))),
            (FUNCTION_TABLE, model.has_function_table or not _lies_in_table(value_type)),
        ):
            if not there:
                raise BindingError(
                    f"{function.label} passes {value_type}, and the module has no export `{needed}` to do it with",
                    remedy="build the guest with the feature `alloc` of its SDK" if needed == ALLOCATOR else _CHANGED,
                )


def _values(function: Function) -> Iterator[tuple[ValueType, bool]]:
    """Yield the values of a call, and whether each goes into the guest's hands."""
    is_import = function.module is not None
    for param in function.params:
        yield param.type, not is_import
        if isinstance(param.type, FunctionType):
            yield from ((inner, True) for inner in param.type.params)
            yield from ((inner, False) for inner in param.type.results)
    yield from ((result, is_import) for result in function.results)
    if function.fallible:
        yield "str", is_import


def _lies_in_table(value_type: ValueType) -> bool:
    return isinstance(value_type, FunctionType) and value_type.via is None


def _refuse_wide_memory(module: Module) -> None:
    reader = module.vector(section_ids.MEMORY)
    if reader.count("memories", 2) and reader.byte("the flags of a memory") & 0b110:
        raise BindingError(
            "the memory is shared or has 64-bit addresses, which bindings do not support",
            remedy="build the guest for wasm32 without threads",
        )

"""Which values of which functions are references: the guest's declarations, matched with the module."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from externref_build.errors import (
    ArityError,
    ExternrefBuildError,
    MetadataError,
    MissingExportError,
    NotI32Error,
    SurrogateError,
    TableNameError,
    WrongKindError,
    raise_together,
)
from externref_build.metadata import (
    SURROGATE_MODULE,
    SURROGATE_TYPES,
    InterfaceFunction,
    Record,
    contradiction_of_interfaces,
    contradiction_of_records,
    is_surrogate,
)
from externref_build.processor.report import Declaration
from externref_build.wasm.module import FUNC, KIND_NAMES, Import, Module
from externref_build.wasm.types import EXTERNREF, I32, FuncType, ValType, format_val_type

_MIXED_BUILDS = (
    "the module and its `__externrefs` section come from different builds: rebuild the guest, "
    "or delete its target folder"
)


class Refs(NamedTuple):
    """Which parameters and results of a function are references. Bit ``i`` stands for position ``i``."""

    params: int = 0
    results: int = 0

    def retype(self, func_type: FuncType) -> FuncType:
        """Replace the types at the marked positions by externref."""
        return FuncType(_replace(func_type.params, self.params), _replace(func_type.results, self.results))


NO_REFS = Refs()


def _replace(types: tuple[ValType, ...], mask: int) -> tuple[ValType, ...]:
    return tuple(EXTERNREF if mask >> position & 1 else val_type for position, val_type in enumerate(types))


class Signatures(NamedTuple):
    """The functions that references cross on their way into and out of the module."""

    surrogates: dict[int, str]
    """The surrogate that each such import stands for, by function index."""
    imports: dict[int, Refs]
    """Declared imports, by function index."""
    exports: dict[str, Refs]
    """Declared exports, by name."""
    exported: dict[int, Refs]
    """Functions all of whose exports are declared, and declared alike."""
    divided: frozenset[int]
    """Functions exported under several names that are not declared alike."""
    report_imports: tuple[Declaration, ...]
    report_exports: tuple[Declaration, ...]


def match_signatures(
    module: Module,
    records: Iterable[Sequence[Record]],
    functions: Iterable[Sequence[InterfaceFunction]],
    table: str | None,
) -> Signatures:
    """Match metadata, and the name under which the table is to be exported, with a module's imports and exports.

    Records and interface come as `group_records` and `group_interface` return them. Raises one `MetadataError`, or
    `SeveralErrors` with all that were found, where they do not fit, the module or each other.
    """
    matcher = _Matcher(module)
    surrogates = matcher.match_surrogates()
    for group in records:
        matcher.match_record(group)
    for declarations in functions:
        matcher.match_interface(declarations)
    if table is not None:
        matcher.check_table_name(table)
    raise_together(matcher.errors)
    declared = {matcher.exports_by_name[name].index for name in matcher.exports}
    by_func: dict[int, set[Refs]] = {func: set() for func in sorted(declared) if func >= len(module.func_imports)}
    for export in module.exports if by_func else ():
        if export.kind == FUNC and export.index in by_func:
            by_func[export.index].add(matcher.exports.get(export.name, NO_REFS))
    return Signatures(
        surrogates,
        matcher.imports,
        matcher.exports,
        {func: refs for func, (refs, *others) in by_func.items() if not others and refs != NO_REFS},
        frozenset(func for func, found in by_func.items() if len(found) > 1),
        tuple(matcher.report_imports),
        tuple(matcher.report_exports),
    )


class _Matcher:
    """Collects every fault before it gives up."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.imports_by_name: dict[tuple[str | None, str], list[tuple[int, Import]]] = {}
        """Imports of each name, with their function indices; those of other kinds with that of the last function."""
        func = -1
        for entry in module.imports:
            func += entry.kind == FUNC
            self.imports_by_name.setdefault((entry.module, entry.name), []).append((func, entry))
        self.exports_by_name = {export.name: export for export in module.exports}
        self.imports: dict[int, Refs] = {}
        self.exports: dict[str, Refs] = {}
        self.report_imports: list[Declaration] = []
        self.report_exports: list[Declaration] = []
        self.errors: list[ExternrefBuildError] = []
        self.unsettled: set[tuple[str | None, str]] = set()
        """Functions whose records disagree, by module and name, so that nothing can be said of their interface."""

    def match_surrogates(self) -> dict[int, str]:
        """Find the surrogate imports, and refuse what else is imported under their names."""
        surrogates = {}
        func = -1
        for entry in self.module.imports:
            func += entry.kind == FUNC
            if not is_surrogate(entry):
                continue
            where = f"offset {entry.start:#x}"
            expected = SURROGATE_TYPES[entry.name]
            if entry.kind != FUNC:
                self.errors.append(
                    SurrogateError(
                        f"surrogate `{SURROGATE_MODULE}.{entry.name}` is a {KIND_NAMES[entry.kind]}, where a function "
                        f"{expected} is expected",
                        where=where,
                        remedy="import it from a module of another name",
                    )
                )
                continue
            found = self.module.func_type(func)
            if found != expected:
                self.errors.append(
                    SurrogateError(
                        f"surrogate `{SURROGATE_MODULE}.{entry.name}` has type {found}, where {expected} is expected",
                        where=where,
                        remedy="build the guest for wasm32, with an SDK that this version knows",
                    )
                )
            surrogates[func] = entry.name
        return surrogates

    def match_record(self, group: Sequence[Record]) -> None:
        """Match what was recorded of one function, if the records agree."""
        record = group[0]
        if len(group) > 1:
            self.errors.append(contradiction_of_records(group, self._describe(record.module, record.name)))
            self.unsettled.add((record.module, record.name))
        elif record.module is None:
            self.match_export(record)
        else:
            self.match_import(record)

    def match_import(self, record: Record) -> None:
        """Match a record with all imports of its name; an import that isn't there was optimised away."""
        for func, entry in self.imports_by_name.get((record.module, record.name), ()):
            if entry.kind != FUNC:
                self._wrong_kind(record, entry.kind)
            elif is_surrogate(entry):
                self.errors.append(
                    MetadataError(
                        f"{record.label} is a surrogate and cannot be declared",
                        where=f"metadata record at offset {record.offset:#x}",
                        remedy="import the host's function from a module of another name",
                    )
                )
            else:
                refs = self._match(record, func)
                if refs is not None:
                    self.imports[func] = refs

    def match_export(self, record: Record) -> None:
        """Match a record with the export of its name."""
        export = self.exports_by_name.get(record.name)
        if export is None:
            self.errors.append(
                MissingExportError(
                    f"{record.label} is declared but the module does not export it",
                    where=f"metadata record at offset {record.offset:#x}",
                    remedy="a tool after the linker removed it, or the linker was told to hide it: keep the export",
                )
            )
        elif export.kind != FUNC:
            self._wrong_kind(record, export.kind)
        else:
            refs = self._match(record, export.index)
            if refs is not None:
                self.exports[record.name] = refs

    def _match(self, record: Record, func: int) -> Refs | None:
        func_type = self.module.func_type(func)
        param_count = len(func_type.params)
        values = func_type.params + func_type.results
        place = f"function {func} ({record.name})"
        where = f"{place}; metadata record at offset {record.offset:#x}"
        if len(values) != len(record.references):
            self.errors.append(
                ArityError(
                    f"{record.label} declares {len(record.references)} values where the function has {len(values)}: "
                    f"{func_type}",
                    where=where,
                    remedy=_MIXED_BUILDS,
                )
            )
            return None
        wrong = [
            position
            for position, (val_type, is_reference) in enumerate(zip(values, record.references, strict=True))
            if is_reference and val_type != I32
        ]
        for position in wrong:
            is_param = position < param_count
            value = f"parameter {position + 1}" if is_param else f"result {position - param_count + 1}"
            self.errors.append(
                NotI32Error(
                    f"{record.label} declares a reference where the function {'takes' if is_param else 'returns'} "
                    f"{_with_article(values[position])}",
                    where=f"{place}, {value}; metadata record at offset {record.offset:#x}",
                    remedy=_MIXED_BUILDS,
                )
            )
        if wrong:
            return None
        params, results = record.references[:param_count], record.references[param_count:]
        declaration = Declaration(
            "export" if record.module is None else "import", record.module, record.name, params, results
        )
        (self.report_exports if record.module is None else self.report_imports).append(declaration)
        return Refs(_mask(params), _mask(results))

    def _wrong_kind(self, record: Record, kind: int) -> None:
        self.errors.append(
            WrongKindError(
                f"{record.label} is declared as a function but is a {KIND_NAMES[kind]}",
                where=f"metadata record at offset {record.offset:#x}",
                remedy=_MIXED_BUILDS,
            )
        )

    def match_interface(self, group: Sequence[InterfaceFunction]) -> None:
        """Match what was declared of one function, if the declarations agree."""
        function = group[0]
        if len(group) > 1:
            self.errors.append(contradiction_of_interfaces(group, self._describe(function.module, function.name)))
        elif (function.module, function.name) not in self.unsettled:
            self.check_interface(function)

    def check_interface(self, function: InterfaceFunction) -> None:
        """Check an interface record against the module's types and the records of references."""
        for func, refs in self._functions_of(function):
            func_type = self.module.func_type(func)
            expected = _expand(function)
            values = func_type.params + func_type.results
            marks = [bool(refs.params >> position & 1) for position in range(len(func_type.params))]
            marks += [bool(refs.results >> position & 1) for position in range(len(func_type.results))]
            fits = len(expected) == len(values) and all(
                (core is None or core == found) and is_reference == mark
                for (core, is_reference), found, mark in zip(expected, values, marks, strict=True)
            )
            if not fits:
                found_type = refs.retype(func_type) if refs != NO_REFS else func_type
                self.errors.append(
                    MetadataError(
                        f"the interface says {function.label} is {function}, where the function is {found_type}",
                        where=f"function {func} ({function.name}); interface record at offset {function.offset:#x}",
                        remedy=_MIXED_BUILDS,
                    )
                )

    def check_table_name(self, table: str) -> None:
        """Check that no export has the name that the table of references is to get."""
        export = self.exports_by_name.get(table)
        if export is not None:
            self.errors.append(
                TableNameError(
                    f"the table of references is to be exported as `{table}`, which the module exports already",
                    where=f"offset {export.index_start:#x}",
                    remedy="choose another name (`table`, --table), or none (`table = false`, --no-table)",
                )
            )

    def _describe(self, module: str | None, name: str) -> str | None:
        """Describe the function of that name, if there is one, for those who declare it in several ways."""
        func = next(self._functions(module, name), None)
        return None if func is None else f"function {func} ({name}) of type {self.module.func_type(func)}"

    def _functions_of(self, function: InterfaceFunction) -> Iterator[tuple[int, Refs]]:
        for func in self._functions(function.module, function.name):
            refs = self.exports.get(function.name) if function.module is None else self.imports.get(func)
            yield func, refs or NO_REFS

    def _functions(self, module: str | None, name: str) -> Iterator[int]:
        """Yield the indices of the functions that are imported from a module, or exported, under a name."""
        if module is None:
            export = self.exports_by_name.get(name)
            if export is not None and export.kind == FUNC:
                yield export.index
        for func, entry in self.imports_by_name.get((module, name), ()):
            if entry.kind == FUNC:
                yield func


def _expand(function: InterfaceFunction) -> list[tuple[ValType | None, bool]]:
    """Spell the values of an interface record as core types, each with whether it is a reference."""
    from externref_build.value_types import ResourceType, core_types

    values: list[tuple[ValType | None, bool]] = []
    for is_result, value_types in ((False, [value for _, value in function.params]), (True, list(function.results))):
        for value_type in value_types:
            is_reference = isinstance(value_type, ResourceType)
            values.extend((core, is_reference) for core in core_types(value_type, is_result=is_result))
        if function.fallible and function.kind == "import" and not is_result:
            values.append((I32, False))
    return values


def _mask(flags: tuple[bool, ...]) -> int:
    return sum(1 << position for position, flag in enumerate(flags) if flag)


def _with_article(val_type: ValType) -> str:
    name = format_val_type(val_type)
    return f"{'an' if name.startswith(('a', 'e', 'f3', 'f6', 'i')) else 'a'} {name}"

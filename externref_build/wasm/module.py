"""The index spaces of a module (specification 2.5), read without decoding any code.

Everything here is an offset into the input, so that a rewriter can replace single bytes and leave the rest alone.
"""

import re
from array import array
from collections.abc import Callable, Container, Iterator, MutableSequence, Sequence
from functools import cached_property, partial
from itertools import islice, repeat
from typing import NamedTuple

from externref_build.errors import MalformedModuleError, UnsupportedFeatureError
from externref_build.wasm import sections as section_ids
from externref_build.wasm.instructions import constant_run, decode_expr, immediate
from externref_build.wasm.leb128 import decode_unsigned
from externref_build.wasm.reader import Reader
from externref_build.wasm.sections import Section
from externref_build.wasm.types import (
    CompositeType,
    FuncType,
    ValType,
    decode_val_type,
    skip_global_type,
    skip_limits,
    skip_table_type,
)

_MANY_EXPRESSIONS = 1024
"""Where fewer bytes than this are left of a section, its expressions are not worth a pattern of their own."""

FUNC, TABLE, MEMORY, GLOBAL, TAG = range(5)
"""Kinds of imports and exports (specification 5.5.5)."""

KIND_NAMES = ("function", "table", "memory", "global", "tag")

ONE_MODULE, ONE_TYPE = 0x7F, 0x7E
"""What stands for the kind of an import where several follow: of one module, or of one module and one type."""


class Import(NamedTuple):
    """One import, with the range of its bytes."""

    module: str
    name: str
    kind: int
    type_index: int | None
    """The type of an imported function."""
    start: int
    end: int
    type_start: int
    """Offset of the type, which is a type index where a function is imported; the kind is the byte before it."""
    type_end: int
    """The end of the import, unless it shares its type with others of a group."""


class ImportGroup(NamedTuple):
    """Imports that name their module once (proposal compact-import-section), with the range of their bytes."""

    module: str
    first: int
    """Position of the first one among all imports."""
    behind: int
    """Position behind the last one."""
    start: int
    end: int


class Export:
    """One export, with the offset of the index that it names."""

    __slots__ = ("end", "index", "index_start", "kind", "name")

    def __init__(self, name: str, kind: int, index: int, index_start: int, end: int) -> None:
        self.name = name
        self.kind = kind
        self.index = index
        self.index_start = index_start
        self.end = end


class IndexSite(NamedTuple):
    """A place outside of function bodies where the index of a function or type stands."""

    start: int
    end: int
    value: int
    """The index."""


_Site = tuple[int, int, int]
"""What an `IndexSite` holds: there may be a hundred thousand, and few that are wanted."""

_VectorSites = Callable[[Reader, int], Iterator[_Site]]
"""Finds those function indices that are wanted among so many that follow."""


class Module:
    """A module's index spaces, over the bytes that they were read from."""

    def __init__(
        self,
        source: bytes | memoryview,
        sections: tuple[Section, ...],
        types: tuple[CompositeType, ...],
        plain_types: dict[FuncType, int],
        imports: tuple[Import, ...],
        import_groups: tuple[ImportGroup, ...],
        func_type_indices: Sequence[int],
        exports: tuple[Export, ...],
        body_bounds: Sequence[int],
    ) -> None:
        self.source = source
        """The bytes as they were given: it takes longer to read them through a view."""
        self.data = memoryview(source)
        self.sections = sections
        self.types = types
        self.plain_types = plain_types
        """Function types that stand alone, without a recursive group or supertypes, by what they are."""
        self.imports = imports
        self.import_groups = import_groups
        """The groups of a compact import section, in order; imports between them stand alone."""
        self.func_type_indices = func_type_indices
        """The type index of each local function."""
        self.exports = exports
        self.body_bounds = body_bounds
        """Offset of each function's body, which starts with its size, and the offset behind the last one."""

    def section(self, section_id: int) -> Section | None:
        """Find a section that is not a custom one."""
        return self._sections_by_id.get(section_id)

    def custom_sections(self, name: str) -> tuple[Section, ...]:
        """Find all custom sections of a name."""
        return tuple(section for section in self.sections if section.name == name)

    def vector(self, section_id: int) -> Reader:
        """Read a section that is a vector from its start; one that the module doesn't have is empty."""
        section = self.section(section_id)
        return Reader(self.data, section.payload, section.end) if section else Reader(b"\0")

    @cached_property
    def _sections_by_id(self) -> dict[int, Section]:
        return {section.id: section for section in self.sections if section.id != section_ids.CUSTOM}

    @cached_property
    def func_imports(self) -> tuple[Import, ...]:
        """The imported functions; the position of each is its function index."""
        return tuple(entry for entry in self.imports if entry.kind == FUNC)

    @cached_property
    def func_count(self) -> int:
        """The number of functions, imported ones included."""
        return len(self.func_imports) + len(self.func_type_indices)

    def func_type_index(self, func: int) -> int:
        """Look up the type index of a function."""
        imported = len(self.func_imports)
        if func < imported:
            type_index = self.func_imports[func].type_index
            assert type_index is not None
            return type_index
        return self.func_type_indices[func - imported]

    def func_type(self, func: int, offset: int = 0) -> FuncType:
        """Look up the type of a function; ``offset`` is where its index was found, for the error."""
        if func >= self.func_count:
            raise MalformedModuleError(f"function {func} of {self.func_count}", offset)
        return self.as_func_type(self.func_type_index(func), offset)

    def as_func_type(self, type_index: int, offset: int) -> FuncType:
        """Look up a function type; ``offset`` is where its index was found, for the error."""
        if type_index >= len(self.types):
            raise MalformedModuleError(f"type {type_index} of {len(self.types)}", offset)
        composite = self.types[type_index]
        if not isinstance(composite, FuncType):
            raise MalformedModuleError(f"type {type_index} is not a function type", offset)
        return composite

    def body(self, func: int) -> tuple[int, int]:
        """Look up the range of a local function's body, behind its size."""
        local = func - len(self.func_imports)
        return decode_unsigned(self.data, self.body_bounds[local])[1], self.body_bounds[local + 1]

    def count(self, kind: int) -> int:
        """Count the members of an index space other than that of functions."""
        section_id = {
            TABLE: section_ids.TABLE,
            MEMORY: section_ids.MEMORY,
            GLOBAL: section_ids.GLOBAL,
            TAG: section_ids.TAG,
        }
        return self.vector(section_id[kind]).u32() + sum(entry.kind == kind for entry in self.imports)

    def start_site(self) -> IndexSite | None:
        """Find the index of the start function."""
        section = self.section(section_ids.START)
        if section is None:
            return None
        reader = Reader(self.data, section.payload, section.end)
        return IndexSite(section.payload, section.end, reader.u32("the start function"))

    @cached_property
    def funcs_in_sections(self) -> frozenset[int]:
        """The functions that tables, globals and element segments name; exports and start are found elsewhere."""
        found: set[int] = set()

        def collect(reader: Reader, count: int) -> Iterator[_Site]:
            found.update(_read_indices(reader, count))
            return iter(())

        found.update(index for _, _, index in self._sites(range(1 << 32), collect))
        return frozenset(found)

    def func_index_sites(self, funcs: Container[int] = range(1 << 32)) -> Iterator[IndexSite]:
        """Find where tables, globals and element segments name one of the functions."""
        return map(IndexSite._make, self._sites(funcs, partial(_index_sites, funcs=funcs)))

    def _sites(self, funcs: Container[int], vector_sites: _VectorSites) -> Iterator[_Site]:
        yield from self._table_sites(funcs)
        yield from self._global_sites(funcs)
        yield from self._element_sites(funcs, vector_sites)

    def tag_types(self) -> tuple[FuncType, ...]:
        """Decode the types of all tags, imported ones first."""
        imported = map(self._tag_type, self._imported_types(TAG))
        reader = self.vector(section_ids.TAG)
        return (*imported, *(self._tag_type(reader) for _ in range(reader.count("tags", 2))))

    def _imported_types(self, kind: int) -> Iterator[Reader]:
        return (Reader(self.data, entry.type_start, entry.type_end) for entry in self.imports if entry.kind == kind)

    def _tag_type(self, reader: Reader) -> FuncType:
        reader.byte("the attribute of a tag")
        start = reader.offset
        return self.as_func_type(reader.u32("the type of a tag"), start)

    def exported_tables(self, element: ValType) -> Iterator[str]:
        """Yield the names under which tables with elements of a type are exported.

        Raises `MalformedModuleError` for an export of a table that there is not.
        """
        elements = list(self._table_elements())
        for export in self.exports:
            if export.kind == TABLE:
                if export.index >= len(elements):
                    raise MalformedModuleError(f"table {export.index} of {len(elements)}", export.index_start)
                if elements[export.index] == element:
                    yield export.name

    def _table_elements(self) -> Iterator[ValType]:
        """Decode the type of the elements of each table, imported ones first (specification 5.3.14, 5.5.7)."""
        yield from map(decode_val_type, self._imported_types(TABLE))
        reader = self.vector(section_ids.TABLE)
        for _ in range(reader.count("tables", 3)):
            has_initializer = _skip_table_head(reader)
            yield decode_val_type(reader)
            skip_limits(reader)
            if has_initializer:
                _, reader.offset = decode_expr(self.data, reader.offset, reader.end)

    def _expr_sites(self, reader: Reader, funcs: Container[int]) -> Iterator[_Site]:
        if reader.end - reader.offset > _MANY_EXPRESSIONS:
            yield from self._constant_sites(reader, funcs)
        instructions, reader.offset = decode_expr(self.data, reader.offset, reader.end)
        for instruction in instructions:
            if instruction[0].mnemonic == "ref.func" and (index := immediate(self.data, instruction)) in funcs:
                yield instruction[1] + 1, instruction[2], index

    def _constant_sites(self, reader: Reader, funcs: Container[int]) -> Iterator[_Site]:
        """Pass over the instructions that constant expressions are made of; most leave nothing but their ``end``."""
        match = constant_run().match
        while (run := match(self.source, reader.offset, reader.end)) and run.end() > reader.offset:
            reader.offset = run.end()
            if run[1] and (index := decode_unsigned(self.source, run.start(1))[0]) in funcs:
                yield run.start(1), run.end(1), index

    def _table_sites(self, funcs: Container[int]) -> Iterator[_Site]:
        reader = self.vector(section_ids.TABLE)
        for _ in range(reader.count("tables", 3)):
            has_initializer = _skip_table_head(reader)
            skip_table_type(reader)
            if has_initializer:
                yield from self._expr_sites(reader, funcs)

    def _global_sites(self, funcs: Container[int]) -> Iterator[_Site]:
        reader = self.vector(section_ids.GLOBAL)
        for _ in range(reader.count("globals", 4)):
            skip_global_type(reader)
            yield from self._expr_sites(reader, funcs)

    def _element_sites(self, funcs: Container[int], vector_sites: _VectorSites) -> Iterator[_Site]:
        """Find function indices in element segments (specification 5.5.12)."""
        reader = self.vector(section_ids.ELEMENT)
        for _ in range(reader.count("element segments", 2)):
            start = reader.offset
            flags = reader.u32("the flags of an element segment")
            if flags > 7:
                raise UnsupportedFeatureError(f"unknown flags {flags:#x} of an element segment", start)
            is_active, has_exprs = not flags & 1, bool(flags & 4)
            if is_active:
                if flags & 2:
                    reader.u32("a table")
                yield from self._expr_sites(reader, funcs)
            if flags & 3:
                if has_exprs:
                    decode_val_type(reader)
                elif reader.byte("the kind of an element segment"):
                    raise UnsupportedFeatureError("unknown kind of an element segment", reader.offset - 1)
            count = reader.count("elements")
            if has_exprs:
                for _ in range(count):
                    yield from self._expr_sites(reader, funcs)
            else:
                yield from vector_sites(reader, count)

    def type_index_site(self, local: int) -> IndexSite:
        """Find where the function section names the type of a local function."""
        section = self.section(section_ids.FUNCTION)
        assert section is not None
        _, first = decode_unsigned(self.data, section.payload)
        if section.end - first == len(self.func_type_indices):
            start, end = first + local, first + local + 1
        else:
            start, end = self._type_index_end(local - 1) if local else first, self._type_index_end(local)
        return IndexSite(start, end, self.func_type_indices[local])

    def _type_index_end(self, local: int) -> int:
        ends, matches = self._type_index_ends
        ends.extend(match.end() for match in islice(matches, max(0, local + 1 - len(ends))))
        return ends[local]

    @cached_property
    def _type_index_ends(self) -> tuple[MutableSequence[int], Iterator[re.Match[bytes]]]:
        """As many as were asked for yet, and what finds the others."""
        section = self.section(section_ids.FUNCTION)
        assert section is not None
        _, start = decode_unsigned(self.data, section.payload)
        return array("I"), re.compile(rb"[\0-\x7f]").finditer(self.data, start, section.end)


def _skip_table_head(reader: Reader) -> bool:
    """Pass over what stands before the type of a table with an initial value; tell whether it has one."""
    has_initializer = not reader.at_end() and reader.data[reader.offset] == 0x40
    if has_initializer:
        reader.skip(2)
    return has_initializer


def _index_sites(reader: Reader, count: int, funcs: Container[int]) -> Iterator[_Site]:
    """Find which of the next ``count`` function indices are wanted."""
    start = reader.offset
    for index in _read_indices(reader, count):
        if index in funcs:
            yield start, reader.offset, index
        start = reader.offset


def _read_indices(reader: Reader, count: int) -> Iterator[int]:
    """Read ``count`` function indices; there may be a hundred thousand."""
    data, offset, fast_end = reader.data, reader.offset, reader.end - 2
    for _ in repeat(None, count):
        index = data[offset] if offset < fast_end else 0x80
        if index < 0x80:
            offset += 1
        elif offset < fast_end and (middle := data[offset + 1]) < 0x80:
            index += (middle << 7) - 0x80
            offset += 2
        elif offset < fast_end and (high := data[offset + 2]) < 0x80:
            index += (high << 14) + (middle << 7) - 0x4080
            offset += 3
        else:
            reader.offset = offset
            index, offset = reader.u32("a function"), reader.offset
        reader.offset = offset
        yield index

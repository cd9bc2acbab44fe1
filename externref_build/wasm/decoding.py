"""Decoding of a module's index spaces (specification 5.5); of its code, only the sizes of bodies are read."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence

from externref_build.errors import MalformedModuleError, UnsupportedFeatureError
from externref_build.wasm import sections as section_ids
from externref_build.wasm.body import index_bodies
from externref_build.wasm.module import (
    FUNC,
    GLOBAL,
    KIND_NAMES,
    MEMORY,
    ONE_MODULE,
    ONE_TYPE,
    TABLE,
    TAG,
    Export,
    Import,
    ImportGroup,
    Module,
)
from externref_build.wasm.reader import Reader
from externref_build.wasm.sections import decode_sections
from externref_build.wasm.types import (
    CompositeType,
    FuncType,
    decode_rec_type,
    skip_global_type,
    skip_limits,
    skip_table_type,
)

_EXACT_FUNC = 0x20
"""The kind of an imported function of exactly its type (proposal custom-descriptors)."""


def decode_module(data: bytes | memoryview) -> Module:
    """Read the index spaces of a module.

    Raises `MalformedModuleError` and `UnsupportedFeatureError`, with the absolute offset; and what `decode_sections`
    raises for files that are not linked core modules.
    """
    sections = decode_sections(data)
    by_id = {section.id: section for section in sections if section.id != section_ids.CUSTOM}

    def reader_of(section_id: int) -> Reader:
        section = by_id.get(section_id)
        return Reader(data, section.payload, section.end) if section else Reader(b"\0")

    types, plain_types = _decode_types(reader_of(section_ids.TYPE))
    imports, import_groups = _decode_imports(reader_of(section_ids.IMPORT))
    func_type_indices = _decode_func_type_indices(reader_of(section_ids.FUNCTION))
    exports = _decode_exports(reader_of(section_ids.EXPORT))
    bounds = index_bodies(reader_of(section_ids.CODE))
    if len(bounds) - 1 != len(func_type_indices):
        code = by_id.get(section_ids.CODE)
        raise MalformedModuleError(
            f"{len(bounds) - 1} function bodies for {len(func_type_indices)} functions",
            code.payload if code else len(data),
        )
    module = Module(data, sections, types, plain_types, imports, import_groups, func_type_indices, exports, bounds)
    for entry in module.func_imports:
        assert entry.type_index is not None
        module.as_func_type(entry.type_index, entry.type_start)
    for export in exports:
        if export.kind == FUNC and export.index >= module.func_count:
            raise MalformedModuleError(f"function {export.index} of {module.func_count}", export.index_start)
    return module


def _decode_types(reader: Reader) -> tuple[tuple[CompositeType, ...], dict[FuncType, int]]:
    types: list[CompositeType] = []
    plain: dict[FuncType, int] = {}
    for _ in range(reader.count("types", 2)):
        is_plain = not reader.at_end() and reader.data[reader.offset] == 0x60
        types.extend(decode_rec_type(reader))
        last = types[-1] if types else None
        if is_plain and isinstance(last, FuncType):
            plain.setdefault(last, len(types) - 1)
    reader.finish("the types")
    return tuple(types), plain


def _decode_imports(reader: Reader) -> tuple[tuple[Import, ...], tuple[ImportGroup, ...]]:
    imports: list[Import] = []
    groups: list[ImportGroup] = []
    for _ in range(reader.count("imports", 4)):
        start = reader.offset
        module, name = reader.name("the module of an import"), reader.name("the name of an import")
        kind_start = reader.offset
        kind = reader.byte("the kind of an import")
        if name == "" and kind in (ONE_MODULE, ONE_TYPE):
            first = len(imports)
            imports += _decode_import_group(reader, module, kind)
            groups.append(ImportGroup(module, first, len(imports), start, reader.offset))
        else:
            kind, type_index = _decode_import_type(reader, kind, kind_start)
            imports.append(Import(module, name, kind, type_index, start, reader.offset, kind_start + 1, reader.offset))
    reader.finish("the imports")
    return tuple(imports), tuple(groups)


def _decode_import_group(reader: Reader, module: str, encoding: int) -> Iterator[Import]:
    if encoding == ONE_TYPE:
        kind = reader.byte("the kind of an import")
        type_start = reader.offset
        kind, type_index = _decode_import_type(reader, kind, type_start - 1)
        type_end = reader.offset
        for _ in range(reader.count("imports")):
            start = reader.offset
            name = reader.name("the name of an import")
            yield Import(module, name, kind, type_index, start, reader.offset, type_start, type_end)
    else:
        for _ in range(reader.count("imports", 3)):
            start = reader.offset
            name = reader.name("the name of an import")
            kind = reader.byte("the kind of an import")
            type_start = reader.offset
            kind, type_index = _decode_import_type(reader, kind, type_start - 1)
            yield Import(module, name, kind, type_index, start, reader.offset, type_start, reader.offset)


def _decode_import_type(reader: Reader, kind: int, kind_start: int) -> tuple[int, int | None]:
    """Pass over the type of an import; return its kind, and the type index of a function."""
    if kind in (FUNC, _EXACT_FUNC):
        return FUNC, reader.u32("the type of a function")
    if kind == TABLE:
        skip_table_type(reader)
    elif kind == MEMORY:
        skip_limits(reader)
    elif kind == GLOBAL:
        skip_global_type(reader)
    elif kind == TAG:
        reader.byte("the attribute of a tag")
        reader.u32("the type of a tag")
    else:
        raise UnsupportedFeatureError(f"unknown kind {kind} of import", kind_start)
    return kind, None


def _decode_func_type_indices(reader: Reader) -> Sequence[int]:
    count = reader.count("functions")
    payload = bytes(reader.data[reader.offset : reader.end])
    if len(payload) == count and payload.isascii():
        return payload
    indices = array("B")
    extend: Callable[[bytes], None] = indices.frombytes
    first = reader.offset
    for match in re.compile(rb"[\x80-\xff]").finditer(payload):
        if first + match.start() >= reader.offset:
            extend(payload[reader.offset - first : match.start()])
            reader.offset = first + match.start()
            index = reader.u32("the type of a function")
            if index > 0xFF and indices.typecode == "B":
                indices = array("I", indices)
                extend = indices.extend
            indices.append(index)
    extend(payload[reader.offset - first :])
    if len(indices) != count:  # say where
        reader.offset = first
        for _ in range(count):
            reader.u32("the type of a function")
        reader.finish("the functions")
    return indices


def _decode_exports(reader: Reader) -> tuple[Export, ...]:
    exports = []
    for _ in range(reader.count("exports", 3)):
        name = reader.name("the name of an export")
        kind = reader.byte("the kind of an export")
        if kind >= len(KIND_NAMES):
            raise UnsupportedFeatureError(f"unknown kind {kind} of export", reader.offset - 1)
        index_start = reader.offset
        index = reader.u32("the index of an export")
        exports.append(Export(name, kind, index, index_start, reader.offset))
    reader.finish("the exports")
    return tuple(exports)

"""Edits of the sections around the code: types, functions, tables, globals, exports, start and elements."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from externref_build.processor.inference import Lowering
from externref_build.processor.layout import Layout
from externref_build.processor.signatures import NO_REFS
from externref_build.wasm import sections as section_ids
from externref_build.wasm.edits import Revision
from externref_build.wasm.instructions import encode
from externref_build.wasm.leb128 import encode_name, encode_unsigned
from externref_build.wasm.module import FUNC, TABLE
from externref_build.wasm.types import EXTERNREF, I32, encode_func_type

_EMPTY_TABLE = EXTERNREF + b"\x00\x00"
_ZERO_VARIABLE = I32 + b"\x01" + encode("i32.const", 0) + encode("end")


def edit_exports(layout: Layout, revision: Revision, table: str | None) -> set[int]:
    """Let exports name functions in the form that they declare, and export the table.

    Returns the functions that are no longer exported themselves.
    """
    hidden = set()
    for export in layout.module.exports:
        if export.kind != FUNC:
            continue
        refs = layout.signatures.exports.get(export.name, NO_REFS)
        index = layout.integer_form(export.index) if refs == NO_REFS else layout.reference_form(export.index, refs)
        if index != export.index:
            hidden.add(export.index)
            revision.replace_index(export.index_start, export.end, index)
    if table is not None:
        entry = encode_name(table) + bytes((TABLE,)) + encode_unsigned(layout.table_index("slots"))
        revision.extend_vector(section_ids.EXPORT, [entry])
    return hidden


def edit_indices(layout: Layout, revision: Revision) -> None:
    """Let tables, globals, element segments and the start section name functions in their integer form."""
    start = layout.module.start_site()
    changed = layout.changed
    is_named = not changed.isdisjoint(layout.module.funcs_in_sections)
    sites = layout.module.func_index_sites(changed) if is_named else iter(())
    for site in chain(sites, [start] if start else []):
        if site.value in changed:
            revision.replace_index(site.start, site.end, layout.integer_form(site.value))


def edit_functions(layout: Layout, revision: Revision, lowering: Lowering) -> None:
    """Retype the functions that take references now, and add the generated ones, fillers included."""
    module = layout.module
    imported = len(module.func_imports)
    for func, refs in sorted(lowering.refs.items()):
        site = module.type_index_site(func - imported)
        type_index = layout.type_index(refs.retype(module.func_type(func)))
        revision.replace_index(site.start, site.end, type_index)
    layout.fill_holes()
    funcs = [func for func in layout.new_funcs if func is not None]
    types = [encode_unsigned(func.type_index) for func in funcs]
    bodies = [encode_unsigned(len(func.body)) + func.body for func in funcs]
    holes = layout.hole_count
    revision.extend_vector(section_ids.FUNCTION, types[holes:], types[:holes])
    revision.extend_vector(section_ids.CODE, bodies[holes:], bodies[:holes])


def add_tables_and_globals(layout: Layout, revision: Revision) -> None:
    """Add the tables and variables that the generated functions use, all of them empty or zero."""
    revision.extend_vector(section_ids.TABLE, [_EMPTY_TABLE] * len(layout.tables))
    revision.extend_vector(section_ids.GLOBAL, [_ZERO_VARIABLE] * len(layout.globals))


def add_types(layout: Layout, revision: Revision) -> None:
    """Append the new function types; nothing may ask for another one behind this."""
    revision.extend_vector(section_ids.TYPE, [encode_func_type(func_type) for func_type in layout.new_types])


def declare_values(layout: Layout, revision: Revision, values: Iterable[int], hidden: set[int]) -> None:
    """Declare the functions that code uses as values and that nothing else may declare any more (``ref.func``, 3.4.1).

    Args:
        layout: The layout.
        revision: The revision.
        values: New indices of the functions that code uses as values.
        hidden: Functions that were exported, and by that declared, and no longer are.
    """
    module = layout.module
    unmoved = range(len(module.func_imports), module.func_count)
    undeclared = sorted(func for func in set(values) if func not in unmoved or func in hidden)
    if undeclared:
        items = b"".join(map(encode_unsigned, undeclared))
        revision.extend_vector(section_ids.ELEMENT, [b"\x03\x00" + encode_unsigned(len(undeclared)) + items])

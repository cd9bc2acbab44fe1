"""Edits of the import section: surrogates go, others move into their places, and declared ones take references."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from externref_build.processor.layout import DROP_HOOK_TYPE, Layout
from externref_build.wasm import sections as section_ids
from externref_build.wasm.edits import Revision
from externref_build.wasm.leb128 import decode_unsigned, encode_name, encode_unsigned
from externref_build.wasm.module import FUNC, ONE_MODULE, Import, Module

_Item = tuple[str, bytes]
"""The module of an import, and all that is encoded behind it."""


def edit_imports(layout: Layout, revision: Revision) -> None:
    """Remove the surrogates, put the imports that move into their places, and add the drop hook."""
    module = layout.module
    section = module.section(section_ids.IMPORT)
    if section is None:
        return
    successors = _successors(layout)
    count, count_end = decode_unsigned(module.data, section.payload)
    for members, start, end in _entries(module):
        if any(member.start in successors for member in members):
            items = [_item(layout, member, successors) for member in members]
            runs = [list(run) for _, run in groupby(filter(None, items), lambda item: item[0])]
            revision.replace(start, end, b"".join(map(_encode, runs)))
            count += len(runs) - 1
    if layout.drop_hook is not None:
        name, item = layout.drop_hook
        revision.replace(section.end, section.end, _encode([(name, _func(item, layout.type_index(DROP_HOOK_TYPE)))]))
        count += 1
    revision.replace_index(section.payload, count_end, count)


def _entries(module: Module) -> Iterator[tuple[Sequence[Import], int, int]]:
    """Yield the entries of the section with their ranges: imports that stand alone, and groups of imports."""
    groups = {group.first: group for group in module.import_groups}
    position = 0
    while position < len(module.imports):
        if position in groups:
            group = groups[position]
            yield module.imports[group.first : group.behind], group.start, group.end
            position = group.behind
        else:
            entry = module.imports[position]
            yield (entry,), entry.start, entry.end
            position += 1


def _successors(layout: Layout) -> dict[int, int | None]:
    """Tell by the offset of each import that changes which function is imported there now."""
    moved, removed = layout.moved_imports, layout.signatures.surrogates
    arriving = {place: func for func, place in moved.items()}
    return {
        layout.module.func_imports[func].start: arriving.get(func) if func in removed or func in moved else func
        for func in {*removed, *moved, *layout.signatures.imports}
    }


def _item(layout: Layout, entry: Import, successors: dict[int, int | None]) -> _Item | None:
    module = layout.module
    if entry.start not in successors:
        return entry.module, encode_name(entry.name) + module.data[entry.type_start - 1 : entry.type_end]
    func = successors[entry.start]
    if func is None:
        return None
    refs = layout.signatures.imports.get(func)
    type_index = layout.type_index(refs.retype(module.func_type(func))) if refs else module.func_type_index(func)
    successor = module.func_imports[func]
    return successor.module, _func(successor.name, type_index, module.data[successor.type_start - 1])


def _func(name: str, type_index: int, kind: int = FUNC) -> bytes:
    return encode_name(name) + bytes((kind,)) + encode_unsigned(type_index)


def _encode(run: list[_Item]) -> bytes:
    """Encode imports of one module: several as a group (proposal compact-import-section)."""
    module, item = run[0]
    if len(run) == 1:
        return encode_name(module) + item
    head = encode_name(module) + encode_name("") + bytes((ONE_MODULE,)) + encode_unsigned(len(run))
    return head + b"".join(item for _, item in run)

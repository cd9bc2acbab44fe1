"""Names, debug info and code metadata: the custom sections that point into code, brought in line with its edits."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from externref_build.errors import DebugInfoError
from externref_build.processor import custom
from externref_build.processor.code import CodeEditor
from externref_build.processor.dataflow import LocalEdit
from externref_build.processor.layout import Layout
from externref_build.wasm import sections as section_ids
from externref_build.wasm.edits import Revision
from externref_build.wasm.leb128 import decode_unsigned
from externref_build.wasm.module import Module
from externref_build.wasm.names import rewrite_names
from externref_build.wasm.sections import Section

if TYPE_CHECKING:
    from externref_build.processor.dwarf.codemap import CodeMap
    from externref_build.processor.dwarf.locals import FuncLocals

_STRIP = 'drop it with debug-info = "names" or "strip"'


def rename(sections: Sequence[Section], editor: CodeEditor) -> list[list[bytes | memoryview]]:
    """Rewrite the name sections: imports moved, functions and locals were added. The last section names what is new."""
    layout = editor.layout
    module = layout.module
    removed = layout.signatures.surrogates
    imported = len(module.func_imports)
    first_hole = imported - layout.hole_count
    first = [] if layout.drop_hook is None else [(first_hole - 1, ".".join(layout.drop_hook))]
    last = []
    for position, func in enumerate(layout.new_funcs):
        assert func is not None
        if position < layout.hole_count:
            first.append((first_hole + position, func.name))
        else:
            last.append((module.func_count + position - layout.hole_count, func.name))
    relabelled = {func for func, flow in editor.lowering.flows.items() if flow.deleted}

    def rewrite(section: Section) -> list[bytes | memoryview]:
        is_last = section is sections[-1]
        with custom.located(section):
            return rewrite_names(
                module.data[section.content : section.end],
                imported=imported,
                renumber=lambda func: None if func in removed else layout.import_index(func),
                first_funcs=first if is_last else (),
                last_funcs=last if is_last else (),
                twins=editor.twins,
                relabelled=relabelled,
            )

    return list(map(rewrite, sections))


def move_code_metadata(revision: Revision, layout: Layout) -> None:
    """Move the offsets in ``metadata.code.*`` sections, and name call targets anew.

    A target that takes references now is dropped: what is called indirectly is its adapter.
    """
    module = revision.module
    found = [section for section in module.sections if (section.name or "").startswith(custom.CODE_METADATA_PREFIX)]
    if not found:
        return
    edits = revision.code_edits()
    starts = [edit.start for edit in edits]
    growth = list(accumulate((len(edit.data) - (edit.end - edit.start) for edit in edits), initial=0))

    def move(func: int, offset: int) -> int | None:
        local = func - len(module.func_imports)
        if not 0 <= local < len(module.func_type_indices):
            return None
        start, _ = module.body(func)
        first, behind = bisect_left(starts, start), bisect_right(starts, start + offset)
        if behind > first and edits[behind - 1].end > start + offset:
            behind -= 1
            if edits[behind].start < start + offset or not edits[behind].data:
                return None
        return offset + growth[behind] - growth[first]

    def rename_target(func: int) -> int | None:
        takes_refs = func in layout.signatures.surrogates or func in layout.signatures.imports or func in layout.refs
        return None if takes_refs else layout.import_index(func)

    for section in found:
        content = module.data[section.content : section.end]
        rename_func = rename_target if section.name == custom.CALL_TARGETS else None
        with custom.located(section):
            revision.custom[section.start] = [custom.move_code_metadata(content, move, rename_func)]


def move_debug_info(revision: Revision, editor: CodeEditor) -> None:
    """Patch the debug info for the code's edits.

    Raises `DebugInfoError` for debug info that cannot be kept right.
    """
    module = revision.module
    sections = {}
    starts = {}
    for section in module.sections:
        if section.name == custom.SOURCE_MAP:
            raise DebugInfoError(
                "a source map lies in another file and would no longer fit", section.name, remedy=_STRIP
            )
        if section.name and custom.is_debug_section(section.name):
            if section.name in sections:
                raise DebugInfoError("the module has two sections of this name", section.name)
            sections[section.name] = module.data[section.content : section.end]
            starts[section.name] = section.start
    if sections:
        from externref_build.processor.debuginfo import patch

        for name, content in patch(sections, code_map_of(revision), twinned_locals(editor)).items():
            revision.custom[starts[name]] = [content]


def twinned_locals(editor: CodeEditor) -> list[FuncLocals]:
    """Tell how each function uses its locals that have twins, by offsets in the payload of the old code section."""
    from externref_build.processor.dwarf.locals import FuncLocals, TwinnedLocal

    module, lowering = editor.layout.module, editor.lowering
    code = module.section(section_ids.CODE)
    assert code is not None or not editor.twins
    found = []
    for func, twins in sorted(editor.twins.items()):
        assert code is not None
        moved = {edit.start for edit in lowering.flows[func].edits if isinstance(edit, LocalEdit)}
        reads: dict[int, list[tuple[int, bool]]] = {local: [] for local in twins}
        writes: dict[int, list[tuple[int, bool]]] = {local: [] for local in twins}
        for mnemonic, operand, start, _ in lowering.events_of(func).events:
            if isinstance(operand, int) and operand in twins and mnemonic.startswith("local."):
                accesses = reads if mnemonic == "local.get" else writes
                accesses[operand].append((start - code.payload, start + 1 in moved))
        start, end = module.body(func)
        locals_ = {local: TwinnedLocal(twin, reads[local], writes[local]) for local, twin in twins.items()}
        found.append(FuncLocals(start - code.payload, end - code.payload, locals_))
    return found


def locate_sources(module: Module, offsets: Collection[int]) -> dict[int, str]:
    """Find file and line of instructions, by their offsets in the module, where debug info tells."""
    code = module.section(section_ids.CODE)
    if not offsets or code is None or not module.custom_sections(".debug_line"):
        return {}
    from externref_build.processor.dwarf.lookup import source_lines

    sections = {section.name or "": module.data[section.content : section.end] for section in module.sections}
    found = source_lines(sections, (offset - code.payload for offset in offsets))
    return {address + code.payload: source for address, source in found.items()}


def code_map_of(revision: Revision) -> CodeMap:
    """Map offsets in the payload of the old code section to offsets in that of the new one."""
    from externref_build.processor.dwarf.codemap import CodeMap

    module = revision.module
    code = module.section(section_ids.CODE)
    if code is None:
        return CodeMap((), ())
    first_size = decode_unsigned(module.data, code.payload)[1]
    pairs = [(first_size - code.payload, first_size - code.payload)]
    growth = 0
    for edit in revision.code_edits():
        start, end = edit.start - code.payload, edit.end - code.payload
        if end > start >= pairs[0][0]:
            _append(pairs, start, start + growth)
        growth += len(edit.data) - (end - start)
        _append(pairs, end, end + growth)
    _append(pairs, code.end - code.payload, code.end - code.payload + growth)
    return CodeMap.from_pairs(pairs)


def _append(pairs: list[tuple[int, int]], old: int, new: int) -> None:
    """Append a pair; of two for one old offset, the first stays if bytes go on being replaced there."""
    if pairs[-1][0] == old:
        pairs[-1] = (old, new)
    else:
        pairs.append((old, new))

"""Debug info that fits the rewritten code: for each instruction, the same function, file, line and variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from externref_build.errors import DebugInfoError
from externref_build.processor.custom import UNPATCHABLE
from externref_build.processor.dwarf.abbrev import Abbreviations
from externref_build.processor.dwarf.addresses import AddressPool, patch_aranges
from externref_build.processor.dwarf.codemap import CodeMap
from externref_build.processor.dwarf.forms import Role
from externref_build.processor.dwarf.info import InfoPatch, Neighbours
from externref_build.processor.dwarf.lines import patch_lines
from externref_build.processor.dwarf.locals import FuncLocals, TwinMap
from externref_build.processor.dwarf.macros import patch_macros
from externref_build.processor.dwarf.section import Section

__all__ = ["CodeMap", "patch"]


def patch(
    sections: Mapping[str, bytes | memoryview], code_map: CodeMap, functions: Sequence[FuncLocals] = ()
) -> dict[str, bytearray]:
    """Return the new content of those debug sections that change.

    `sections` are all custom sections of the old module for which `custom.is_debug_section` holds, by name; other
    names are ignored. `functions` are those with locals that have twins, in ascending order. Sections may change their
    length where bodies changed theirs; all references between them are followed. Raise DebugInfoError (an
    UnsupportedFeatureError) for what is damaged or cannot be kept right. Time and memory are linear in the size of the
    sections.
    """
    if not code_map.moves:
        return {}
    for name in sections:
        _refuse(name)
    patched = {name: Section(name, data) for name, data in sections.items() if name in _PATCHED}
    lines, addresses = patched.get(".debug_line"), patched.get(".debug_addr")
    if lines is not None:
        patch_lines(lines, code_map)
    move = code_map.mover()
    pool = None if addresses is None else AddressPool(addresses, move)
    neighbours = Neighbours.of(patched, pool, move, TwinMap(functions) if functions else None)
    _patch_info(patched, memoryview(sections.get(".debug_abbrev", b"")), neighbours, code_map)
    if ".debug_aranges" in patched:
        patch_aranges(patched[".debug_aranges"], move)
    contents = {name: section.content() for name, section in patched.items()}
    return {name: content for name, content in contents.items() if content is not None}


_PATCHED = frozenset(
    {
        ".debug_addr",
        ".debug_aranges",
        ".debug_info",
        ".debug_line",
        ".debug_loc",
        ".debug_loclists",
        ".debug_macro",
        ".debug_ranges",
        ".debug_rnglists",
        ".debug_types",
    }
)


def _refuse(name: str) -> None:
    """Raise DebugInfoError for a section with code offsets that cannot be kept right."""
    if name in UNPATCHABLE:
        raise DebugInfoError(UNPATCHABLE[name], name)
    if name.startswith(".zdebug_"):
        raise DebugInfoError("compressed debug info", name)
    if name.startswith(".debug_") and name.endswith(".dwo"):
        raise DebugInfoError("split debug info", name)


_RANGE_ROLES = (Role.RANGES, Role.RANGES_BASE)
_LOCATION_ROLES = (Role.LOCATIONS, Role.LOCATIONS_BASE, Role.VIEWS)


def _patch_info(
    patched: Mapping[str, Section], abbreviations: memoryview, neighbours: Neighbours, code_map: CodeMap
) -> None:
    """Patch the entries and the lists that they refer to, then the references into sections whose layout changed."""
    targets = {Role.LINES: patched.get(".debug_line")}
    infos = [patched[name] for name in (".debug_info", ".debug_types") if name in patched]
    budget = 4 * (len(abbreviations) + sum(len(info.data) for info in infos))
    tables = Abbreviations(abbreviations, budget)
    references = []
    for info in infos:
        patch = InfoPatch(info, tables, code_map, neighbours)
        patch.run(types=info.name == ".debug_types")
        references.append(patch.references)
    if neighbours.range_entries is not None:
        neighbours.range_entries.settle()
        targets.update(dict.fromkeys(_RANGE_ROLES, neighbours.range_entries.section))
    if neighbours.location_entries is not None:
        neighbours.location_entries.settle()
        targets.update(dict.fromkeys(_LOCATION_ROLES, neighbours.location_entries.section))
    macros, lines = patched.get(".debug_macro"), patched.get(".debug_line")
    for found in references:
        found.relocate({role: target for role, target in targets.items() if target is not None})
        if macros is not None and lines is not None and lines.moves:
            patch_macros(macros, found.targets(Role.MACROS), lines)

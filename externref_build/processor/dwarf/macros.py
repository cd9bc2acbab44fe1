"""`.debug_macro`: headers that refer to a line program (DWARF 5, section 6.3.1)."""

from __future__ import annotations

from collections.abc import Iterable

from externref_build.processor.dwarf.section import Section, UnreadableError, reading, u16, unsigned

_OFFSET_SIZE_8, _LINE_OFFSET = 1, 2


def patch_macros(section: Section, headers: Iterable[int], lines: Section) -> None:
    """Rewrite the reference to `.debug_line` in the headers at these offsets, to which units of `.debug_info` refer."""
    for offset in set(headers):
        with reading(section.name, offset):
            version, flags = u16(section.data, offset), section.data[offset + 2]
            if version not in (4, 5):
                raise UnreadableError(f"macros of version {version}, known: 4 and 5", offset)
            if flags & _LINE_OFFSET:
                size = 8 if flags & _OFFSET_SIZE_8 else 4
                section.write(offset + 3, size, lines.moved(unsigned(section.data, offset + 3, size)))

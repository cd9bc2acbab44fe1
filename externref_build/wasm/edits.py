"""Put a module together from slices of the input and the bytes that replace some of them.

An edit replaces a range of the input. The sizes of function bodies and sections around it are brought up to date here,
in as many bytes as they had, where that is enough. What no edit touches is never copied before the output is joined.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from externref_build.wasm import sections as section_ids
from externref_build.wasm.leb128 import decode_unsigned, encode_name, encode_unsigned
from externref_build.wasm.module import Module
from externref_build.wasm.sections import CUSTOM, ORDER, Section

Part = bytes | bytearray | memoryview
"""A piece of the output."""


class Edit(NamedTuple):
    """Replace ``start`` to ``end`` of the input by other bytes."""

    start: int
    end: int
    data: bytes


class Revision:
    """Everything that is to change in a module."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.edits: list[Edit] = []
        """Inside of sections; they may come in any order but must not overlap."""
        self.new_sections: dict[int, bytes] = {}
        """Payloads of sections that the module doesn't have, by id."""
        self.custom: dict[int, Sequence[Part] | None] = {}
        """New contents of custom sections in parts, by the offset at which they start; None removes one."""
        self.new_custom: list[tuple[str, bytes]] = []
        """Names and contents of custom sections to append."""

    def replace(self, start: int, end: int, data: bytes) -> None:
        """Replace a range."""
        self.edits.append(Edit(start, end, data))

    def replace_index(self, start: int, end: int, index: int) -> None:
        """Replace an index, in as many bytes as it has where that is enough."""
        self.edits.append(Edit(start, end, encode_unsigned(index, end - start)))

    def extend_vector(self, section_id: int, items: Sequence[bytes], first: Sequence[bytes] = ()) -> None:
        """Add items to the end of a section that is a vector, and to its start; create the section if need be."""
        if not items and not first:
            return
        added = len(items) + len(first)
        section = self.module.section(section_id)
        if section is None:
            self.new_sections[section_id] = b"".join((encode_unsigned(added), *first, *items))
            return
        count, behind = decode_unsigned(self.module.data, section.payload)
        self.replace(
            section.payload, behind, encode_unsigned(count + added, behind - section.payload) + b"".join(first)
        )
        if items:
            self.replace(section.end, section.end, b"".join(items))

    def _sorted(self) -> list[Edit]:
        edits = sorted(self.edits, key=lambda edit: (edit.start, edit.end))
        code = self.module.section(section_ids.CODE)
        if code:
            inside = _edits_of(edits, code)
            edits[inside] = _resize_bodies(self.module, edits[inside])
        return edits

    def code_edits(self) -> list[Edit]:
        """Return the edits of the code section's payload in ascending order, those of the bodies' sizes included."""
        edits = self._sorted()
        code = self.module.section(section_ids.CODE)
        return edits[_edits_of(edits, code)] if code else []

    def apply(self) -> list[Part]:
        """Return the output as slices, ready to be joined or written."""
        data = self.module.data
        edits = self._sorted()
        parts: list[Part] = [data[:8]]
        pending = [section_id for section_id in ORDER if section_id in self.new_sections]
        position = 0
        for section in self.module.sections:
            if section.id != CUSTOM:
                while pending and ORDER.index(pending[0]) < ORDER.index(section.id):
                    parts += _new_section(pending[0], self.new_sections[pending.pop(0)])
            elif section.start in self.custom:
                content = self.custom[section.start]
                if content is not None:
                    parts += _new_section(CUSTOM, data[section.payload : section.content], *content)
                continue
            last = bisect_right(edits, section.end, lo=position, key=_edit_start)
            parts += _edit_section(data, section, edits[position:last])
            position = last
        for section_id in pending:
            parts += _new_section(section_id, self.new_sections[section_id])
        for name, new_content in self.new_custom:
            parts += _new_section(CUSTOM, encode_name(name), new_content)
        return parts


def _edits_of(edits: list[Edit], section: Section) -> slice:
    return slice(
        bisect_right(edits, section.payload - 1, key=_edit_start), bisect_right(edits, section.end, key=_edit_start)
    )


def _edit_start(edit: Edit) -> int:
    return edit.start


def _new_section(section_id: int, *payload: Part) -> list[Part]:
    return [bytes((section_id,)) + encode_unsigned(sum(map(len, payload))), *payload]


def _growth(edits: Iterable[Edit]) -> int:
    return sum(len(edit.data) - (edit.end - edit.start) for edit in edits)


def _resize_bodies(module: Module, edits: list[Edit]) -> list[Edit]:
    """Add edits of the sizes of those function bodies that grow or shrink."""
    data, bounds = module.data, module.body_bounds
    resized: list[Edit] = []
    position = 0
    while position < len(edits):
        behind = position + 1
        local = bisect_right(bounds, edits[position].start) - 1
        if 0 <= local < len(bounds) - 1:
            size_start, end = bounds[local], bounds[local + 1]
            while behind < len(edits) and edits[behind].start < end:
                behind += 1
            growth = _growth(edits[position:behind])
            if growth:
                size, start = decode_unsigned(data, size_start)
                resized.append(Edit(size_start, start, encode_unsigned(size + growth, start - size_start)))
        resized += edits[position:behind]
        position = behind
    return resized


def _edit_section(data: memoryview, section: Section, edits: list[Edit]) -> list[Part]:
    if not edits:
        return [data[section.start : section.end]]
    size = section.end - section.payload + _growth(edits)
    width = section.payload - section.start - 1
    parts: list[Part] = [bytes((section.id,)) + encode_unsigned(size, width)]
    offset = section.payload
    for edit in edits:
        parts.append(data[offset : edit.start])
        parts.append(edit.data)
        offset = edit.end
    parts.append(data[offset : section.end])
    return parts

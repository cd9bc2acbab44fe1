"""The outermost layer of a module (specification 5.5): its preamble and its sections, as ranges of bytes."""

from typing import NamedTuple

from externref_build.errors import (
    ComponentError,
    MalformedModuleError,
    NotAModuleError,
    RelocatableObjectError,
    UnsupportedFeatureError,
)
from externref_build.wasm.reader import Reader

CUSTOM, TYPE, IMPORT, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, START, ELEMENT, CODE, DATA, DATA_COUNT, TAG = range(14)

ORDER = (TYPE, IMPORT, FUNCTION, TABLE, MEMORY, TAG, GLOBAL, EXPORT, START, ELEMENT, DATA_COUNT, CODE, DATA)
"""The order in which sections other than custom ones stand in a module (specification 5.5.17)."""

_RANK = {section_id: rank for rank, section_id in enumerate(ORDER)}

SECTION_NAMES = {
    CUSTOM: "custom",
    TYPE: "type",
    IMPORT: "import",
    FUNCTION: "function",
    TABLE: "table",
    MEMORY: "memory",
    GLOBAL: "global",
    EXPORT: "export",
    START: "start",
    ELEMENT: "element",
    CODE: "code",
    DATA: "data",
    DATA_COUNT: "data count",
    TAG: "tag",
}

MAGIC = b"\0asm"


class Section(NamedTuple):
    """One section, by absolute offsets into the module."""

    id: int
    start: int
    """Offset of the section's id."""
    payload: int
    """Offset behind the section's size."""
    end: int
    name: str | None = None
    """The name of a custom section."""
    content: int = 0
    """Offset behind a custom section's name; the same as ``payload`` for other sections."""


def decode_sections(data: bytes | memoryview) -> tuple[Section, ...]:
    """Find the sections of a core module.

    Raises `NotAModuleError` (or `ComponentError`) for other files, `RelocatableObjectError` for a linker's input, and
    `MalformedModuleError` where sections are cut off, repeated or out of order.
    """
    _check_preamble(data)
    sections = []
    reader = Reader(data, 8)
    rank = -1
    while not reader.at_end():
        start = reader.offset
        section_id = reader.byte()
        size = reader.u32("the size of a section")
        payload = content = reader.offset
        if section_id not in SECTION_NAMES:
            raise UnsupportedFeatureError(f"unknown section {section_id}", start)
        what = f"the {SECTION_NAMES[section_id]} section"
        if size > reader.end - payload:
            raise MalformedModuleError(f"{what} has {size} bytes where {reader.end - payload} are left", start)
        name = None
        if section_id == CUSTOM:
            inner = Reader(data, payload, payload + size)
            name = inner.name("the name of a custom section")
            content = inner.offset
            if name == "linking" or name.startswith("reloc."):
                raise RelocatableObjectError(
                    f"a relocatable object file, with a `{name}` section; expected a linked module",
                    where=f"offset {start:#x}",
                    remedy="link it first (wasm-ld, not with --emit-relocs, or the compiler without -c), "
                    "then process the result",
                )
        elif _RANK[section_id] <= rank:
            raise MalformedModuleError(f"{what} is repeated or out of order", start)
        else:
            rank = _RANK[section_id]
        reader.offset = payload + size
        sections.append(Section(section_id, start, payload, reader.offset, name, content))
    return tuple(sections)


def _check_preamble(data: bytes | memoryview) -> None:
    head = bytes(data[:8])
    if head[:4] != MAGIC:
        if not head:
            raise NotAModuleError("an empty file where a WebAssembly module is expected")
        found = "text" if bytes(data[:512]).isascii() else f"other data (it starts with {head[:4].hex(' ')})"
        remedy = "pass the .wasm file that the linker wrote"
        if bytes(data[:512]).lstrip().startswith((b"(module", b"(component", b";;")):
            found, remedy = "WebAssembly text", "assemble it first, with wat2wasm or wasm-tools parse"
        raise NotAModuleError(
            f"{found} where a WebAssembly module is expected, which starts with 00 61 73 6d",
            where="offset 0x0",
            remedy=remedy,
        )
    if len(head) < 8:
        raise MalformedModuleError("unexpected end: expected the version of the module", len(head))
    if head[6:8] == b"\x01\x00":
        raise ComponentError(
            "a component where a core module is expected",
            where="offset 0x4",
            remedy="process the core module before it is made into a component",
        )
    if head[4:] != b"\x01\0\0\0":
        version = int.from_bytes(head[4:], "little")
        raise UnsupportedFeatureError(f"version {version} of the binary format, where 1 is known", 4)

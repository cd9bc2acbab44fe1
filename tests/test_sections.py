from __future__ import annotations

import pytest
import wasmtime
from plugins import custom_section, leb128, section

from externref_build import process
from externref_build.errors import (
    ComponentError,
    ExternrefBuildError,
    MalformedModuleError,
    ModuleError,
    NotAModuleError,
    RelocatableObjectError,
    UnsupportedFeatureError,
)
from externref_build.wasm.sections import Section, decode_sections

HEAD = b"\0asm\1\0\0\0"


def test_sections_are_found_with_their_ranges() -> None:
    data = HEAD + custom_section("first", b"abc") + b"\x01\x81\x80\x00\0" + custom_section("", b"")
    assert decode_sections(data) == (
        Section(0, 8, 10, 19, "first", 16),
        Section(1, 19, 23, 24, None, 23),
        Section(0, 24, 26, 27, "", 27),
    )


def test_every_section_has_its_place() -> None:
    """The order of the specification, in which tags and the data count stand where their ids do not say."""
    order = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
    data = HEAD + b"".join(custom_section("between", b"") + section(section_id, b"\0") for section_id in order)
    assert tuple(found.id for found in decode_sections(data) if found.id) == order
    for position, section_id in enumerate(order[:-1]):
        swapped = [*order[:position], order[position + 1], section_id]
        with pytest.raises(MalformedModuleError, match="is repeated or out of order") as caught:
            decode_sections(HEAD + b"".join(section(found, b"\0") for found in swapped))
        assert caught.value.offset == 8 + 3 * (position + 1)


REFUSED = [
    (b"", NotAModuleError, "an empty file where a WebAssembly module is expected", None),
    (b"(module)", NotAModuleError, "WebAssembly text where", "offset 0x0"),
    (b"\n  ;; guest\n(module)", NotAModuleError, "WebAssembly text where", "offset 0x0"),
    (b"(component)", NotAModuleError, "WebAssembly text where", "offset 0x0"),
    (b"#!/bin/sh\n", NotAModuleError, "text where a WebAssembly module is expected, which starts with", "offset 0x0"),
    (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\xff", NotAModuleError, "it starts with 7f 45 4c 46", "offset 0x0"),
    (b"\xca\xfe", NotAModuleError, "it starts with ca fe", "offset 0x0"),
    (b"\0asm", MalformedModuleError, "expected the version of the module", "offset 0x4"),
    (b"\0asm\1\0\0", MalformedModuleError, "expected the version of the module", "offset 0x7"),
    (b"\0asm\2\0\0\0", UnsupportedFeatureError, "version 2 of the binary format", "offset 0x4"),
    (b"\0asm\x0d\0\1\0", ComponentError, "a component where a core module is expected", "offset 0x4"),
    (HEAD + b"\x0e\x00", UnsupportedFeatureError, "unknown section 14", "offset 0x8"),
    (HEAD + b"\x01", MalformedModuleError, "expected the size of a section", "offset 0x9"),
    (HEAD + b"\x01\x80", MalformedModuleError, "expected the size of a section", "offset 0xa"),
    (HEAD + b"\x01\x05\0", MalformedModuleError, "the type section has 5 bytes where 1 are left", "offset 0x8"),
    (HEAD + b"\x01\xff\xff\xff\xff\x0f", MalformedModuleError, "has 4294967295 bytes where 0 are left", "offset 0x8"),
    (HEAD + b"\x00\x00", MalformedModuleError, "expected the length of the name of a custom section", "offset 0xa"),
    (HEAD + b"\x00\x02\x05a", MalformedModuleError, "custom section of 5 bytes where 1 bytes are left", "offset 0xb"),
    (HEAD + b"\x00\x02\x01\xff", MalformedModuleError, "the name of a custom section is not UTF-8", "offset 0xb"),
    (HEAD + custom_section("linking", b"\2"), RelocatableObjectError, "with a `linking` section", "offset 0x8"),
    (HEAD + custom_section("reloc.CODE", b""), RelocatableObjectError, "with a `reloc.CODE` section", "offset 0x8"),
]


@pytest.mark.parametrize(("data", "error", "message", "where"), REFUSED, ids=[case[2] for case in REFUSED])
def test_other_files_are_refused_by_name(
    data: bytes, error: type[ModuleError], message: str, where: str | None
) -> None:
    with pytest.raises(ExternrefBuildError) as caught:
        process(data)
    assert type(caught.value) is error
    assert message in caught.value.summary
    assert caught.value.where == where
    assert caught.value.remedy or not data


def test_a_component_says_what_to_do() -> None:
    component = bytes(wasmtime.wat2wasm("(component)"))
    with pytest.raises(ComponentError, match="process the core module before it is made into a component"):
        process(component)


def test_a_relocatable_object_says_what_to_do() -> None:
    with pytest.raises(RelocatableObjectError, match=r"link it first \(wasm-ld, not with --emit-relocs"):
        process(HEAD + custom_section("linking", b"\2"))


def test_a_module_cut_off_anywhere_is_refused() -> None:
    whole = HEAD + section(1, b"\x01\x60\0\0") + section(3, leb128(1) + b"\0") + section(10, b"\x01\x02\0\x0b")
    assert process(whole) == whole
    ends_of_sections = {8, 14}
    for end in range(len(whole)):
        if end in ends_of_sections:
            assert process(whole[:end]) == whole[:end]
        else:
            with pytest.raises(ModuleError):
                process(whole[:end])

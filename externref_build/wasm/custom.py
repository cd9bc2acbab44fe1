"""Custom sections of a whole module: read, take out, append."""

from __future__ import annotations

from collections.abc import Callable

from externref_build.wasm.leb128 import encode_name, encode_unsigned
from externref_build.wasm.sections import CUSTOM, decode_sections

EXTERNAL_DEBUG_INFO = "external_debug_info"


def is_dwarf(name: str) -> bool:
    """Say whether a custom section is debug info in the format DWARF."""
    return name.startswith(".debug_")


def custom_contents(data: bytes) -> dict[str, bytes]:
    """Return the contents of custom sections by name; of those that share a name, one behind the other."""
    contents: dict[str, bytes] = {}
    for section in decode_sections(data):
        if section.name is not None:
            contents[section.name] = contents.get(section.name, b"") + data[section.content : section.end]
    return contents


def without_custom(data: bytes, unwanted: Callable[[str], bool]) -> bytes:
    """Return a module without the custom sections of which ``unwanted`` holds."""
    kept = (section for section in decode_sections(data) if section.name is None or not unwanted(section.name))
    return data[:8] + b"".join(data[section.start : section.end] for section in kept)


def with_custom(data: bytes, name: str, content: bytes) -> bytes:
    """Return a module with a custom section in the place of those that have its name, or else at the end."""
    payload = encode_name(name) + content
    pending = bytes([CUSTOM]) + encode_unsigned(len(payload)) + payload
    parts = [data[:8]]
    for section in decode_sections(data):
        if section.name != name:
            parts.append(data[section.start : section.end])
        else:
            parts.append(pending)
            pending = b""
    return b"".join([*parts, pending])


def name_debug_file(data: bytes, url: str) -> bytes:
    """Add the section that tells debuggers where debug info is, relative to the module.

    Source: "DWARF for WebAssembly", section "External DWARF".
    """
    return with_custom(data, EXTERNAL_DEBUG_INFO, encode_name(url))

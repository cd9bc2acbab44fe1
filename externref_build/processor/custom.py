"""Custom sections other than names and debug info that have to fit the rewritten module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from externref_build._version import __version__
from externref_build.errors import MalformedModuleError
from externref_build.wasm.leb128 import encode_name, encode_unsigned
from externref_build.wasm.reader import Reader
from externref_build.wasm.sections import Section

TARGET_FEATURES = "target_features"
PRODUCERS = "producers"
CODE_METADATA_PREFIX = "metadata.code."
CALL_TARGETS = "metadata.code.call_targets"
SOURCE_MAP = "sourceMappingURL"

_FEATURE = "reference-types"
_TOOL = "externref-build"


UNPATCHABLE = {
    ".debug_frame": "call frame information, which does not exist for WebAssembly",
    ".debug_cu_index": "an index of split debug info",
    ".debug_tu_index": "an index of split debug info",
    ".gdb_index": "an index of addresses for gdb",
    "external_debug_info": "the debug info lies in another file, and would no longer fit",
}
"""Sections with code offsets that cannot be kept right, and why."""


def is_debug_section(name: str) -> bool:
    """Say whether a custom section is debug info, which `patch` has to see."""
    return name.startswith((".debug_", ".zdebug_")) or name in UNPATCHABLE


@contextmanager
def located(section: Section) -> Iterator[None]:
    """Let errors in the content of a custom section name the section and the offset in the module."""
    try:
        yield
    except MalformedModuleError as error:
        summary = f"in the `{section.name}` section: {error.summary}"
        raise MalformedModuleError(summary, section.content + error.offset) from None


def target_features(section: bytes | memoryview) -> list[tuple[bytes, str]]:
    """Decode the features that a module uses, ``+``, or must not, ``-`` (conventions, "Target Features Section")."""
    reader = Reader(section)
    return [(reader.take(1), reader.name("a feature")) for _ in range(reader.count("target features", 2))]


def add_target_feature(section: bytes | memoryview) -> bytes:
    """Add ``+reference-types`` to the features that a module uses."""
    features = target_features(section) if section else []
    kept = [(prefix, name) for prefix, name in features if name != _FEATURE]
    kept.append((b"+", _FEATURE))
    kept.sort(key=lambda feature: feature[1].encode())
    return _vector([prefix + encode_name(name) for prefix, name in kept])


def add_producer(section: bytes | memoryview, tool: str = _TOOL, version: str = __version__) -> bytes:
    """Add a tool, by default this one, to the tools that processed a module (tool conventions, "Producers Section")."""
    reader = Reader(section)
    fields: dict[str, list[tuple[str, str]]] = {}
    if section:
        for _ in range(reader.count("fields of producers", 2)):
            field = fields.setdefault(reader.name("a field of producers"), [])
            for _ in range(reader.count("producers", 2)):
                field.append((reader.name("a producer"), reader.name("a version")))
    processed = fields.setdefault("processed-by", [])
    processed[:] = [entry for entry in processed if entry[0] != tool] + [(tool, version)]
    encoded = [
        encode_name(field) + _vector([encode_name(name) + encode_name(told) for name, told in entries])
        for field, entries in fields.items()
    ]
    return _vector(encoded)


def move_code_metadata(
    section: bytes | memoryview,
    move: Callable[[int, int], int | None],
    rename: Callable[[int], int | None] | None = None,
) -> bytes:
    """Move the offsets of a ``metadata.code.*`` section (tool conventions, "Code Metadata").

    ``move`` takes a function's index and an offset into its body, and gives the new offset, or None where the
    instruction is gone. ``rename`` is for call targets (proposal compilation-hints, "Call targets"): it takes a
    function's index and gives the new one, or None for a function that isn't called indirectly any more.
    """
    reader = Reader(section)
    funcs = []
    for _ in range(reader.count("functions with metadata", 2)):
        func = reader.u32("a function")
        items = []
        for _ in range(reader.count("metadata items", 2)):
            moved = move(func, reader.u32("an offset"))
            size = reader.u32("the size of a metadata item")
            start = reader.offset
            value = reader.take(size, "a metadata item")
            if rename is not None:
                value = _rename_call_targets(Reader(section, start, reader.offset), rename)
            if moved is not None and (value or not size):
                items.append(encode_unsigned(moved) + encode_unsigned(len(value)) + value)
        if items:
            funcs.append(encode_unsigned(func) + _vector(items))
    return _vector(funcs)


def _rename_call_targets(reader: Reader, rename: Callable[[int], int | None]) -> bytes:
    targets = []
    while not reader.at_end():
        func, frequency = rename(reader.u32("a function")), reader.u32("a frequency")
        if func is not None:
            targets.append(encode_unsigned(func) + encode_unsigned(frequency))
    return b"".join(targets)


def _vector(items: list[bytes]) -> bytes:
    return encode_unsigned(len(items)) + b"".join(items)

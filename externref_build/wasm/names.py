"""The name section (specification, appendix "Custom Sections"): what functions and locals are called."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from itertools import repeat
from operator import itemgetter

from externref_build.errors import MalformedModuleError
from externref_build.wasm.leb128 import decode_unsigned, encode_unsigned
from externref_build.wasm.reader import Reader

FUNCTION_NAMES, LOCAL_NAMES, LABEL_NAMES = 1, 2, 3

_U32 = 0xFFFFFFFF


def locate_func_names(section: bytes | memoryview, wanted: Collection[int] | None = None) -> dict[int, int]:
    """Find the names of the wanted functions, or of all: offsets into the section, for `decode_name_at`.

    Raises `MalformedModuleError`, with an offset into the section, where the section is damaged.
    """
    names = {}
    for subsection_id, start, end in _subsections(section):
        if subsection_id == FUNCTION_NAMES:
            reader = Reader(section, start, end)
            count = reader.count("function names", 2)
            offset = reader.offset
            last = _U32 if wanted is None else max(wanted, default=-1)
            for _ in repeat(None, count):
                if offset + 12 > end:  # the longest index and length would not fit: read with care
                    reader.offset = offset
                    reader.u32("a function")
                    reader.skip(reader.u32("the length of a name"), "a name")
                index, length_start = section[offset], offset + 1
                if index >= 0x80:
                    if (middle := section[offset + 1]) < 0x80:
                        index, length_start = index + (middle << 7) - 0x80, offset + 2
                    elif (high := section[offset + 2]) < 0x80:
                        index, length_start = index + (high << 14) + (middle << 7) - 0x4080, offset + 3
                    else:
                        index, length_start = decode_unsigned(section, offset)
                if index > last:  # they stand in ascending order
                    break
                if wanted is None or index in wanted:
                    names[index] = length_start
                size = section[length_start]
                if size < 0x80:
                    offset = length_start + 1 + size
                elif (high := section[length_start + 1]) < 0x80:
                    offset = length_start + (high << 7) + size - 0x7E
                else:
                    size, offset = decode_unsigned(section, length_start)
                    offset += size
            if offset > end:
                raise MalformedModuleError("a name reaches beyond its subsection", end)
    return names


def decode_name_at(section: bytes | memoryview, offset: int) -> str:
    """Decode a name that `locate_func_names` found; what is not UTF-8 in it is replaced."""
    size, start = decode_unsigned(section, offset)
    return bytes(section[start : start + size]).decode(errors="replace")


def rewrite_names(
    section: bytes | memoryview,
    *,
    imported: int,
    renumber: Callable[[int], int | None],
    first_funcs: Iterable[tuple[int, str]],
    last_funcs: Iterable[tuple[int, str]],
    twins: Mapping[int, Mapping[int, int]],
    relabelled: Container[int],
) -> list[bytes | memoryview]:
    """Bring a name section in line with new functions and locals; return its content in parts.

    Args:
        section: The content of the old section.
        imported: The number of functions that were imported; only their indices change.
        renumber: Gives the new index of an imported function, or None where it is gone.
        first_funcs: Indices and names of the functions put before the module's own, in order.
        last_funcs: Indices and names of the functions put behind them, in order.
        twins: For each function, and each of its old locals: the new local that holds the same variable.
        relabelled: Functions some of whose blocks are gone, so that the names of their labels no longer fit.
    """
    parts: list[bytes | memoryview] = []
    for subsection_id, start, end in _subsections(section):
        reader = Reader(section, start, end)
        if subsection_id == FUNCTION_NAMES:
            content = _rewrite_func_names(reader, imported, renumber, first_funcs, last_funcs)
        elif subsection_id in (LOCAL_NAMES, LABEL_NAMES):
            known_twins = twins if subsection_id == LOCAL_NAMES else {}
            gone: Container[int] = relabelled if subsection_id == LABEL_NAMES else ()
            content = _rewrite_inner_names(reader, imported, renumber, known_twins, gone)
        else:
            content = [memoryview(section)[start:end]]
        parts += (bytes((subsection_id,)), encode_unsigned(sum(map(len, content))), *content)
    return parts


def _subsections(section: bytes | memoryview) -> list[tuple[int, int, int]]:
    reader = Reader(section)
    found = []
    while not reader.at_end():
        subsection_id = reader.byte()
        size = reader.u32("the size of a subsection")
        start = reader.offset
        reader.skip(size, "a subsection")
        found.append((subsection_id, start, reader.offset))
    return found


def _name_entry(index: int, name: str) -> bytes:
    encoded = name.encode()
    return encode_unsigned(index) + encode_unsigned(len(encoded)) + encoded


def _rewrite_func_names(
    reader: Reader,
    imported: int,
    renumber: Callable[[int], int | None],
    first_funcs: Iterable[tuple[int, str]],
    last_funcs: Iterable[tuple[int, str]],
) -> list[bytes | memoryview]:
    """Renumber the imports, which come first, and keep the rest as it is."""
    count = reader.count("function names", 2)
    first: list[tuple[int, bytes]] = []
    left = count
    while left:
        start = reader.offset
        index = reader.u32("a function")
        if index >= imported:
            reader.offset = start
            break
        name = reader.take(reader.u32("the length of a name"), "a name")
        left -= 1
        moved = renumber(index)
        if moved is not None:
            first.append((moved, encode_unsigned(moved) + encode_unsigned(len(name)) + name))
    first += [(index, _name_entry(index, name)) for index, name in first_funcs]
    entries = [entry for _, entry in sorted(first)]
    rest = memoryview(reader.data)[reader.offset : reader.end]
    behind = [_name_entry(*entry) for entry in last_funcs]
    return [encode_unsigned(len(entries) + left + len(behind)), *entries, rest, *behind]


def _rewrite_inner_names(
    reader: Reader,
    imported: int,
    renumber: Callable[[int], int | None],
    twins: Mapping[int, Mapping[int, int]],
    gone: Container[int],
) -> list[bytes | memoryview]:
    """Rewrite names of things inside of functions: of locals, or of labels."""
    entries: list[tuple[int, bytes]] = []
    for _ in range(reader.count("functions with names", 2)):
        index = reader.u32("a function")
        start = reader.offset
        count = reader.count("names", 2)
        first = reader.offset
        names: dict[int, bytes] = {}
        func_twins = twins.get(index, {})
        for _ in range(count):
            inner = reader.u32("an index")
            name = reader.take(reader.u32("the length of a name"), "a name")
            if inner in func_twins:
                names[func_twins[inner]] = name
        moved = renumber(index) if index < imported else index
        if moved is None or index in gone:
            continue
        content = bytes(reader.data[start : reader.offset])
        if names:
            added = [
                encode_unsigned(twin) + encode_unsigned(len(name) + 5) + name + b".twin"
                for twin, name in sorted(names.items())
            ]
            content = b"".join((encode_unsigned(count + len(added)), content[first - start :], *added))
        entries.append((moved, encode_unsigned(moved) + content))
    return [encode_unsigned(len(entries)), *(entry for _, entry in sorted(entries, key=itemgetter(0)))]

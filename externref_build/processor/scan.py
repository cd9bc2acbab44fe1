"""Find the few function bodies that name one of a set of functions, without decoding the others.

One regular expression looks for the bytes of ``call``, ``return_call`` and ``ref.func`` followed by one of the indices
in any of its encodings. It may find these bytes inside of other immediates, which costs a decoding, but it misses none.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

from externref_build.wasm import sections as section_ids
from externref_build.wasm.module import Module


def bodies_naming(module: Module, funcs: Iterable[int]) -> list[int]:
    """List the local functions whose bodies may name one of the functions, in ascending order."""
    indices = sorted(set(funcs))
    section = module.section(section_ids.CODE)
    if not indices or section is None:
        return []
    search = re.compile(rb"[\x10\x12\xd2]" + index_pattern(indices), re.DOTALL).search
    starts, ends = module.body_starts, module.body_ends
    imported = len(module.func_imports)
    found = []
    offset = section.payload
    while match := search(module.data, offset, section.end):
        hit = match.start()
        local = bisect_right(ends, hit)
        if hit < starts[local]:
            offset = starts[local]
        else:
            found.append(imported + local)
            offset = ends[local]
    return found


def index_pattern(indices: list[int]) -> bytes:
    """Build the source of a regular expression that matches the unsigned LEB128 of each index, padded or not."""
    by_tail: dict[int, list[int]] = {}
    for index in indices:
        by_tail.setdefault(index >> 7, []).append(index & 0x7F)
    alternatives = []
    for tail, heads in by_tail.items():
        if tail == 0:
            alternatives.append(_byte_class(heads))
            rest = rb"\x80{0,3}\x00"
        else:
            rest = index_pattern([tail])
        alternatives.append(_byte_class([head | 0x80 for head in heads]) + rest)
    return b"(?:" + b"|".join(alternatives) + b")"


def _byte_class(values: list[int]) -> bytes:
    """Build a class of ascending byte values, as ranges."""
    parts = []
    first = last = values[0]
    for value in [*values[1:], 1 << 8]:
        if value != last + 1 or value == 1 << 8:
            parts.append(rb"\x%02x" % first if first == last else rb"\x%02x-\x%02x" % (first, last))
            first = value
        last = value
    return b"[" + b"".join(parts) + b"]"

"""Find the instructions that name one of a set of functions, in few of the bodies and without decoding the others.

First, regular expressions look for the bytes of ``call``, ``return_call`` and ``ref.func`` followed by one of the
indices in any of its encodings, except where what follows disproves it. They may find these bytes inside of other
immediates, but they miss none. Another one then runs through the instructions of the bodies that have a hit: where one
of them starts at a hit, the hit is real.
"""

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from externref_build.processor.disproof import impossible_pattern
from externref_build.wasm import sections as section_ids
from externref_build.wasm.body import skip_locals
from externref_build.wasm.instructions import byte_class, instruction_run, skip_instruction
from externref_build.wasm.leb128 import decode_unsigned
from externref_build.wasm.module import FUNC, Module

CALL, RETURN_CALL, REF_FUNC = 0x10, 0x12, 0xD2

_RARE = 500
"""How many bytes of code there are, at least, to each byte of a value that is rare."""


class Naming(NamedTuple):
    """An instruction that names a function."""

    opcode: int
    """`CALL`, `RETURN_CALL` or `REF_FUNC`."""
    start: int
    end: int
    func: int
    """The function that is named."""
    caller: int
    """The local function in whose body the instruction stands."""


class NamingIndex:
    """The instructions that name each function that was asked for; the code is searched once for each of them."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._by_func: dict[int, list[Naming]] = {}
        self._referable: frozenset[int] | None = None

    def search(self, funcs: Iterable[int]) -> None:
        """Search for those of the functions that were not searched for yet."""
        wanted = sorted(set(funcs) - self._by_func.keys())
        self._by_func.update((func, []) for func in wanted)
        if wanted and self._referable is None:
            self._referable = _referable_funcs(self.module)
        for naming in _find_namings(self.module, wanted, self._referable or ()):
            self._by_func[naming.func].append(naming)

    def namings(self, func: int) -> list[Naming]:
        """Return the instructions that name a function, in ascending order."""
        if func not in self._by_func:
            self.search([func])
        return self._by_func[func]

    def callers(self, func: int) -> set[int]:
        """Return the local functions whose code names a function."""
        return {naming.caller for naming in self.namings(func)}

    def count_calls(self, func: int) -> int:
        """Count the instructions that call a function directly."""
        return sum(naming.opcode != REF_FUNC for naming in self.namings(func))

    def is_value(self, func: int) -> bool:
        """Tell whether code uses a function as a value, by ``ref.func``."""
        return any(naming.opcode == REF_FUNC for naming in self.namings(func))


def _referable_funcs(module: Module) -> frozenset[int]:
    """Collect the functions that ``ref.func`` may name: those that stand outside of bodies (specification 3.4.10)."""
    exported = {export.index for export in module.exports if export.kind == FUNC}
    return module.funcs_in_sections.union(exported)


def _find_namings(module: Module, indices: list[int], referable: Container[int]) -> Iterator[Naming]:
    """Follow the instructions of each body that has hits: one that lies inside of an instruction is false."""
    data, bounds = module.source, module.body_bounds
    imported = len(module.func_imports)
    run = instruction_run().match
    local, offset, end = -1, 0, 0
    for hit in _find_hits(module, indices, referable):
        if hit >= end:
            local = bisect_right(bounds, hit, local + 1) - 1
            if bounds[local] == hit:  # the body's size
                continue
            start, end = module.body(imported + local)
            if hit < start:  # part of the size
                end = start
                continue
            offset = skip_locals(data, start, end)
        while offset < hit:
            match = run(data, offset, hit + 1)
            behind = match.end() if match else offset
            offset = behind if behind > offset else skip_instruction(data, offset, end)
        if offset == hit:
            behind = skip_instruction(data, hit, end)
            yield Naming(data[hit], hit, behind, decode_unsigned(data, hit + 1)[0], imported + local)


def _find_hits(module: Module, indices: list[int], referable: Container[int]) -> list[int]:
    """Find the offsets, in ascending order, at which the code may name one of the functions."""
    section = module.section(section_ids.CODE)
    if section is None:
        return []
    values = [index for index in indices if index in referable]
    impossible = impossible_pattern(module)
    hits: list[int] = []
    for opcode, named in ((CALL, indices), (RETURN_CALL, indices), (REF_FUNC, values)):
        if named:
            heads = {index & 0x7F | 0x80 for index in named}.union(index for index in named if index < 0x80)
            behind = rb"(?=%b)(?=%b(?!%b))" % (byte_class(sorted(heads)), index_pattern(named), impossible)
            hits += _find_opcode(module.source, opcode, heads, behind, module.body_bounds[0], section.end)
    return sorted(hits)


def _find_opcode(
    data: bytes | memoryview, opcode: int, heads: Container[int], behind: bytes, start: int, end: int
) -> list[int]:
    """Find a byte behind which one of the ``heads`` stands and a regular expression matches.

    Rare bytes are found by `bytes.find` several times as fast as by a regular expression; but each costs more.
    """
    hits: list[int] = []
    if opcode != CALL and isinstance(data, bytes):
        byte, find, match = bytes((opcode,)), data.find, re.compile(behind, re.DOTALL).match
        for _ in range((end - start) // _RARE + 1):
            found = find(byte, start, end - 1)
            if found < 0:
                return hits
            start = found + 1
            if data[start] in heads and match(data, start, end):
                hits.append(found)
    # Where a pattern starts with a byte, that is searched for; with one of several, it would be matched everywhere.
    pattern = re.compile(rb"\x%02x" % opcode + behind, re.DOTALL)
    return hits + [match.start() for match in pattern.finditer(data, start, end)]


def index_pattern(indices: list[int]) -> bytes:
    """Build the source of a regular expression that matches the unsigned LEB128 of each index, padded or not."""
    by_tail: dict[int, list[int]] = {}
    for index in indices:
        by_tail.setdefault(index >> 7, []).append(index & 0x7F)
    alternatives = []
    for tail, heads in by_tail.items():
        if tail == 0:
            alternatives.append(byte_class(heads))
            rest = rb"\x80{0,3}\x00"
        else:
            rest = index_pattern([tail])
        alternatives.append(byte_class([head | 0x80 for head in heads]) + rest)
    return b"(?:" + b"|".join(alternatives) + b")"

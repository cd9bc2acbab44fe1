"""Find the instructions that name one of a set of functions, in few of the bodies and without decoding the others.

First, regular expressions look for the bytes of ``call``, ``return_call`` and ``ref.func`` followed by one of the
indices in any of its encodings. They may find these bytes inside of other immediates, but they miss none. Another one
then runs through the bodies that have a hit, up to the last one: it swallows all instructions but those that are looked
for, and stops at these.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from externref_build.wasm import sections as section_ids
from externref_build.wasm.body import skip_locals
from externref_build.wasm.instructions import decode_uncountable, instruction_pattern
from externref_build.wasm.module import FUNC, Module
from externref_build.wasm.opcodes import OPCODES
from externref_build.wasm.reader import Reader

CALL, RETURN_CALL, REF_FUNC = 0x10, 0x12, 0xD2

_NAMING = frozenset({CALL, RETURN_CALL, REF_FUNC})
_NAMING_CLASS = rb"[\x10\x12\xd2]"
_NAMING_MNEMONICS = frozenset({"call", "return_call", "ref.func"})
_RUN_LENGTH = rb"{0,64}+" if sys.version_info >= (3, 11) else rb"{0,64}"
"""How many instructions one match swallows; bounded, or a match could need much memory to backtrack."""


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


@dataclass(slots=True)
class NamingIndex:
    """The instructions that name each function that was asked for; the code is searched once for each of them."""

    module: Module
    _by_func: dict[int, list[Naming]] = field(default_factory=dict)
    _referable: frozenset[int] | None = None

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
    return frozenset(exported.union(site.index for site in module.func_index_sites()))


def _find_namings(module: Module, indices: list[int], referable: Container[int]) -> Iterator[Naming]:
    section = module.section(section_ids.CODE)
    if not indices or section is None:
        return
    wanted = index_pattern(indices)
    others = [opcode for opcode in OPCODES.values() if opcode.mnemonic not in _NAMING_MNEMONICS]
    other_naming = _NAMING_CLASS + b"(?!" + wanted + rb")[\x80-\xff]{0,4}[\x00-\x7f]"
    run = b"(?:" + instruction_pattern(others) + b"|" + other_naming + b")" + _RUN_LENGTH
    swallow = re.compile(run, re.DOTALL).match
    for func, last_hit in sorted(_last_hits(module, indices, referable).items()):
        start, end = module.body(func)
        offset = skip_locals(module.data, start, end)
        while offset <= last_hit:
            match = swallow(module.data, offset, end)
            behind = match.end() if match else offset
            if behind == offset:
                opcode = module.data[offset]
                if opcode in _NAMING:
                    reader = Reader(module.data, offset + 1, end)
                    callee = reader.u32("the index of a function")
                    behind = reader.offset
                    yield Naming(opcode, offset, behind, callee, func)
                else:
                    _, behind = decode_uncountable(module.data, offset, end)
            offset = behind


def _last_hits(module: Module, indices: list[int], referable: Container[int]) -> dict[int, int]:
    """Find the local functions whose bodies may name one of the functions, with the last offset where they may."""
    section = module.section(section_ids.CODE)
    assert section is not None
    starts, ends = module.body_starts, module.body_ends
    imported = len(module.func_imports)
    values = [index for index in indices if index in referable]
    found: dict[int, int] = {}
    # One search for each opcode: a pattern that starts with a single byte is found several times as fast.
    for opcode, named in ((CALL, indices), (RETURN_CALL, indices), (REF_FUNC, values)):
        if named:
            pattern = re.compile(rb"\x%02x(?=%b)" % (opcode, index_pattern(named)), re.DOTALL)
            for match in pattern.finditer(module.data, section.payload, section.end):
                hit = match.start()
                local = bisect_right(ends, hit)
                if hit >= starts[local] and hit > found.get(imported + local, 0):
                    found[imported + local] = hit
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

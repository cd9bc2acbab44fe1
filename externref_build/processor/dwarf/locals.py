"""Location expressions name locals of functions, of which some have a twin now that holds the variable at times.

An expression names a local by ``DW_OP_WASM_location`` with kind 0 (https://yurydelendik.github.io/webassembly-dwarf/).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from externref_build.processor.dwarf.section import LEB, Section, uleb
from externref_build.wasm.leb128 import encode_unsigned

Access = tuple[int, bool]
"""The offset of an instruction that accesses a local, and whether it accesses the local's twin now."""


@dataclass(frozen=True, slots=True)
class TwinnedLocal:
    """A local that has a twin, and what its function does with the two; offsets are those in the old code section."""

    twin: int
    reads: Sequence[Access]
    """In ascending order of offsets."""
    writes: Sequence[Access]

    def is_in_twin(self, start: int, end: int) -> bool:
        """Tell whether the twin holds what a variable is said to be in the local from `start` to `end`.

        The first read in this range says so; without one, the last write before it. A parameter starts in the local.
        """
        position = bisect_left(self.reads, (start, False))
        if position < len(self.reads) and self.reads[position][0] < end:
            return self.reads[position][1]
        position = bisect_left(self.writes, (start, False))
        return position > 0 and self.writes[position - 1][1]


@dataclass(frozen=True, slots=True)
class FuncLocals:
    """The locals of a function that have twins, by index; and where the function lies in the old code section."""

    start: int
    end: int
    locals: Mapping[int, TwinnedLocal]


class TwinMap:
    """Finds the functions that have locals with twins, and patches the expressions that hold for their code."""

    __slots__ = ("_functions", "_starts")

    def __init__(self, functions: Sequence[FuncLocals]) -> None:
        """Take the functions in ascending order."""
        self._functions = functions
        self._starts = [function.start for function in functions]

    def function_at(self, address: int) -> FuncLocals | None:
        """Find the function that lies at an old address, if it has locals with twins."""
        position = bisect_right(self._starts, address) - 1
        if position < 0 or address >= self._functions[position].end:
            return None
        return self._functions[position]

    def patch(self, section: Section, expression: tuple[int, int], code: tuple[int, int], address_size: int) -> None:
        """Let the expression at a range of offsets in `section`, which holds for a range of code, name twins.

        Where the index of a twin takes more bytes than there are, the expression becomes one of an unknown location.
        """
        function = self.function_at(code[0])
        if function is None:
            return
        start, end = expression
        data = bytes(section.data[start:end])
        position = 0
        while match := _pattern(address_size).match(data, position):
            local, position = uleb(memoryview(data), match.start(1))[0], match.end()
            known = function.locals.get(local)
            if known is None or not known.is_in_twin(*code):
                continue
            width = match.end(1) - match.start(1)
            if known.twin >= 1 << 7 * width:
                section.out[start:end] = _UNKNOWN + _NOP * (len(data) - len(_UNKNOWN))
                return
            section.out[start + match.start(1) : start + match.end(1)] = encode_unsigned(known.twin, width)


_UNKNOWN, _NOP = b"\x93\x00", b"\x96"
"""A piece without location (DWARF 5, section 2.6.1.2)."""


@cache
def _pattern(address_size: int) -> re.Pattern[bytes]:
    """Match any operations (DWARF 5, section 7.7.1) up to one that names a local, with its index as group 1.

    An operation that isn't known, or contains others, ends the search.
    """
    operations = [
        rb"[\x06\x12-\x14\x16-\x22\x24-\x27\x29-\x2e\x30-\x6f\x96\x97\x9b\x9c\x9f\xe0]",
        rb"[\x08\x09\x15\x94\x95].",
        rb"[\x0a\x0b\x28\x2f\x98]..",
        rb"[\x0c\x0d\x99].{4}",
        rb"[\x0e\x0f].{8}",
        rb"\x03.{%d}" % address_size,
        rb"[\x10\x11\x23\x70-\x91\x93\xa1\xa2\xa8\xa9]" + LEB,
        rb"[\x92\x9d\xa5]" + LEB + LEB,
        rb"\xed[\x01\x02]" + LEB,
        rb"\xed\x03.{4}",
    ]
    return re.compile(rb"(?s)(?:%b)*?\xed\x00(%b)" % (b"|".join(operations), LEB))

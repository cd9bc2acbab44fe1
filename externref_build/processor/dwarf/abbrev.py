"""Abbreviations (DWARF 5, section 7.5.3) compiled to plans: which bytes of an entry matter to a patch of code offsets.

Most entries hold nothing that matters and have a fixed size; their plan is that size alone, so that the walk over
`.debug_info` is one addition for each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from externref_build.processor.dwarf.forms import (
    IMPLICIT_CONST,
    IN_ABBREVIATION,
    NUMBER,
    Encoding,
    Kind,
    Role,
    value_step,
)
from externref_build.processor.dwarf.section import LEB, UnreadableError, uleb

Step = tuple[int, int, int, Role, Kind]
"""Bytes to skip; how to read the next value, and its `size`; what it means, and what it is."""


@dataclass(frozen=True, slots=True)
class Code:
    """Where an entry that covers code, as most that matter do, has its address and its length of 4 bytes each."""

    low_pc: int
    high_pc: int | None
    rest: Plan
    """How to walk over what stands behind them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to walk over an entry of which something matters, or whose size varies."""

    steps: tuple[Step, ...]
    tail: int
    """Bytes behind the last step."""
    matters: bool
    """Whether any of the values has a role."""
    code: Code | None = None
    """What matters, if nothing else does."""
    reference: Role | None = None
    """What the only step is, if it is an offset of 4 bytes into a section of lists."""


Plans = dict[int, "int | Plan"]
"""Plans by abbreviation code; a number is the size of an entry without its code."""

_DECLARATION = re.compile(
    rb"(?s)(%(leb)s)(%(leb)s[\x00\x01](?:(?!\x00\x00)%(leb)s(?:\x21%(leb)s|(?!\x21)%(leb)s))*\x00\x00)" % {b"leb": LEB}
)
"""Code; tag, children, and pairs of attribute and form, of which one form is followed by its value."""


class Abbreviations:
    """The tables of `.debug_abbrev`, compiled when a unit asks for one.

    Every unit of a linked module has a table of its own, but the same declarations recur in all of them: each is
    compiled once. Tables that overlap, as only a forged section has them, are refused before they cost time.
    """

    __slots__ = ("_budget", "_data", "_declarations", "_tables")

    def __init__(self, data: memoryview, budget: int) -> None:
        self._data = data
        self._tables: dict[tuple[int, Encoding], Plans] = {}
        self._declarations: dict[tuple[bytes, Encoding], int | Plan] = {}
        self._budget = budget

    def table(self, offset: int, encoding: Encoding) -> Plans:
        """Return the plans of the table at `offset`; raise UnreadableError where it is malformed."""
        key = offset, encoding
        plans = self._tables.get(key)
        if plans is None:
            if len(self._tables) >= _TABLES_KEPT:
                self._tables.clear()
            plans = self._tables[key] = self._compile(offset, encoding)
        return plans

    def _compile(self, offset: int, encoding: Encoding) -> Plans:
        data, declarations = self._data, self._declarations
        plans: Plans = {}
        position = offset
        while data[position]:
            match = _DECLARATION.match(data, position)
            if match is None:
                raise UnreadableError("a malformed abbreviation", position)
            self._budget -= match.end() - position
            if self._budget < 0:
                raise UnreadableError("abbreviation tables overlap", offset)
            key = match[2], encoding
            plan = declarations.get(key)
            if plan is None:
                plan = declarations[key] = _plan(memoryview(match[2]), encoding, match.start(2))
            plans[uleb(data, position)[0]] = plan
            position = match.end()
        return plans


_TABLES_KEPT = 64

_LOW_PC = (NUMBER, 4, Role.LOW_PC, Kind.ADDRESS)
_HIGH_PC = (NUMBER, 4, Role.HIGH_PC, Kind.CONSTANT)
_LISTS = [[(NUMBER, 4, role, Kind.OFFSET)] for role in (Role.RANGES, Role.LOCATIONS)]


def _plan(declaration: memoryview, encoding: Encoding, offset: int) -> int | Plan:
    """Compile a declaration, which starts with its tag and stands at `offset` in the section."""
    steps: list[Step] = []
    gap = 0
    _, position = uleb(declaration, 0)
    position += 1
    while position < len(declaration) - 2:
        attribute, form_position = uleb(declaration, position)
        form, position = uleb(declaration, form_position)
        implicit = 0
        if form == IMPLICIT_CONST:
            implicit, position = uleb(declaration, position)
        try:
            read, size, role, kind = value_step(attribute, form, implicit, encoding)
        except KeyError:
            summary = f"unknown form {form:#x} of attribute {attribute:#x}"
            raise UnreadableError(summary, offset + form_position) from None
        if role is Role.NONE and read in (NUMBER, IN_ABBREVIATION):
            gap += size if read == NUMBER else 0
        else:
            steps.append((gap, read, size, role, kind))
            gap = 0
    if not steps:
        return gap
    matters = any(step[3] is not Role.NONE for step in steps)
    reference = steps[0][3] if [step[1:] for step in steps] in _LISTS else None
    return Plan(tuple(steps), gap, matters, _code(steps, gap) if matters else None, reference)


def _code(steps: list[Step], tail: int) -> Code | None:
    leading = sum(step[3] is not Role.NONE for step in steps)
    meanings = [step[1:] for step in steps[:leading]]
    if meanings not in ([_LOW_PC], [_LOW_PC, _HIGH_PC]):
        return None
    low_pc = steps[0][0]
    high_pc = low_pc + 4 + steps[1][0] if leading == 2 else None
    fixed = low_pc + 4 if high_pc is None else high_pc + 4
    rest = steps[leading:]
    if rest:
        rest[0] = (fixed + rest[0][0], *rest[0][1:])
    return Code(low_pc, high_pc, Plan(tuple(rest), tail if rest else fixed + tail, matters=False))

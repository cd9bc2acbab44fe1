"""Where each byte of the code section went."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Move = Callable[[int], "int | None"]
"""Map an offset as a `CodeMap` does."""

_NEVER_CODE = 1
"""Offsets 0 and 1 are the count of functions and the first body's size; linkers write them for code they dropped."""


@dataclass(frozen=True, slots=True)
class CodeMap:
    """Map offsets in the old code section to the new one; both count from the start of the section's content.

    The map is made of pieces. Piece `i` covers the old offsets from `old[i]` up to `old[i + 1]`, and moves them by
    `new[i] - old[i]`. The last pair is the end of both sections. Code is never reordered, so both tuples ascend.
    """

    old: tuple[int, ...]
    """Where each piece starts in the old section; strictly ascending."""
    new: tuple[int, ...]
    """Where the same piece starts in the new section; ascending, equal where code was deleted."""

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[int, int]]) -> CodeMap:
        """Build a map from `(old, new)` pairs in ascending order, of which the last is the end of both sections.

        Needed are the first function's size field, each place where the distance between old and new changes, the
        start of what gets shorter there, and the end; more pairs do no harm. In a rewritten body these are: its size
        field, its first byte (the local declarations), the instructions that change and those behind them, and its
        end. An instruction's pair names the first byte of what stands in its place. Raise ValueError if the pairs do
        not ascend.
        """
        old: list[int] = []
        new: list[int] = []
        last: tuple[int, int] | None = None
        for pair in pairs:
            if last is None:
                growth = 1
            elif pair == last:
                continue
            elif pair[0] <= last[0] or pair[1] < last[1]:
                raise ValueError(f"{pair} after {last} in a code map")
            else:
                growth = pair[1] - pair[0] - new[-1] + old[-1]
            if last is not None and growth < 0 and last[0] != old[-1]:
                old.append(last[0])
                new.append(last[1])
            if growth:
                old.append(pair[0])
                new.append(pair[1])
            last = pair
        if last is not None and last[0] != old[-1]:
            old.append(last[0])
            new.append(last[1])
        return cls(tuple(old), tuple(new))

    @property
    def moves(self) -> bool:
        """Whether any offset changes."""
        return self.old != self.new

    def __call__(self, offset: int) -> int | None:
        """Return the new offset, or None for an offset outside all functions, such as a linker's tombstone.

        The end of the section counts as code, for it ends ranges. An offset inside an instruction that got shorter
        stays inside its replacement.
        """
        old = self.old
        if offset <= _NEVER_CODE or not old or not old[0] <= offset <= old[-1]:
            return None
        piece = bisect_right(old, offset) - 1
        start = self.new[piece]
        moved = start + offset - old[piece]
        if piece + 1 == len(old):
            return moved
        return min(moved, max(start, self.new[piece + 1] - 1))

    def mover(self) -> Move:
        """Return a function that maps like this object, faster where consecutive offsets lie close together."""
        first = last = distance = tombstone = 0

        def move(offset: int) -> int | None:
            nonlocal first, last, distance, tombstone
            if first <= offset < last:
                return offset + distance
            if offset == tombstone:
                return None
            moved = self(offset)
            if moved is None:
                tombstone = offset
            else:
                first, last, distance = self.piece(offset)
            return moved

        return move

    def piece(self, offset: int) -> tuple[int, int, int]:
        """Return start, end and distance of the offsets around a mapped `offset` that all move by the same distance."""
        index = bisect_right(self.old, offset) - 1
        distance = self.new[index] - self.old[index]
        start = max(self.old[index], _NEVER_CODE + 1)
        if index + 1 == len(self.old):
            return start, start + 1, distance
        end = min(self.old[index + 1], self.new[index + 1] - distance)
        if offset >= end:
            moved = self(offset)
            return offset, offset + 1, (offset if moved is None else moved) - offset
        return start, end, distance

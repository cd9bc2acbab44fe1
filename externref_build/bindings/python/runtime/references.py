"""References behind the unchecked functions: which objects the engine of a store knows, and by what numbers."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, repeat
from typing import Any, Final

import wasmtime

from externref_build.bindings.python.runtime.library import _context_of, _Root

_CLEARED: Final = re.compile(rb"\0+")
_BATCH: Final = 256
"""How many references are made at once, at most."""
_RECORDS: Final = 1000
"""How many records there are at least."""


class _References:
    """The references that the engine of one store holds to objects of the host.

    The engine knows a reference by a number, the same for as long as it holds it. Whatever a guest passes has such a
    number, for a guest cannot make references (see `_Engine`). When the engine lets go of one, it clears the record
    that it was given with it, before the number can be another's: no code of Python runs within the engine.

    What a signal raises may come after any call. Something is lost then until the store goes, but nothing is in two
    lists, for it would be let go of, or given, twice.
    """

    def __init__(self, calls: Any, store: wasmtime.Store) -> None:
        self.calls, self.context = calls, _context_of(store)
        self.objects: list[Any] = []
        """By the index of their records."""
        self.indices: dict[int, int] = {}
        """The index of the record, by the engine's number."""
        self.blocks: list[Any] = []
        """The records, two words each."""
        self.records: list[Any] = []
        """Their addresses."""
        self.spare: list[int] = []
        """Indices of records that are not in use."""
        self.places: list[Any] = []
        """Where the engine can keep references for the host, and doesn't now."""
        self.batch = 8
        """How many references are made at once: twice as many each time."""
        self.stock: list[int] = []
        """The numbers of references that were made in advance."""
        self.rooted: list[Any] = []
        """The places of these, and then of those that were given since."""
        self.given: list[Any] = []
        """The places of others that were given."""
        self.pinned = 0
        """How many calls were interrupted that a guest may not have got all references of."""
        self.witness = (ctypes.c_uint64 * 2)()
        """The record of a reference that nobody holds: cleared as soon as the engine looks for garbage."""
        store.references = self.blocks, self.witness  # type: ignore[attr-defined]  # it clears them when it is deleted
        weakref.finalize(self, _unroot, calls, self.rooted, self.given)
        self.give = self._giver()

    def _giver(self) -> Callable[[Any], int]:
        """Return a function that makes a reference, and returns its number, which the guest has to get at once."""
        stock, objects, indices, refill = self.stock, self.objects, self.indices, self.refill

        def give(value: Any) -> int:
            while not stock:
                refill(settle=False)
            number = stock[-1]
            del stock[-1]
            objects[indices[number]] = value
            return number

        return give

    def restock(self) -> None:
        """Have references in stock; the guest has got those that were given."""
        while not self.stock:
            self.refill()

    def refill(self, *, settle: bool = True) -> list[Any]:
        """Make references in advance; return the objects that the engine let go of, whose code may run when they go.

        Each takes three calls of the library, which cost less for many at once. In stock it is rooted; it is unrooted
        some time after it was given, and from then on only what the guest does with it keeps it. Unless those given
        may ``settle``, they stay rooted: the guest of a call that begins has not got them yet.
        """
        with _collector_paused():
            gone = self._sweep() if self._settle(settle) and not self.spare else []
            if not self.spare:
                self._extend(_RECORDS)
            self.batch = min(2 * self.batch, _BATCH)
            missing = self.batch - len(self.places)
            if missing > 0:
                roots = (_Root * missing)()
                self.places += [ctypes.byref(roots, ctypes.sizeof(_Root) * index) for index in range(missing)]
            count = min(len(self.spare), self.batch)
            taken, places = self.spare[:count], self.places[:count]
            del self.spare[:count], self.places[:count]
            self._make(taken, places)
        return gone

    def _make(self, indices: Sequence[int], places: Sequence[Any]) -> None:
        """Add references to the stock, with the records of the indices."""
        records, cleared = map(self.records.__getitem__, indices), repeat(self.calls.ref_gone)
        made = list(map(self.calls.ref_new, repeat(self.context), records, cleared, places))
        if not all(made):
            refused = [not is_made for is_made in made]
            self.spare += compress(indices, refused)
            self.places += compress(places, refused)
            indices, places = list(compress(indices, made)), list(compress(places, made))
        if not places:
            raise MemoryError("the engine has no room for another reference")
        self.rooted += places
        numbers = self._expose()[-len(places) :]
        self.indices.update(zip(numbers, indices, strict=True))
        self.stock += numbers

    def _expose(self) -> list[int]:
        """Have the engine take the guest to hold what is rooted; return the numbers.

        It does so until it looks for garbage. Unless it has done that, those in stock are left out, for there are
        versions that never let go of what they are told twice.
        """
        calls, root = self.calls, ctypes.byref(_Root())
        is_witnessed = calls.ref_new(self.context, ctypes.byref(self.witness), calls.ref_gone, root)
        first = len(self.stock) if self.witness[0] else 0
        self.witness[0] = is_witnessed
        numbers = list(map(calls.ref_to_raw, repeat(self.context), self.rooted[first:]))
        if is_witnessed:
            calls.ref_to_raw(self.context, root)
            calls.ref_unroot(root)
        return numbers

    def _settle(self, is_wanted: bool) -> bool:
        """Leave the references that were given to the guest; return whether that was possible.

        They were exposed when they were made. If the engine has looked for garbage since, it has to be told again.
        """
        count = len(self.stock)
        given = self.rooted[count:]
        del self.rooted[count:]
        self.given += given
        if self.pinned or not is_wanted:
            return False
        if not self.witness[0]:
            _exhaust(map(self.calls.ref_to_raw, repeat(self.context), self.given))
        places = self.given[:]
        self.given.clear()
        _exhaust(map(self.calls.ref_unroot, places))
        self.places += places
        return True

    def _sweep(self) -> list[Any]:
        """Have spare records again; return the objects that the engine let go of, whose code may run when they go."""
        self.calls.gc(self.context)
        gone: list[Any] = []
        start = 0
        for block in self.blocks:
            state = bytes(block)[::16]
            ctypes.memset(block, 1, ctypes.sizeof(block))
            for run in _CLEARED.finditer(state):
                first, end = start + run.start(), start + run.end()
                gone += self.objects[first:end]
                self.objects[first:end] = [None] * (end - first)
                self.spare += range(first, end)
            start += len(block) // 2
        if self.stock:
            self._expose()
        wanted = max(_RECORDS, start - len(self.spare))
        if 2 * len(self.spare) < wanted:
            self._extend(wanted)
        return gone

    def _extend(self, count: int) -> None:
        start = len(self.objects)
        block = (ctypes.c_uint64 * (2 * count))()
        ctypes.memset(block, 1, ctypes.sizeof(block))
        records = [ctypes.byref(block, offset) for offset in range(0, 16 * count, 16)]
        self.records += records
        self.objects += [None] * count
        self.blocks.append(block)
        self.spare += range(start, start + count)

    def count(self, *, settle: bool = True) -> int:
        """Count the references that the engine holds; unless those given may ``settle``, also some that are gone."""
        with _collector_paused():
            gone = self._sweep() if self._settle(settle) else []
        live = len(self.objects) - len(self.spare) - len(self.stock)
        gone.clear()
        return live

    def clear(self) -> None:
        """Let go of all objects; no reference is used any more."""
        self.objects[:] = [None] * len(self.objects)
        _unroot(self.calls, self.rooted, self.given)


def _unroot(calls: Any, *places: list[Any]) -> None:
    """Let go of what the engine keeps at the places, even when its store is gone."""
    for some in places:
        while some:
            calls.ref_unroot(some.pop())


def _exhaust(iterator: Iterator[Any]) -> None:
    deque(iterator, maxlen=0)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from looking for garbage: its code could use what is about to change."""
    was_enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if was_enabled:
            gc.enable()

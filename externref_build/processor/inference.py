"""Decide function by function between direct lowering and adapter, and infer what inner functions exchange.

A function that is neither exported nor has its address taken is *inner*: all its callers are known. Where every caller
passes references for a parameter, the parameter is one; where it returns references, its result is. Functions are
interpreted until none of these masks grows any more; a mask starts empty and bits are only added.

A function whose references escape keeps integers, and so do the inner functions that it calls: they are *locked*, and
the inference starts over without them. What crosses the module's border is declared and never locked.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from externref_build.processor.dataflow import Callee, Escape, Flow, Interpreter
from externref_build.processor.events import BodyEvents, decode_events
from externref_build.processor.scan import NamingIndex
from externref_build.processor.signatures import NO_REFS, Refs, Signatures
from externref_build.wasm.module import FUNC, Module

MAX_RESTARTS = 12
"""How often the inference starts over before it does without inner functions."""

MAX_READINGS = 64
"""How often bodies are read, on average, before all functions that touch references take adapters instead."""

_SURROGATE_REFS = {
    "insert": Refs(params=1),
    "get": Refs(results=1),
    "take": Refs(results=1),
    "drop": NO_REFS,
    "guard": NO_REFS,
}


class Lowering(NamedTuple):
    """What is to become of the functions that touch references."""

    refs: dict[int, Refs]
    """Local functions whose parameters and results become references."""
    flows: dict[int, Flow]
    """Functions with direct lowering, by index."""
    escapes: dict[int, Escape]
    """Functions that need an adapter, by index, with the first instruction that forces it; one that can do without but
    for spills, which only a module without adapters may have, with its first spill."""
    events_of: Callable[[int], BodyEvents]
    """Decodes the body of a local function, once."""


def infer_lowering(
    module: Module,
    signatures: Signatures,
    namings: NamingIndex,
    *,
    describe: Callable[[int], str],
    demoted: Collection[int] = (),
) -> Lowering:
    """Decide the lowering of each function that touches references.

    Args:
        module: The module.
        signatures: What its border declares.
        namings: Finds callers.
        describe: Names a function, for reasons.
        demoted: Functions that are to take adapters whatever they do.
    """
    inference = _Inference(module, signatures, namings, describe, frozenset(demoted))
    lowering = inference.infer(may_spill=True)
    if lowering.escapes and any(flow.has_spills for flow in lowering.flows.values()):
        causes = lowering.escapes
        lowering = inference.infer(may_spill=False)
        lowering.escapes.update((func, causes[func]) for func in causes.keys() & lowering.escapes.keys())
    return lowering


class _TooMuchWorkError(Exception):
    """The bodies were read too often; the time that inference takes must stay linear in the size of the module."""


class _Inference:
    def __init__(
        self,
        module: Module,
        signatures: Signatures,
        namings: NamingIndex,
        describe: Callable[[int], str],
        demoted: frozenset[int],
    ) -> None:
        self.module = module
        self.signatures = signatures
        self.namings = namings
        self.describe = describe
        self.demoted = demoted
        self.events: dict[int, BodyEvents] = {}
        self.tag_types = module.tag_types()
        self.locked: set[int] = set()
        """Functions that exchange integers only."""
        self.inner: dict[int, int] = {}
        """Inner functions through which references flow: the mask of their parameters that are references."""
        self.results: dict[int, int | None] = {}
        """For each inner function that was interpreted: the mask of its results; None until it is seen to return."""
        self.users: dict[int, set[int]] = {}
        """For each inner function: the interpreted ones that call it."""
        self.flows: dict[int, Flow] = {}
        self.escapes: dict[int, Escape] = {}
        self.pending: deque[int] = deque()
        self.queued: set[int] = set()
        self.may_spill = True
        self.size = 0
        """The number of events in all bodies that were decoded."""
        self.work = 0
        """The number of events that were interpreted."""

    def infer(self, *, may_spill: bool) -> Lowering:
        """Decide on all functions, or give them all adapters where that would take too long."""
        self.may_spill = may_spill
        self.work = 0
        self.locked = self._fixed_functions()
        roots = self._find_roots()
        try:
            self._infer_from(roots)
        except _TooMuchWorkError:
            self.inner, self.flows = {}, {}
            reason = f"references are not understood within {MAX_READINGS} readings of each function"
            self.escapes = {func: Escape(self.module.body(func)[0], reason) for func in roots}
        return Lowering(self._refs(), dict(self.flows), dict(self.escapes), self._events_of)

    def _infer_from(self, roots: set[int]) -> None:
        """Restart until no inner function has to be locked any more."""
        for restart in range(MAX_RESTARTS + 1):
            if restart == MAX_RESTARTS:
                self.locked.update(range(len(self.module.func_imports), self.module.func_count))
            self.inner, self.users, self.flows, self.escapes = {}, {}, {}, {}
            self.results = dict.fromkeys(roots - self.locked - self.demoted)
            self._schedule(sorted(roots))
            self._reach_fixed_point()
            to_lock = self._conflicts() - self.locked
            if not to_lock:
                break
            self.locked |= to_lock

    def _fixed_functions(self) -> set[int]:
        """Collect the functions whose types others rely on: exported ones and those in tables, globals and start."""
        module = self.module
        fixed = {export.index for export in module.exports if export.kind == FUNC}
        fixed |= module.funcs_in_sections
        start = module.start_site()
        if start:
            fixed.add(start.value)
        return fixed

    def _find_roots(self) -> set[int]:
        """Find the functions that touch references by themselves."""
        signatures = self.signatures
        border = {*signatures.surrogates, *signatures.imports, *signatures.exported}
        self.namings.search(border)
        callers = (self.namings.callers(func) for func in border)
        return set(signatures.exported).union(signatures.divided, *callers)

    def _events_of(self, func: int) -> BodyEvents:
        if func not in self.events:
            self.events[func] = decode_events(self.module, func)
            self.size += len(self.events[func].events)
        return self.events[func]

    def _schedule(self, funcs: Iterable[int]) -> None:
        for func in funcs:
            if func not in self.queued:
                self.queued.add(func)
                self.pending.append(func)

    def _reach_fixed_point(self) -> None:
        announced: set[int] = set()
        while True:
            while self.pending:
                func = self.pending.popleft()
                self.queued.remove(func)
                self._interpret(func)
            fresh = sorted(self.inner.keys() - announced)
            if fresh:
                announced.update(fresh)
                self.namings.search(fresh)
                for func in fresh:
                    self._schedule(sorted(self.namings.callers(func)))
                continue
            # These wait for nothing any more, so that they do need adapters; and adapters return numbers.
            stuck = [func for func, results in self.results.items() if results is None and func in self.escapes]
            if not stuck and not self._settle_tail_calls():
                return
            for func in stuck:
                self._widen_results(func, 0)

    def _settle_tail_calls(self) -> bool:
        """Let functions that never return take the results of those that call them by tail calls."""
        for func, flow in self.flows.items():
            declared = self.signatures.exported.get(func)
            wanted = declared.results if declared else self.results.get(func)
            for callee in flow.tail_calls:
                if wanted and self.results.get(callee, 0) is None:
                    self._widen_results(callee, wanted)
        return bool(self.pending)

    def _interpret(self, func: int) -> None:
        self.flows.pop(func, None)
        self.escapes.pop(func, None)
        if func in self.demoted:
            self.escapes[func] = Escape(self.module.body(func)[0], "an adapter was asked for")
            return
        if func in self.signatures.divided:
            reason = "it is exported under names that declare different references"
            self.escapes[func] = Escape(self.module.body(func)[0], reason)
            return
        events = self._events_of(func)
        self.work += len(events.events)
        if self.work > MAX_READINGS * self.size:
            raise _TooMuchWorkError
        declared = self.signatures.exported.get(func)
        is_open = declared is None and func not in self.locked
        if is_open and func not in self.results:  # or with fewer references among its parameters
            self.results[func] = None
            self._schedule(sorted(self.users.get(func, ())))
        refs = declared or NO_REFS
        escapes = []
        for is_consuming in (False, True):
            interpreter = Interpreter(
                self.module.data,
                events,
                self.module.func_type(func),
                self.inner.get(func, 0) if is_open else refs.params,
                None if is_open else refs.results,
                callee=lambda callee, offset: self._callee(func, callee, offset),
                describe=self.describe,
                tag_types=self.tag_types,
                may_spill=self.may_spill,
                is_consuming=is_consuming,
            )
            try:
                flow = self.flows[func] = interpreter.run()
            except Escape as escape:
                escapes.append(escape)
            else:
                if is_open and flow.results is not None:
                    self._widen_results(func, flow.results)
                break
        else:
            self.escapes[func] = escapes[0]
        for callee, (_, passed) in interpreter.arguments.items():  # what it passes may be what lets it escape
            self._widen_params(callee, passed)

    def _widen_params(self, func: int, passed: int) -> None:
        known = self.inner.get(func, 0)
        if passed & ~known:
            self.inner[func] = known | passed
            self.results.pop(func, None)
            self._schedule([func])

    def _widen_results(self, func: int, results: int) -> None:
        known = self.results[func]
        if known is None or results & ~known:
            self.results[func] = (known or 0) | results
            if results:
                self.inner.setdefault(func, 0)
            self._schedule(sorted(self.users.get(func, ())))

    def _callee(self, caller: int, func: int, offset: int) -> Callee:
        func_type = self.module.func_type(func, offset)
        signatures = self.signatures
        refs = NO_REFS
        surrogate = signatures.surrogates.get(func)
        if surrogate:
            refs = _SURROGATE_REFS[surrogate]
        elif func in signatures.imports:
            refs = signatures.imports[func]
        elif func in signatures.exported:
            refs = signatures.exported[func]
        elif func >= len(self.module.func_imports) and func not in self.locked:
            self.users.setdefault(func, set()).add(caller)
            return Callee(
                len(func_type.params),
                len(func_type.results),
                self.inner.get(func, 0),
                self.results.get(func),
                is_inferred=True,
                is_interpreted=func in self.results,
            )
        return Callee(len(func_type.params), len(func_type.results), refs.params, refs.results)

    def _conflicts(self) -> set[int]:
        """Collect the inner functions that cannot exchange references: somebody passes numbers, or was demoted."""
        conflicts = {func for func in self.inner if func in self.escapes}
        for flow in self.flows.values():
            for func, (numbers, _) in flow.arguments.items():
                if numbers & self.inner.get(func, 0):
                    conflicts.add(func)
        for func in self.escapes:
            conflicts.update(self.inner.keys() & set(self._events_of(func).indices("call", "return_call", "ref.func")))
        return conflicts | {func for func in self.inner if self.namings.is_value(func)}

    def _refs(self) -> dict[int, Refs]:
        refs = {func: Refs(params, self.results.get(func) or 0) for func, params in self.inner.items()}
        refs.update({func: found for func, found in self.signatures.exported.items() if func not in self.escapes})
        return {func: found for func, found in refs.items() if found != NO_REFS}

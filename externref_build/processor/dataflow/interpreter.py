"""Interpret one function body; the package's docstring has the rules."""

from __future__ import annotations

from collections.abc import Callable

from externref_build.errors import MalformedModuleError
from externref_build.processor.dataflow.flow import (
    BlockTypeEdit,
    BytesEdit,
    CallEdit,
    Callee,
    Edit,
    Escape,
    Flow,
    FuncEdit,
    LocalEdit,
)
from externref_build.processor.dataflow.states import Frame, Join, Locals, LocalsState, Stacks
from externref_build.processor.events import RUN, Block, BodyEvents, Event, Run
from externref_build.processor.signatures import Refs
from externref_build.wasm.instructions import Catch, iterate_instructions
from externref_build.wasm.types import EXTERNREF, FuncType

MAX_PASSES = 40
"""Bound on passes over one body; nested loops of real programs need a handful."""

MAX_REF_LOCALS = 4096
"""Bound on the size of the sets of locals, which keeps the interpretation linear in the size of the body."""

MAX_LOCALS = 50_000
"""What engines accept in one function, parameters included (JavaScript API, "Implementation-defined Limits")."""

_SPILL = b"\x1a\x41\x7f"  # drop, i32.const -1
_UNREACHABLE = b"\x00"
_SELECT_EXTERNREF = b"\x1c\x01" + EXTERNREF


class Interpreter:
    """Interpret one body; an object lives for one call of `run`.

    `arguments` is what the callees were passed up to where that ended, by an `Escape` or not.
    """

    def __init__(
        self,
        data: memoryview,
        events: BodyEvents,
        func_type: FuncType,
        ref_params: int,
        ref_results: int | None,
        *,
        callee: Callable[[int, int], Callee],
        describe: Callable[[int], str],
        tag_types: tuple[FuncType, ...],
        may_spill: bool,
        is_consuming: bool,
    ) -> None:
        self._data = data
        self._events = events
        self._func_type = func_type
        self._ref_params = ref_params
        self._ref_results = ref_results
        self._callee = callee
        self._describe = describe
        self._tag_types = tag_types
        self._may_spill = may_spill
        self._is_consuming = is_consuming
        self._local_count = len(func_type.params) + events.body.local_count
        self._locals = Locals()
        self._loops: dict[int, Join] = {}
        self._start_pass()

    def _start_pass(self) -> None:
        """Forget everything but what is known of loops, and which bits locals have."""
        self._is_settled = True
        self._edits: list[Edit] = []
        self._deleted: list[tuple[int, int]] = []
        self.arguments: dict[int, tuple[int, int]] = {}
        self._tail_calls: set[int] = set()
        self._has_spills = False
        self._is_dead = False
        self._tries: list[Frame] = []
        self._position = self._next = 0
        self._locals.restore((0, 0))
        end = Join()
        self._bottom = Frame("func", None, 0, len(self._func_type.results), 0, -1, end, end)
        self._stacks = Stacks()
        self._stacks.push_ctrl(self._bottom)

    def run(self) -> Flow:
        """Read the body until nothing changes any more; raise `Escape` where a reference is not only a reference."""
        for _ in range(MAX_PASSES):
            self._start_pass()
            self._receive_params()
            self._read_events()
            if self._is_settled:
                self._check_twins()
                results = self._bottom.end
                return Flow(
                    tuple(self._edits),
                    self.arguments,
                    results.refs if results.seen else None,
                    frozenset(self._tail_calls),
                    self._has_spills,
                    tuple(self._deleted),
                )
        raise Escape(self._events.body.start, f"its loops are not understood within {MAX_PASSES} passes")

    def _check_twins(self) -> None:
        """See that an engine which accepts the function accepts it with the twins of its locals, too."""
        twins = len({edit.local for edit in self._edits if isinstance(edit, LocalEdit)})
        if self._local_count <= MAX_LOCALS < self._local_count + twins:
            raise Escape(self._events.body.start, f"it would have more than {MAX_LOCALS} locals")

    def _receive_params(self) -> None:
        for position in range(len(self._func_type.params)):
            if self._ref_params >> position & 1:
                self._set_local(position, True)

    def _read_events(self) -> None:
        events = self._events.events
        visitors = _VISITORS
        while self._next < len(events):
            event = events[self._next]
            self._position = self._next
            self._next += 1
            visitors[event[0]](self, event)

    def _visit_run(self, event: Event) -> None:
        _, run, start, end = event
        assert isinstance(run, Run)
        low = self._stacks.height + run.dip
        self._stacks.check_height(low, start)
        if self._stacks.reaches_ref(low):
            self._step_through(start, end)
        else:
            self._stacks.height += run.net

    def _step_through(self, start: int, end: int) -> None:
        """Read a run that reaches a reference, one instruction after the other."""
        for instruction in iterate_instructions(self._data, start, end):
            opcode, first, _ = instruction
            if opcode.arity is None:
                raise Escape(first, f"`{opcode.mnemonic}` takes a reference")
            pops, pushes = opcode.arity
            mask = self._stacks.pop_vals(pops, first)
            if mask:
                if not (opcode.mnemonic == "i32.store" and mask == 2):
                    raise Escape(first, f"`{opcode.mnemonic}` takes a reference as a number")
                if not self._may_spill:
                    raise Escape(first, "`i32.store` stores a reference, and other functions need adapters")
                self._has_spills = True
                self._edits.append(BytesEdit(first, first, _SPILL))
            self._stacks.push_vals(pushes, 0)

    # Locals

    def _check_local(self, local: int, offset: int) -> None:
        if local >= self._local_count:
            raise MalformedModuleError(f"local {local} of {self._local_count}", offset)

    def _set_local(self, local: int, is_ref: bool) -> None:
        self._locals.set(local, is_ref)
        if len(self._locals.bits) > MAX_REF_LOCALS:
            raise Escape(self._events.body.start, f"more than {MAX_REF_LOCALS} locals hold references")
        if self._tries:
            self._tries[-1].caught.add(0, 0, self._locals.state)

    def _use_local(self, local: int, is_ref: bool, start: int, end: int) -> None:
        is_ref_param = local < len(self._func_type.params) and bool(self._ref_params >> local & 1)
        if is_ref != is_ref_param:
            self._edits.append(LocalEdit(start + 1, end, local))

    def _visit_local_get(self, event: Event) -> None:
        _, local, start, end = event
        assert isinstance(local, int)
        self._check_local(local, start)
        is_ref = self._locals.holds_ref(local)
        if is_ref is None:
            raise Escape(start, f"local {local} holds a reference on one path and a number on another")
        self._use_local(local, is_ref, start, end)
        self._stacks.push_val(is_ref, local)

    def _visit_local_set(self, event: Event) -> None:
        mnemonic, local, start, end = event
        assert isinstance(local, int)
        self._check_local(local, start)
        is_ref = self._stacks.pop_val(start)
        self._stacks.forget_origin(local)
        self._set_local(local, is_ref)
        self._use_local(local, is_ref, start, end)
        if mnemonic == "local.tee":
            self._stacks.push_val(is_ref, local)

    # Calls

    def _visit_call(self, event: Event) -> None:
        mnemonic, func, start, end = event
        assert isinstance(func, int)
        callee = self._callee(func, start)
        if self._is_consuming:
            for local in self._stacks.origins_of(callee.param_count):
                self._set_local(local, False)
        refs = self._stacks.pop_vals(callee.param_count, start)
        numbers = ~refs & (1 << callee.param_count) - 1
        if callee.is_inferred:
            known = self.arguments.get(func, (0, 0))
            self.arguments[func] = known[0] | numbers, known[1] | refs
        elif refs != callee.ref_params:
            differing = refs ^ callee.ref_params
            position = (differing & -differing).bit_length()
            found, expected = ("reference", "number") if refs >> (position - 1) & 1 else ("number", "reference")
            raise Escape(
                start, f"{self._describe(func)} gets a {found} as parameter {position}, where a {expected} is declared"
            )
        self._edits.append(CallEdit(start + 1, end, func))
        if callee.ref_results is None and callee.result_count and (refs or callee.is_interpreted):
            if mnemonic == "return_call":
                self._tail_calls.add(func)
            self._unreachable(end, needs_trap=True)
            return
        self._stacks.push_vals(callee.result_count, callee.ref_results or 0)
        if mnemonic == "return_call":
            self._visit_return(event)

    def _visit_call_type(self, event: Event) -> None:
        mnemonic, func_type, start, _ = event
        assert isinstance(func_type, FuncType)
        if self._stacks.pop_vals(len(func_type.params) + 1, start):
            raise Escape(start, f"`{mnemonic}` passes a reference to a function that isn't known")
        self._stacks.push_vals(len(func_type.results), 0)
        if mnemonic.startswith("return"):
            self._visit_return(event)

    def _visit_ref_func(self, event: Event) -> None:
        _, func, start, end = event
        assert isinstance(func, int)
        self._edits.append(FuncEdit(start + 1, end, func))
        self._stacks.push_val()

    # Parametric instructions

    def _visit_drop(self, event: Event) -> None:
        self._stacks.pop_val(event[2])

    def _visit_select(self, event: Event) -> None:
        _, _, start, end = event
        refs = self._stacks.pop_vals(3, start)
        if refs not in (0, 3):
            raise Escape(start, "`select` chooses between a reference and a number, or by a reference")
        if refs:
            self._edits.append(BytesEdit(start, end, _SELECT_EXTERNREF))
        self._stacks.push_val(bool(refs))

    # Control

    def _unreachable(self, offset: int, *, needs_trap: bool = False) -> None:
        """Go on where the innermost block, or the branch of it, closes; delete what lies between."""
        frame = self._stacks.unreachable()
        self._is_dead = True
        self._next = self._events.boundaries[frame.opened_at]
        behind = self._events.events[self._next][2]
        if behind > offset and self._data[offset] == _UNREACHABLE[0]:
            offset += 1
        elif needs_trap and (behind > offset or frame.result_count):
            self._edits.append(BytesEdit(offset, offset, _UNREACHABLE))
        if behind > offset:
            self._edits.append(BytesEdit(offset, behind, b""))
            self._deleted.append((offset, behind))

    def _visit_block(self, event: Event) -> None:
        opcode, operand, start, _ = event
        assert isinstance(operand, tuple)
        block, catches = operand
        assert isinstance(block, Block)
        if opcode == "if" and self._stacks.pop_val(start):
            raise Escape(start, "`if` decides by a reference")
        params, results = len(block.func_type.params), len(block.func_type.results)
        refs = self._stacks.pop_vals(params, start)
        end = Join()
        if opcode == "loop":
            label = self._loops.setdefault(self._position, Join())
            label.add(params, refs, self._locals.state)
            self._check_join(label, start)
            refs = label.refs
            self._locals.restore(label.locals)
        else:
            label = end
        frame = Frame(opcode, block, params, results, self._stacks.height, self._position, label, end)
        frame.entry_refs, frame.entry_locals = refs, self._locals.state
        if opcode in ("try", "try_table"):
            frame.caught.add(0, 0, self._locals.state)
            frame.catches = catches
            self._tries.append(frame)
        self._stacks.push_ctrl(frame)
        self._stacks.push_vals(params, refs)

    def _fall_through(self, frame: Frame, offset: int) -> None:
        """Let the values on the stack reach the end of the frame."""
        if self._is_dead:
            self._is_dead = False
            return
        refs = self._stacks.peek_vals(frame.result_count, offset)
        if self._stacks.height != frame.height + frame.result_count:
            raise MalformedModuleError("a block leaves more operands than it has results", offset)
        self._stacks.pop_vals(frame.result_count, offset)
        frame.end.add(frame.result_count, refs, self._locals.state)

    def _visit_else(self, event: Event) -> None:
        frame = self._stacks.ctrls[-1]
        if frame.opcode != "if":
            raise MalformedModuleError("`else` without `if`", event[2])
        self._fall_through(frame, event[2])
        frame.opcode = "else"
        frame.opened_at = self._position
        self._locals.restore(frame.entry_locals)
        self._stacks.push_vals(frame.param_count, frame.entry_refs)

    def _leave_try(self, frame: Frame) -> None:
        """Join what held at any point of a try body into the body around it, which sees what isn't caught."""
        if self._tries and self._tries[-1] is frame:
            self._tries.pop()
            if self._tries:
                self._tries[-1].caught.add(0, 0, frame.caught.locals)

    def _visit_catch(self, event: Event) -> None:
        opcode, tag, start, _ = event
        frame = self._stacks.ctrls[-1]
        if frame.opcode not in ("try", "catch"):
            raise MalformedModuleError(f"`{opcode}` without `try`", start)
        self._fall_through(frame, start)
        self._leave_try(frame)
        frame.opcode = "catch"
        frame.opened_at = self._position
        self._locals.restore(frame.caught.locals)
        self._stacks.push_vals(len(self._tag_type(tag, start).params) if isinstance(tag, int) else 0, 0)

    def _visit_delegate(self, event: Event) -> None:
        if self._stacks.ctrls[-1].opcode != "try":
            raise MalformedModuleError("`delegate` without `try`", event[2])
        self._visit_end(event)

    def _visit_end(self, event: Event) -> None:
        start, end = event[2:]
        frame = self._stacks.ctrls[-1]
        self._fall_through(frame, start)
        if frame.opcode == "if":
            if frame.param_count != frame.result_count:
                raise MalformedModuleError("`if` without `else` has results other than its parameters", start)
            frame.end.add(frame.param_count, frame.entry_refs, frame.entry_locals)
        self._leave_try(frame)
        self._stacks.pop_ctrl()
        self._check_join(frame.end, start)
        if not self._stacks.ctrls:
            self._check_results(frame.end, start)
            return
        for clause in frame.catches:
            self._catch(frame, clause, start)
        self._retype_block(frame)
        if not frame.end.seen:
            self._unreachable(end, needs_trap=True)
            return
        self._locals.restore(frame.end.locals)
        self._stacks.push_vals(frame.result_count, frame.end.refs)

    def _catch(self, frame: Frame, clause: Catch, offset: int) -> None:
        """Let a clause of ``try_table`` branch, with the locals of any point of the body."""
        count = clause.has_exnref + (len(self._tag_type(clause.tag, offset).params) if clause.tag is not None else 0)
        self._join_label(clause.label, 0, count, frame.caught.locals, offset)

    def _tag_type(self, tag: int, offset: int) -> FuncType:
        if tag >= len(self._tag_types):
            raise MalformedModuleError(f"tag {tag} of {len(self._tag_types)}", offset)
        return self._tag_types[tag]

    def _check_join(self, join: Join, offset: int) -> None:
        if join.is_mixed:
            raise Escape(offset, "a value is a reference on one path and a number on another")

    def _check_results(self, join: Join, offset: int) -> None:
        if join.seen and self._ref_results is not None and join.refs != self._ref_results:
            differing = join.refs ^ self._ref_results
            found, declared = ("reference", "number") if join.refs & differing else ("number", "reference")
            raise Escape(offset, f"returns a {found} where a {declared} is declared")

    def _retype_block(self, frame: Frame) -> None:
        block = frame.block
        assert block is not None
        results = frame.end.refs
        if frame.entry_refs or results:
            func_type = Refs(frame.entry_refs, results).retype(block.func_type)
            self._edits.append(BlockTypeEdit(block.start, block.end, func_type))

    # Branches

    def _join_label(self, depth: int, refs: int, count: int, state: LocalsState, offset: int) -> None:
        frame = self._stacks.frame_at(depth, offset)
        if count != frame.label_arity:
            raise MalformedModuleError("a branch carries another number of operands than its label takes", offset)
        if frame.label.add(count, refs, state) and frame.opcode == "loop":
            self._is_settled = False

    def _branch(self, depth: int, offset: int) -> None:
        count = self._stacks.frame_at(depth, offset).label_arity
        refs = self._stacks.peek_vals(count, offset)
        self._join_label(depth, refs, count, self._locals.state, offset)

    def _visit_br(self, event: Event) -> None:
        _, depth, start, end = event
        assert isinstance(depth, int)
        self._branch(depth, start)
        self._unreachable(end)

    def _visit_br_if(self, event: Event) -> None:
        mnemonic, depth, start, _ = event
        assert isinstance(depth, int)
        if self._stacks.pop_val(start):
            raise Escape(start, f"`{mnemonic}` decides by a reference")
        self._branch(depth, start)
        if mnemonic == "br_on_null":
            self._stacks.push_val()

    def _visit_br_on_value(self, event: Event) -> None:
        """Visit a branch that carries the reference that it tests: ``br_on_non_null`` and the casts."""
        mnemonic, depth, start, _ = event
        assert isinstance(depth, int)
        if mnemonic.startswith("br_on_cast_desc") and self._stacks.pop_val(start):
            raise Escape(start, f"`{mnemonic}` decides by a reference")
        self._branch(depth, start)
        if self._stacks.pop_val(start):
            raise Escape(start, f"`{mnemonic}` decides by a reference")
        if mnemonic != "br_on_non_null":
            self._stacks.push_val()

    def _visit_br_table(self, event: Event) -> None:
        _, labels, start, end = event
        assert isinstance(labels, tuple)
        if self._stacks.pop_val(start):
            raise Escape(start, "`br_table` decides by a reference")
        for depth in labels:
            self._branch(depth, start)
        self._unreachable(end)

    def _visit_return(self, event: Event) -> None:
        _, _, start, end = event
        self._branch(len(self._stacks.ctrls) - 1, start)
        self._unreachable(end)

    def _visit_stop(self, event: Event) -> None:
        self._unreachable(event[3])

    def _visit_throw(self, event: Event) -> None:
        mnemonic, tag, start, end = event
        count = len(self._tag_type(tag, start).params) if isinstance(tag, int) else 1
        if self._stacks.pop_vals(count, start):
            raise Escape(start, f"`{mnemonic}` takes a reference as a number")
        self._unreachable(end)


_VISITORS: dict[str, Callable[[Interpreter, Event], None]] = {
    RUN: Interpreter._visit_run,
    "local.get": Interpreter._visit_local_get,
    "local.set": Interpreter._visit_local_set,
    "local.tee": Interpreter._visit_local_set,
    "call": Interpreter._visit_call,
    "return_call": Interpreter._visit_call,
    "call_indirect": Interpreter._visit_call_type,
    "return_call_indirect": Interpreter._visit_call_type,
    "call_ref": Interpreter._visit_call_type,
    "return_call_ref": Interpreter._visit_call_type,
    "ref.func": Interpreter._visit_ref_func,
    "drop": Interpreter._visit_drop,
    "select": Interpreter._visit_select,
    "block": Interpreter._visit_block,
    "loop": Interpreter._visit_block,
    "if": Interpreter._visit_block,
    "try": Interpreter._visit_block,
    "try_table": Interpreter._visit_block,
    "else": Interpreter._visit_else,
    "catch": Interpreter._visit_catch,
    "catch_all": Interpreter._visit_catch,
    "delegate": Interpreter._visit_delegate,
    "end": Interpreter._visit_end,
    "br": Interpreter._visit_br,
    "br_if": Interpreter._visit_br_if,
    "br_on_null": Interpreter._visit_br_if,
    "br_on_non_null": Interpreter._visit_br_on_value,
    "br_on_cast": Interpreter._visit_br_on_value,
    "br_on_cast_fail": Interpreter._visit_br_on_value,
    "br_on_cast_desc_eq": Interpreter._visit_br_on_value,
    "br_on_cast_desc_eq_fail": Interpreter._visit_br_on_value,
    "br_table": Interpreter._visit_br_table,
    "return": Interpreter._visit_return,
    "unreachable": Interpreter._visit_stop,
    "rethrow": Interpreter._visit_stop,
    "throw": Interpreter._visit_throw,
    "throw_ref": Interpreter._visit_throw,
}

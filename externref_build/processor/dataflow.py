"""Follow references through one function: the proof behind direct lowering.

The body is interpreted with the stacks of the specification's validation algorithm (appendix, "Validation Algorithm"),
over two kinds of values: raw surrogates, which are to become references, and everything else. Rules:

1. Only few operands are references, so that the value stack is a height and the list of heights at which one lies.
2. Which locals hold references is a pair of bit sets: *maybe* and *surely*. A local in the first and not in the second
   holds a reference on one path and a number on another; that is no fault until somebody reads it.
3. Loops start with what enters them, and the whole body is read again until no branch back adds anything. Both
   sets only ever move in one direction, and WebAssembly's control flow is reducible, so that takes few passes.
4. Code that can't be reached is passed over and deleted: it may not type-check once locals have other types.
5. The first use of a reference as a number, or of a number as a reference, is an `Escape`: the function needs an
   adapter.

What the last pass did is returned as a list of edits, in which only indices of functions, types and new locals are
open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from externref_build.errors import MalformedModuleError
from externref_build.processor.events import RUN, Block, BodyEvents, Event, Run
from externref_build.wasm.instructions import Catch, iterate_instructions
from externref_build.wasm.types import EXTERNREF, FuncType

MAX_PASSES = 40
"""Bound on passes over one body; nested loops of real programs need a handful."""

MAX_REF_LOCALS = 4096
"""Bound on the size of the sets of locals, which keeps the interpretation linear in the size of the body."""

_SPILL = b"\x1a\x41\x7f"  # drop, i32.const -1
_UNREACHABLE = b"\x00"
_SELECT_EXTERNREF = b"\x1c\x01" + EXTERNREF


class Escape(Exception):  # noqa: N818 - caught by the inference, never an error
    """A reference is used as a number, or a number as a reference."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Callee:
    """What a caller has to know of a function. Bit ``i`` of a mask stands for the value at position ``i``."""

    param_count: int
    result_count: int
    ref_params: int
    ref_results: int | None
    """None while it isn't known that the function returns."""
    is_inferred: bool = False
    """Whether the function takes references wherever its callers pass them."""


@dataclass(frozen=True, slots=True)
class BytesEdit:
    """Replace bytes by others."""

    start: int
    end: int
    data: bytes


@dataclass(frozen=True, slots=True)
class CallEdit:
    """Let a ``call`` or ``return_call`` name its callee in the form that takes references."""

    start: int
    end: int
    func: int


@dataclass(frozen=True, slots=True)
class FuncEdit:
    """Let a ``ref.func`` name its function in the form that takes integers."""

    start: int
    end: int
    func: int


@dataclass(frozen=True, slots=True)
class LocalEdit:
    """Let an instruction use the twin of a local."""

    start: int
    end: int
    local: int


@dataclass(frozen=True, slots=True)
class BlockTypeEdit:
    """Retype a block through whose parameters or results references flow."""

    start: int
    end: int
    func_type: FuncType


Edit = BytesEdit | CallEdit | FuncEdit | LocalEdit | BlockTypeEdit


@dataclass(frozen=True, slots=True)
class Flow:
    """How references flow through a function, all of it proven."""

    edits: tuple[Edit, ...]
    arguments: dict[int, tuple[int, int]]
    """For each inferred callee: masks of the parameters that are numbers, and references, at some call."""
    results: int | None
    """Mask of the results that are references; None where no return is reached."""
    has_spills: bool
    """Whether references are stored to memory, where a number stands in for them."""
    deleted: tuple[tuple[int, int], ...]
    """Ranges of unreachable code that the edits delete."""


@dataclass(slots=True)
class _Join:
    """What meets at a label: values by kind, and locals."""

    seen: bool = False
    numbers: int = 0
    refs: int = 0
    maybe: int = 0
    surely: int = 0

    def add(self, count: int, refs: int, maybe: int, surely: int) -> bool:
        """Join one more state; tell whether that changed anything."""
        numbers = ~refs & (1 << count) - 1
        if not self.seen:
            self.seen, self.numbers, self.refs, self.maybe, self.surely = True, numbers, refs, maybe, surely
            return True
        before = (self.numbers, self.refs, self.maybe, self.surely)
        self.numbers |= numbers
        self.refs |= refs
        self.maybe |= maybe
        self.surely &= surely
        return before != (self.numbers, self.refs, self.maybe, self.surely)


@dataclass(slots=True)
class _Frame:
    """An entry of the control stack."""

    opcode: str
    block: Block | None
    param_count: int
    result_count: int
    height: int
    opened_at: int
    label: _Join
    end: _Join
    entry_refs: int = 0
    entry_maybe: int = 0
    entry_surely: int = 0
    caught: _Join = field(default_factory=_Join)
    catches: tuple[Catch, ...] = ()


class Interpreter:
    """Interpret one body; an object lives for one call of `run`."""

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
        self._local_count = len(func_type.params) + events.body.local_count
        self._bits: dict[int, int] = {}
        self._loops: dict[int, _Join] = {}

    def run(self) -> Flow:
        """Read the body until nothing changes any more; raise `Escape` where a reference is not only a reference."""
        for _ in range(MAX_PASSES):
            self._changed = False
            self._pass()
            if not self._changed:
                results = self._ctrls_bottom.end
                return Flow(
                    tuple(self._edits),
                    self._arguments,
                    results.refs if results.seen else None,
                    self._has_spills,
                    tuple(self._deleted),
                )
        raise Escape(self._events.body.start, f"its loops are not understood within {MAX_PASSES} passes")

    # The stacks of the validation algorithm

    def _push_val(self, is_ref: bool = False) -> None:
        if is_ref:
            self._refs.append(self._height)
        self._height += 1

    def _pop_val(self, offset: int) -> bool:
        return bool(self._pop_vals(1, offset))

    def _peek_vals(self, count: int, offset: int) -> int:
        """Tell as a mask which of the topmost operands are references."""
        base = self._height - count
        if base < self._ctrls[-1].height:
            raise MalformedModuleError("an instruction takes more operands than there are", offset)
        mask = 0
        for height in reversed(self._refs):
            if height < base:
                break
            mask |= 1 << (height - base)
        return mask

    def _pop_vals(self, count: int, offset: int) -> int:
        mask = self._peek_vals(count, offset)
        self._height -= count
        if mask:
            while self._refs and self._refs[-1] >= self._height:
                self._refs.pop()
        return mask

    def _push_vals(self, count: int, mask: int) -> None:
        if mask:
            self._refs.extend(self._height + position for position in range(count) if mask >> position & 1)
        self._height += count

    def _push_ctrl(self, frame: _Frame) -> None:
        self._ctrls.append(frame)

    def _pop_ctrl(self) -> _Frame:
        return self._ctrls.pop()

    def _unreachable(self, offset: int, *, needs_trap: bool = False) -> None:
        """Go on where the innermost block, or the branch of it, closes; delete what lies between."""
        del self._refs[self._live_refs(self._ctrls[-1].height) :]
        self._height = self._ctrls[-1].height
        self._is_dead = True
        boundary = self._events.boundaries[self._ctrls[-1].opened_at]
        behind = self._events.events[boundary][2]
        self._next = boundary
        if behind > offset and self._data[offset] == _UNREACHABLE[0]:
            offset += 1
        elif needs_trap and (behind > offset or self._ctrls[-1].result_count):
            self._edits.append(BytesEdit(offset, offset, _UNREACHABLE))
        if behind > offset:
            self._edits.append(BytesEdit(offset, behind, b""))
            self._deleted.append((offset, behind))

    def _live_refs(self, height: int) -> int:
        count = len(self._refs)
        while count and self._refs[count - 1] >= height:
            count -= 1
        return count

    # One pass

    def _pass(self) -> None:
        params = self._func_type.params
        self._edits: list[Edit] = []
        self._deleted: list[tuple[int, int]] = []
        self._arguments: dict[int, tuple[int, int]] = {}
        self._has_spills = False
        self._height = 0
        self._refs: list[int] = []
        self._is_dead = False
        self._maybe = self._surely = 0
        self._tries: list[_Frame] = []
        for position in range(len(params)):
            if self._ref_params >> position & 1:
                self._set_local(position, True)
        self._ctrls: list[_Frame] = []
        end = _Join()
        self._ctrls_bottom = _Frame("func", None, 0, len(self._func_type.results), 0, -1, end, end)
        self._push_ctrl(self._ctrls_bottom)
        self._next = 0
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
        low = self._height + run.dip
        if low < self._ctrls[-1].height:
            raise MalformedModuleError("an instruction takes more operands than there are", start)
        if self._refs and self._refs[-1] >= low:
            self._step_through(start, end)
        else:
            self._height += run.net

    def _step_through(self, start: int, end: int) -> None:
        """Read a run that reaches a reference, one instruction after the other."""
        for instruction in iterate_instructions(self._data, start, end):
            opcode, first, _ = instruction
            if opcode.arity is None:
                raise Escape(first, f"`{opcode.mnemonic}` takes a reference")
            pops, pushes = opcode.arity
            mask = self._pop_vals(pops, first)
            if mask:
                if not (opcode.mnemonic == "i32.store" and mask == 2 and self._may_spill):
                    raise Escape(first, f"`{opcode.mnemonic}` takes a reference as a number")
                self._has_spills = True
                self._edits.append(BytesEdit(first, first, _SPILL))
            self._push_vals(pushes, 0)

    # Locals

    def _check_local(self, local: int, offset: int) -> None:
        if local >= self._local_count:
            raise MalformedModuleError(f"local {local} of {self._local_count}", offset)

    def _set_local(self, local: int, is_ref: bool) -> None:
        bit = self._bits.get(local)
        if is_ref:
            if bit is None:
                if len(self._bits) == MAX_REF_LOCALS:
                    raise Escape(self._events.body.start, f"more than {MAX_REF_LOCALS} locals hold references")
                bit = self._bits[local] = 1 << len(self._bits)
            self._maybe |= bit
            self._surely |= bit
        elif bit is not None:
            self._maybe &= ~bit
            self._surely &= ~bit
        else:
            return
        if self._tries:
            self._tries[-1].caught.add(0, 0, self._maybe, self._surely)

    def _use_local(self, local: int, is_ref: bool, start: int, end: int) -> None:
        is_ref_param = local < len(self._func_type.params) and bool(self._ref_params >> local & 1)
        if is_ref != is_ref_param:
            self._edits.append(LocalEdit(start + 1, end, local))

    def _visit_local_get(self, event: Event) -> None:
        _, local, start, end = event
        assert isinstance(local, int)
        self._check_local(local, start)
        bit = self._bits.get(local, 0)
        is_ref = bool(self._surely & bit)
        if self._maybe & bit and not is_ref:
            raise Escape(start, f"local {local} holds a reference on one path and a number on another")
        self._use_local(local, is_ref, start, end)
        self._push_val(is_ref)

    def _visit_local_set(self, event: Event) -> None:
        mnemonic, local, start, end = event
        assert isinstance(local, int)
        self._check_local(local, start)
        is_ref = self._pop_val(start)
        self._set_local(local, is_ref)
        self._use_local(local, is_ref, start, end)
        if mnemonic == "local.tee":
            self._push_val(is_ref)

    # Calls

    def _visit_call(self, event: Event) -> None:
        mnemonic, func, start, end = event
        assert isinstance(func, int)
        callee = self._callee(func, start)
        refs = self._pop_vals(callee.param_count, start)
        numbers = ~refs & (1 << callee.param_count) - 1
        if callee.is_inferred:
            known = self._arguments.get(func, (0, 0))
            self._arguments[func] = known[0] | numbers, known[1] | refs
        elif refs != callee.ref_params:
            differing = refs ^ callee.ref_params
            position = (differing & -differing).bit_length()
            found, expected = ("reference", "number") if refs >> (position - 1) & 1 else ("number", "reference")
            raise Escape(
                start, f"{self._describe(func)} gets a {found} as parameter {position}, where a {expected} is declared"
            )
        self._edits.append(CallEdit(start + 1, end, func))
        if callee.ref_results is None and callee.result_count and (refs or callee.ref_params):
            self._unreachable(end, needs_trap=True)
            return
        self._push_vals(callee.result_count, callee.ref_results or 0)
        if mnemonic == "return_call":
            self._visit_return(event)

    def _visit_call_type(self, event: Event) -> None:
        mnemonic, func_type, start, _ = event
        assert isinstance(func_type, FuncType)
        if self._pop_vals(len(func_type.params) + 1, start):
            raise Escape(start, f"`{mnemonic}` passes a reference to a function that isn't known")
        self._push_vals(len(func_type.results), 0)
        if mnemonic.startswith("return"):
            self._visit_return(event)

    def _visit_ref_func(self, event: Event) -> None:
        _, func, start, end = event
        assert isinstance(func, int)
        self._edits.append(FuncEdit(start + 1, end, func))
        self._push_val()

    # Parametric instructions

    def _visit_drop(self, event: Event) -> None:
        self._pop_val(event[2])

    def _visit_select(self, event: Event) -> None:
        _, _, start, end = event
        refs = self._pop_vals(3, start)
        if refs not in (0, 3):
            raise Escape(start, "`select` chooses between a reference and a number, or by a reference")
        if refs:
            self._edits.append(BytesEdit(start, end, _SELECT_EXTERNREF))
        self._push_val(bool(refs))

    # Structured control

    def _visit_block(self, event: Event) -> None:
        opcode, operand, start, _ = event
        assert isinstance(operand, tuple)
        block, catches = operand
        assert isinstance(block, Block)
        if opcode == "if" and self._pop_val(start):
            raise Escape(start, "`if` decides by a reference")
        params, results = len(block.func_type.params), len(block.func_type.results)
        refs = self._pop_vals(params, start)
        end = _Join()
        if opcode == "loop":
            label = self._loops.setdefault(self._position, _Join())
            label.add(params, refs, self._maybe, self._surely)
            self._check_join(label, start)
            refs, self._maybe, self._surely = label.refs, label.maybe, label.surely
        else:
            label = end
        frame = _Frame(opcode, block, params, results, self._height, self._position, label, end)
        frame.entry_refs, frame.entry_maybe, frame.entry_surely = refs, self._maybe, self._surely
        if opcode in ("try", "try_table"):
            frame.caught.add(0, 0, self._maybe, self._surely)
            frame.catches = catches
            self._tries.append(frame)
        self._push_ctrl(frame)
        self._push_vals(params, refs)

    def _fall_through(self, frame: _Frame, offset: int) -> None:
        """Let the values on the stack reach the end of the frame."""
        if self._is_dead:
            self._is_dead = False
            return
        refs = self._peek_vals(frame.result_count, offset)
        if self._height != frame.height + frame.result_count:
            raise MalformedModuleError("a block leaves more operands than it has results", offset)
        self._pop_vals(frame.result_count, offset)
        frame.end.add(frame.result_count, refs, self._maybe, self._surely)

    def _visit_else(self, event: Event) -> None:
        frame = self._ctrls[-1]
        if frame.opcode != "if":
            raise MalformedModuleError("`else` without `if`", event[2])
        self._fall_through(frame, event[2])
        frame.opcode = "else"
        frame.opened_at = self._position
        self._maybe, self._surely = frame.entry_maybe, frame.entry_surely
        self._push_vals(frame.param_count, frame.entry_refs)

    def _leave_try(self, frame: _Frame) -> None:
        """Join what held at any point of a try body into the body around it, which sees what isn't caught."""
        if self._tries and self._tries[-1] is frame:
            self._tries.pop()
            if self._tries:
                self._tries[-1].caught.add(0, 0, frame.caught.maybe, frame.caught.surely)

    def _visit_catch(self, event: Event) -> None:
        opcode, tag, start, _ = event
        frame = self._ctrls[-1]
        if frame.opcode not in ("try", "catch"):
            raise MalformedModuleError(f"`{opcode}` without `try`", start)
        self._fall_through(frame, start)
        self._leave_try(frame)
        frame.opcode = "catch"
        frame.opened_at = self._position
        self._maybe, self._surely = frame.caught.maybe, frame.caught.surely
        self._push_vals(len(self._tag_type(tag, start).params) if isinstance(tag, int) else 0, 0)

    def _visit_delegate(self, event: Event) -> None:
        if self._ctrls[-1].opcode != "try":
            raise MalformedModuleError("`delegate` without `try`", event[2])
        self._visit_end(event)

    def _visit_end(self, event: Event) -> None:
        start, end = event[2:]
        frame = self._ctrls[-1]
        self._fall_through(frame, start)
        if frame.opcode == "if":
            if frame.param_count != frame.result_count:
                raise MalformedModuleError("`if` without `else` has results other than its parameters", start)
            frame.end.add(frame.param_count, frame.entry_refs, frame.entry_maybe, frame.entry_surely)
        self._leave_try(frame)
        self._pop_ctrl()
        self._check_join(frame.end, start)
        if not self._ctrls:
            self._check_results(frame.end, start)
            return
        for clause in frame.catches:
            self._catch(frame, clause, start)
        self._retype_block(frame)
        if not frame.end.seen:
            self._unreachable(end, needs_trap=True)
            return
        self._maybe, self._surely = frame.end.maybe, frame.end.surely
        self._push_vals(frame.result_count, frame.end.refs)

    def _catch(self, frame: _Frame, clause: Catch, offset: int) -> None:
        """Let a clause of ``try_table`` branch, with the locals of any point of the body."""
        count = clause.has_exnref + (len(self._tag_type(clause.tag, offset).params) if clause.tag is not None else 0)
        self._join_label(clause.label, 0, count, frame.caught.maybe, frame.caught.surely, offset)

    def _tag_type(self, tag: int, offset: int) -> FuncType:
        if tag >= len(self._tag_types):
            raise MalformedModuleError(f"tag {tag} of {len(self._tag_types)}", offset)
        return self._tag_types[tag]

    def _check_join(self, join: _Join, offset: int) -> None:
        if join.numbers & join.refs:
            raise Escape(offset, "a value is a reference on one path and a number on another")

    def _check_results(self, join: _Join, offset: int) -> None:
        if join.seen and self._ref_results is not None and join.refs != self._ref_results:
            differing = join.refs ^ self._ref_results
            found, declared = ("reference", "number") if join.refs & differing else ("number", "reference")
            raise Escape(offset, f"returns a {found} where a {declared} is declared")

    def _retype_block(self, frame: _Frame) -> None:
        block = frame.block
        assert block is not None
        results = frame.end.refs
        if frame.entry_refs or results:
            func_type = FuncType(
                _retype(block.func_type.params, frame.entry_refs), _retype(block.func_type.results, results)
            )
            self._edits.append(BlockTypeEdit(block.start, block.end, func_type))

    # Branches

    def _join_label(self, depth: int, refs: int, count: int, maybe: int, surely: int, offset: int) -> None:
        frame = self._frame_at(depth, offset)
        if count != self._label_arity(frame):
            raise MalformedModuleError("a branch carries another number of operands than its label takes", offset)
        if frame.label.add(count, refs, maybe, surely) and frame.opcode == "loop":
            self._changed = True

    def _frame_at(self, depth: int, offset: int) -> _Frame:
        if depth >= len(self._ctrls):
            raise MalformedModuleError(f"label {depth} of {len(self._ctrls)}", offset)
        return self._ctrls[-1 - depth]

    def _label_arity(self, frame: _Frame) -> int:
        return frame.param_count if frame.opcode == "loop" else frame.result_count

    def _branch(self, depth: int, offset: int) -> None:
        count = self._label_arity(self._frame_at(depth, offset))
        refs = self._peek_vals(count, offset)
        self._join_label(depth, refs, count, self._maybe, self._surely, offset)

    def _visit_br(self, event: Event) -> None:
        _, depth, start, end = event
        assert isinstance(depth, int)
        self._branch(depth, start)
        self._unreachable(end)

    def _visit_br_if(self, event: Event) -> None:
        mnemonic, depth, start, _ = event
        assert isinstance(depth, int)
        if self._pop_val(start):
            raise Escape(start, f"`{mnemonic}` decides by a reference")
        self._branch(depth, start)
        if mnemonic == "br_on_null":
            self._push_val()

    def _visit_br_on_value(self, event: Event) -> None:
        """Visit a branch that carries the reference that it tests: ``br_on_non_null`` and the casts."""
        mnemonic, depth, start, _ = event
        assert isinstance(depth, int)
        self._branch(depth, start)
        if self._pop_val(start):
            raise Escape(start, f"`{mnemonic}` decides by a reference")
        if mnemonic != "br_on_non_null":
            self._push_val()

    def _visit_br_table(self, event: Event) -> None:
        _, labels, start, end = event
        assert isinstance(labels, tuple)
        if self._pop_val(start):
            raise Escape(start, "`br_table` decides by a reference")
        for depth in labels:
            self._branch(depth, start)
        self._unreachable(end)

    def _visit_return(self, event: Event) -> None:
        _, _, start, end = event
        self._branch(len(self._ctrls) - 1, start)
        self._unreachable(end)

    def _visit_stop(self, event: Event) -> None:
        self._unreachable(event[3])

    def _visit_throw(self, event: Event) -> None:
        mnemonic, tag, start, end = event
        count = len(self._tag_type(tag, start).params) if isinstance(tag, int) else 1
        if self._pop_vals(count, start):
            raise Escape(start, f"`{mnemonic}` takes a reference as a number")
        self._unreachable(end)


def _retype(types: tuple[bytes, ...], refs: int) -> tuple[bytes, ...]:
    return tuple(EXTERNREF if refs >> position & 1 else val_type for position, val_type in enumerate(types))


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
    "br_table": Interpreter._visit_br_table,
    "return": Interpreter._visit_return,
    "unreachable": Interpreter._visit_stop,
    "rethrow": Interpreter._visit_stop,
    "throw": Interpreter._visit_throw,
    "throw_ref": Interpreter._visit_throw,
}

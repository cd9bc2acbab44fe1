"""The state of the interpretation at one point of a body: operands, locals, and what meets at labels."""

from __future__ import annotations

from externref_build.errors import MalformedModuleError
from externref_build.processor.events import Block
from externref_build.wasm.instructions import Catch

LocalsState = tuple[int, int]
"""Bit sets of the locals that may hold references, and of those that surely do."""


class Locals:
    """Which locals hold references. Only those that ever do have a bit."""

    __slots__ = ("bits", "maybe", "surely")

    def __init__(self) -> None:
        self.maybe = 0
        self.surely = 0
        self.bits: dict[int, int] = {}
        """The bit of each local; it stays the same from pass to pass."""

    @property
    def state(self) -> LocalsState:
        """The state at this point, to come back to."""
        return self.maybe, self.surely

    def restore(self, state: LocalsState) -> None:
        """Go on with a state from elsewhere."""
        self.maybe, self.surely = state

    def set(self, local: int, is_ref: bool) -> None:
        """Let a local hold a reference, or a number."""
        if is_ref:
            bit = self.bits.setdefault(local, 1 << len(self.bits))
            self.maybe |= bit
            self.surely |= bit
        else:
            bit = self.bits.get(local, 0)
            self.maybe &= ~bit
            self.surely &= ~bit

    def holds_ref(self, local: int) -> bool | None:
        """Tell whether a local holds a reference; None where that depends on the path."""
        bit = self.bits.get(local, 0)
        if self.surely & bit:
            return True
        return None if self.maybe & bit else False


class Join:
    """What meets at a label: values by kind, and locals. Nothing is ever taken away."""

    __slots__ = ("locals", "numbers", "refs", "seen")

    def __init__(self) -> None:
        self.seen = False
        self.numbers = 0
        """Mask of the values that are numbers on some path."""
        self.refs = 0
        """Mask of the values that are references on some path."""
        self.locals: LocalsState = (0, 0)

    @property
    def is_mixed(self) -> bool:
        """Whether a value is a number on one path and a reference on another."""
        return bool(self.numbers & self.refs)

    def add(self, count: int, refs: int, state: LocalsState) -> bool:
        """Join one more path that brings ``count`` values; tell whether that changed anything."""
        before = (self.seen, self.numbers, self.refs, self.locals)
        self.numbers |= ~refs & (1 << count) - 1
        self.refs |= refs
        maybe, surely = self.locals
        self.locals = (maybe | state[0], surely & state[1]) if self.seen else state
        self.seen = True
        return before != (True, self.numbers, self.refs, self.locals)


class Frame:
    """An entry of the control stack."""

    def __init__(
        self,
        opcode: str,
        block: Block | None,
        param_count: int,
        result_count: int,
        height: int,
        opened_at: int,
        label: Join,
        end: Join,
    ) -> None:
        self.opcode = opcode
        """The instruction that opened it, or its present branch: ``else``, ``catch``; ``func`` for the body itself."""
        self.block = block
        self.param_count = param_count
        self.result_count = result_count
        self.height = height
        """The height of the stack below the block's parameters."""
        self.opened_at = opened_at
        """The position of the event that opened it, or its present branch."""
        self.label = label
        """What branches bring: parameters for a loop, results for all others."""
        self.end = end
        """What arrives behind the block."""
        self.entry_refs = 0
        """Mask of the parameters that are references."""
        self.entry_locals: LocalsState = (0, 0)
        self.caught = Join()
        """The locals at any point of a try body: what a handler may find."""
        self.catches: tuple[Catch, ...] = ()

    @property
    def label_arity(self) -> int:
        """How many values a branch to the label carries."""
        return self.param_count if self.opcode == "loop" else self.result_count


class Stacks:
    """The operand stack and the control stack, with the operations of the specification's algorithm.

    Few operands are references, so that the operand stack is a height and the heights at which references lie.
    """

    __slots__ = ("ctrls", "height", "origins", "refs", "times_set")

    def __init__(self) -> None:
        self.height = 0
        self.refs: list[int] = []
        """The heights at which references lie, ascending."""
        self.origins: list[tuple[int, int] | None] = []
        """For each: the local that it was read from or stored to, if any, and how often that was set by then."""
        self.times_set: dict[int, int] = {}
        """How often each local was set so far."""
        self.ctrls: list[Frame] = []

    def push_val(self, is_ref: bool = False, origin: int | None = None) -> None:
        """Push one operand; ``origin`` is the local that holds it, too."""
        if is_ref:
            self.refs.append(self.height)
            self.origins.append(None if origin is None else (origin, self.times_set.get(origin, 0)))
        self.height += 1

    def push_vals(self, count: int, refs: int) -> None:
        """Push operands, of which the mask ``refs`` are references."""
        if refs:
            heights = [self.height + position for position in range(count) if refs >> position & 1]
            self.refs += heights
            self.origins += [None] * len(heights)
        self.height += count

    def pop_val(self, offset: int) -> bool:
        """Pop one operand; tell whether it is a reference."""
        return bool(self.pop_vals(1, offset))

    def pop_vals(self, count: int, offset: int) -> int:
        """Pop operands; tell as a mask which are references."""
        mask = self.peek_vals(count, offset)
        self.height -= count
        if mask:
            self._forget_above()
        return mask

    def peek_vals(self, count: int, offset: int) -> int:
        """Tell as a mask which of the topmost operands are references."""
        base = self.height - count
        self.check_height(base, offset)
        mask = 0
        for height in reversed(self.refs):
            if height < base:
                break
            mask |= 1 << (height - base)
        return mask

    def forget_origin(self, local: int) -> None:
        """Note that a local no longer holds what was read from it."""
        self.times_set[local] = self.times_set.get(local, 0) + 1

    def origins_of(self, count: int) -> set[int]:
        """Collect the locals that hold the references among the topmost operands."""
        found = set()
        for height, origin in zip(reversed(self.refs), reversed(self.origins), strict=True):
            if height < self.height - count:
                break
            if origin is not None and self.times_set.get(origin[0], 0) == origin[1]:
                found.add(origin[0])
        return found

    def check_height(self, height: int, offset: int) -> None:
        """Raise `MalformedModuleError` where an instruction reaches below the operands of its block."""
        if height < self.ctrls[-1].height:
            raise MalformedModuleError("an instruction takes more operands than there are", offset)

    def reaches_ref(self, height: int) -> bool:
        """Tell whether a reference lies at a height or above it."""
        return bool(self.refs) and self.refs[-1] >= height

    def push_ctrl(self, frame: Frame) -> None:
        """Enter a block."""
        self.ctrls.append(frame)

    def pop_ctrl(self) -> Frame:
        """Leave the innermost block."""
        return self.ctrls.pop()

    def unreachable(self) -> Frame:
        """Drop the operands of the innermost block, behind which nothing is reached; return it."""
        frame = self.ctrls[-1]
        self.height = frame.height
        self._forget_above()
        return frame

    def frame_at(self, depth: int, offset: int) -> Frame:
        """Find the block that a label names."""
        if depth >= len(self.ctrls):
            raise MalformedModuleError(f"label {depth} of {len(self.ctrls)}", offset)
        return self.ctrls[-1 - depth]

    def _forget_above(self) -> None:
        while self.refs and self.refs[-1] >= self.height:
            self.refs.pop()
            self.origins.pop()

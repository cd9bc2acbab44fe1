"""What the interpretation of a function finds: a flow of references, or the instruction at which they escape."""

from typing import NamedTuple

from externref_build.wasm.types import FuncType


class Escape(Exception):  # noqa: N818 - caught by the inference, never an error
    """A reference is used as a number, or a number as a reference."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


class Callee(NamedTuple):
    """What a caller has to know of a function. Bit ``i`` of a mask stands for the value at position ``i``."""

    param_count: int
    result_count: int
    ref_params: int
    ref_results: int | None
    """None while it isn't known that the function returns."""
    is_inferred: bool = False
    """Whether the function takes references wherever its callers pass them."""
    is_interpreted: bool = False
    """Whether the function was interpreted; one that wasn't, and gets no references, returns numbers."""


class BytesEdit(NamedTuple):
    """Replace bytes by others."""

    start: int
    end: int
    data: bytes


class CallEdit(NamedTuple):
    """Let a ``call`` or ``return_call`` name its callee in the form that takes references."""

    start: int
    end: int
    func: int


class FuncEdit(NamedTuple):
    """Let a ``ref.func`` name its function in the form that takes integers."""

    start: int
    end: int
    func: int


class LocalEdit(NamedTuple):
    """Let an instruction use the twin of a local."""

    start: int
    end: int
    local: int


class BlockTypeEdit(NamedTuple):
    """Retype a block through whose parameters or results references flow."""

    start: int
    end: int
    func_type: FuncType


Edit = BytesEdit | CallEdit | FuncEdit | LocalEdit | BlockTypeEdit


class Flow(NamedTuple):
    """How references flow through a function, all of it proven."""

    edits: tuple[Edit, ...]
    arguments: dict[int, tuple[int, int]]
    """For each inferred callee: masks of the parameters that are numbers, and references, at some call."""
    results: int | None
    """Mask of the results that are references; None where no return is reached."""
    tail_calls: frozenset[int]
    """The callees of tail calls that were not seen to return."""
    has_spills: bool
    """Whether references are stored to memory, where a number stands in for them."""
    deleted: tuple[tuple[int, int], ...]
    """Ranges of unreachable code that the edits delete."""

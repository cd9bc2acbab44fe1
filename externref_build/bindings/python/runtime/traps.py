"""What stops a guest: its limits, and traps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import wasmtime

from externref_build.bindings.python.runtime.failures import GuestTrap, LimitExceeded
from externref_build.bindings.python.runtime.values import _shown


@dataclass(frozen=True)
class _Limits:
    fuel: int | None = None
    deadline: float | None = None
    memory: int | None = None
    table: int | None = None

    def __post_init__(self) -> None:
        for name, value, kinds, end in (
            ("fuel", self.fuel, int, 1 << 63),
            ("deadline", self.deadline, (int, float), 1 << 53),
            ("memory", self.memory, int, 1 << 63),
            ("table", self.table, int, 1 << 63),
        ):
            if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
                raise TypeError(f"{name} is {_shown(value)}, expected a number or None")
            if value is not None and not 0 <= value < end:
                raise ValueError(f"{name} is {value}, expected a number from 0 to {end - 1}, or None")


def _trap(error: BaseException, limits: _Limits) -> BaseException:
    """Say what stopped a guest, in the words of this module."""
    if isinstance(error, wasmtime.ExitTrap):
        return GuestTrap(f"the plugin exited with code {error.code}", "EXIT")
    if not isinstance(error, (wasmtime.Trap, wasmtime.WasmtimeError)):
        return error
    code = _code(error)
    if code == "OUT_OF_FUEL":
        return LimitExceeded(f"the plugin used up its fuel of {limits.fuel} for one call", code)
    if code == "INTERRUPT":
        return LimitExceeded(f"the plugin took longer than {limits.deadline} seconds for one call", code)
    text = str(error)
    start = _TOO_SMALL.search(text)
    if start is not None:
        return LimitExceeded(f"the plugin starts with more than it may have: {start[0]}", code)
    for name, limit, place in (("memory", limits.memory, _NO_MEMORY), ("references", limits.table, _NO_ROOM)):
        if code == "UNREACHABLE" and limit is not None and place.search(text):
            return LimitExceeded(f"the plugin used up its {name}, of which it may have {limit}", code)
    reason = text.rpartition("wasm trap: ")[2].partition("\n")[0]
    return GuestTrap(reason.strip() or "the plugin was stopped", code)


def _code(error: wasmtime.Trap | wasmtime.WasmtimeError) -> str | None:
    """Name the kind of a trap."""
    try:
        code = error.trap_code if isinstance(error, wasmtime.Trap) else None
    except ValueError:  # older versions of the package know less than their engine
        return "OUT_OF_FUEL" if "all fuel consumed" in str(error) else None
    return code.name if code is not None else None


def _add_backtrace(cause: BaseException, error: BaseException) -> None:
    """Note on an exception where the guest was, which wasmtime's error says, or what that was raised in place of."""
    for found in (error, error.__context__):
        if isinstance(found, (wasmtime.Trap, wasmtime.WasmtimeError)):
            lines = [line for line in str(found).partition("\n\n")[0].splitlines() if _FRAME.match(line)]
            calls = [index for index, line in enumerate(lines) if _CALL.match(line)]
            if len(calls) > _MOST_CALLS:
                lines[calls[_MOST_CALLS] :] = [f"    and {len(calls) - _MOST_CALLS} more"]
            if lines:
                note = "in the plugin (most recent call first):\n" + "\n".join(lines)
                _set(cause, "__notes__", [*getattr(cause, "__notes__", []), note])
                return


def _set(error: BaseException, name: str, value: object) -> None:
    """Set an attribute of an exception, which may be frozen."""
    BaseException.__setattr__(error, name, value)


_TOO_SMALL: Final = re.compile(r"(memory|table) minimum size of .* exceeds \1 limits")
"""How wasmtime says that a limit is below what a module begins with."""

_NO_MEMORY: Final = re.compile(r"\balloc::rust_oom\b|\bhandle_alloc_error\b")
"""Where a guest in Rust gives up when it gets no memory."""


_NO_ROOM: Final = re.compile(r"(?m)^\s+0:.*!externref\.insert$")
"""Where a guest gives up when its table takes no more references."""


_MOST_CALLS: Final = 20
"""How many calls a backtrace shows: as many as newer engines do."""

_CALL: Final = re.compile(r"\s+\d+: ")
_FRAME: Final = re.compile(r"\s+(\d+: |at |- )")
"""A line of a backtrace: a function, the place in its source, a function that it was made a part of."""

"""What the processor did, for reading."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

from externref_build.cli import terminal
from externref_build.cli.terminal import size
from externref_build.processor.report import FunctionLowering, Report
from externref_build.wording import plural


def summary(name: str, report: Report) -> str:
    """Return one line that says what became of a module."""
    if not report.changed:
        return f"{name}: unchanged, it declares no references"
    lowerings = [function.lowering for function in report.functions]
    declared = f"{plural(len(report.imports), 'import')} and {plural(len(report.exports), 'export')} with references"
    lowered = f"{plural(lowerings.count('direct'), 'function')} direct, {lowerings.count('adapter')} with an adapter"
    return f"{name}: {declared}; {lowered}; {size(report.input_size)} became {size(report.output_size)}"


def show_steps(report: Report) -> None:
    """Print each step with its count and time."""
    width = max((len(step.name) for step in report.steps), default=0)
    for step in report.steps:
        terminal.say(f"  {step.name:<{width}}  {step.count:>9,}  {step.seconds * 1000:>8.1f} ms")


def show_lowerings(report: Report) -> None:
    """Print how each function that touches references was lowered, and what forced an adapter."""
    for line in lowering_lines(report.functions, sys.stderr):
        terminal.say(line)


def lowering_lines(functions: Iterable[FunctionLowering], stream: TextIO) -> Iterator[str]:
    """Yield a line for each function: its lowering, index and name, and what forced an adapter."""
    from externref_build.cli.names import demangle

    for function in functions:
        style: terminal.Style = "green" if function.lowering == "direct" else "yellow"
        lowering = terminal.paint(f"{function.lowering:<7}", style, stream)
        name = terminal.printable(demangle(function.name))
        reason = f": {terminal.printable(function.reason)}" if function.reason else ""
        source = f", {terminal.printable(function.source)}" if function.source else ""
        place = f" (offset {function.offset:#x}{source})" if function.offset is not None else ""
        yield f"  {lowering}  {function.index:>5}  {name}{reason}{place}"

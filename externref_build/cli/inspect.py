"""``externref-build inspect``: what a module declares, what a host must provide, how its functions are lowered."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from externref_build.cli import terminal
from externref_build.cli.arguments import Arguments
from externref_build.cli.description import Description, FunctionDescription, describe
from externref_build.cli.files import display_name, read_module
from externref_build.cli.reports import lowering_lines
from externref_build.errors import ExternrefBuildError
from externref_build.wording import plural

_STATES: Final = {
    "unprocessed": "not processed yet",
    "processed": "processed, holds externrefs",
    "plain": "declares no references and holds none",
}


def run(given: Arguments) -> int:
    """Describe one module on stdout."""
    data = read_module(given.input)
    name = display_name(given.input)
    try:
        description = describe(data)
    except ExternrefBuildError as error:
        raise error.located(name) from None
    if given.json:
        terminal.show(json.dumps(_as_json(description), indent=2))
    else:
        _show(name, description)
    return 0


def _as_json(description: Description) -> dict[str, object]:
    """Spell a description as objects, also what the processor reports, which is made of tuples."""
    return asdict(description) | {
        "surrogates": [use._asdict() for use in description.surrogates],
        "functions": [function._asdict() for function in description.functions],
    }


def _show(name: str, description: Description) -> None:
    terminal.show(f"{terminal.paint(name, 'bold', sys.stdout)}: {_STATES[description.state]}")
    _show_functions("imports", description.imports)
    _show_functions("exports", description.exports)
    _show_lines("other imports", [f"  {terminal.printable(label)}" for label in description.other_imports])
    _show_lines("other exports", [f"  {terminal.printable(name)}" for name in description.other_exports])
    _show_lines("exported tables of externrefs", [f"  {terminal.printable(table)}" for table in description.tables])
    _show_lines(
        "surrogate imports",
        [f"  externref.{use.name}: {plural(use.calls, 'call')}" for use in description.surrogates],
    )
    lines = list(lowering_lines(description.functions, sys.stdout))
    _show_lines("functions, as they are lowered", lines)


def _show_functions(title: str, functions: Sequence[FunctionDescription]) -> None:
    lines = []
    for function in functions:
        label = f"{function.module}.{function.name}" if function.module is not None else function.name
        core = f"[{' '.join(function.params)}] -> [{' '.join(function.results)}]"
        lines.append(f"  {terminal.printable(label)}  {terminal.paint(core, 'dim', sys.stdout)}")
        if function.signature:
            lines.append(f"      {terminal.printable(function.signature)}")
        first_paragraph = (function.doc or "").partition("\n\n")[0]
        lines.extend(f"      {terminal.printable(line)}" for line in first_paragraph.splitlines())
    _show_lines(title, lines)


def _show_lines(title: str, lines: Sequence[str]) -> None:
    if lines:
        terminal.show()
        terminal.show(terminal.paint(title, "bold", sys.stdout))
        for line in lines:
            terminal.show(line)

"""``externref-build process``: bytes of a module in, bytes of a module out."""

from __future__ import annotations

import gc
import sys
from typing import Literal, cast

from externref_build.cli import terminal
from externref_build.cli.arguments import Arguments
from externref_build.cli.files import PIPE, display_name, map_module, write_module
from externref_build.cli.reports import show_lowerings, show_steps, summary
from externref_build.errors import ExternrefBuildError, OutputError


def run(given: Arguments) -> int:
    """Process one module."""
    # All that this makes lives until the process ends: to search it for cycles takes a tenth of the time, for nothing.
    gc.disable()
    from externref_build.processor import Processor

    if given.output == PIPE and sys.stdout.isatty():
        raise OutputError("the output is a terminal, and a module is binary", remedy="name a file: -o OUT.wasm")
    data = map_module(given.input)
    processor = Processor(
        table=given.table,
        drop_hook=given.drop_fn,
        require_direct=given.require_direct,
        debug_info=cast("Literal['keep', 'strip', 'names']", given.debug_info),
    )
    try:
        parts = processor.process_in_parts(data)
    except ExternrefBuildError as error:
        raise error.located(display_name(given.input)) from None
    write_module(given.output, parts)
    if given.verbose:
        show_steps(processor.report)
        show_lowerings(processor.report)
    if not given.quiet:
        terminal.say(summary(display_name(given.input), processor.report))
    return 0

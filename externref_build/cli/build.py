"""``externref-build build``: the modules of a project, each in its package, as its wheel would hold them."""

from __future__ import annotations

from pathlib import Path

from externref_build.build.in_place import build_in_place, require_current_modules
from externref_build.build.progress import Progress
from externref_build.cli.arguments import Arguments
from externref_build.config import load_config


def run(given: Arguments) -> int:
    """Build every module of ``[tool.externref]``, or see that all are built already."""
    settings: dict[str, str | list[str] | bool | None] = {
        f"externref.{key}": [value for other, value in given.config_settings if other == key]
        for key, _ in given.config_settings
    }
    config = load_config(Path(given.project), config_settings=settings)
    progress = Progress(quiet=given.quiet)
    if given.check:
        for path in require_current_modules(config):
            progress.step("Current", str(path))
        return 0
    for result in build_in_place(config, progress=progress, anew=given.verbose):
        if given.verbose and result.report:
            from externref_build.cli.reports import show_lowerings, show_steps

            show_steps(result.report)
            show_lowerings(result.report)
    return 0

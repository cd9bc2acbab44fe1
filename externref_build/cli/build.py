"""``externref-build build``: the modules of a project, each in its package, as its wheel would hold them."""

from __future__ import annotations

from pathlib import Path

from externref_build.build.in_place import build_in_place
from externref_build.build.progress import Progress
from externref_build.cli.arguments import Arguments
from externref_build.cli.reports import show_lowerings, show_steps
from externref_build.config import load_config


def run(given: Arguments) -> int:
    """Build every module of ``[tool.externref]``."""
    settings: dict[str, str | list[str] | bool | None] = {
        f"externref.{key}": [value for other, value in given.config_settings if other == key]
        for key, _ in given.config_settings
    }
    config = load_config(Path(given.project), config_settings=settings)
    for result in build_in_place(config, progress=Progress(quiet=given.quiet)):
        if given.verbose:
            show_steps(result.report)
            show_lowerings(result.report)
    return 0

"""``externref-build cargo``: any cargo command, with the guest crate supplied."""

from __future__ import annotations

import os
from pathlib import Path

from externref_build.cli.arguments import Arguments
from externref_build.guests.cargo import cargo_passthrough


def run(given: Arguments) -> int:
    """Run cargo in the current folder and return its exit code."""
    return cargo_passthrough(given.cargo_arguments, folder=Path.cwd(), environ=os.environ)

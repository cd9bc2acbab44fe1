"""``externref-build sdk-path``: where the guest crate of this version lies."""

from __future__ import annotations

from externref_build.cli import terminal
from externref_build.cli.arguments import Arguments
from externref_build.guests.sdk import sdk_path


def run(_given: Arguments) -> int:
    """Print the folder of the crate ``externref-guest``."""
    terminal.show(str(sdk_path()))
    return 0

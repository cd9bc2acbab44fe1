"""``externref-build doctor``: what a build needs, what is there, and the command that mends the rest."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from externref_build.cli import terminal
from externref_build.cli.arguments import Arguments
from externref_build.cli.prerequisites import Check, State, examine

STYLES: Final[dict[State, terminal.Style]] = {"ok": "green", "missing": "red", "optional": "yellow"}


def run(given: Arguments) -> int:
    """Show every check; return 1 if something is missing that a build needs."""
    checks = list(examine(Path.cwd(), os.environ))
    if given.json:
        terminal.show(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        _show(checks)
    return 1 if any(check.state == "missing" for check in checks) else 0


def _show(checks: Sequence[Check]) -> None:
    width = max(len(check.name) for check in checks)
    for check in checks:
        state = terminal.paint(f"{check.state:<8}", STYLES[check.state], sys.stdout)
        terminal.show(f"{state}  {check.name:<{width}}  {terminal.printable(check.detail)}")
        if check.looked_for:
            terminal.show(f"{'':{width + 12}}looked for: {terminal.printable(check.looked_for)}")
        for line in (check.remedy or "").splitlines():
            terminal.show(f"{'':{width + 12}}{terminal.printable(line)}")
    missing = [check.name for check in checks if check.state == "missing"]
    terminal.show()
    terminal.show(f"missing: {', '.join(missing)}" if missing else "everything that a build needs is there")

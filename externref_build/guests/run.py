"""The one function of the package that runs other programs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from externref_build.errors import ToolchainError


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program left behind."""

    status: int
    """Exit status; negative is the number of the signal that ended it."""
    stdout: str
    """What it wrote on stdout; empty if that was passed through."""
    stderr: str
    """What it wrote on stderr; empty if that was passed through."""


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    live: Literal["nothing", "stderr", "all"] = "nothing",
) -> Completed:
    """Run a program to its end, never through a shell, and return what it left behind.

    ``live`` says which streams go through to the user as they come instead of being captured. The program reads nothing
    from our stdin unless all streams go through. Raises ToolchainError if the program cannot be started.
    """
    try:
        process = subprocess.run(
            list(argv),
            cwd=cwd,
            env=dict(environ),
            check=False,
            stdin=None if live == "all" else subprocess.DEVNULL,
            stdout=None if live == "all" else subprocess.PIPE,
            stderr=subprocess.PIPE if live == "nothing" else None,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise ToolchainError(
            f"{argv[0]} cannot be started: {error.strerror}",
            where=f"in folder {cwd}",
            remedy="see that the program is there, is executable, and is made for this machine",
        ) from error
    return Completed(process.returncode, process.stdout or "", process.stderr or "")

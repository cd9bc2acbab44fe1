"""Progress of a build: one line for each step of ours, in the manner of cargo's own lines, which stand between them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TextIO

from externref_build.colour import wants_colour


@dataclass(frozen=True, slots=True)
class Progress:
    """Writes lines for the person who waits; never on stdout, which front ends read."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    quiet: bool = False

    def step(self, verb: str, text: str) -> None:
        """Tell of a finished step: a verb in the past tense, then what it was about."""
        if not self.quiet:
            self._write(verb, text, "1;32")

    def warn(self, text: str) -> None:
        """Tell of something that is likely not meant, although the build goes on."""
        self._write("Warning", text, "1;33")

    def cargo_arguments(self) -> tuple[str, ...]:
        """Return the arguments that let cargo tell as much as we do, and in colour where we do.

        Cargo finds out about terminals, and has a variable for colour that is stronger than everybody's.
        """
        quiet = ("--quiet",) if self.quiet else ()
        chosen = os.environ.get("NO_COLOR") or os.environ.get("FORCE_COLOR")
        if not chosen or os.environ.get("CARGO_TERM_COLOR"):
            return quiet
        return (*quiet, "--color", "always" if wants_colour(self.stream) else "never")

    def _write(self, word: str, text: str, colour: str) -> None:
        word = f"{word:>12}"
        if wants_colour(self.stream):
            word = f"\x1b[{colour}m{word}\x1b[0m"
        self.stream.write(f"{word} {text}\n")
        self.stream.flush()

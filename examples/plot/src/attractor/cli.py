"""The command ``externref-plot``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from attractor.drawing import save


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the picture; return the exit code."""
    parser = argparse.ArgumentParser(prog="externref-plot", description="Draw the attractor of Lorenz.")
    parser.add_argument("path", type=Path, help="the picture, such as lorenz.png")
    parser.add_argument("--steps", type=int, default=6000, help="length of the paths [6000]")
    options = parser.parse_args(arguments)
    try:
        save(options.path, options.steps)
    except (OSError, ValueError, OverflowError) as error:
        print(f"error: {options.path} cannot be drawn: {error}", file=sys.stderr)
        return 1
    return 0

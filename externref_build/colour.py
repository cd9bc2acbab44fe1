"""Whether to write in colour, decided in one place for progress, results and errors."""

from __future__ import annotations

import os
from typing import TextIO


def wants_colour(stream: TextIO) -> bool:
    """Tell whether a stream gets colour: ``NO_COLOR`` and ``FORCE_COLOR`` decide, else whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()

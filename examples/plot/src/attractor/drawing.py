"""The host: a figure, and what the guest may touch of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attractor.lorenz_host import Lorenz

ALLOWED: Final[dict[str, Any]] = {"Axes": Axes, "Series": list}
"""The classes on whose objects the guest may use the members that it declares; it can reach nothing else."""


def draw(axes: Axes, steps: int) -> None:
    """Let the guest draw, for no longer than some seconds."""
    with Lorenz.load(ALLOWED, deadline=30) as guest:
        guest.draw(axes, steps)


def save(path: Path, steps: int) -> None:
    """Draw into a picture of a format that the path's suffix names.

    Raises ValueError for a suffix that means nothing to matplotlib, OSError if the file cannot be written.
    """
    with rc_context({"lines.linewidth": 0.7}):
        figure = Figure(figsize=(6, 4), layout="constrained")
        draw(figure.add_subplot(), steps)
        figure.savefig(path, dpi=100)

"""Draw the time and memory of whole processes over the size of the module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {
    "externref-build": "#1b6ca8",
    "externref-cli": "#c44e52",
    "wasm-bindgen": "#dd8452",
    "wasm-tools strip": "#7f7f7f",
    "python, read and write": "#b5b5b5",
}


def draw(results: dict[str, Any], path: Path) -> None:
    """Write an SVG with two plots."""
    rcParams["svg.hashsalt"] = "externref-build"
    rcParams["font.size"] = 9
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    seconds, memory = figure.subplots(1, 2)
    _lines(seconds, results, "cpu", 1)
    _lines(memory, results, "peak_kib", 1 / 1024)
    seconds.set_ylabel("whole process, seconds")
    memory.set_ylabel("peak of memory, MiB")
    seconds.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _lines(axes: Axes, results: dict[str, Any], key: str, scale: float) -> None:
    for name, colour in COLOURS.items():
        points = [
            (results["in_process"][size]["bytes"] / 1e6, programs[name][key] * scale)
            for size, programs in results["processes"].items()
            if name in programs
        ]
        axes.plot(*zip(*points, strict=True), "o-", color=colour, label=name, markersize=4)
    axes.set_xlabel("module, MB")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(color="#dddddd", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)

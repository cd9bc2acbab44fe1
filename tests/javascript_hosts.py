"""Hosts in JavaScript for tests: written beside their modules, and run under Node."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plugins import custom_contents

from externref_build.bindings.javascript import Package, generate, package_json
from externref_build.bindings.model import read_model
from externref_build.metadata import INTERFACE_SECTION

SCRIPTS = Path(__file__).parent / "javascript"


def write_bindings(folder: Path, module: bytes, name: str = "plug", types: Mapping[str, str] | None = None) -> None:
    """Write a module, its bindings and a package.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.wasm").write_bytes(module)
    interface = b"".join(custom_contents(module, INTERFACE_SECTION))
    for file_name, text in generate(read_model(module), name=name, interface=interface, types=types).items():
        (folder / file_name).write_text(text, encoding="utf-8")
    package = Package("plug", "1.0", "A plugin.", "MIT")
    (folder / "package.json").write_text(package_json(package, [name]), encoding="utf-8")


def run(command: list[str], folder: Path) -> str:
    """Run a program that must succeed; return what it prints."""
    executable = shutil.which(command[0])
    assert executable, f"{command[0]} is not installed"
    done = subprocess.run([executable, *command[1:]], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def node(folder: Path, script: str) -> Any:
    """Run a script beside the bindings, and return the value of its last expression ``out(...)``."""
    (folder / "main.mjs").write_text(
        f"const out = (value) => console.log(JSON.stringify(value ?? null));\n{script}\n", encoding="utf-8"
    )
    return json.loads(run(["node", "main.mjs"], folder))

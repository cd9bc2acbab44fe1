"""Hosts in JavaScript for tests: written beside their modules, and run under Node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plugins import custom_contents
from registry import npm_program

from externref_build.bindings.javascript import generate
from externref_build.bindings.reading import read_model
from externref_build.metadata import INTERFACE_SECTION

SCRIPTS = Path(__file__).parent / "javascript"


def write_bindings(folder: Path, module: bytes, name: str = "plug", types: Mapping[str, str] | None = None) -> None:
    """Write a module and its bindings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.wasm").write_bytes(module)
    interface = b"".join(custom_contents(module, INTERFACE_SECTION))
    for file_name, text in generate(read_model(module), name=name, interface=interface, types=types).items():
        (folder / file_name).write_text(text, encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")


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


def type_errors(cache: Path, folder: Path, program: str) -> list[str]:
    """Have TypeScript check a program in a folder, strictly; return the errors: file, line and number."""
    script = npm_program(cache, "typescript") / "typescript" / "bin" / "tsc"
    (folder / "use.ts").write_text(program, encoding="utf-8")
    options = {
        "strict": True,
        "noEmit": True,
        "exactOptionalPropertyTypes": True,
        "noUncheckedIndexedAccess": True,
        "module": "nodenext",
        "target": "es2022",
        "lib": ["es2022"],
        "types": [],
    }
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["use.ts"]}))
    node_path = shutil.which("node")
    assert node_path
    done = subprocess.run([node_path, str(script), "-p", "."], cwd=folder, capture_output=True, text=True, check=False)
    errors = re.findall(r"^(\S+?)\((\d+),\d+\): error (TS\d+)", done.stdout, re.MULTILINE)
    assert bool(errors) == (done.returncode != 0), done.stdout + done.stderr
    return [":".join(error) for error in errors]

"""Projects whose guests are in C and C++, and the compilers that there are for them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from projects import write

from externref_build.build.engine import build_module
from externref_build.build.progress import Progress
from externref_build.config import load_config

FREESTANDING, WASI = "wasm32-unknown-unknown", "wasm32-wasip1"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
CLANGS = [name for name in ("clang", *(f"clang-{n}" for n in range(29, 15, -1))) if shutil.which(f"wasm-ld{name[5:]}")]
"""What the system has, beside zig, which always is there."""
COMPILERS = ["zig", *CLANGS[:1]]
_LIBRARIES = Path("/usr/include/wasm32-wasi")
WITH_C_LIBRARY = COMPILERS if _LIBRARIES.exists() else ["zig"]
WITH_CXX_LIBRARY = COMPILERS if (_LIBRARIES / "c++").exists() else ["zig"]
LEVELS = ("-O0", "-O1", "-O2", "-O3", "-Oz", "-Os -g", "-O2 -flto")

Cell = tuple[str, str, str]
"""Compiler, target and level of optimisation."""


def cells(telling: Collection[Cell]) -> list[Any]:
    """Combine all that there is; all but the telling ones are for the matrix."""
    every = [*product(COMPILERS, [FREESTANDING], LEVELS), *product(WITH_C_LIBRARY, [WASI], LEVELS)]
    return [
        pytest.param(*cell, marks=() if cell in telling else pytest.mark.matrix, id=" ".join(cell)) for cell in every
    ]


def project(folder: Path, files: Mapping[str, str | bytes], /, **keys: Any) -> Path:
    """Write a project whose guest is in C or C++."""
    values = {"package": "plug", "sources": ["guest/*.c*"], "compiler": "zig", **keys}
    table = "".join(f"{key.replace('_', '-')} = {json.dumps(value)}\n" for key, value in values.items())
    return write(folder, {"src/plug/__init__.py": "", "pyproject.toml": f"[tool.externref]\n{table}", **files})


def build(folder: Path) -> Path:
    (module,) = load_config(folder, environ={}).modules
    return build_module(module, progress=Progress(quiet=True), environ=os.environ).path


def mtimes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}

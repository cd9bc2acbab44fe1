"""Projects whose guests are in C and C++, and the compilers that there are for them."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from externref_build.build.engine import build_module
from externref_build.build.progress import Progress
from externref_build.config import load_config

FREESTANDING, WASI = "wasm32-unknown-unknown", "wasm32-wasip1"
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror")
CLANGS = [name for name in ("clang", *(f"clang-{n}" for n in range(29, 15, -1))) if shutil.which(f"wasm-ld{name[5:]}")]
"""What the system has, beside zig, which always is there."""
COMPILERS = ["zig", *CLANGS[:1]]


def project(folder: Path, files: Mapping[str, str | bytes], /, **keys: Any) -> Path:
    """Write a project whose guest is in C or C++."""
    values = {"package": "plug", "sources": ["guest/*.c*"], "compiler": "zig", **keys}
    table = "".join(f"{key.replace('_', '-')} = {json.dumps(value)}\n" for key, value in values.items())
    files = {"src/plug/__init__.py": "", "pyproject.toml": f"[tool.externref]\n{table}", **files}
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
    return folder


def build(folder: Path) -> Path:
    (module,) = load_config(folder, environ={}).modules
    return build_module(module, progress=Progress(quiet=True), environ=os.environ).path

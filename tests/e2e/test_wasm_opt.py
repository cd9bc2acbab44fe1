"""Guests that wasm-opt rewrote before the processor saw them: they do the same, and every function stays direct."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import digest, locked
from guest_host import DROP_HOOK
from registry import npm_package
from test_profiles import SCENARIOS, TARGETS, guest_files, play

from externref_build import process
from externref_build.wasm.decoding import decode_module

if TYPE_CHECKING:
    from conftest import CompileGuest

PROFILES = {
    "dev, debug=0": ("dev", ("--config", "profile.dev.debug=0")),
    "dev, debug=1": ("dev", ("--config", "profile.dev.debug=1")),
    "dev, debug=2": ("dev", ("--config", "profile.dev.debug=2")),
    "release": ("release", ()),
    "size": ("size", ()),
}
STRIPPED = "-Os --strip-debug --strip-target-features"
LEVELS = ("", "-O1", "-O3", "-Oz", "-O3 --converge", STRIPPED, "-O2 --all-features")
"""Arguments of wasm-opt; it isn't run where there are none. The last ones let it group imports."""

ALWAYS = {
    ("broad", "dev, debug=0", TARGETS[0], ""),
    ("peer02", "dev, debug=1", TARGETS[1], "-O1"),
    ("broad", "dev, debug=2", TARGETS[0], "-Oz"),
    ("broad", "release", TARGETS[0], "-O3"),
    ("broad", "size", TARGETS[1], "-O3 --converge"),
    ("peer03", "release", TARGETS[0], "-O1"),
    ("peer03", "size", TARGETS[0], STRIPPED),
    ("broad", "release", TARGETS[1], "-O2 --all-features"),
}
"""The cells that every run checks; the others have the marker ``matrix``."""

CELLS = [
    pytest.param(*cell, marks=() if cell in ALWAYS else pytest.mark.matrix, id="-".join(filter(None, cell)))
    for cell in product(SCENARIOS, PROFILES, TARGETS, LEVELS)
]

WasmOpt = Callable[[Path, str], Path]

pytestmark = pytest.mark.once


@pytest.fixture(scope="session")
def wasm_opt(test_cache: Path) -> WasmOpt:
    """Function that optimises a module, once."""
    script = npm_package(test_cache, "binaryen") / "bin" / "wasm-opt"
    node = shutil.which("node")
    assert node, "node is not installed"

    def optimise(module: Path, arguments: str) -> Path:
        if not arguments:
            return module
        name = digest([module.read_bytes(), arguments.encode(), script.parent.parent.parent.name.encode()])
        optimised = test_cache / "optimised" / f"{name}.wasm"
        with locked(test_cache / "optimised.lock"):
            if not optimised.exists():
                optimised.parent.mkdir(exist_ok=True)
                partial = optimised.with_suffix(".partial")
                command = [node, str(script), "-g", *arguments.split(), str(module), "-o", str(partial)]
                subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
                partial.rename(optimised)
        return optimised

    return optimise


@pytest.mark.parametrize(("guest", "profile", "target", "level"), CELLS)
def test_the_processed_guest_does_what_the_unprocessed_one_does(
    compile_guest: CompileGuest, wasm_opt: WasmOpt, guest: str, profile: str, target: str, level: str
) -> None:
    cargo_profile, arguments = PROFILES[profile]
    where = ("--manifest-path", f"{guest}/Cargo.toml")
    linked = compile_guest(guest_files(guest), target=target, profile=cargo_profile, arguments=(*where, *arguments))
    original = wasm_opt(linked, level).read_bytes()
    assert bool(decode_module(original).import_groups) == ("--all-features" in level)
    output = process(original, drop_hook=DROP_HOOK, require_direct=True)
    assert play(guest, output, processed=True) == play(guest, original, processed=False)

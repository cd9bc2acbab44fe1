"""Install the peers, and build the guests that all tools process."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from externref_build.guests.sdk import sdk_patch_arguments, sdk_path

GUESTS = Path(__file__).resolve().parent / "guests"
TARGET = "wasm32-unknown-unknown"
PEERS = {"externref-cli": ("0.3.0", "externref"), "wasm-bindgen-cli": ("0.2.130", "wasm-bindgen")}
"""The version and the executable of each peer, by the name of its crate."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is measured."""

    externref_cli: Path
    wasm_bindgen: Path
    small: dict[str, Path]
    """The loops, by the crate that gives them references."""
    medium: dict[str, Path]
    """The engine, optimised, by the crate that gives it references."""
    several: dict[str, Path]
    """Several versions of the engine, optimised."""
    large: dict[str, Path]
    """Several versions of the engine, with dependencies that are not optimised."""

    def by_size(self) -> dict[str, dict[str, Path]]:
        """The modules that the tools process, in the order of their sizes."""
        return {"small": self.small, "medium": self.medium, "several": self.several, "large": self.large}


def prepare(cache: Path) -> Subjects:
    """Provide everything, from the cache where it is there already."""
    cache.mkdir(parents=True, exist_ok=True)
    peers = {crate: _install(cache, crate) for crate in PEERS}
    return Subjects(
        externref_cli=peers["externref-cli"],
        wasm_bindgen=peers["wasm-bindgen-cli"],
        small={kind: _build(cache, "loops", "release", kind) for kind in ("externref", "externref-guest")},
        medium={kind: _build(cache, "engine", "release", kind) for kind in ("externref", "wasm-bindgen")},
        several={kind: _build(cache, "engine", "release", kind, "oldest") for kind in ("externref", "wasm-bindgen")},
        large={kind: _build(cache, "engine", "large", kind, "several") for kind in ("externref", "wasm-bindgen")},
    )


def _install(cache: Path, crate: str) -> Path:
    version, name = PEERS[crate]
    root = cache / "peers" / f"{crate}-{version}"
    executable = root / "bin" / name
    if not executable.exists():
        host = {name: value for name, value in os.environ.items() if name != "RUSTUP_TOOLCHAIN"}
        command = ["cargo", "install", "--locked", "--root", str(root), crate, "--version", f"={version}"]
        subprocess.run(command, check=True, env=host)
    return executable


def _build(cache: Path, guest: str, profile: str, kind: str, *features: str) -> Path:
    module = cache / "guests" / f"{'-'.join((guest, profile, kind, *features))}.wasm"
    if not module.exists():
        command = [
            "cargo",
            "build",
            "--profile",
            profile,
            "--target",
            TARGET,
            "--features",
            ",".join((kind, *features)),
        ]
        environ = {**os.environ, "CARGO_TARGET_DIR": str(cache / "target")}
        folder = GUESTS / guest
        subprocess.run([*command, *sdk_patch_arguments(sdk_path())], check=True, cwd=folder, env=environ)
        module.parent.mkdir(exist_ok=True)
        shutil.copy(cache / "target" / TARGET / profile / f"{guest}.wasm", module)
    return module

"""Keep the paths of the building machine out of the module, without taking any flag away from the user.

rustc writes paths of sources into panic messages and debug info. Cargo passes paths inside the workspace relative to
its root; what remains are the sources of dependencies and of the standard library, and the workspace as the folder of
compilation. The first two are remapped with flags for every crate. These hold no path of the checkout, which would
keep checkouts in different folders from sharing a compilation cache; the workspace is remapped for the last crate only.
So one path can be left: in debug info, the folder in which other crates of the workspace were compiled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from externref_build.guests.cargo_config import CargoConfig, cargo_home
from externref_build.guests.toolchain import Toolchain


def dependency_flags(
    toolchain: Toolchain, packages: Iterable[Mapping[str, Any]], workspace_root: Path, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the flags of rustc that remap the standard library, cargo's home, and dependencies elsewhere.

    ``packages`` are those of ``cargo metadata``. A dependency elsewhere (a path outside the workspace, a vendored
    crate) is named by its absolute path, which cargo passes to rustc anyway.
    """
    home = cargo_home(environ)
    known = [home / "registry" / "src", home / "git" / "checkouts"]
    library = toolchain.sysroot / "lib" / "rustlib" / "src" / "rust"
    prefixes = {
        str(name): f"/cargo/{folder.relative_to(home).as_posix()}"
        for folder in known
        for name in (folder, folder.resolve())
    }
    for package in packages:
        folder = Path(package["manifest_path"]).parent
        relative_to_workspace = package["source"] is None and folder.is_relative_to(workspace_root)
        if not relative_to_workspace and not any(folder.is_relative_to(parent) for parent in known):
            prefixes[str(folder)] = f"/dependencies/{package['name']}-{package['version']}"
    for name in (library, library.resolve()):
        prefixes[str(name)] = f"/rustc/{toolchain.commit_hash}"
    return tuple(f"--remap-path-prefix={path}={replacement}" for path, replacement in prefixes.items())


def workspace_flags(workspace_root: Path) -> tuple[str, ...]:
    """Return the flags of rustc for the last crate: its workspace becomes the current folder, under both its names."""
    names = {str(workspace_root): None, str(workspace_root.resolve()): None}
    return tuple(f"--remap-path-prefix={name}=." for name in names)


def add_rustc_flags(
    flags: tuple[str, ...], config: CargoConfig, target: str, cfg: frozenset[str], environ: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Append flags to the source from which cargo will take its flags; return arguments and environment of cargo.

    The first of these that is there is the source: ``CARGO_ENCODED_RUSTFLAGS``, ``RUSTFLAGS``, ``target.*.rustflags``,
    ``build.rustflags``. ``cfg`` are the target's cfg values as rustc prints them.
    """
    for variable, separator in (("CARGO_ENCODED_RUSTFLAGS", "\x1f"), ("RUSTFLAGS", " ")):
        if variable in environ:
            given = [flag for flag in environ[variable].split(separator) if flag]
            return (), {**environ, "CARGO_ENCODED_RUSTFLAGS": "\x1f".join([*given, *flags])}
    keys = ("target", target, "rustflags") if config.has_target_flags(target, cfg) else ("build", "rustflags")
    if not config.is_text(*keys):
        return ("--config", f"{'.'.join(keys)}={json.dumps(flags, ensure_ascii=False)}"), dict(environ)
    # Cargo appends the variable of a key to whatever its files say, but splits it at every space.
    variable = "_".join(("CARGO", *keys)).upper().replace("-", "_")
    given = environ.get(variable, "").split()
    return (), {**environ, variable: " ".join([*given, *(flag for flag in flags if " " not in flag)])}

"""Keep the paths of the building machine out of the module, without taking any flag away from the user.

rustc writes paths of sources into panic messages and debug info. Cargo passes paths inside the workspace relative to
its root; what remains are the sources of dependencies and of the standard library, and the workspace as the folder of
compilation. The first two are remapped with flags for every crate. These hold no path of the checkout, which would
keep checkouts in different folders from sharing compilations. The workspace is remapped for the last crate only, unless
debug info names it in the others too: then for every crate, except under a wrapper of rustc, which is there to share
compilations. So one path can be left: in debug info, under a wrapper, the folder of the workspace.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from externref_build.guests.cargo_config import CargoConfig
from externref_build.guests.profiles import has_debug_info
from externref_build.guests.toolchain import Toolchain


def dependency_flags(
    toolchain: Toolchain, packages: Iterable[Mapping[str, Any]], workspace_root: Path
) -> tuple[str, ...]:
    """Return the flags of rustc that remap the standard library, and dependencies from outside the workspace.

    ``packages`` are those of ``cargo metadata``. A crate of a registry has the same name whether cargo has it in its
    home or in a folder with vendored sources, and so has one of a git repository. The flags of other dependencies
    elsewhere hold the absolute path that cargo passes to rustc anyway.
    """
    library = toolchain.sysroot / "lib" / "rustlib" / "src" / "rust"
    prefixes = {str(name): f"/rustc/{toolchain.commit_hash}" for name in (library, library.resolve())}
    registries = dict[str, str]()
    others = dict[str, str]()
    for package in packages:
        folder = Path(package["manifest_path"]).parent
        name = f"{package['name']}-{package['version']}"
        source = package["source"] or ""
        if source.startswith(("registry+", "sparse+")):
            if folder.name == name:
                registries.update(dict.fromkeys(_names(folder.parent), "/cargo/registry"))
            else:
                others.update(dict.fromkeys(_names(folder), f"/cargo/registry/{name}"))
        elif source:
            others.update(dict.fromkeys(_names(folder), f"/cargo/git/{name}"))
        elif not folder.is_relative_to(workspace_root):
            others[str(folder)] = f"/dependencies/{name}"
    prefixes |= registries
    # Of several that fit, rustc takes the last.
    prefixes |= dict(sorted(others.items()))
    return tuple(f"--remap-path-prefix={path}={replacement}" for path, replacement in prefixes.items())


def workspace_flags(workspace_root: Path, target_dir: Path) -> tuple[str, ...]:
    """Return the flags of rustc that make a workspace the current folder, and cargo's target folder one inside."""
    prefixes = dict.fromkeys(_names(workspace_root), ".")
    prefixes |= dict.fromkeys(_names(target_dir), "./target")
    return tuple(f"--remap-path-prefix={path}={replacement}" for path, replacement in prefixes.items())


def needs_workspace_flags(profile: str, manifest: Mapping[str, Any], config: CargoConfig) -> bool:
    """Tell whether every crate has to be compiled with `workspace_flags`, rather than the last one alone.

    ``manifest`` is the Cargo.toml of the workspace's root.
    """
    wrapper = config.environ.get("RUSTC_WRAPPER") or config.string("build", "rustc-wrapper")
    return not wrapper and has_debug_info(profile, manifest, config)


def _names(folder: Path) -> Iterator[str]:
    yield from dict.fromkeys((str(folder), str(folder.resolve())))


def add_rustc_flags(
    flags: tuple[str, ...], config: CargoConfig, target: str, cfg: frozenset[str], environ: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Append flags to the source from which cargo will take its flags; return arguments and variables for cargo.

    The first of these that is there is the source: ``CARGO_ENCODED_RUSTFLAGS``, ``RUSTFLAGS``, ``target.*.rustflags``,
    ``build.rustflags``. ``cfg`` are the target's cfg values as rustc prints them.
    """
    for variable, separator in (("CARGO_ENCODED_RUSTFLAGS", "\x1f"), ("RUSTFLAGS", " ")):
        if variable in environ:
            given = [flag for flag in environ[variable].split(separator) if flag]
            return (), {"CARGO_ENCODED_RUSTFLAGS": "\x1f".join([*given, *flags])}
    keys = ("target", target, "rustflags") if config.has_target_flags(target, cfg) else ("build", "rustflags")
    if not config.is_text(*keys):
        return ("--config", f"{'.'.join(keys)}={json.dumps(flags, ensure_ascii=False)}"), {}
    # Cargo appends the variable of a key to whatever its files say, but splits it at every space.
    variable = "_".join(("CARGO", *keys)).upper().replace("-", "_")
    given = environ.get(variable, "").split()
    return (), {variable: " ".join([*given, *(flag for flag in flags if " " not in flag)])}

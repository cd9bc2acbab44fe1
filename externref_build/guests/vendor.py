"""Put the sources of all crates that guests are built from into one folder, with ``cargo vendor``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from externref_build.config import ModuleConfig, parse_toml
from externref_build.errors import ConfigError, GuestBuildError
from externref_build.guests.cargo_config import config_arguments
from externref_build.guests.manifest import workspace_manifest
from externref_build.guests.resolve import METADATA, needs_sdk
from externref_build.guests.run import run
from externref_build.guests.sdk import provide_sdk, sdk_patch_arguments
from externref_build.guests.toolchain import Toolchain, find_toolchain

Tables = Mapping[str, Mapping[str, Any]]
"""Cargo's tables ``[source]``, by their names."""

_SOURCES: Final = "vendored-sources"
"""Cargo's name for the folder."""


def vendor_crates(
    modules: Iterable[ModuleConfig], others: Iterable[Path], folder: Path, environ: Mapping[str, str]
) -> Tables:
    """Fill a folder with the crates of the modules' workspaces, and of other Cargo.toml files.

    The folder's parent is a temporary one. Returns the tables with which cargo takes the crates from the folder; none
    if no crate comes from a registry or a git repository. Raises ConfigError if a Cargo.lock is missing,
    GuestBuildError if cargo fails.
    """
    workspaces = {workspace_manifest(module.manifest_path): module for module in modules}
    some = next(iter(workspaces.values()))
    tables: dict[str, Mapping[str, Any]] = {}
    for manifest in dict.fromkeys((*workspaces, *map(workspace_manifest, others))):
        module = workspaces.get(manifest, some)
        toolchain = find_toolchain(manifest.parent, environ=environ, name=module.toolchain)
        tables |= _vendor(toolchain, manifest, module, folder, environ)
    return tables


def configuration(tables: Tables, folder: str) -> str:
    """Return the tables as TOML, with the folder by its path as cargo's configuration is to have it."""
    text = ""
    for name, table in sorted(tables.items()):
        values = {**table, "directory": folder} if name == _SOURCES else table
        lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
        text += f"\n[source.{json.dumps(name)}]\n" + "".join(lines)
    return text


def _vendor(
    toolchain: Toolchain, manifest: Path, module: ModuleConfig, folder: Path, environ: Mapping[str, str]
) -> dict[str, Mapping[str, Any]]:
    _require_lock(manifest)
    where: tuple[str, ...] = ("--manifest-path", str(manifest))
    where += config_arguments(module.cargo_args)
    members = run((*toolchain.cargo, *METADATA, "--no-deps", *where), cwd=manifest.parent, environ=environ)
    patched = members.status == 0 and needs_sdk(json.loads(members.stdout))
    argv = (
        *(*toolchain.cargo, "vendor", "--versioned-dirs", "--no-delete", "--respect-source-config", "--locked", *where),
        *(sdk_patch_arguments(provide_sdk(folder.parent)) if patched else ()),
        *(["--offline"] if module.offline or module.frozen else ()),
        *("--", str(folder)),
    )
    done = run(argv, cwd=manifest.parent, environ=environ)
    if done.status != 0:
        raise GuestBuildError(
            f"cargo could not vendor the crates that the guest is built from (exit status {done.status})",
            where=str(manifest),
            remedy=f"cargo says:\n{done.stderr.strip()}",
        )
    found: dict[str, Mapping[str, Any]] = parse_toml(done.stdout).get("source", {})
    return found


def _require_lock(manifest: Path) -> None:
    lock = manifest.with_name("Cargo.lock")
    if not lock.is_file():
        raise ConfigError(
            "vendor is true, and there is no Cargo.lock that says which crates to vendor",
            where=str(lock),
            remedy=f"write it, in {manifest.parent}:\nexternref-build cargo generate-lockfile",
        )

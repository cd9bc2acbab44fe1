"""Resolve a guest's packages with cargo, and supply the guest crate to those that ask for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from externref_build.config import ModuleConfig
from externref_build.errors import GuestBuildError
from externref_build.guests.cargo_config import config_arguments
from externref_build.guests.crates import locked_packages
from externref_build.guests.run import run
from externref_build.guests.sdk import SDK_CRATE, provide_sdk, sdk_patch_arguments, sdk_version
from externref_build.guests.toolchain import Toolchain

METADATA = ("metadata", "--format-version", "1")


def resolve(
    toolchain: Toolchain,
    module: ModuleConfig,
    target: str,
    environ: Mapping[str, str],
    loudness: Sequence[str] = (),
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return cargo's metadata, and the arguments that supply the guest crate if it is needed.

    A patch that nothing uses would make cargo warn, and write itself into the lock file.
    """
    members = _metadata(toolchain, module, environ, ("--no-deps", *loudness))
    root = Path(members["workspace_root"])
    _require_lock(module, root / "Cargo.lock")
    arguments = ("--filter-platform", target, *resolution_arguments(module), *loudness)
    if not needs_sdk(members):
        metadata = _metadata(toolchain, module, environ, arguments)
        if not any(package["name"] == SDK_CRATE and package["source"] for package in metadata["packages"]):
            return metadata, ()
    _check_lock(module, root / "Cargo.lock")
    patch = sdk_patch_arguments(provide_sdk(root))
    return _metadata(toolchain, module, environ, (*arguments, *patch)), patch


@dataclass(frozen=True, slots=True)
class RecordedSdk:
    """What a lock file says of the guest crate."""

    lock: Path
    version: str | None
    """``None`` if it does not record the crate, or is not there."""


def recorded_sdk(toolchain: Toolchain, module: ModuleConfig, environ: Mapping[str, str]) -> RecordedSdk | None:
    """Return what a guest's lock file says of the guest crate; ``None`` if no package of the workspace asks for it.

    Raises GuestBuildError if the lock file has to stay as it is and does not fit, or cargo cannot read the packages.
    """
    members = _metadata(toolchain, module, environ, ("--no-deps",))
    lock = Path(members["workspace_root"], "Cargo.lock")
    _require_lock(module, lock)
    if not needs_sdk(members):
        return None
    _check_lock(module, lock)
    return RecordedSdk(lock, _locked_sdk(lock))


def patch_for(members: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the arguments that supply the guest crate to a workspace, given its members as cargo's metadata tells."""
    return sdk_patch_arguments(provide_sdk(Path(members["workspace_root"]))) if needs_sdk(members) else ()


def resolution_arguments(module: ModuleConfig) -> tuple[str, ...]:
    """Return the arguments of cargo that decide which packages a guest consists of."""
    flags = {
        "--all-features": module.all_features,
        "--no-default-features": module.no_default_features,
        "--locked": module.locked,
        "--offline": module.offline,
        "--frozen": module.frozen,
    }
    features = ("--features", ",".join(module.features)) if module.features else ()
    return (*features, *(flag for flag, wanted in flags.items() if wanted))


def _metadata(
    toolchain: Toolchain, module: ModuleConfig, environ: Mapping[str, str], arguments: Sequence[str]
) -> dict[str, Any]:
    argv = (
        *toolchain.cargo,
        *(*METADATA, "--manifest-path", str(module.manifest_path)),
        *config_arguments(module.cargo_args),
        *arguments,
    )
    done = run(argv, cwd=module.manifest_path.parent, environ=environ, live="stderr")
    if done.status != 0:
        raise GuestBuildError(
            f"cargo could not resolve the guest's packages (exit status {done.status})",
            where=str(module.manifest_path),
            remedy="cargo's message above says why",
        )
    return cast("dict[str, Any]", json.loads(done.stdout))


def needs_sdk(members: Mapping[str, Any]) -> bool:
    """Tell whether a member of the workspace asks the registry for the guest crate, or the lock file records it."""
    dependencies = [entry for package in members["packages"] for entry in package["dependencies"]]
    if any(entry["name"] == SDK_CRATE for entry in dependencies):
        return any(entry["name"] == SDK_CRATE and entry["source"] for entry in dependencies)
    return _locked_sdk(Path(members["workspace_root"], "Cargo.lock")) is not None


def _locked_sdk(lock: Path) -> str | None:
    """Return the version of the guest crate that a lock file records."""
    return next((package["version"] for package in locked_packages(lock) if package.get("name") == SDK_CRATE), None)


def _require_lock(module: ModuleConfig, lock: Path) -> None:
    if (module.locked or module.frozen) and not lock.exists():
        raise GuestBuildError(
            f"there is no lock file, and {_forbidding(module)} forbids to write it",
            where=str(lock),
            remedy=f"write it, in {module.manifest_path.parent}, and put it under version control:\n"
            "externref-build cargo generate-lockfile",
        )


def _forbidding(module: ModuleConfig) -> str:
    return "locked" if module.locked else "frozen"


def _check_lock(module: ModuleConfig, lock: Path) -> None:
    """Say it better than cargo, which cannot know that the crate comes from this package."""
    locked = _locked_sdk(lock)
    if not (module.locked or module.frozen) or locked == sdk_version():
        return
    found = f"records {SDK_CRATE} {locked}" if locked else f"does not record {SDK_CRATE}"
    raise GuestBuildError(
        f"the lock file {found}, and {_forbidding(module)} forbids to write it, expected "
        f"{SDK_CRATE} {sdk_version()}, which this externref-build supplies",
        where=str(lock),
        remedy=f"bring it up to date, in {module.manifest_path.parent}:\nexternref-build cargo update --workspace\n"
        "or require in pyproject.toml the externref-build with which it was written",
    )

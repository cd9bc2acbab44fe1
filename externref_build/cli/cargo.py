"""``externref-build cargo``: any cargo command, with the guest crate supplied."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from externref_build.cli.arguments import Arguments
from externref_build.config import Config, load_config, read_tool_table
from externref_build.errors import ConfigError
from externref_build.guests.cargo import cargo_passthrough
from externref_build.guests.manifest import workspace_manifest

_ABOUT_NO_PACKAGE: Final = frozenset({"help", "init", "install", "login", "logout", "new", "search", "uninstall"})
"""Commands of cargo that are not about the package in the current folder."""


def run(given: Arguments) -> int:
    """Run cargo where its package is, and return its exit code."""
    arguments = given.cargo_arguments
    words = [word for word in arguments if not word.startswith(("-", "+"))]
    elsewhere = any(word.partition("=")[0] == "--manifest-path" for word in arguments)
    here = elsewhere or not words or words[0] in _ABOUT_NO_PACKAGE
    folder = Path.cwd() if here else _cargo_folder(Path.cwd())
    return cargo_passthrough(arguments, folder=folder, environ=os.environ)


def _cargo_folder(folder: Path) -> Path:
    """Return the folder itself if cargo finds a package from there, or else that of the guest of the project around.

    Raises ConfigError if there is more than one.
    """
    for parent in (folder, *folder.parents):
        if (parent / "Cargo.toml").is_file():
            return folder
        if (parent / "pyproject.toml").is_file() and read_tool_table(parent, "externref") is not None:
            return _guest_folder(load_config(parent))
    return folder


def _guest_folder(config: Config) -> Path:
    manifests = dict.fromkeys(module.manifest_path for module in config.modules if not module.sources)
    workspaces = dict.fromkeys(map(workspace_manifest, manifests))
    if not workspaces:
        return config.project_dir
    if len(workspaces) > 1:
        listed = [os.path.relpath(manifest, config.project_dir) for manifest in manifests]
        raise ConfigError(
            f"the project has {len(workspaces)} workspaces of cargo, expected one to run cargo in",
            where=str(config.project_dir / "pyproject.toml"),
            remedy="choose one with cargo's option --manifest-path, or change into its folder"
            + "".join(f"\n--manifest-path {name}" for name in listed),
        )
    return next(iter(manifests if len(manifests) == 1 else workspaces)).parent

"""What a source distribution holds, so that the guests can be built from it: their sources, and nothing built."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from externref_build.build.in_place import FolderOf, files_in_place, modules_in_place
from externref_build.build.packages import package_folder
from externref_build.config import Config, ModuleConfig
from externref_build.errors import ConfigError
from externref_build.guests.c_sources import source_files
from externref_build.guests.manifest import guest_sources
from externref_build.guests.sdk import WORKSPACE_FOLDER


def project_sources(config: Config, folder_of: FolderOf = package_folder) -> list[Path]:
    """Find all files that the guests are built from; absolute, sorted.

    Raises ConfigError if some lie outside the project.
    """
    for module in _cargo_modules(config):
        outside = guest_sources(module.manifest_path, config.project_dir).outside
        if outside:
            raise ConfigError(
                f"the guest needs {', '.join(map(_shown, outside))}, which lies outside the project, "
                "expected everything that it is built from inside",
                where=str(module.manifest_path),
                remedy="a source distribution holds nothing from outside: move the folder into the project, or depend "
                "on a version or a git repository instead of a path",
            )
    return sources_inside(config, folder_of)


def sources_inside(config: Config, folder_of: FolderOf = package_folder) -> list[Path]:
    """Find all files in the project that the guests are built from, or that are used in their place; absolute, sorted.

    Raises ConfigError.
    """
    files = {path for module in config.modules if module.sources for path in source_files(module)}
    for module in _cargo_modules(config):
        files.update(guest_sources(module.manifest_path, config.project_dir).files)
    return sorted({*files, *modules_to_use(config, folder_of)})


def modules_to_use(config: Config, folder_of: FolderOf = package_folder) -> list[Path]:
    """Return the modules and hosts in packages that ``EXTERNREF_SKIP`` makes sources, as far as they are there.

    Raises ConfigError.
    """
    return [path for path in modules_in_place(config, folder_of) if path.is_file()] if config.skip else []


def built_files(config: Config, folder_of: FolderOf = package_folder) -> Iterator[Path]:
    """Yield what earlier builds left in the project: modules in packages, what cargo made, copies of the SDK."""
    used = modules_to_use(config, folder_of)
    yield from (path for path in files_in_place(config, folder_of) if path not in used)
    for folder in _built_folders(config.project_dir):
        # The copy of the SDK has a link to it, and hatchling packs what is behind links.
        for parent, _, names in os.walk(folder, followlinks=folder.name == WORKSPACE_FOLDER):
            yield from (Path(parent, name) for name in names)


def _cargo_modules(config: Config) -> list[ModuleConfig]:
    """Return the modules that cargo builds; with ``EXTERNREF_SKIP`` their guests need not be there."""
    modules = (module for module in config.modules if not module.sources)
    return [module for module in modules if module.manifest_path.is_file() or not config.skip]


def _built_folders(project_dir: Path) -> Iterator[Path]:
    """Yield the folders that cargo (https://bford.info/cachedir/) and this package have marked as theirs."""
    for parent, folders, names in os.walk(project_dir):
        if Path(parent).name == WORKSPACE_FOLDER or "CACHEDIR.TAG" in names:
            folders.clear()
            yield Path(parent)
        folders[:] = [name for name in folders if name != ".git"]


def _shown(path: Path) -> str:
    real = path.resolve()
    return str(path) if real == path else f"{path} (a link to {real})"

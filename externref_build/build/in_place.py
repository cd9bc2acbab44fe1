"""Build modules into the packages of the project itself, where editable installations look for them.

A list of what was put there lies in the project, so that a module which is renamed or removed from the configuration
leaves the package with the next build, and no wheel holds it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from externref_build.build.engine import BuildResult, build_project, module_file_name
from externref_build.build.packages import package_folder
from externref_build.build.progress import Progress
from externref_build.config import Config, ModuleConfig
from externref_build.guests.sdk import WORKSPACE_FOLDER, own_folder
from externref_build.output import partial_files, remove_abandoned, remove_former_outputs

FolderOf = Callable[[ModuleConfig], Path]
"""Tells the folder of the package that receives a module."""


def modules_in_place(config: Config, folder_of: FolderOf = package_folder) -> list[Path]:
    """Return where the modules lie that are built in place. Raises ConfigError."""
    return [folder_of(module) / module_file_name(module) for module in config.modules]


def files_in_place(config: Config, folder_of: FolderOf = package_folder) -> list[Path]:
    """Return all that builds in place put, or left, into packages: modules, former ones, partial files.

    Raises ConfigError.
    """
    modules = [*modules_in_place(config, folder_of), *_recorded(config)]
    return [*modules, *(partial for module in modules for partial in partial_files(module))]


def build_in_place(config: Config, *, progress: Progress, folder_of: FolderOf = package_folder) -> list[BuildResult]:
    """Build every module into its package, and remove those that earlier builds put there under another name.

    Raises ExternrefBuildError.
    """
    own_folder(config.project_dir)
    remove_former_outputs(_record(config), config.project_dir, modules_in_place(config, folder_of))
    return build_project(config, progress=progress, folder_of=folder_of)


def remove_former_modules(config: Config, folder_of: FolderOf = package_folder) -> None:
    """Remove what earlier builds left in packages, and what is no module of the configuration now.

    Raises OutputError.
    """
    modules = modules_in_place(config, folder_of)
    for module in modules:
        remove_abandoned(module)
    if _record(config).exists():
        remove_former_outputs(_record(config), config.project_dir, modules)


def _recorded(config: Config) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return [config.project_dir / name for name in _record(config).read_text(encoding="utf-8").splitlines()]
    return []


def _record(config: Config) -> Path:
    return config.project_dir / WORKSPACE_FOLDER / "modules"

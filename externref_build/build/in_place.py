"""Build modules into the packages of the project itself, where editable installations look for them.

A list of what was put there lies in the project, so that a module which is renamed or removed from the configuration
leaves the package with the next build, and no wheel holds it.
"""

from __future__ import annotations

from pathlib import Path

from externref_build.build.engine import BuildResult, build_project, module_file_name
from externref_build.build.packages import package_folder
from externref_build.build.progress import Progress
from externref_build.config import Config
from externref_build.guests.sdk import WORKSPACE_FOLDER
from externref_build.output import remove_former_outputs, write_whole


def modules_in_place(config: Config) -> list[Path]:
    """Return where the modules lie that are built in place. Raises ConfigError."""
    return [package_folder(module) / module_file_name(module) for module in config.modules]


def build_in_place(config: Config, *, progress: Progress) -> list[BuildResult]:
    """Build every module into its package, and remove those that earlier builds put there under another name.

    Raises ExternrefBuildError.
    """
    folder = _record(config).parent
    write_whole(folder / ".gitignore", b"*\n")
    remove_former_outputs(_record(config), config.project_dir, modules_in_place(config))
    return build_project(config, progress=progress)


def remove_former_modules(config: Config) -> None:
    """Remove what earlier builds put into packages and what the configuration does not name any longer.

    Raises OutputError.
    """
    if _record(config).exists():
        remove_former_outputs(_record(config), config.project_dir, modules_in_place(config))


def _record(config: Config) -> Path:
    return config.project_dir / WORKSPACE_FOLDER / "modules"

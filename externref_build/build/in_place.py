"""Build modules into the packages of the project itself, where editable installations look for them.

A list of what was put there lies in the project, so that a module which is renamed or removed from the configuration
leaves the package with the next build, and no wheel holds it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from externref_build.build.engine import (
    BuildResult,
    build_module,
    build_project,
    make_guest,
    output_file_names,
    output_paths,
)
from externref_build.build.ledger import (
    Entry,
    changes,
    is_unchanged,
    make_entry,
    read_ledger,
    take_inputs,
    write_ledger,
)
from externref_build.build.npm import is_of_the_project, require_free_place, write_npm_packages
from externref_build.build.packages import package_folder
from externref_build.build.progress import Progress
from externref_build.config import Config, ModuleConfig
from externref_build.errors import ExternrefBuildError, StaleModuleError, raise_together
from externref_build.guests.sdk import WORKSPACE_FOLDER, own_folder
from externref_build.output import partial_files, recorded_outputs, remove_abandoned, remove_former_outputs

FolderOf = Callable[[ModuleConfig], Path]
"""Tells the folder of the package that receives a module."""


def modules_in_place(config: Config, folder_of: FolderOf = package_folder) -> list[Path]:
    """Return where the modules lie that are built in place, and their hosts.

    Raises ConfigError, also if something of the project's own is there.
    """
    places: dict[Path, None] = {}
    for module in config.modules:
        folder = folder_of(module)
        require_free_place(folder, module)
        places.update((folder / name, None) for name in output_file_names(module))
    return list(places)


def files_in_place(config: Config, folder_of: FolderOf = package_folder) -> list[Path]:
    """Return all that builds in place put, or left, into packages: modules, former ones, partial files.

    Raises ConfigError.
    """
    modules = [*modules_in_place(config, folder_of), *_recorded(config)]
    return [*modules, *(Path(partial) for module in modules for partial in partial_files(module))]


def build_in_place(
    config: Config,
    *,
    progress: Progress,
    folder_of: FolderOf = package_folder,
    anew: bool = False,
    version: str | None = None,
) -> list[BuildResult]:
    """Build every module into its package, and remove those that earlier builds put there under another name.

    A module is left alone if its guest is fresh and nothing else has changed, unless all are to be built
    ``anew``. ``version`` is the project's, where pyproject.toml does not say. Raises ExternrefBuildError.
    """
    paths = output_paths(config, folder_of)
    own_folder(config.project_dir)
    places = modules_in_place(config, folder_of)
    remove_former_outputs(_record(config), config.project_dir, places, is_of_the_project)
    if config.skip:
        return build_project(config, progress=progress, folder_of=folder_of)
    environ = os.environ
    entries = {} if anew else read_ledger(config.project_dir)
    results = []
    for module, path in zip(config.modules, paths, strict=True):
        name = path.relative_to(config.project_dir).as_posix()
        kept = _keep(entries[name], module, path, environ, progress) if name in entries else None
        if kept:
            results.append(kept)
            continue
        inputs = take_inputs(module, environ)
        result = build_module(module, progress=progress, output_folder=path.parent, environ=environ)
        results.append(result)
        entries.pop(name, None)
        if inputs is not None:
            entries[name] = make_entry(result, environ, inputs)
    write_npm_packages(config, paths, version)
    names = {path.relative_to(config.project_dir).as_posix() for path in paths}
    write_ledger(config.project_dir, {name: entry for name, entry in entries.items() if name in names})
    return results


def require_current_modules(config: Config) -> Iterator[Path]:
    """Yield each module in its package that is what a build would make, without running or writing anything.

    Raises StaleModuleError, or several of them, once all are looked at.
    """
    entries = read_ledger(config.project_dir)
    stale: list[ExternrefBuildError] = []
    for module, path in zip(config.modules, output_paths(config), strict=True):
        name = path.relative_to(config.project_dir).as_posix()
        if not path.is_file():
            reasons = ["it is not there"]
        elif name not in entries:
            reasons = ["nothing is known of its build"]
        else:
            reasons = list(changes(entries[name], module, os.environ))
        if reasons:
            stale.append(StaleModuleError(name, reasons))
        else:
            yield path
    raise_together(stale)


def _keep(
    entry: Entry, module: ModuleConfig, path: Path, environ: Mapping[str, str], progress: Progress
) -> BuildResult | None:
    """Look whether a module's guest is fresh, as cargo sees it; return the module as built, if all is as it was."""
    if any(True for _ in changes(entry, module, environ)):
        return None
    guest = make_guest(module, entry.plan, environ=environ, loudness=progress.cargo_arguments())
    if not guest.fresh or str(guest.path) != entry.guest_path or not is_unchanged(guest.path, entry.guest):
        return None
    progress.step("Kept", f"{path}, as nothing has changed since it was built")
    module_state = entry.outputs[path.relative_to(module.project_dir).as_posix()]
    return BuildResult(
        module=module,
        path=path,
        guest=guest,
        plan=entry.plan,
        report=None,
        sha256=module_state.digest,
        input_size=entry.guest.size,
        output_size=module_state.size,
        written=False,
        validated_by=None,
        optimizer=entry.optimizer,
        files=tuple(module.project_dir / name for name in entry.outputs if module.project_dir / name != path),
    )


def remove_former_modules(config: Config, folder_of: FolderOf = package_folder) -> None:
    """Remove what earlier builds left in packages, and what is no module of the configuration now.

    Raises OutputError.
    """
    modules = modules_in_place(config, folder_of)
    for module in modules:
        remove_abandoned(module)
    if _record(config).exists():
        remove_former_outputs(_record(config), config.project_dir, modules, is_of_the_project)


def _recorded(config: Config) -> list[Path]:
    paths = (config.project_dir / name for name in recorded_outputs(_record(config)))
    return [path for path in paths if not is_of_the_project(path)]


def _record(config: Config) -> Path:
    return config.project_dir / WORKSPACE_FOLDER / "modules"

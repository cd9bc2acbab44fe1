"""Front end for maturin: a PEP 517 and PEP 660 backend for projects that have a native extension besides a guest.

With ``build-backend = "externref_build.backends.maturin"``, each hook does its part of the guests' work and leaves the
rest to maturin's own. maturin packs what lies in ``python-source``, so that the modules are built in place. What git
ignores, and what lies elsewhere, it packs only if ``[tool.maturin] include`` says so; it has no flag for that.
Therefore its archives are checked before they are handed over.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import maturin

from externref_build.backends.maturin_archives import keep_sources_only, name_no_folder, require_modules
from externref_build.backends.reporting import errors_for_users
from externref_build.build import BuildResult, Progress, build_in_place, modules_to_use, vendored_files, write_sboms
from externref_build.config import Config, load_config, read_tool_table
from externref_build.guests.sdk import own_folder
from externref_build.output import exclusive, write_whole

_Settings: TypeAlias = "dict[str, Any] | None"


def get_requires_for_build_wheel(config_settings: _Settings = None) -> list[str]:
    """Return what else a wheel needs (PEP 517)."""
    needed: list[str] = maturin.get_requires_for_build_wheel(config_settings)
    return needed


def get_requires_for_build_sdist(config_settings: _Settings = None) -> list[str]:
    """Return what else a source distribution needs (PEP 517)."""
    needed: list[str] = maturin.get_requires_for_build_sdist(config_settings)
    return needed


def get_requires_for_build_editable(config_settings: _Settings = None) -> list[str]:
    """Return what else an editable installation needs (PEP 660)."""
    needed: list[str] = maturin.get_requires_for_build_editable(config_settings)
    return needed


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: _Settings = None) -> str:
    """Write the metadata of a wheel (PEP 517)."""
    with _project(config_settings):
        name: str = maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)
    return name


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: _Settings = None) -> str:
    """Write the metadata of an editable installation (PEP 660)."""
    with _project(config_settings):
        name: str = maturin.prepare_metadata_for_build_editable(metadata_directory, config_settings)
    return name


def build_sdist(sdist_directory: str, config_settings: _Settings = None) -> str:
    """Build a source distribution that holds the guests' sources, and nothing built (PEP 517)."""
    with _project(config_settings) as config, _handed_over(sdist_directory) as folder:
        name: str = maturin.build_sdist(str(folder), config_settings)
        used = {path.relative_to(config.project_dir).as_posix(): path for path in modules_to_use(config)}
        with vendored_files(config, Progress(), [_manifest(config)]) as vendored:
            keep_sources_only(folder / name, config, {**used, **vendored})
    return name


def build_wheel(wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None) -> str:
    """Build a wheel that holds the modules (PEP 517)."""
    with _project(config_settings) as config, _alone(config), _handed_over(wheel_directory) as folder:
        results = build_in_place(config, progress=Progress())
        with _sboms(results, config_settings) as settings:
            name: str = maturin.build_wheel(str(folder), settings, metadata_directory)
        require_modules(folder / name, config)
        name_no_folder(folder / name, config.project_dir)
    return name


def build_editable(
    wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None
) -> str:
    """Build an editable installation, with the modules in place (PEP 660)."""
    with _project(config_settings) as config, _alone(config):
        build_in_place(config, progress=Progress())
        name: str = maturin.build_editable(wheel_directory, config_settings, metadata_directory)
    return name


@contextmanager
def _project(config_settings: _Settings) -> Iterator[Config]:
    """Load the configuration of the project in the current folder, where PEP 517 has hooks called."""
    with errors_for_users():
        yield load_config(Path.cwd(), config_settings=config_settings)


def _manifest(config: Config) -> Path:
    """Return the Cargo.toml of the native extension."""
    table = read_tool_table(config.project_dir, "maturin") or {}
    return config.project_dir / str(table.get("manifest-path", "Cargo.toml"))


@contextmanager
def _sboms(results: Sequence[BuildResult], config_settings: _Settings) -> Iterator[dict[str, Any]]:
    """Write the modules' bills of materials, and add the options of maturin that pack them to the settings."""
    with tempfile.TemporaryDirectory(prefix="externref-build-") as temporary:
        options = [word for path in write_sboms(results, Path(temporary)) for word in ("--sbom-include", str(path))]
        given = maturin.get_maturin_pep517_args(config_settings)
        yield {**(config_settings or {}), "maturin.build-args": [*given, *options]}


@contextmanager
def _alone(config: Config) -> Iterator[None]:
    """Wait for other builds of this tree: maturin moves files about in the folder that it shares with them."""
    with exclusive(own_folder(config.project_dir) / "building"):
        yield


@contextmanager
def _handed_over(directory: str) -> Iterator[Path]:
    """Hand over what was made in a temporary folder, once it has been found good."""
    with tempfile.TemporaryDirectory(prefix="externref-build-") as temporary:
        yield Path(temporary)
        for made in Path(temporary).iterdir():
            write_whole(Path(directory, made.name), made.read_bytes())

"""Front end for setuptools: the hook that adds its commands, and a PEP 517 backend that passes config-settings on.

The hook ``setuptools.finalize_distribution_options`` runs in every project whose build environment holds this package;
it does nothing, and loads nothing of the build, unless pyproject.toml has a table ``[tool.externref]``.

As a backend (``build-backend = "externref_build.backends.setuptools"``) this module is ``setuptools.build_meta``,
except that config-settings such as ``-C externref.profile=dev`` arrive.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from setuptools import Distribution, build_meta

from externref_build.backends.reporting import errors_for_users
from externref_build.config import ConfigSettings, read_tool_table


def finalize_distribution_options(distribution: Distribution) -> None:
    """Add the commands to a project that has a table ``[tool.externref]``."""
    if is_active_in(distribution):
        from externref_build.backends.setuptools_commands import add_commands

        add_commands()


def is_active_in(distribution: Distribution) -> bool:
    """Tell whether a project has a table ``[tool.externref]``."""
    with errors_for_users():
        return read_tool_table(project_dir(distribution), "externref") is not None


def project_dir(distribution: Distribution) -> Path:
    """Return the folder of a project's pyproject.toml, absolute."""
    return Path(distribution.src_root or ".").absolute()


@contextmanager
def _settings(config_settings: ConfigSettings | None) -> Iterator[None]:
    from externref_build.backends import setuptools_commands

    setuptools_commands.config_settings = config_settings or {}
    try:
        yield
    finally:
        setuptools_commands.config_settings = {}


_Settings: TypeAlias = "dict[str, Any] | None"


def get_requires_for_build_wheel(config_settings: _Settings = None) -> list[str]:
    """Return what else a wheel needs (PEP 517)."""
    with _settings(config_settings):
        return build_meta.get_requires_for_build_wheel(config_settings)


def get_requires_for_build_sdist(config_settings: _Settings = None) -> list[str]:
    """Return what else a source distribution needs (PEP 517)."""
    with _settings(config_settings):
        return build_meta.get_requires_for_build_sdist(config_settings)


def get_requires_for_build_editable(config_settings: _Settings = None) -> list[str]:
    """Return what else an editable installation needs (PEP 660)."""
    with _settings(config_settings):
        return build_meta.get_requires_for_build_editable(config_settings)


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: _Settings = None) -> str:
    """Write the metadata of a wheel (PEP 517)."""
    with _settings(config_settings):
        return build_meta.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: _Settings = None) -> str:
    """Write the metadata of an editable installation (PEP 660)."""
    with _settings(config_settings):
        return build_meta.prepare_metadata_for_build_editable(metadata_directory, config_settings)


def build_sdist(sdist_directory: str, config_settings: _Settings = None) -> str:
    """Build a source distribution (PEP 517)."""
    with _settings(config_settings):
        return build_meta.build_sdist(sdist_directory, config_settings)


def build_wheel(wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None) -> str:
    """Build a wheel (PEP 517)."""
    with _settings(config_settings):
        return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None
) -> str:
    """Build an editable installation (PEP 660)."""
    with _settings(config_settings):
        return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)

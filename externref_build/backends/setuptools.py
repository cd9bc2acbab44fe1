"""Front end for setuptools: a sub-command of ``build``, and a PEP 517 backend that passes config-settings on.

The hook ``setuptools.finalize_distribution_options`` runs in every project whose build environment holds this package;
it does nothing unless pyproject.toml has a table ``[tool.externref]``. The sub-command is not one of extensions, since
those make setuptools tag the wheel with a platform.

As a backend (``build-backend = "externref_build.backends.setuptools"``) this module is ``setuptools.build_meta``,
except that config-settings such as ``-C externref.profile=dev`` arrive.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from setuptools import Command, Distribution, build_meta
from setuptools.command.build import build
from setuptools.command.sdist import sdist

from externref_build.backends.reporting import errors_for_users
from externref_build.build import Progress, build_project, module_file_name, project_sources, remove_former_outputs
from externref_build.config import Config, ConfigSettings, ModuleConfig, load_config, read_tool_table
from externref_build.errors import ConfigError

COMMAND = "build_externref"

_config_settings: ConfigSettings = {}
"""Those of the PEP 517 hook that runs; setuptools itself has no way for them."""


# The hook, and the commands that it adds


def finalize_distribution_options(distribution: Distribution) -> None:
    """Add the sub-command to a project that has a table ``[tool.externref]``."""
    if not _is_active_in(distribution):
        return
    distribution.cmdclass["sdist"] = _without_built_modules(distribution.get_command_class("sdist"))
    entry = (COMMAND, _is_active)
    if entry not in build.sub_commands:
        # Not a class of ours in cmdclass: a project that has one of its own there would lose the module silently.
        build.sub_commands.append(entry)


def _is_active(command: Command) -> bool:
    """Tell ``build`` whether its sub-command applies: the list of sub-commands is one for all projects of a process."""
    return _is_active_in(command.distribution)


def _is_active_in(distribution: Distribution) -> bool:
    with errors_for_users():
        return read_tool_table(_project_dir(distribution), "externref") is not None


class BuildExternref(Command):
    """Build the WebAssembly modules of ``[tool.externref]`` into their packages; follows setuptools' ``SubCommand``."""

    description = "build WebAssembly modules that hold host references (externref-build)"
    user_options: ClassVar[list[tuple[str, str | None, str]]] = [
        ("build-lib=", "d", "directory to build to"),
    ]

    def initialize_options(self) -> None:
        """Set the options to their defaults."""
        self.build_lib: str | None = None
        self.editable_mode = False

    def finalize_options(self) -> None:
        """Take the directory from ``build_py``: the modules are independent of the platform."""
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def run(self) -> None:
        """Build each module in place for an editable installation, else into ``build_lib``."""
        progress = Progress(quiet=self.verbose == 0)
        with errors_for_users():
            for module in self._config.modules:
                self._require_package(module)
            if not self.editable_mode:
                self._remove_former_outputs()
            folder_of = self._source_folder if self.editable_mode else self._build_folder
            build_project(self._config, progress=progress, folder_of=folder_of)

    def get_source_files(self) -> list[str]:
        """Return what a source distribution needs to build the guests, relative to the project."""
        from externref_build.guests.manifest import guest_sources

        with errors_for_users():
            root = self._config.project_dir
            found = [
                guest_sources(module.manifest_path, root)
                for module in self._config.modules
                if module.manifest_path.is_file() or not self._config.skip
            ]
        return sorted({path.relative_to(root).as_posix() for sources in found for path in sources.files})

    def get_outputs(self) -> list[str]:
        """Return the modules as they lie in ``build_lib`` after a build."""
        return list(self.get_output_mapping())

    def get_output_mapping(self) -> dict[str, str]:
        """Map the modules in ``build_lib`` to those that an editable installation uses, in the packages' sources."""
        with errors_for_users():
            return {
                str(self._build_folder(module) / module_file_name(module)): os.path.relpath(
                    self._source_folder(module) / module_file_name(module), self._config.project_dir
                )
                for module in self._config.modules
            }

    @cached_property
    def _config(self) -> Config:
        return load_config(_project_dir(self.distribution), config_settings=_config_settings)

    def _build_folder(self, module: ModuleConfig) -> Path:
        assert self.build_lib is not None, "setuptools finalizes a command before it uses it"
        return Path(self.build_lib, *module.package.split("."))

    def _source_folder(self, module: ModuleConfig) -> Path:
        return self._config.project_dir / self.get_finalized_command("build_py").get_package_dir(module.package)

    def _remove_former_outputs(self) -> None:
        build_base = Path(self.get_finalized_command("build").build_base)
        outputs = [self._build_folder(module) / module_file_name(module) for module in self._config.modules]
        remove_former_outputs(build_base / "externref-build.outputs", Path(self.build_lib or ""), outputs)

    def _require_package(self, module: ModuleConfig) -> None:
        """See that the package will be in the wheel: setuptools finds packages by itself, and may look elsewhere."""
        packages: Sequence[str] = self.distribution.packages or ()
        if module.package in packages:
            return
        root = module.project_dir
        rust_at_root = (root / "src" / "lib.rs").is_file() or (root / "src" / "main.rs").is_file()
        cause = (
            "; src/ holds Rust sources, so setuptools looks for packages there and not beside it"
            if rust_at_root
            else ""
        )
        where = os.path.relpath(module.manifest_path.parent, root)
        raise ConfigError(
            f"package is {module.package}, which is not among the packages that setuptools will build "
            f"({', '.join(packages) or 'there are none'}){cause}",
            where=f"{root / 'pyproject.toml'}, [tool.externref], key package",
            remedy=f"put the package into src/{module.package.replace('.', '/')}/ (with an __init__.py) and Rust into "
            f"{where if where != '.' else 'guest'}/,\nor name it in pyproject.toml:\n"
            f'[tool.setuptools]\npackages = ["{module.package}"]',
        )


def _without_built_modules(base: type[sdist]) -> type[sdist]:
    """Make a ``sdist`` that holds sources only: no module that an editable installation left in a package."""

    class SourceDistribution(base):  # type: ignore[misc, valid-type]
        def run(self) -> None:
            with errors_for_users():
                project_sources(self.get_finalized_command(COMMAND)._config)
            super().run()

        def make_release_tree(self, base_dir: str, files: Sequence[str]) -> None:
            built = {Path(name) for name in self.get_finalized_command(COMMAND).get_output_mapping().values()}
            super().make_release_tree(base_dir, [name for name in files if Path(name) not in built])

    return SourceDistribution


def _project_dir(distribution: Distribution) -> Path:
    return Path(distribution.src_root or ".").absolute()


# The backend


@contextmanager
def _settings(config_settings: ConfigSettings | None) -> Iterator[None]:
    global _config_settings
    _config_settings = config_settings or {}
    try:
        yield
    finally:
        _config_settings = {}


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

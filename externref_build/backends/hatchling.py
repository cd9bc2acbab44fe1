"""Front end for hatchling: the build hook ``externref``, activated by ``[tool.hatch.build.hooks.externref]``.

- A wheel gets modules that were built into a temporary folder; whatever lies in the packages stays outside.
- An editable installation gets them built in place.
- A source distribution gets the guests' sources, ignored by git or not, and nothing built.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.plugin import hookimpl

from externref_build.backends.reporting import errors_for_users
from externref_build.build import (
    Progress,
    build_in_place,
    build_project,
    built_files,
    module_file_name,
    output_file_names,
    package_folder,
    project_sources,
    remove_former_modules,
    vendored_files,
    write_sboms,
)
from externref_build.config import Config, ModuleConfig, load_config
from externref_build.errors import ConfigError

_KEYS_OF_HATCHLING: Final = frozenset(
    {"dependencies", "enable-by-default", "require-runtime-dependencies", "require-runtime-features"}
)


@hookimpl
def hatch_register_build_hook() -> type[ExternrefBuildHook]:
    """Tell hatchling of the hook."""
    return ExternrefBuildHook


class ExternrefBuildHook(BuildHookInterface[BuilderConfig]):
    """Build the WebAssembly modules of ``[tool.externref]``."""

    PLUGIN_NAME = "externref"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and tell hatchling what to pack."""
        if self.target_name not in {"wheel", "sdist"}:
            return
        with errors_for_users():
            self._require_no_keys()
            config = load_config(Path(self.root))
            if self.target_name == "sdist":
                self._pack_sources(config, build_data)
            else:
                self._build_wheel(config, build_data, editable=version == "editable")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary folder."""
        self._until_packed.close()

    @cached_property
    def _until_packed(self) -> ExitStack:
        """What is kept until hatchling has packed it."""
        return ExitStack()

    def _build_wheel(self, config: Config, build_data: dict[str, Any], *, editable: bool) -> None:
        progress = Progress(quiet=self.app.verbosity < 0)
        for module in config.modules:
            self._require_package(module)
        if editable:
            build_in_place(config, progress=progress, version=self.metadata.version)
            return
        remove_former_modules(config)
        base = Path(self._until_packed.enter_context(tempfile.TemporaryDirectory(prefix="externref-build-")))
        results = build_project(
            config,
            progress=progress,
            folder_of=lambda module: base / module.package,
            version=self.metadata.version,
        )
        build_data["sbom_files"].extend(map(str, write_sboms(results, base)))
        for module in config.modules:
            for name in output_file_names(module):
                place = self._relative(package_folder(module) / name)
                build_data["force_include"][str(base / module.package / name)] = place
        if self._is_pure(build_data):
            build_data["tag"] = "py3-none-any"

    def _pack_sources(self, config: Config, build_data: dict[str, Any]) -> None:
        progress = Progress(quiet=self.app.verbosity < 0)
        vendored = self._until_packed.enter_context(vendored_files(config, progress))
        sources = {self._relative(path): path for path in project_sources(config)}
        for name, path in {**sources, **vendored}.items():
            build_data["force_include"][str(path)] = name
        built = {self.build_config.get_distribution_path(self._relative(path)) for path in built_files(config)}
        self.build_config.build_reserved_paths.update(built)

    def _is_pure(self, build_data: dict[str, Any]) -> bool:
        """Tell whether the tag is ours to choose: no other hook has chosen it, or comes later and could."""
        chosen = "tag" in build_data or build_data["infer_tag"] or not build_data["pure_python"]
        return not chosen and build_data["build_hooks"][-1] == self.PLUGIN_NAME

    def _require_package(self, module: ModuleConfig) -> None:
        """See that the package will be in the wheel, at the place that its name says."""
        folder = package_folder(module)
        if self._packs(module, folder):
            return
        top = [folder, *folder.parents][module.package.count(".")]
        raise ConfigError(
            f"package is {module.package}, which is not among the packages that hatchling will pack",
            where=f"{module.project_dir / 'pyproject.toml'}, [tool.externref], key package",
            remedy="name it in pyproject.toml:\n[tool.hatch.build.targets.wheel]\n"
            f'packages = ["{Path(self._relative(top)).as_posix()}"]',
        )

    def _packs(self, module: ModuleConfig, folder: Path) -> bool:
        sources = set(folder.glob("*.py"))
        try:
            place = Path(self.build_config.get_distribution_path(self._place(module)))
            packed = {Path(file.path) for file in self.build_config.builder.recurse_selected_project_files()}
        except ValueError:
            # hatchling's word for: nothing is configured, and nothing has the project's name.
            return False
        return place.parent == Path(*module.package.split(".")) and (not sources or not sources.isdisjoint(packed))

    def _require_no_keys(self) -> None:
        misplaced = sorted(set(self.config) - _KEYS_OF_HATCHLING)
        if misplaced:
            raise ConfigError(
                f"{', '.join(misplaced)} in [tool.hatch.build.hooks.externref], expected all keys in [tool.externref]",
                where=f"{Path(self.root, 'pyproject.toml')}, [tool.hatch.build.hooks.externref]",
                remedy="move it to [tool.externref], which is the same for every build backend",
            )

    def _place(self, module: ModuleConfig) -> str:
        """Return the module's path in its package's folder, which hatchling maps to the wheel as it does the rest."""
        return self._relative(package_folder(module) / module_file_name(module))

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self.root)

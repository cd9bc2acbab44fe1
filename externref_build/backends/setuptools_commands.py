"""Commands for setuptools that build the modules into a wheel, and keep what was built out of a source distribution.

- ``prepare_externref``, the first sub-command of ``build``, removes what earlier builds left in packages, before
  ``build_py`` copies it.
- ``build_externref``, the last one, builds the modules. It is not one for extensions: these make setuptools tag the
  wheel with a platform.
- ``sdist_externref``, a sub-command of ``sdist``, takes what was built out of the list of files.

They are sub-commands, not classes in ``cmdclass``: a project that has classes of its own there keeps them.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from setuptools import Command
from setuptools.command.build import build
from setuptools.command.sdist import sdist

from externref_build.backends.reporting import errors_for_users
from externref_build.backends.setuptools import is_active_in, project_dir
from externref_build.build import (
    BuildResult,
    Progress,
    build_in_place,
    build_project,
    built_files,
    is_of_the_project,
    output_file_names,
    project_sources,
    remove_former_modules,
    remove_former_outputs,
    require_inside,
    sources_inside,
    vendored_files,
    write_sboms,
)
from externref_build.config import Config, ConfigSettings, ModuleConfig, load_config
from externref_build.errors import ConfigError
from externref_build.output import OngoingWork, write_whole

config_settings: ConfigSettings = {}
"""Those of the PEP 517 hook that runs; setuptools itself has no way for them."""


def add_commands() -> None:
    """Add the sub-commands, for all projects of the process; they apply to those with a table ``[tool.externref]``."""
    first, last, of_sdist = ((name, _is_active) for name in ("prepare_externref", "build_externref", "sdist_externref"))
    if last not in build.sub_commands:
        build.sub_commands[:] = [first, *build.sub_commands, last]
        sdist.sub_commands = [*sdist.sub_commands, of_sdist]


def _is_active(command: Command) -> bool:
    return is_active_in(command.distribution)


class _ExternrefCommand(Command):
    """What the commands have in common."""

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

    def get_source_files(self) -> list[str]:
        """Return what a source distribution needs for this command, relative to the project."""
        return []

    def get_outputs(self) -> list[str]:
        """Return the modules as they lie in ``build_lib`` after a build."""
        return list(self.get_output_mapping())

    def get_output_mapping(self) -> dict[str, str]:
        """Map the modules in ``build_lib`` to those that an editable installation uses, in the packages' sources."""
        return {}

    @cached_property
    def _config(self) -> Config:
        return load_config(project_dir(self.distribution), config_settings=config_settings)

    def _lib(self) -> Path:
        assert self.build_lib is not None, "setuptools finalizes a command before it uses it"
        return Path(self.build_lib)

    def _build_folder(self, module: ModuleConfig) -> Path:
        return self._lib().joinpath(*module.package.split("."))

    def _source_folder(self, module: ModuleConfig) -> Path:
        folder = self.get_finalized_command("build_py").get_package_dir(module.package)
        return require_inside(self._config.project_dir / folder, module)

    def _note(self, suffix: str) -> Path:
        """Return a file for what is to be known of ``build_lib``; ``clean --all`` removes both."""
        return self._bdist_base() / f"{self._lib().name}.externref-{suffix}"

    def _bdist_base(self) -> Path:
        bdist: Any = self.get_finalized_command("bdist")
        return Path(bdist.bdist_base)


class PrepareExternref(_ExternrefCommand):
    """Clear away what earlier builds left behind, so that none of it gets into the wheel."""

    description = "remove what earlier or killed builds of WebAssembly modules left (externref-build)"

    ongoing: OngoingWork | None = None
    """The note on disk that ``build_lib`` is being filled."""

    def run(self) -> None:
        """Do nothing for an editable installation, which uses the packages' own folders."""
        if self.editable_mode:
            return
        with errors_for_users():
            remove_former_modules(self._config, self._source_folder)
            self.ongoing = OngoingWork(self._note("ongoing"))
            if self.ongoing.begin():
                # A file of which half was copied is newer than its source: build_py would leave it as it is.
                shutil.rmtree(self._lib(), ignore_errors=True)
            self._give_the_wheel_a_fresh_folder()

    def _give_the_wheel_a_fresh_folder(self) -> None:
        """What lies in the usual one goes into the wheel, be it of a killed build, or of one that runs now."""
        wheel: Any = self.distribution.get_command_obj("bdist_wheel", create=False)
        base = self._bdist_base()
        if wheel is not None and wheel.finalized and Path(wheel.bdist_dir) == base / "wheel":
            wheel.bdist_dir = tempfile.mkdtemp(prefix="wheel-", dir=base)


class BuildExternref(_ExternrefCommand):
    """Build the WebAssembly modules of ``[tool.externref]`` into their packages; follows setuptools' ``SubCommand``."""

    description = "build WebAssembly modules that hold host references (externref-build)"

    def run(self) -> None:
        """Build each module in place for an editable installation, else into ``build_lib``."""
        progress = Progress(quiet=self.verbose == 0)
        with errors_for_users():
            for module in self._config.modules:
                self._require_package(module)
            if self.editable_mode:
                build_in_place(self._config, progress=progress, folder_of=self._source_folder, version=self._version())
                return
            outputs = [
                self._build_folder(module) / name
                for module in self._config.modules
                for name in output_file_names(module)
            ]
            remove_former_outputs(self._note("outputs"), self._lib(), outputs, is_of_the_project)
            results = build_project(
                self._config, progress=progress, folder_of=self._build_folder, version=self._version()
            )
        self._add_to_wheel(results)
        prepared: Any = self.get_finalized_command("prepare_externref")
        if prepared.ongoing is not None:
            prepared.ongoing.end()

    def get_source_files(self) -> list[str]:
        """Return what a source distribution needs to build the guests, relative to the project."""
        with errors_for_users():
            sources = sources_inside(self._config, self._source_folder)
        return [path.relative_to(self._config.project_dir).as_posix() for path in sources]

    def get_output_mapping(self) -> dict[str, str]:
        """Map the modules in ``build_lib`` to those that an editable installation uses, in the packages' sources."""
        with errors_for_users():
            return {
                str(self._build_folder(module) / name): os.path.relpath(
                    self._source_folder(module) / name, self._config.project_dir
                )
                for module in self._config.modules
                for name in output_file_names(module)
            }

    def _version(self) -> str | None:
        version: str | None = self.distribution.metadata.version
        return version

    def _add_to_wheel(self, results: Sequence[BuildResult]) -> None:
        """Have the wheel that is being built, whatever class makes it, write bills of materials with its metadata.

        That is the last that is done before the wheel is packed.
        """
        wheel: Any = self.distribution.get_command_obj("bdist_wheel", create=False)
        if wheel is None:
            return
        write_wheelfile = wheel.write_wheelfile

        def write_more(folder: str, *arguments: Any, **options: Any) -> None:
            write_wheelfile(folder, *arguments, **options)
            with errors_for_users():
                write_sboms(results, Path(folder, "sboms"))
                _normalize_modes(Path(wheel.bdist_dir))

        wheel.write_wheelfile = write_more

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


def _normalize_modes(folder: Path) -> None:
    """Give each file the mode that it has under the usual umask; setuptools packs them with the one that they have."""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


class SdistExternref(_ExternrefCommand):
    """Keep a source distribution to sources, and see that it holds all that the guests are built from."""

    description = "keep built WebAssembly modules out of the source distribution (externref-build)"

    def run(self) -> None:
        """Take what was built out of the list of files, and of ``SOURCES.txt``, which names them."""
        with errors_for_users():
            project_sources(self._config, self._source_folder)
            built = {os.path.relpath(path, self._config.project_dir) for path in self._built()}
        archive: Any = self.get_finalized_command("sdist")
        files = archive.filelist
        files.files = [name for name in files.files if os.path.normpath(name) not in built]
        listed = Path(self.get_finalized_command("egg_info").egg_info, "SOURCES.txt")
        lines = listed.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if os.path.normpath(line) not in built]
        if kept != lines:
            listed.write_text("\n".join(kept), encoding="utf-8")
        self._add_vendored(archive)

    def _add_vendored(self, archive: Any) -> None:
        """Have the source distribution that is being made, whatever class makes it, hold what is vendored for it."""
        make_release_tree = archive.make_release_tree

        def make_more(folder: str, *arguments: Any, **options: Any) -> None:
            make_release_tree(folder, *arguments, **options)
            progress = Progress(quiet=self.verbose == 0)
            with errors_for_users(), vendored_files(self._config, progress) as vendored:
                for name, path in vendored.items():
                    write_whole(Path(folder, name), path.read_bytes())

        archive.make_release_tree = make_more

    def _built(self) -> Sequence[Path]:
        return list(built_files(self._config, self._source_folder))

"""What ``vendor = true`` adds to a source distribution: the sources of all crates, and a configuration that names them.

The crates lie in a folder beside pyproject.toml, and cargo finds them there through ``.cargo/config.toml``
(https://doc.rust-lang.org/cargo/reference/source-replacement.html). Nothing of that is written into the project.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from externref_build.build.progress import Progress
from externref_build.config import Config
from externref_build.config.toml import table, text
from externref_build.errors import ConfigError
from externref_build.guests.cargo_config import config_paths
from externref_build.guests.manifest import CARGO_CONFIG_FILES, read_manifest
from externref_build.guests.vendor import configuration, vendor_crates
from externref_build.wording import plural

FOLDER: Final = "cargo-vendor"
"""In the source distribution; no setuptools takes it for a package."""


@contextmanager
def vendored_files(
    config: Config, progress: Progress, others: Iterable[Path] = (), *, environ: Mapping[str, str] | None = None
) -> Iterator[dict[str, Path]]:
    """Yield the files that a source distribution gets in addition, or instead: by path, where their content lies.

    If one module has ``vendor``, the crates of all are vendored, and those of ``others``, which are Cargo.toml files.
    There are none if the project has vendored them itself, or with ``EXTERNREF_SKIP``. Raises ExternrefBuildError.
    """
    modules = [module for module in config.modules if not module.sources]
    environ = os.environ if environ is None else environ
    folders = [config.project_dir, *(module.manifest_path.parent for module in modules)]
    wanted = any(module.vendor for module in modules) and not config.skip
    if not wanted or _is_vendored(config, folders, environ):
        yield {}
        return
    if (config.project_dir / FOLDER).exists():
        raise ConfigError(
            f"vendor is true, and the project has a {FOLDER}, expected that name to be free",
            where=str(config.project_dir / FOLDER),
            remedy="rename it, or remove it if it was vendored before",
        )
    with tempfile.TemporaryDirectory(prefix="externref-build-") as temporary:
        base = Path(temporary)
        tables = vendor_crates(modules, others, base / FOLDER, environ)
        if not tables:
            progress.step("Vendored", "nothing: no crate comes from a registry or a git repository")
            yield {}
            return
        name, present = _present_configuration(config.project_dir)
        (base / "config.toml").write_text(present + configuration(tables, FOLDER), encoding="utf-8")
        crates = sorted(path.name for path in (base / FOLDER).iterdir())
        progress.step("Vendored", f"{plural(len(crates), 'crate')} into the source distribution")
        files = sorted(path for path in (base / FOLDER).rglob("*") if path.is_file())
        yield {name: base / "config.toml", **{path.relative_to(base).as_posix(): path for path in files}}


def _present_configuration(project_dir: Path) -> tuple[str, str]:
    """Return the name of the file that configures cargo in the project, and its text."""
    for name in reversed(CARGO_CONFIG_FILES):
        path = project_dir / name
        if path.is_file():
            return name, path.read_text(encoding="utf-8").rstrip("\n") + "\n"
    return CARGO_CONFIG_FILES[0], ""


def _is_vendored(config: Config, folders: Iterable[Path], environ: Mapping[str, str]) -> bool:
    """Tell whether the project's own configuration of cargo replaces crates.io by a folder.

    Raises ConfigError if it has other tables ``[source]``.
    """
    paths = {path: None for folder in folders for path in config_paths(folder, environ)}
    for path in (path for path in paths if path.is_file() and path.is_relative_to(config.project_dir)):
        sources = table(read_manifest(path), "source")
        replacement = text(sources, "crates-io", "replace-with")
        if replacement is not None and text(sources, replacement, "directory"):
            return True
        if sources:
            raise ConfigError(
                "vendor is true, and cargo's configuration in the project has tables [source], expected none",
                where=str(path),
                remedy="move them into the file config.toml in cargo's home, where they are in force as well",
            )
    return False

"""What a source distribution holds, so that the guests can be built from it: their sources, and nothing built."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from externref_build.config import Config
from externref_build.errors import ConfigError
from externref_build.guests.manifest import guest_sources
from externref_build.guests.sdk import WORKSPACE_FOLDER


def project_sources(config: Config) -> list[Path]:
    """Find all files that cargo needs to build the guests; absolute, sorted.

    Raises ConfigError if some lie outside the project.
    """
    files = set[Path]()
    for module in config.modules:
        if config.skip and not module.manifest_path.is_file():
            continue
        sources = guest_sources(module.manifest_path, config.project_dir)
        if sources.outside:
            raise ConfigError(
                f"the guest needs {', '.join(map(str, sources.outside))}, which lies outside the project, "
                "expected everything that it is built from inside",
                where=str(module.manifest_path),
                remedy="a source distribution holds nothing from outside: move the folder into the project, or depend "
                "on a version or a git repository instead of a path",
            )
        files.update(sources.files)
    return sorted(files)


def build_folders(config: Config) -> Iterator[Path]:
    """Yield the folders of the guests in which cargo and this package keep what they make."""
    seen = set[Path]()
    for module in config.modules:
        for folder in (module.manifest_path.parent, *module.manifest_path.parents):
            if folder in seen or not folder.is_relative_to(config.project_dir):
                continue
            seen.add(folder)
            yield folder / WORKSPACE_FOLDER
            if (folder / "Cargo.toml").is_file():
                yield folder / "target"


def files_below(folder: Path) -> Iterator[Path]:
    """Yield all files below a folder, which need not exist."""
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)

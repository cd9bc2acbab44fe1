"""What Cargo.toml files say without cargo: the name of the module, and the files that a source distribution needs.

A source distribution can be made, and a module that is there already be used, on a machine without Rust.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from externref_build.config.toml import parse_toml, table, tables, text, texts
from externref_build.errors import ConfigError
from externref_build.guests.patterns import matching

_DEPENDENCY_TABLES = ("dependencies", "dev-dependencies", "build-dependencies")
_WORKSPACE_FILES = ("Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "rust-toolchain")
CARGO_CONFIG_FILES = (".cargo/config.toml", ".cargo/config")
"""Where cargo's configuration may lie in a folder; the second is what it was called before."""


@dataclass(frozen=True, slots=True)
class GuestSources:
    """What cargo needs to build a guest, as far as it lies in the project."""

    files: tuple[Path, ...]
    """Absolute, sorted."""
    outside: tuple[Path, ...]
    """Packages, the workspace, and what links in the project lead to, as far as it lies outside the project."""


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a Cargo.toml, or cargo's configuration. Raises ConfigError if it is not there, or not TOML."""
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"the guest's {path.name} cannot be read: {error.strerror}",
            where=str(path),
            remedy="set manifest-path in [tool.externref] to the guest's Cargo.toml, relative to pyproject.toml",
        ) from error
    except ValueError as error:
        raise ConfigError(f"the guest's {path.name} is not valid TOML: {error}", where=str(path)) from error


def default_name(manifest_path: Path) -> str:
    """Return the name of the library or the binary that becomes the module, as cargo will name its file.

    Raises ConfigError if the Cargo.toml is of no package.
    """
    manifest = read_manifest(manifest_path)
    package, library = table(manifest, "package"), table(manifest, "lib")
    name = text(package, "name")
    if not name:
        raise ConfigError(
            "manifest-path names the Cargo.toml of a workspace, expected that of a package",
            where=str(manifest_path),
            remedy="set manifest-path in [tool.externref] to the Cargo.toml of the package that makes the module",
        )
    if "cdylib" in (texts(library, "crate-type") or texts(library, "crate_type")):
        return (text(library, "name") or name).replace("-", "_")
    binaries = list(filter(None, (text(entry, "name") for entry in tables(manifest, "bin"))))
    only = binaries[0] if len(binaries) == 1 else name
    return text(package, "default-run") or only


def guest_sources(manifest_path: Path, project_dir: Path) -> GuestSources:
    """Find all files that cargo needs to build a guest: its package, its workspace, and path dependencies of these."""
    workspace = workspace_manifest(manifest_path)
    project = _Project(project_dir)
    files = {path for path in _workspace_files(workspace.parent, project_dir) if path.is_relative_to(project_dir)}
    pending = [workspace.parent, manifest_path.parent, *_members(workspace), *_path_dependencies(workspace)]
    seen = set[Path]()
    while pending:
        folder = Path(os.path.normpath(pending.pop()))
        if folder in seen:
            continue
        seen.add(folder)
        if project.holds(folder) and "package" in read_manifest(folder / "Cargo.toml"):
            files.update(_package_files(folder, project))
            pending.extend(_path_dependencies(folder / "Cargo.toml"))
    inside = {path for path in files if project.holds(path)}
    outside = {*(files - inside), *(folder for folder in seen if not project.holds(folder))}
    return GuestSources(
        tuple(sorted(inside)), tuple(sorted(path for path in outside if outside.isdisjoint(path.parents)))
    )


@dataclass(frozen=True, slots=True)
class _Project:
    """The folder of a project, and what lies in it, wherever links lead."""

    folder: Path

    def holds(self, path: Path) -> bool:
        return path.is_relative_to(self.folder) and path.resolve().is_relative_to(self.folder.resolve())


def workspace_manifest(manifest_path: Path) -> Path:
    """Find the Cargo.toml with ``[workspace]`` that a package belongs to; its own, if none."""
    manifest = read_manifest(manifest_path)
    if "workspace" in manifest:
        return manifest_path
    named = text(manifest, "package", "workspace")
    if named is not None:
        return Path(os.path.normpath(manifest_path.parent / named / "Cargo.toml"))
    for folder in manifest_path.parent.parents:
        candidate = folder / "Cargo.toml"
        if candidate.is_file() and manifest_path.parent in map(Path, _members(candidate)):
            return candidate
    return manifest_path


def _members(workspace: Path) -> Iterator[Path]:
    manifest = read_manifest(workspace)
    excluded = {Path(os.path.normpath(workspace.parent / name)) for name in texts(manifest, "workspace", "exclude")}
    for pattern in texts(manifest, "workspace", "members"):
        for folder in matching(workspace.parent, pattern):
            if (folder / "Cargo.toml").is_file() and folder not in excluded:
                yield folder


def _path_dependencies(manifest_path: Path) -> Iterator[Path]:
    manifest = read_manifest(manifest_path)
    holders = [manifest, table(manifest, "workspace"), *table(manifest, "target").values()]
    dependencies = [table(holder, name) for holder in holders for name in _DEPENDENCY_TABLES]
    dependencies += map(table, table(manifest, "patch").values())
    paths = (text(dependency, "path") for some in dependencies for dependency in some.values())
    yield from (manifest_path.parent / path for path in paths if path is not None)


def _workspace_files(workspace: Path, project_dir: Path) -> Iterator[Path]:
    yield from (path for name in _WORKSPACE_FILES if (path := workspace / name).is_file())
    for folder in (workspace, *workspace.parents):
        yield from (path for name in _WORKSPACE_FILES[2:] if (path := folder / name).is_file())
        for config in (path for name in CARGO_CONFIG_FILES if (path := folder / name).is_file()):
            yield config
            for vendored in _vendored_sources(config):
                yield from _all_files(vendored)
        if folder == project_dir:
            return


def _vendored_sources(config: Path) -> Iterator[Path]:
    """Yield the folders that stand in for registries, as ``cargo vendor`` makes them."""
    folders = (text(source, "directory") for source in table(read_manifest(config), "source").values())
    yield from (Path(os.path.normpath(config.parent.parent / folder)) for folder in folders if folder is not None)


def _all_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a vendored source: cargo checks every one of them."""
    return (path for path in folder.rglob("*") if path.is_file())


def _package_files(package: Path, project: _Project) -> Iterator[Path]:
    """Yield the files of a package; of one that shares its folder with the Python project, only what is Rust's.

    Links are followed, except out of the project: then the link itself is yielded.
    """
    shared = package == project.folder
    above = {package: frozenset[Path]()}
    for place, folders, names in os.walk(package, followlinks=True):
        parent = Path(place)
        real = above[parent] | {parent.resolve()}
        kept = [path for name in sorted(folders) if not _is_foreign(path := parent / name)]
        yield from (path for path in kept if not project.holds(path))
        kept = [path for path in kept if project.holds(path) and path.resolve() not in real]
        above.update(dict.fromkeys(kept, real))
        folders[:] = [path.name for path in kept]
        for name in sorted(names):
            path = parent / name
            is_rusts = path.suffix == ".rs" or name in _WORKSPACE_FILES or not (shared or name.startswith("."))
            if is_rusts and path.is_file():
                yield path


def _is_foreign(folder: Path) -> bool:
    """Tell whether a folder holds results, caches, or another tool's files rather than sources."""
    return (
        folder.name.startswith(".")
        or folder.name in {"target", "__pycache__", "node_modules"}
        or (folder / "CACHEDIR.TAG").exists()
        or (folder / "pyvenv.cfg").exists()
    )

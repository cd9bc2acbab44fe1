"""The crates that a module consists of, as cargo resolved and compiled them.

Cargo's metadata names more than that: features of a package are one set there, whoever asks for them, so that a crate
can be named that nothing compiles. Cargo's messages name more as well: what build scripts and macros consist of. What
is both reached from the guest by ordinary dependencies and compiled as a library is in the module.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from externref_build.config.toml import parse_toml, tables

_BUILD_TIME = frozenset({"proc-macro", "custom-build"})
"""Kinds of cargo's targets that are compiled for the building machine."""


@dataclass(frozen=True, slots=True)
class Crate:
    """One crate of a guest."""

    id: str
    """Cargo's own identifier, which may name a folder of the building machine."""
    name: str
    version: str
    license: str | None
    """As its Cargo.toml says."""
    repository: str | None
    source: str | None
    """Cargo's name for a registry or git repository, such as ``registry+https://…``; ``None`` for a folder."""
    place: str
    """A folder's path in the workspace; only its name if it lies elsewhere."""
    dependencies: tuple[str, ...]
    """Identifiers of the crates that it uses, sorted."""


def ordinary_crates(metadata: Mapping[str, Any], root: str) -> tuple[Crate, ...]:
    """Return what a package reaches by ordinary dependencies, except macros; itself comes first, the others by name.

    ``metadata`` is cargo's for the module's target.
    """
    packages = {package["id"]: package for package in metadata["packages"]}
    graph = {node["id"]: _ordinary_dependencies(node) for node in metadata["resolve"]["nodes"]}
    found: dict[str, Crate] = {}
    pending = [root]
    while pending:
        package = packages[pending.pop()]
        if package["id"] not in found:
            used = [other for other in graph[package["id"]] if not _is_macro(packages[other])]
            found[package["id"]] = _crate(package, used, Path(metadata["workspace_root"]))
            pending.extend(used)
    others = sorted((crate for crate in found.values() if crate.id != root), key=lambda crate: (crate.name, crate.id))
    return (found[root], *others)


def compiled_packages(messages: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the identifiers of the packages of which cargo compiled more than a macro or a build script."""
    return frozenset(
        message["package_id"]
        for message in messages
        if message["reason"] == "compiler-artifact" and _BUILD_TIME.isdisjoint(message["target"]["kind"])
    )


def linked_crates(crates: Sequence[Crate], compiled: Collection[str]) -> tuple[Crate, ...]:
    """Return those of `ordinary_crates` that were compiled for the module, each with what it uses of them."""
    root = crates[0].id
    linked = {
        crate.id: replace(crate, dependencies=tuple(other for other in crate.dependencies if other in compiled))
        for crate in crates
        if crate.id in compiled
    }
    reached = {root}
    pending = [root]
    while pending:
        new = set(linked[pending.pop()].dependencies) - reached
        reached |= new
        pending.extend(new)
    return tuple(crate for crate in linked.values() if crate.id in reached)


def locked_packages(lock: Path) -> list[dict[str, Any]]:
    """Return the packages that a Cargo.lock records; none if it cannot be read."""
    try:
        return tables(parse_toml(lock.read_text(encoding="utf-8")), "package")
    except (OSError, ValueError):
        return []


def locked_checksums(lock: Path) -> dict[tuple[str, str, str | None], str]:
    """Return the SHA-256 that a Cargo.lock records, by name, version and source; none if it cannot be read."""
    return {
        (package.get("name", ""), package.get("version", ""), package.get("source")): package["checksum"]
        for package in locked_packages(lock)
        if "checksum" in package
    }


def _ordinary_dependencies(node: Mapping[str, Any]) -> list[str]:
    """Return what a package uses itself, rather than its build script or its tests."""
    return [entry["pkg"] for entry in node["deps"] if any(kind["kind"] is None for kind in entry["dep_kinds"])]


def _is_macro(package: Mapping[str, Any]) -> bool:
    return any("proc-macro" in target["kind"] for target in package["targets"])


def _crate(package: Mapping[str, Any], used: Iterable[str], workspace_root: Path) -> Crate:
    folder = Path(package["manifest_path"]).parent
    inside = folder.is_relative_to(workspace_root)
    return Crate(
        id=package["id"],
        name=package["name"],
        version=package["version"],
        license=package["license"],
        repository=package["repository"],
        source=package["source"],
        place=folder.relative_to(workspace_root).as_posix() if inside else folder.name,
        dependencies=tuple(sorted(used)),
    )

"""The package.json beside hosts in JavaScript, with which npm publishes what was built."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from externref_build.config import Config, ModuleConfig, read_project_table, toml
from externref_build.errors import ConfigError
from externref_build.output import write_whole

if TYPE_CHECKING:
    from externref_build.bindings.javascript.package import Package

PACKAGE_JSON: Final = "package.json"


def has_package_json(module: ModuleConfig) -> bool:
    """Tell whether a package.json is written beside a module."""
    return module.package_json and "javascript" in module.bindings


def is_of_the_project(path: Path) -> bool:
    """Tell whether a path is that of a package.json which somebody wrote by hand."""
    if path.name != PACKAGE_JSON:
        return False
    from externref_build.bindings.javascript.package import MARK

    try:
        fields = json.loads(path.read_bytes())
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return not isinstance(fields, dict) or MARK not in fields


def require_free_place(folder: Path, module: ModuleConfig) -> None:
    """See that a package.json can be written into a folder. Raises ConfigError if the project has one of its own."""
    if has_package_json(module) and is_of_the_project(folder / PACKAGE_JSON):
        raise ConfigError(
            f'bindings holds "javascript", for which a package.json is written, and {folder.name} has one of its own',
            where=str(folder / PACKAGE_JSON),
            remedy="set package-json = false in [tool.externref] to keep it, or remove it",
        )


def write_npm_packages(config: Config, paths: Sequence[Path], version: str | None = None) -> None:
    """Write a package.json into each folder with hosts in JavaScript.

    ``paths`` are those of the modules, in the order of the configuration; ``version`` is the project's, where
    pyproject.toml leaves it to the build backend. Raises ConfigError if the project has a package.json of its own in
    such a place, OutputError.
    """
    stems: dict[Path, list[str]] = {}
    packages: dict[Path, str] = {}
    for module, path in zip(config.modules, paths, strict=True):
        if has_package_json(module):
            require_free_place(path.parent, module)
            stems.setdefault(path.parent, []).append(path.stem)
            packages[path.parent] = module.package
    if not stems:
        return
    from externref_build.bindings.javascript.package import package_json

    project = read_project_table(config.project_dir) or {}
    for folder, names in stems.items():
        name = str(project.get("name", config.modules[0].package))
        if len(stems) > 1:
            name = f"{name}-{packages[folder].replace('.', '-')}"
        write_whole(folder / PACKAGE_JSON, package_json(_package(project, name, version), names).encode())


def _package(project: Mapping[str, Any], name: str, version: str | None) -> Package:
    from externref_build.bindings.javascript.package import Package

    urls = {_label(label): str(url) for label, url in toml.table(project, "urls").items()}

    def url(*labels: str) -> str | None:
        return next((urls[label] for label in labels if label in urls), None)

    authors: list[Mapping[str, str]] = [
        {key: str(author[key]) for key in ("name", "email") if key in author}
        for author in toml.tables(project, "authors")
    ]
    return Package(
        name=name,
        version=toml.text(project, "version") or version,
        description=toml.text(project, "description"),
        license=toml.text(project, "license"),
        keywords=tuple(toml.texts(project, "keywords")),
        homepage=url("homepage"),
        issues=url("issues", "bugs", "issue", "tracker", "issuetracker", "bugtracker"),
        repository=url("source", "repository", "sourcecode", "github"),
        authors=tuple(authors),
    )


def _label(label: str) -> str:
    """Spell the label of a URL as PyPA's specification of well-known project URLs compares it."""
    return "".join(character for character in label.lower() if character not in string.punctuation + string.whitespace)

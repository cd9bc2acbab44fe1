"""The hosts that are written beside a module: which files they are, and what is in them."""

from __future__ import annotations

import re
from itertools import chain
from typing import Final

from externref_build.bindings.hosts import generate_hosts
from externref_build.config import ModuleConfig, read_project_table
from externref_build.config.toml import table, texts
from externref_build.errors import ConfigError
from externref_build.metadata import INTERFACE_SECTION
from externref_build.wasm.custom import without_custom

_REQUIREMENT: Final = re.compile(r"\s*([\w.-]+)")


def make_hosts(module: ModuleConfig, data: bytes, name: str) -> dict[str, bytes]:
    """Make the hosts of a processed module; return the files' contents by name.

    Raises ConfigError if the project could not run them, BindingError if the module can have none.
    """
    if not module.bindings:
        return {}
    if "python" in module.bindings:
        _require_wasmtime(module)
    texts = generate_hosts(
        data,
        module.bindings,
        name=name,
        types=dict(module.types),
        typescript_types=dict(module.typescript_types),
    )
    return {file_name: text.encode() for file_name, text in texts.items()}


def without_interface(data: bytes) -> bytes:
    """Take the section with the interface out of a module."""
    return without_custom(data, INTERFACE_SECTION.__eq__)


def _require_wasmtime(module: ModuleConfig) -> None:
    project = read_project_table(module.project_dir)
    if project is None or "dependencies" in texts(project, "dynamic"):
        return
    extras = table(project, "optional-dependencies").values()
    if "wasmtime" not in map(_name, chain(texts(project, "dependencies"), *map(texts, extras))):
        raise ConfigError(
            'bindings holds "python", and the project does not depend on wasmtime, which runs the plugin',
            where=f"{module.project_dir / 'pyproject.toml'}, [project], key dependencies",
            remedy='add it: dependencies = ["wasmtime>=40"]',
        )


def _name(requirement: str) -> str:
    match = _REQUIREMENT.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""

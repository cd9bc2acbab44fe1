"""Read pyproject.toml, and put together what the file and its overrides say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from externref_build.config.judging import module_config
from externref_build.config.keys import Value, shown
from externref_build.config.model import Config
from externref_build.config.overrides import (
    ConfigSettings,
    from_config_settings,
    from_environment,
    label_of,
    meant_for,
    refuse_override_of_several,
)
from externref_build.config.toml import parse_toml
from externref_build.errors import ConfigError


def load_config(
    project_dir: Path, *, config_settings: ConfigSettings | None = None, environ: Mapping[str, str] | None = None
) -> Config:
    """Load the configuration of the project in a folder, with all overrides applied.

    Raises ConfigError (several at once as SeveralErrors) that names the key, what was found, what is expected, and
    where.
    """
    project_dir = project_dir.absolute()
    environ = os.environ if environ is None else environ
    table = read_tool_table(project_dir, "externref")
    if table is None:
        path = project_dir / "pyproject.toml"
        raise ConfigError(
            "there is no table [tool.externref] in pyproject.toml" if path.exists() else "there is no pyproject.toml",
            where=str(path),
            remedy='add it, with the package that receives the module:\n[tool.externref]\npackage = "my_plugin"',
        )
    tables = _module_tables(table, project_dir / "pyproject.toml")
    labels = [label_of(values) for values in tables]
    variables, settings = from_environment(environ), from_config_settings(config_settings or {}, labels)
    general = {**variables, **settings[None]}
    refuse_override_of_several(general, tables)
    skip = general.get("skip", Value(False, ""))
    modules = (
        {
            **values,
            **meant_for(values, variables, tables),
            **from_environment(environ, label),
            **meant_for(values, settings[None], tables),
            **settings[label],
        }
        for values, label in zip(tables, labels, strict=True)
    )
    return Config(
        project_dir=project_dir,
        modules=tuple(
            module_config({key: value for key, value in values.items() if value is not skip}, project_dir)
            for values in modules
        ),
        skip=cast("bool", skip.raw),
    )


def _module_tables(table: dict[str, Any], path: Path) -> list[dict[str, Value]]:
    if "modules" not in table:
        return [{key: Value(raw, f"{path}, [tool.externref]") for key, raw in table.items()}]
    modules = table["modules"]
    beside = sorted(set(table) - {"modules"})
    if beside:
        raise ConfigError(
            f"{', '.join(beside)} beside modules, expected every key inside one of the modules",
            where=f"{path}, [tool.externref]",
            remedy="move it below each [[tool.externref.modules]] that it is meant for",
        )
    if not isinstance(modules, list) or not modules or not all(isinstance(entry, dict) for entry in modules):
        raise ConfigError(
            f"modules is {shown(modules)}, expected one table or more",
            where=f"{path}, [tool.externref]",
            remedy="write each module as a table [[tool.externref.modules]]",
        )
    return [
        {key: Value(raw, f"{path}, [[tool.externref.modules]] number {number}") for key, raw in entry.items()}
        for number, entry in enumerate(modules, 1)
    ]


def read_tool_table(project_dir: Path, tool: str) -> dict[str, Any] | None:
    """Read the raw table ``[tool.<tool>]`` of pyproject.toml; ``None`` if there is none, or no pyproject.toml.

    Raises ConfigError if pyproject.toml is not TOML, or the table is something else.
    """
    tools = _read_pyproject(project_dir).get("tool", {})
    table = tools.get(tool) if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        where = str(project_dir / "pyproject.toml")
        raise ConfigError(f"tool.{tool} is {shown(table)}, expected a table", where=where)
    return table


def read_project_table(project_dir: Path) -> dict[str, Any] | None:
    """Read the raw table ``[project]`` of pyproject.toml; ``None`` where the project's metadata come from elsewhere.

    Raises ConfigError if pyproject.toml is not TOML.
    """
    table = _read_pyproject(project_dir).get("project")
    return table if isinstance(table, dict) else None


def _read_pyproject(project_dir: Path) -> dict[str, Any]:
    path = project_dir / "pyproject.toml"
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"pyproject.toml cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise ConfigError(f"pyproject.toml is not valid TOML: {error}", where=str(path)) from error

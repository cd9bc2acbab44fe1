"""``[tool.externref]`` of a project's pyproject.toml, as frozen values.

A value comes from the first of these that has it: the config-settings of the front end (``-C externref.profile=dev``),
the environment (``EXTERNREF_PROFILE=dev``), the file, the default. Of the settings, and of the variables, those for one
module (``externref.my_plugin.profile``, ``EXTERNREF_MY_PLUGIN_PROFILE``) come before those for all. The JSON Schema
that ships with the package is the one list of keys: their types, their defaults, and the words in which an error says
what was expected.
"""

from __future__ import annotations

from externref_build.config.keys import schema, table_schema
from externref_build.config.loading import load_config, read_project_table, read_tool_table
from externref_build.config.model import Config, ModuleConfig
from externref_build.config.overrides import ConfigSettings
from externref_build.config.toml import parse_toml

__all__ = [
    "Config",
    "ConfigSettings",
    "ModuleConfig",
    "load_config",
    "parse_toml",
    "read_project_table",
    "read_tool_table",
    "schema",
    "table_schema",
]

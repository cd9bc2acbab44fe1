"""The plugin of validate-pyproject, through its entry point ``validate_pyproject.tool_schema``.

Source: validate-pyproject's developer guide. The docstring of the function is what its ``--help`` shows.
"""

from __future__ import annotations

from typing import Any

from externref_build.config import table_schema


def tool_schema(_tool: str) -> dict[str, Any]:
    """Check `[tool.externref]`: the modules that externref-build builds into Python packages."""
    return table_schema()

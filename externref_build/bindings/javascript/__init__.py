"""Hosts in JavaScript and TypeScript: an ES module and its declarations for each guest, without dependencies."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from externref_build.bindings.javascript.declarations import declarations
from externref_build.bindings.javascript.glue import javascript
from externref_build.bindings.javascript.package import Package, package_json
from externref_build.bindings.javascript.strings import JS_STRING
from externref_build.bindings.model import Model

__all__ = ["Package", "generate", "package_json"]


def generate(model: Model, *, name: str, interface: bytes, types: Mapping[str, str] | None = None) -> dict[str, str]:
    """Write the ES module and the declarations for the plugin in ``<name>.wasm``, which lies beside them.

    ``interface`` is the module's section of that name, by which the ES module knows its own. ``types`` names the user's
    TypeScript types for resources, as ``module specifier:name``. Returns texts by file name. Raises BindingError.
    """
    file_name = f"{name}.wasm"
    strings = [entry for entry in model.imports if entry.name == JS_STRING]
    of_host = dataclasses.replace(model, imports=tuple(entry for entry in model.imports if entry not in strings))
    return {
        f"{name}.js": javascript(of_host, file_name, interface, strings[0] if strings else None),
        f"{name}.d.ts": declarations(of_host, file_name, types or {}),
    }

"""Guests in the text format with an interface, and their generated Python hosts, imported as an application would."""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import wasmtime
from plugins import custom_section

from externref_build.bindings.python import generate
from externref_build.bindings.reading import read_model
from externref_build.metadata import INTERFACE_SECTION

_COUNTER = itertools.count()


def imported(module: str, name: str, params: list[tuple[str, Any]], results: Any = (), **more: Any) -> dict[str, Any]:
    """Spell the interface of an import."""
    entry = {"v": 1, "kind": "import", "module": module, "name": name, "params": params, "results": list(results)}
    return {**entry, **more}


def exported(name: str, params: list[tuple[str, Any]], results: Any = (), **more: Any) -> dict[str, Any]:
    """Spell the interface of an export."""
    return {"v": 1, "kind": "export", "name": name, "params": params, "results": list(results), **more}


def assemble(text: str, *interface: dict[str, Any]) -> bytes:
    """Assemble a module, with an interface if there is one."""
    module = bytes(wasmtime.wat2wasm(text))
    lines = "".join(json.dumps(entry) + "\n" for entry in interface)
    return module + custom_section(INTERFACE_SECTION, lines.encode()) if interface else module


_CALLBACKS = [
    ("on", {"fn": [["f64", {"ref": "Event"}], ["bool"]], "via": "call_on"}),
    ("off", {"fn": [["f64", {"ref": "Event"}], ["bool"]], "via": "call_on", "null": True}),
]


def callback_guest() -> bytes:
    """Assemble a guest that hands functions to its host, to be called through an export, with references."""
    imports = "".join(
        f'(import "client" "[method]Target.{name}" (func ${name} (param externref i32)))' for name, _ in _CALLBACKS
    )
    this = ("this", {"ref": "Target"})
    return assemble(
        f"""(module {imports}
          (global $depth (mut i32) (i32.const 0))
          (table $kept (export "externrefs") 2 externref)
          (func (export "listen") (param externref)
            (call $on (local.get 0) (i32.const 7))
            (call $off (local.get 0) (i32.const 7))
            (call $off (local.get 0) (i32.const 0)))
          (func (export "call_on") (param i32 f64 externref) (result i32)
            (table.set $kept (i32.const 0) (local.get 2))
            (i32.and (i32.eq (local.get 0) (i32.const 7)) (f64.gt (local.get 1) (f64.const 1)))))""",
        *(imported("client", f"[method]Target.{name}", [this, ("listener", type_)]) for name, type_ in _CALLBACKS),
        exported("listen", [("target", {"ref": "Target"})], []),
    )


def write_package(
    folder: Path, module: bytes, *, name: str = "plug", types: dict[str, str] | None = None, **sources: str
) -> str:
    """Write a package with a module and its host, and further Python files; return its name."""
    package = f"bound_{next(_COUNTER)}"
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").touch()
    for stem, source in sources.items():
        (folder / package / f"{stem}.py").write_text(source, encoding="utf-8")
    (folder / package / f"{name}.wasm").write_bytes(module)
    mapped = {resource: f"{package}.{path}" for resource, path in (types or {}).items()}
    host = generate(read_model(module), name=name, types=mapped)
    (folder / package / f"{name}_host.py").write_text(host, encoding="utf-8")
    return package


def bind(folder: Path, module: bytes, *, name: str = "plug", **options: Any) -> ModuleType:
    """Write a package and import the host in it."""
    package = write_package(folder, module, name=name, **options)
    sys.path.insert(0, str(folder))
    try:
        importlib.invalidate_caches()
        return importlib.import_module(f"{package}.{name}_host")
    finally:
        sys.path.remove(str(folder))

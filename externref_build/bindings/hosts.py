"""Hosts in every language: which files they are, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from externref_build.bindings.names import identifier
from externref_build.metadata import INTERFACE_SECTION
from externref_build.wasm.custom import custom_contents


def host_file_names(languages: Iterable[str], name: str) -> list[str]:
    """Return the names of the files that hosts of the module ``<name>.wasm`` take."""
    names = {
        "python": [f"{identifier(name)}_host.py"],
        "javascript": [f"{name}.js", f"{name}.d.ts"],
    }
    return [file_name for language in languages for file_name in names[language]]


def generate_hosts(
    data: bytes,
    languages: Iterable[str],
    *,
    name: str,
    types: Mapping[str, str] | None = None,
    typescript_types: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Write hosts of the processed module ``<name>.wasm``; return texts by file name.

    ``types`` names the Python class behind a resource type, ``typescript_types`` the type of TypeScript. Raises what
    `read_model` raises, and BindingError.
    """
    from externref_build.bindings import javascript, python
    from externref_build.bindings.reading import read_model

    model = read_model(data)
    texts: dict[str, str] = {}
    for language in languages:
        if language == "python":
            [file_name] = host_file_names(["python"], name)
            texts[file_name] = python.generate(model, name=name, types=types)
        else:
            interface = custom_contents(data).get(INTERFACE_SECTION, b"")
            texts.update(javascript.generate(model, name=name, interface=interface, types=typescript_types))
    return texts

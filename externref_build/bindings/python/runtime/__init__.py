"""The part of a Python host that is the same for every plugin: the generator puts these modules one behind the other.

Two kinds of guests differ in how numbers and references cross. `unchecked` uses functions of the C API that the package
wasmtime carries: the types are known, so nothing has to be asked or converted twice. `public` uses the package's public
classes, and takes over where the former are not what they were written for.
"""

from __future__ import annotations

from typing import Final

MODULES: Final = (
    "failures",
    "values",
    "signatures",
    "answers",
    "core_types",
    "system",
    "engines",
    "traps",
    "guests",
    "public",
    "library",
    "references",
    "probe",
    "unchecked",
    "hosts",
)
"""In the order in which they can follow one another."""

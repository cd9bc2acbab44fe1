"""A module in a wheel beside the one that its sources make."""

from __future__ import annotations

from collections.abc import Iterator

from externref_build.errors import ExternrefBuildError
from externref_build.wasm.decoding import decode_module
from externref_build.wheels.findings import Finding, bad, good
from externref_build.wheels.interface import differences, read_interface

_REMEDY = "the wheel was built from other sources, or with another configuration: build it anew"


def compare_module(name: str, found: bytes, expected: bytes) -> Iterator[Finding]:
    """See that a module's interface is what its sources declare; ``expected`` was built from them."""
    try:
        interface = read_interface(decode_module(found))
    except ExternrefBuildError:
        # Told already, by the checks of the wheel alone.
        return
    problems = list(differences(interface, read_interface(decode_module(expected))))
    for problem in problems:
        yield bad("sources", problem, name, _REMEDY)
    if not problems:
        same = "the module is the same byte for byte" if found == expected else "the module's code differs"
        yield good("sources", f"{name} has the interface that they declare; {same}")

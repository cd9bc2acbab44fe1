"""The WebAssembly modules in a wheel: there, processed, valid, with an interface that fits what they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from externref_build.build.checks import validate
from externref_build.errors import ExternrefBuildError
from externref_build.metadata import GUEST_INTERFACE_SECTION, INTERFACE_SECTION, RECORDS_SECTION, is_surrogate
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.module import Module
from externref_build.wheels.archive import Wheel
from externref_build.wheels.findings import Finding, bad, good, refused
from externref_build.wheels.interface import Interface, misfits, read_interface
from externref_build.wording import plural

_PROCESS: Final = "build the wheel with externref-build, or process the module: externref-build process IN -o OUT"


def check_modules(wheel: Wheel, expected: Iterable[str] = ()) -> Iterator[Finding]:
    """See that each expected module is there, and that each one that is there is good."""
    names = module_names(wheel)
    missing = sorted(set(expected) - set(names))
    for name in missing:
        told = f"there is no {name}, expected it by [tool.externref]" + (f"; there is {', '.join(names)}" * bool(names))
        yield bad("module", told, None, "see that the build backend packs it: docs of the front ends")
    if not names and not missing:
        yield bad(
            "module",
            "there is no .wasm file, expected one or more",
            None,
            "see that pyproject.toml has the table [tool.externref], and build the wheel anew",
        )
    for name in names:
        yield from _check_module(name, wheel.files[name])


def module_names(wheel: Wheel) -> list[str]:
    """Return the names of the modules in a wheel."""
    return sorted(name for name in wheel.files if name.endswith(".wasm"))


def holds_references(data: bytes) -> bool:
    """Tell whether references cross the border of a module; of one that cannot be read, nothing is known."""
    try:
        return bool(read_interface(decode_module(data)).core)
    except ExternrefBuildError:
        return False


def _check_module(name: str, data: bytes) -> Iterator[Finding]:
    try:
        module = decode_module(data)
        interface = read_interface(module)
    except ExternrefBuildError as error:
        yield refused("module", error, name)
        return
    yield good("module", f"{name}, {len(data) / 1000:,.1f} kB")
    yield from _check_processed(name, module, interface)
    yield _check_valid(name, data)
    yield from _check_interface(name, module, interface)


def _check_processed(name: str, module: Module, interface: Interface) -> Iterator[Finding]:
    left = [section for section in (RECORDS_SECTION, GUEST_INTERFACE_SECTION) if module.custom_sections(section)]
    surrogates = sorted({f"{entry.module}.{entry.name}" for entry in module.imports if is_surrogate(entry)})
    if left:
        sections = " and ".join(left)
        yield bad("processed", f"the section {sections} is there, which processing removes", name, _PROCESS)
    if surrogates:
        told = f"it imports {', '.join(surrogates)}, which processing replaces by instructions"
        yield bad("processed", told, name, _PROCESS)
    if not left and not surrogates:
        holds = "holds externrefs" if interface.core else "takes and returns no references"
        yield good("processed", f"{name} {holds}")


def _check_valid(name: str, data: bytes) -> Finding:
    version, problem, unknown = validate(data)
    if version is None:
        told = "wasmtime is not installed: pip install wasmtime"
        return Finding("valid", "skipped", f"{name}: {told}")
    if unknown:
        return Finding("valid", "skipped", f"{name}: wasmtime {version} cannot tell: {unknown}")
    if problem:
        return bad("valid", f"it does not validate: {problem}", f"{name}, wasmtime {version}", "build the wheel anew")
    return good("valid", f"{name}, by wasmtime {version}")


def _check_interface(name: str, module: Module, interface: Interface) -> Iterator[Finding]:
    if not module.custom_sections(INTERFACE_SECTION):
        yield good("interface", f"{name} carries none")
        return
    problems = list(misfits(module, interface))
    for problem in problems:
        yield bad("interface", problem, f"{name}, section {INTERFACE_SECTION}", "build the wheel anew")
    if not problems:
        yield good("interface", f"{name}, {plural(len(interface.declared), 'function')} with names and types")

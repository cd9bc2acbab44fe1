"""Guests of the SDK and of the published crate, in every profile, for both targets: processed, they do the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import ceil
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from guest_host import DROP_HOOK, Api, Host
from scenario import BROAD, COPYING, SHARED, broad_calls, copying_calls, shared_calls
from wasmtime import Engine, FuncType, Module, ValType

from externref_build import Processor, process
from externref_build.processor.rewrite import Options, rewrite

if TYPE_CHECKING:
    from conftest import CompileGuest

GUESTS = Path(__file__).resolve().parent.parent / "guests"
TARGETS = ("wasm32-unknown-unknown", "wasm32-wasip1")
PROFILES = ("dev", "release", "size")
"""Not optimised with ``debug = 2``, the customary release, and ``opt-level = "z"`` with fat LTO."""

SCENARIOS: dict[str, tuple[Api, Callable[[Host], None]]] = {
    "broad": (BROAD, broad_calls),
    "peer03": (COPYING, copying_calls),
    "peer02": (SHARED, shared_calls),
    "peer01": (SHARED, shared_calls),
}

ALWAYS = {
    *product(["broad"], PROFILES, TARGETS),
    ("peer03", "dev", "wasm32-unknown-unknown"),
    ("peer03", "release", "wasm32-unknown-unknown"),
    ("peer03", "size", "wasm32-wasip1"),
    ("peer02", "dev", "wasm32-wasip1"),
    ("peer02", "size", "wasm32-unknown-unknown"),
    ("peer01", "release", "wasm32-unknown-unknown"),
}
"""The cells that every run checks; the others have the marker ``matrix``."""

CELLS = [
    pytest.param(*cell, marks=() if cell in ALWAYS else pytest.mark.matrix, id="-".join(cell))
    for cell in product(SCENARIOS, PROFILES, TARGETS)
]

CompileCell = Callable[[str, str, str], bytes]

pytestmark = pytest.mark.once


@pytest.fixture(scope="session")
def compile_cell(compile_guest: CompileGuest) -> CompileCell:
    """Function that compiles a guest of tests/guests in a profile for a target."""

    def compile_(guest: str, profile: str, target: str) -> bytes:
        where = ("--manifest-path", f"{guest}/Cargo.toml")
        return compile_guest(guest_files(guest), target=target, profile=profile, arguments=where).read_bytes()

    return compile_


@pytest.fixture(scope="session")
def first_events() -> dict[str, list[str]]:
    """What each scenario brought about in the cell that ran first."""
    return {}


@pytest.mark.parametrize(("guest", "profile", "target"), CELLS)
def test_the_processed_guest_does_what_the_unprocessed_one_does(
    compile_cell: CompileCell, first_events: dict[str, list[str]], guest: str, profile: str, target: str
) -> None:
    original = compile_cell(guest, profile, target)
    processor = Processor(drop_hook=DROP_HOOK)
    before = play(guest, original, processed=False)
    after = play(guest, processor.process(original), processed=True)
    assert after == before
    assert first_events.setdefault(SCENARIOS[guest][1].__name__, before) == before
    assert [function for function in processor.report.functions if function.lowering != "direct"] == []


@pytest.mark.parametrize("profile", ["dev", "size"])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.4, 0.1])
def test_functions_with_adapters_do_what_direct_ones_do(
    compile_cell: CompileCell, profile: str, share: float, request: pytest.FixtureRequest
) -> None:
    original = compile_cell("broad", profile, TARGETS[0])
    processor = Processor()
    processor.process(original)
    functions = [function.index for function in processor.report.functions]
    chosen = Random(request.node.name).sample(functions, ceil(share * len(functions)))
    mixed, report = rewrite(original, Options(drop_hook=DROP_HOOK, demoted=frozenset(chosen)))
    assert {function.index for function in report.functions if function.lowering == "adapter"} >= set(chosen)
    assert play("broad", mixed, processed=True) == play("broad", original, processed=False)


@pytest.mark.parametrize("profile", ["dev", "size"])
def test_the_declared_functions_have_references_and_nothing_is_left_of_the_surrogates(
    compile_cell: CompileCell, profile: str
) -> None:
    module = Module(Engine(), process(compile_cell("broad", profile, TARGETS[0])))
    assert "externref" not in {entry.module for entry in module.imports}
    found = {(entry.module, entry.name or ""): _letters(entry.type) for entry in module.imports}
    assert found == {name: text.replace("s", "ii") for name, (text, _) in BROAD.imports.items()}
    exports = {entry.name: entry.type for entry in module.exports}
    assert {name: _letters(exports[name]) for name in BROAD.exports} == dict(BROAD.exports)


def test_without_drop_hook_and_with_another_table_name_the_rest_is_the_same(compile_cell: CompileCell) -> None:
    original = compile_cell("peer03", "release", TARGETS[0])
    module = process(original, table="kept by the guest")
    before = [line for line in play("peer03", original, processed=False) if not line.startswith("  dropped")]
    assert play("peer03", module, processed=True, table="kept by the guest") == before


def guest_files(guest: str) -> dict[str, str]:
    """Read the package of a guest, as paths below tests/guests and texts."""
    return {
        path.relative_to(GUESTS).as_posix(): path.read_text(encoding="utf-8")
        for folder in ("common", guest)
        for path in _sources(GUESTS / folder)
    }


def play(guest: str, module: bytes, *, processed: bool, table: str = "externrefs") -> list[str]:
    """Make all calls of a guest's scenario; return what came of each, and what is left at the end."""
    api, calls = SCENARIOS[guest]
    host = Host(module, api, processed=processed, table=table)
    calls(host)
    return [*host.events, f"held at the end: {host.held()}", f"alive at the end: {host.alive()}"]


def _sources(folder: Path) -> Iterator[Path]:
    return (
        path for path in sorted(folder.rglob("*")) if path.suffix in {".rs", ".toml"} and "target" not in path.parts
    )


def _letters(kind: object) -> str:
    """Spell a function's type as the scenarios do."""
    assert isinstance(kind, FuncType)
    spelling = {"i32": "i", "i64": "I", "f32": "f", "f64": "d"}
    params, results = (
        "".join("r" if value == ValType.externref() else spelling[str(value)] for value in values)
        for values in (kind.params, kind.results)
    )
    return f"{params}:{results}"

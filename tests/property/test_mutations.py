"""Any bytes come back as a module that wasmtime accepts if it accepted the input, or raise an `ExternrefBuildError`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from guest_model import Chooser, SeededChoices
from hypothesis import given, settings
from hypothesis import strategies as st
from module_mutation import change_bytes, mutate
from processing_invariant import check
from seed_modules import seed_modules
from test_differential import DrawnChoices

from externref_build.processor.dwarf.lookup import source_lines
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.sections import MAGIC

SEEDS = seed_modules()
DEBUGGED = [
    {section.name: module.data[section.content : section.end] for section in module.sections if section.name}
    for module in map(decode_module, SEEDS)
    if module.custom_sections(".debug_line")
]
FOUND = sorted((Path(__file__).resolve().parent.parent / "fuzz" / "corpus").iterdir())


@pytest.mark.parametrize("seed", SEEDS)
def test_seeds_are_processed(seed: bytes) -> None:
    assert check(seed)[0]
    assert check(seed)[1] != "refused"


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_fuzzing_found_stays_found(path: Path) -> None:
    check(path.read_bytes())


@given(st.data())
@settings(max_examples=400)
def test_mutated_modules(data: st.DataObject) -> None:
    choices = DrawnChoices(data)
    check(mutate(SEEDS[choices.below(len(SEEDS))], choices))


@given(st.data())
def test_mutated_line_programs_name_what_they_can(data: st.DataObject) -> None:
    choices = DrawnChoices(data)
    sections = dict(DEBUGGED[choices.below(len(DEBUGGED))])
    sections[".debug_line"] = memoryview(change_bytes(bytes(sections[".debug_line"]), Chooser(choices)))
    found = source_lines(sections, range(0, 1000, 7))
    assert all(":" in place for place in found.values())


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(data: bytes, has_preamble: bool) -> None:
    check(MAGIC + b"\1\0\0\0" + data if has_preamble else data)


@pytest.mark.parametrize("seed", SEEDS[:9])
def test_modules_cut_off_anywhere(seed: bytes) -> None:
    for size in range(len(seed)):
        check(seed[:size])


def test_mutated_modules_are_often_valid() -> None:
    """Without this, mutations might never get behind the first check."""
    seen = Counter(check(mutate(SEEDS[seed % len(SEEDS)], SeededChoices(seed))) for seed in range(300))
    assert seen[True, "processed"] > 30
    assert seen[False, "processed"] > 10
    assert seen[False, "refused"] > 100

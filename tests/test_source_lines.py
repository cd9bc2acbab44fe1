"""Reports name the source line of an instruction, as an independent reader of debug info finds it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import wasmtime
from moving import debug_sections, open_dwarf

from externref_build import Processor
from externref_build.errors import AdapterRequiredError, SeveralErrors
from externref_build.metadata import Record, encode_record
from externref_build.processor.dwarf.lookup import source_lines

_DROPPED = 0xFFFFFFF0
"""From here on, addresses are those of code that the linker dropped."""
CORPUS = sorted((Path(__file__).parent / "corpus" / "dwarf").glob("*.wasm"))


def expected_lines(module: bytes) -> dict[int, tuple[str, int]]:
    """Read the file's name and the line of each row that covers its address, with pyelftools."""
    dwarf = open_dwarf(module)
    found: dict[int, tuple[str, int]] = {}
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        assert program is not None
        files = program["file_entry"]
        first = 1 if program["version"] < 5 else 0
        states = [entry.state for entry in program.get_entries() if entry.state is not None]
        for state, following in pairwise(states):
            if (
                not state.end_sequence
                and following.address > state.address > 1
                and state.line
                and state.address < _DROPPED
            ):
                found.setdefault(state.address, (files[state.file - first].name.decode(), state.line))
    return found


@pytest.mark.parametrize("path", [path for path in CORPUS if "memory64" not in path.stem], ids=lambda path: path.stem)
def test_the_lines_are_those_of_an_independent_reader(path: Path) -> None:
    module = path.read_bytes()
    expected = expected_lines(module)
    assert len(expected) > 20
    sections = {name: memoryview(content) for name, content in debug_sections(module).items()}
    found = source_lines(sections, expected)
    assert {address: place.rpartition("/")[2] for address, place in found.items()} == {
        address: f"{name.rpartition('/')[2]}:{line}" for address, (name, line) in expected.items()
    }


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_line_is_the_same_whatever_else_is_asked_for(path: Path) -> None:
    """What is not asked for is passed over without being read."""
    module = path.read_bytes()
    sections = {name: memoryview(content) for name, content in debug_sections(module).items()}
    together = source_lines(sections, range(2, len(module)))
    assert len(together) > 20
    for address in sorted({*together, max(together) + 1})[::9]:
        assert source_lines(sections, [address]) == {key: value for key, value in together.items() if key == address}


LINES_5 = b"\5\0\4\0\x20\0\0\0\1\1\1\0\1\1"
"""The header of a unit of DWARF 5, up to the formats of directories and files."""

DAMAGED = {
    "no unit": b"",
    "no size": b"\x05",
    "cut off": b"\x10\0\0\0\x05\0",
    "a size beyond the section": b"\xff\xff\xff\xff\x05\0\x04\0",
    "a directory by name": b"\x2c\0\0\0" + LINES_5 + b"\1\1\x08\1d\0" + b"\1\2\x08\1x\0" + b"\0" * 18,
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
def test_damaged_debug_info_names_nothing(damaged: bytes) -> None:
    assert source_lines({".debug_line": memoryview(damaged)}, [1, 2, 3]) == {}


def test_an_adapter_is_reported_with_the_line_that_forces_it() -> None:
    source = Path(__file__).parent / "corpus" / "dwarf" / "guest.c"
    record = encode_record(Record(None, "run", (True, False)))
    name = b"__externrefs"
    payload = bytes((len(name),)) + name + record
    module = (source.parent / "dwarf5-O0.wasm").read_bytes() + bytes((0, len(payload))) + payload
    with pytest.raises(SeveralErrors) as raised:
        Processor(require_direct=True).process(module)
    error = raised.value.errors[0]
    assert isinstance(error, AdapterRequiredError)
    assert error.where is not None
    line = int(error.where.rpartition("guest.c:")[2].rstrip(")"))
    assert "count" in source.read_text().splitlines()[line - 1]
    processor = Processor()
    wasmtime.Module.validate(wasmtime.Engine(), processor.process(module))
    run = processor.report.functions[0]
    assert (run.name, run.lowering) == ("run", "adapter")
    assert f"guest.c:{line}" in str(run.source)

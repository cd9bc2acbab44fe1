"""Reports of real guests name the line of source that forces an adapter, and ``require_direct`` names all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from externref_build import Processor
from externref_build.errors import AdapterRequiredError, SeveralErrors
from externref_build.metadata import Record, encode_record

if TYPE_CHECKING:
    from conftest import CompileGuest

pytestmark = pytest.mark.once

MANIFEST = """
[package]
name = "reported"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
[profile.release]
debug = "line-tables-only"
"""

RECORDS = b"".join(
    encode_record(record)
    for record in (
        Record("host", "make", (True,)),
        Record("host", "show", (True,)),
        Record(None, "straight", (True,)),
        Record(None, "through_memory", (True,)),
        Record(None, "merged", (True, False)),
        Record(None, "calculated", (True,)),
    )
)

SOURCE = f"""
use std::hint::black_box;

#[link(wasm_import_module = "host")]
extern "C" {{
    fn make() -> i32;
    fn show(thing: i32);
}}

#[used]
#[link_section = "__externrefs"]
static RECORDS: [u8; {len(RECORDS)}] = {list(RECORDS)};

#[no_mangle]
pub extern "C" fn straight(thing: i32) {{
    let same = thing;
    unsafe {{ show(same) }}
}}

#[no_mangle]
pub extern "C" fn through_memory(thing: i32) {{
    let held = black_box([thing]);
    unsafe {{ show(held[0]) }} // forces through_memory
}}

#[no_mangle]
pub extern "C" fn merged(thing: i32, other: i32) {{
    let chosen = black_box(other) & thing; // forces merged
    unsafe {{ show(chosen) }}
}}

#[no_mangle]
pub extern "C" fn calculated() -> i32 {{
    let thing = unsafe {{ make() }};
    thing ^ 1 // forces calculated
}}
"""


FORCED = {
    "through_memory": "host.show gets a number as parameter 1, where a reference is declared",
    "merged": "`i32.and` takes a reference as a number",
    "calculated": "`i32.xor` takes a reference as a number",
}
"""The functions with a line that forces an adapter, and why it does."""

LINES = SOURCE.splitlines()


@pytest.mark.parametrize("profile", ["dev", "release"])
def test_the_instruction_that_forces_an_adapter_is_named_by_its_line(compile_guest: CompileGuest, profile: str) -> None:
    module = compile_guest({"Cargo.toml": MANIFEST, "src/lib.rs": SOURCE}, profile=profile).read_bytes()
    processor = Processor()
    processor.process(module)
    found = {function.name: function for function in processor.report.functions if function.lowering == "adapter"}
    assert {name: found[name].reason for name in FORCED} == FORCED
    for name in FORCED:
        file, _, line = (found[name].source or "").rpartition(":")
        assert file.endswith("src/lib.rs")
        assert f"// forces {name}" in LINES[int(line) - 1]
    if profile == "release":
        assert found.keys() == FORCED.keys()
    else:
        spill = found["straight"]
        assert spill.reason == "`i32.store` stores a reference, and other functions need adapters"
        assert "fn straight" in LINES[int((spill.source or "").rpartition(":")[2]) - 1]

    with pytest.raises(SeveralErrors) as raised:
        Processor(require_direct=True).process(module)
    told = [error for error in raised.value.errors if isinstance(error, AdapterRequiredError)]
    assert [(error.summary, error.where) for error in told] == [
        (
            f"function `{name}` needs an adapter: {function.reason}",
            f"offset {function.offset:#x} (function {function.index}, {function.source})",
        )
        for name, function in found.items()
    ]
    assert all(error.remedy for error in told)

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import dwarf_assembly as asm
import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st
from moving import Change, debug_sections, facts, minimal_calls, move, nops, split
from plugins import HostFunctions, instantiate, leb128, process_demoted

from externref_build import Processor
from externref_build.errors import DebugInfoError, UnsupportedFeatureError
from externref_build.processor.custom import is_debug_section
from externref_build.processor.debuginfo import CodeMap, patch

CORPUS = sorted((Path(__file__).parent / "corpus" / "dwarf").glob("*.wasm"))
CHANGES = {
    "longer": nops(1),
    "a little longer": nops(2, share=0.02, at_most=3),
    "shorter": minimal_calls,
}


def check(module: bytes, change: Change) -> bytes:
    """Move the code of a module; assert that all that its debug info says about code follows."""
    before = list(facts(module))
    moved, boundaries = move(module, change)
    after = list(facts(moved))
    assert after == [fact.expected(boundaries) for fact in before]
    return moved


def before_each(function: int, count: int) -> Change:
    """Put `nop`s before each instruction of a function."""
    return lambda body, _, raw: b"\x01" * count + raw if body == function else raw


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) == 9


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_fact_follows_the_code(path: Path, change: Change) -> None:
    check(path.read_bytes(), change)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_bodies_that_only_move_cost_no_byte(path: Path) -> None:
    sections = debug_sections(path.read_bytes())
    end = next(len(content) for number, _, content in split(path.read_bytes()) if number == 10)
    patched = patch(sections, CodeMap.from_pairs([(1, 100), (end, end + 99)]))
    assert {name: len(content) for name, content in patched.items()} == {name: len(sections[name]) for name in patched}
    assert ".debug_line" in patched
    assert not {".debug_abbrev", ".debug_str", ".debug_str_offsets", ".debug_pubnames"} & patched.keys()


def test_code_that_stays_changes_nothing() -> None:
    sections = debug_sections(CORPUS[0].read_bytes())
    assert patch(sections, CodeMap.from_pairs([(1, 1), (1000, 1000)])) == {}


def backtrace(
    module: bytes, function: str, argument: object, host: HostFunctions | None = None
) -> list[tuple[str, str]]:
    """Run into a trap; return the frames' functions, files and lines, without offsets."""
    config = wasmtime.Config()
    config.debug_info = True
    store = wasmtime.Store(wasmtime.Engine(config))
    instance = instantiate(store, module, host or {})
    run = instance.exports(store)[function]
    assert isinstance(run, wasmtime.Func)
    with pytest.raises(wasmtime.Trap) as trap:
        run(store, argument)
    return re.findall(r" - (\S+)\n +at (\S+)", str(trap.value))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("name", ["dwarf4-O0", "dwarf4-O2", "dwarf5-O0", "dwarf5-O2", "dwarf4-and-5"])
def test_a_trap_shows_the_same_lines(name: str, change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WASMTIME_BACKTRACE_DETAILS", "1")
    module = (Path(__file__).parent / "corpus" / "dwarf" / f"{name}.wasm").read_bytes()
    before = backtrace(module, "run", 60)
    assert before == [
        ("checked", "/guest/guest.c:14:13"),
        ("sum", "/guest/guest.c:22:16"),
        ("run", "/guest/guest.c:36:15"),
    ]
    assert backtrace(move(module, change)[0], "run", 60) == before


RUST_GUEST = """
static STEPS: [u32; 4] = [3, 1, 4, 1];

#[inline(never)]
fn look_up(index: usize) -> u32 {
    STEPS[index] + STEPS[index / 2]
}

#[inline]
fn twice(index: usize) -> u32 {
    look_up(index) * 2
}

#[no_mangle]
pub extern "C" fn run(count: usize) -> u32 {
    (0..count).map(twice).sum()
}
"""


@pytest.mark.parametrize(("profile", "version"), [("dev", 4), ("release", 5)])
def test_debug_info_of_rust(
    compile_guest: Callable[..., Path], profile: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = '[package]\nname = "traced"\nedition = "2021"\n[lib]\ncrate-type = ["cdylib"]\n'
    flags = f'build.rustflags=["-Cdwarf-version={version}"]'
    path = compile_guest(
        {"Cargo.toml": manifest, "src/lib.rs": RUST_GUEST},
        profile=profile,
        arguments=["--config", flags, "--config", f"profile.{profile}.debug=2"],
    )
    module = path.read_bytes()
    assert (".debug_addr" in debug_sections(module)) == (version == 5)
    moved = check(module, nops(3))
    monkeypatch.setenv("WASMTIME_BACKTRACE_DETAILS", "1")
    before = backtrace(module, "run", 5)
    assert any("src/lib.rs:6:" in line for _, line in before)
    assert backtrace(moved, "run", 5) == before


GUEST_WITH_REFERENCES = """
use externref_guest::{externref, Resource};

pub enum Bytes {}

static STEPS: [u32; 4] = [3, 1, 4, 1];

#[externref]
#[link(wasm_import_module = "host")]
extern "C" {
    fn size(bytes: &Resource<Bytes>) -> usize;
}

#[inline(never)]
fn look_up(bytes: &Resource<Bytes>) -> u32 {
    let size = unsafe { size(bytes) };
    STEPS[size] + STEPS[size / 2]
}

#[externref]
#[no_mangle]
pub extern "C" fn run(bytes: Resource<Bytes>) -> u32 {
    look_up(&bytes) + 1
}
"""


@pytest.mark.parametrize(("profile", "version"), [("dev", 4), ("release", 5)])
def test_a_processed_guest_shows_the_same_lines(
    compile_guest: Callable[..., Path], profile: str, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unprocessed, with the surrogates played by the host; in direct lowering; and with adapters everywhere."""
    manifest = (
        '[package]\nname = "holder"\nedition = "2021"\n[lib]\ncrate-type = ["cdylib"]\n'
        '[dependencies]\nexternref-guest = "*"\n'
    )
    flags = f'build.rustflags=["-Cdwarf-version={version}"]'
    path = compile_guest(
        {"Cargo.toml": manifest, "src/lib.rs": GUEST_WITH_REFERENCES},
        profile=profile,
        arguments=["--config", flags, "--config", f"profile.{profile}.debug=2"],
    )
    module = path.read_bytes()
    monkeypatch.setenv("WASMTIME_BACKTRACE_DETAILS", "1")
    host = {
        "host.size": lambda _: 9,
        "externref.insert": lambda raw: raw,
        "externref.get": lambda slot: slot,
        "externref.take": lambda slot: slot,
        "externref.drop": lambda _: None,
    }
    before = backtrace(module, "run", 5, host)
    assert any("src/lib.rs:17:" in line for _, line in before)
    assert backtrace(Processor(require_direct=True).process(module), "run", "bytes", host) == before
    assert backtrace(process_demoted(module)[0], "run", "bytes", host) == before


# Shapes that compilers emit rarely, put together by hand


FIRST, FIRST_END = asm.function_starts()[0]
SECOND, SECOND_END = asm.function_starts()[1]
THIRD, THIRD_END = asm.function_starts()[2]
LOW = (asm.LOW_PC, asm.ADDR, asm.u32(FIRST))
LENGTH = FIRST_END - FIRST


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param([LOW, (asm.HIGH_PC, asm.DATA2, asm.u16(LENGTH))], id="data2"),
        pytest.param([LOW, (asm.HIGH_PC, asm.DATA4, asm.u32(LENGTH))], id="data4"),
        pytest.param([LOW, (asm.HIGH_PC, asm.DATA8, LENGTH.to_bytes(8, "little"))], id="data8"),
        pytest.param([LOW, (asm.HIGH_PC, asm.ADDR, asm.u32(FIRST_END))], id="address"),
        pytest.param([LOW, (asm.HIGH_PC, asm.UDATA, bytes([LENGTH | 0x80, 0x80, 0]))], id="padded udata"),
        pytest.param([LOW, (asm.HIGH_PC, asm.SDATA, bytes([LENGTH | 0x80, 0x80, 0]))], id="padded sdata"),
        pytest.param([(asm.HIGH_PC, asm.DATA4, asm.u32(LENGTH)), LOW], id="the length stands first"),
        pytest.param(
            [(asm.LOW_PC, asm.INDIRECT, leb128(asm.ADDR) + asm.u32(FIRST)), (asm.HIGH_PC, asm.DATA4, asm.u32(LENGTH))],
            id="indirect",
        ),
        pytest.param(
            [
                (0x03, asm.STRING, b"text\0"),
                LOW,
                (0x1C, 0x0A, b"\x02\xff\xff"),
                (asm.HIGH_PC, asm.ADDR, asm.u32(SECOND)),
            ],
            id="between values of other lengths",
        ),
        pytest.param([(asm.LOW_PC, asm.ADDR, asm.u32(0xFFFFFFFF)), (asm.HIGH_PC, asm.DATA4, asm.u32(9))], id="dropped"),
        pytest.param(
            [(asm.LOW_PC, asm.ADDR, asm.u32(0)), (asm.HIGH_PC, asm.DATA4, asm.u32(FIRST + 1))], id="dropped, 0"
        ),
    ],
)
@pytest.mark.parametrize("version", [4, 5])
def test_addresses_of_an_entry(version: int, attributes: list[asm.Attribute]) -> None:
    sections = asm.entries(version, (asm.COMPILE_UNIT, []), (asm.SUBPROGRAM, attributes))
    moved = check(asm.module(**sections), before_each(0, 3))
    assert len(debug_sections(moved)[".debug_info"]) == len(sections["info"])


def test_an_entry_point_that_counts_from_the_start() -> None:
    low, entry = asm.instruction(0, 0), asm.instruction(0, 8) - asm.instruction(0, 0)
    attributes = [(asm.LOW_PC, asm.ADDR, asm.u32(low)), (asm.ENTRY_PC, asm.DATA2, asm.u16(entry))]
    sections = asm.entries(5, (asm.COMPILE_UNIT, []), (asm.SUBPROGRAM, attributes))
    moved, boundaries = move(asm.module(**sections), before_each(0, 3))
    distance = boundaries[low + entry] - boundaries[low]
    assert distance == entry + 3 * 8
    assert debug_sections(moved)[".debug_info"].endswith(asm.u32(boundaries[low]) + asm.u16(distance) + b"\0")


def test_an_address_with_an_addend() -> None:
    addend = asm.instruction(0, 8) - FIRST
    attributes = [(asm.LOW_PC, asm.LLVM_ADDRX_OFFSET, leb128(1) + asm.u32(addend))]
    root = (asm.COMPILE_UNIT, [(asm.ADDR_BASE, asm.SEC_OFFSET, asm.u32(8))])
    sections = asm.entries(5, root, (asm.SUBPROGRAM, attributes))
    moved, boundaries = move(asm.module(**sections, addr=asm.address_table([FIRST, FIRST])), before_each(0, 3))
    patched = debug_sections(moved)
    new_addend = boundaries[FIRST + addend] - boundaries[FIRST]
    assert patched[".debug_info"].endswith(leb128(1) + asm.u32(new_addend) + b"\0")
    assert patched[".debug_addr"] == asm.address_table([FIRST, boundaries[FIRST]])


def test_addresses_of_data_stay() -> None:
    """Data and code have addresses of their own; the number of the one may be the number of the other."""
    location = (asm.LOCATION, asm.EXPRLOC, b"\x05\x03" + asm.u32(FIRST))
    by_index = (asm.LOCATION, asm.EXPRLOC, b"\x02\xa1\x00")
    root = (asm.COMPILE_UNIT, [(asm.ADDR_BASE, asm.SEC_OFFSET, asm.u32(8)), (asm.LOW_PC, asm.ADDRX, leb128(1))])
    sections = asm.entries(5, root, (asm.VARIABLE, [location]), (asm.VARIABLE, [by_index]))
    module = asm.module(**sections, addr=asm.address_table([FIRST, FIRST]))
    moved, boundaries = move(module, before_each(0, 3))
    patched = debug_sections(moved)
    assert patched[".debug_info"] == sections["info"]
    assert patched[".debug_addr"] == asm.address_table([FIRST, boundaries[FIRST]])


RANGE_ENTRIES = {
    "base_addressx, offset_pair": b"\x01\x00" + b"\x04" + leb128(0) + leb128(LENGTH),
    "startx_endx": b"\x02\x00\x01",
    "startx_length": b"\x03\x00" + leb128(LENGTH),
    "offset_pair": b"\x04" + leb128(asm.instruction(0, 2)) + leb128(asm.instruction(0, 4)),
    "several": b"".join(
        b"\x04" + leb128(asm.instruction(0, n)) + leb128(asm.instruction(0, n + 1)) for n in range(40, 44)
    ),
    "base_address, offset_pair": b"\x05" + asm.u32(SECOND) + b"\x04" + leb128(0) + leb128(SECOND_END - SECOND),
    "start_end": b"\x06" + asm.u32(FIRST) + asm.u32(SECOND_END),
    "start_length": b"\x07" + asm.u32(FIRST) + leb128(LENGTH),
    "dropped": b"\x07" + asm.u32(0xFFFFFFFF) + leb128(5) + b"\x06" + asm.u32(0) + asm.u32(9) + b"\x04\x01\x01",
}


def lists_module(low_pc: int, form: int, ranges: list[bytes], locations: list[bytes], attribute: int) -> bytes:
    """Make a unit with a variable for each list, referred to in one of the two forms."""
    tables = {"rnglists": asm.list_table(ranges), "loclists": asm.list_table(locations)}
    lists = tables["rnglists" if attribute == asm.RANGES else "loclists"]
    described = []
    offset = 12 + 4 * len(ranges)
    for index, content in enumerate(ranges if attribute == asm.RANGES else locations):
        value = asm.u32(offset) if form == asm.SEC_OFFSET else leb128(index)
        described.append((asm.VARIABLE, [(attribute, form, value)]))
        offset += len(content)
    assert len(lists) == offset
    root: list[asm.Attribute] = [
        (asm.LOW_PC, asm.ADDR, asm.u32(low_pc)),
        (asm.ADDR_BASE, asm.SEC_OFFSET, asm.u32(8)),
        (asm.RNGLISTS_BASE, asm.SEC_OFFSET, asm.u32(12)),
        (asm.LOCLISTS_BASE, asm.SEC_OFFSET, asm.u32(12)),
    ]
    sections = asm.entries(5, (asm.COMPILE_UNIT, root), *described)
    return asm.module(**sections, **tables, addr=asm.address_table([FIRST, FIRST_END]))


@pytest.mark.parametrize("form", [asm.SEC_OFFSET, asm.RNGLISTX], ids=["offset", "index"])
@pytest.mark.parametrize("count", [1, 3, 200])
def test_lists_of_ranges(count: int, form: int) -> None:
    lists = [content + b"\0" for content in RANGE_ENTRIES.values()]
    check(lists_module(0, form, lists, lists, asm.RANGES), before_each(0, count))


@pytest.mark.parametrize("form", [asm.SEC_OFFSET, asm.LOCLISTX], ids=["offset", "index"])
@pytest.mark.parametrize("count", [1, 3, 200])
def test_lists_of_locations(count: int, form: int) -> None:
    expression = b"\x02\x30\x9f"
    lists = [
        b"\x01\x00" + b"\x04" + leb128(0) + leb128(LENGTH) + expression + b"\0",
        b"\x02\x00\x01" + expression + b"\x05" + expression + b"\0",
        b"\x03\x00" + leb128(LENGTH) + expression + b"\0",
        b"\x04" + leb128(asm.instruction(0, 2)) + leb128(asm.instruction(0, 4)) + expression + b"\0",
        b"\x06" + asm.u32(SECOND) + b"\x04" + leb128(0) + leb128(SECOND_END - SECOND) + expression + b"\0",
        b"\x07" + asm.u32(FIRST) + asm.u32(SECOND_END) + expression + b"\0",
        b"\x08" + asm.u32(FIRST) + leb128(LENGTH) + expression + b"\0",
    ]
    check(lists_module(0, form, lists, lists, asm.LOCATION), before_each(0, count))


def test_offsets_that_count_from_the_unit() -> None:
    pairs = b"".join(b"\x04" + leb128(first) + leb128(first + 3) for first in (1, 31, 61, 91)) + b"\0"
    check(lists_module(FIRST, asm.RNGLISTX, [pairs], [pairs], asm.RANGES), before_each(0, 5))


@pytest.mark.parametrize("low_pc", [0, FIRST, SECOND])
def test_pairs_that_count_from_the_unit(low_pc: int) -> None:
    """Lists before version 5, among them one that selects another base address."""
    inside = [
        (asm.instruction(0, n) - low_pc, asm.instruction(0, n + 2) - low_pc) for n in (2, 20, 44) if low_pc <= FIRST
    ]
    inside += [(asm.instruction(1, n) - low_pc, asm.instruction(1, n + 3) - low_pc) for n in (0, 6)]
    select = asm.u32(0xFFFFFFFF) + asm.u32(THIRD) + asm.u32(1) + asm.u32(THIRD_END - THIRD)
    dropped = asm.u32(0xFFFFFFFE) * 2
    pairs = b"".join(asm.u32(begin) + asm.u32(end) for begin, end in inside) + dropped + select + asm.u32(0) * 2
    root = (asm.COMPILE_UNIT, [(asm.LOW_PC, asm.ADDR, asm.u32(low_pc)), (asm.RANGES, asm.SEC_OFFSET, asm.u32(0))])
    check(asm.module(**asm.entries(4, root), ranges=pairs), before_each(0, 5))


def special(address: int, line: int) -> bytes:
    """Encode a special opcode of the usual header."""
    return bytes([13 + line + 5 + 14 * address])


PUSHES = b"".join(special(2, 1) + special(1, 0) for _ in range(40))
PROGRAMS = {
    "special opcodes": asm.set_address(FIRST + 1) + b"\x01" + PUSHES + b"\x02\x01" + asm.END_SEQUENCE,
    "const_add_pc": asm.set_address(FIRST + 1)
    + b"\x08"
    + special(1, 3)
    + b"\x08\x08\x02\x02\x05\x07\x01"
    + b"\x02\x23"
    + asm.END_SEQUENCE,
    "fixed_advance_pc": asm.set_address(FIRST + 1) + b"\x01\x09\x03\x00\x01\x03\x05\x09\x06\x00\x01" + asm.END_SEQUENCE,
    "advance in parts": asm.set_address(FIRST + 1) + b"\x02\x02\x03\x7f\x02\x01\x0a\x01\x02\x83\x00" + asm.END_SEQUENCE,
    "several functions": asm.set_address(FIRST)
    + b"\x01\x02"
    + leb128(SECOND - FIRST)
    + b"\x01"
    + b"\x02"
    + leb128(THIRD - SECOND)
    + b"\x01"
    + b"\x02"
    + leb128(THIRD_END - THIRD)
    + asm.END_SEQUENCE,
    "two addresses": asm.set_address(FIRST + 1)
    + special(0, 1)
    + special(2, 1)
    + asm.set_address(SECOND)
    + special(0, 2)
    + asm.set_address(THIRD)
    + b"\x01"
    + asm.END_SEQUENCE,
    "operations of no interest": asm.set_address(FIRST + 1)
    + b"\x00\x02\x04\x07\x0c\x03\x00\x00\x06\x0b\x01"
    + special(2, 2)
    + asm.END_SEQUENCE,
    "dropped": asm.set_address(0xFFFFFFFF) + b"\x01\x02\x7f\x01" + asm.END_SEQUENCE,
    "dropped, at 0": asm.set_address(0) + b"\x01\x02" + leb128(FIRST + 1) + b"\x01" + asm.END_SEQUENCE,
    "no address": b"\x01\x02" + leb128(FIRST + 1) + b"\x01" + asm.END_SEQUENCE,
    "empty": b"",
}


@pytest.mark.parametrize("count", [1, 2, 30])
@pytest.mark.parametrize(
    "programs", [[program] for program in PROGRAMS.values()] + [list(PROGRAMS.values())], ids=[*PROGRAMS, "all"]
)
def test_line_programs(programs: list[bytes], count: int) -> None:
    """The last unit shows that references follow where programs before it get longer."""
    lines = asm.line_unit(b"".join(programs))
    last = asm.line_unit(asm.set_address(THIRD) + special(0, 7) + b"\x02\x01" + asm.END_SEQUENCE)
    for offset in (0, len(lines)):
        root = (asm.COMPILE_UNIT, [(asm.STMT_LIST, asm.SEC_OFFSET, asm.u32(offset))])
        check(asm.module(**asm.entries(4, root), line=lines + last), before_each(0, count))


@pytest.mark.parametrize("opcode_base", [10, 13, 16])
def test_line_programs_with_another_opcode_base(opcode_base: int) -> None:
    """Special opcodes start earlier or later; opcodes that the standard doesn't know are copied."""

    def patched(unknown: bytes) -> bytes:
        rows = b"".join(bytes([opcode_base + 4 + 12 * address]) for address in (0, 2, 1, 2))
        program = asm.set_address(FIRST + 1) + unknown + rows + asm.END_SEQUENCE
        root = (asm.COMPILE_UNIT, [(asm.STMT_LIST, asm.SEC_OFFSET, asm.u32(0))])
        lines = asm.line_unit(program, opcode_base, line_base=-3, line_range=12)
        module = asm.module(**asm.entries(4, root), line=lines)
        moved = move(module, before_each(0, 4))[0] if unknown else check(module, before_each(0, 4))
        return debug_sections(moved)[".debug_line"]

    if opcode_base > 14:
        unknown = b"\x0e\x81\x00\x05"
        assert patched(unknown).replace(unknown, b"")[4:] == patched(b"")[4:]
    else:
        patched(b"")


def test_deltas_that_stay_are_copied() -> None:
    """Only numbers that change are written: a program of which one row moves keeps all other bytes."""
    program = PROGRAMS["special opcodes"]
    root = (asm.COMPILE_UNIT, [(asm.STMT_LIST, asm.SEC_OFFSET, asm.u32(0))])
    module = asm.module(**asm.entries(4, root), line=asm.line_unit(program))
    moved, _ = move(module, lambda body, number, raw: b"\x01" + raw if (body, number) == (0, 40) else raw)
    row = len(asm.set_address(0)) + 41
    assert program[row : row + 1] == special(2, 1)
    expected = program[:row] + special(3, 1) + program[row + 1 :]
    assert debug_sections(moved)[".debug_line"] == asm.line_unit(expected)


def test_macros_follow_their_line_program() -> None:
    module = (Path(__file__).parent / "corpus" / "dwarf" / "dwarf5-macro.wasm").read_bytes()
    before = debug_sections(module)
    after = debug_sections(move(module, nops(1))[0])
    second_unit = 4 + int.from_bytes(before[".debug_line"][:4], "little")
    moved_unit = 4 + int.from_bytes(after[".debug_line"][:4], "little")
    assert moved_unit > second_unit
    header = b"\x05\x00\x02"
    assert before[".debug_macro"].count(header + asm.u32(second_unit)) == 1
    assert after[".debug_macro"].count(header + asm.u32(moved_unit)) == 1


# What is refused


MOVED = CodeMap.from_pairs([(1, 11), (FIRST, FIRST + 10), (FIRST + 4, FIRST + 300), (500, 800)])
SPLIT = [(0x76, asm.STRING, b"guest.dwo\0")]
REFUSED = {
    "compressed": ({".zdebug_info": b"ZLIB"}, ".zdebug_info: compressed debug info"),
    "split": ({".debug_info.dwo": b""}, ".debug_info.dwo: split debug info"),
    "another file": ({"external_debug_info": b""}, "external_debug_info: the debug info lies in another file"),
    "frames": ({".debug_frame": b""}, ".debug_frame: call frame information"),
}
ENTRIES_REFUSED = {
    "split unit": (5, SPLIT, "split debug info, of which the other file cannot be patched"),
    "length in a byte": (4, [LOW, (asm.HIGH_PC, asm.DATA1, bytes([LENGTH]))], "does not fit into a field of 1 byte"),
    "minimal udata": (4, [LOW, (asm.HIGH_PC, asm.UDATA, bytes([LENGTH]))], "does not fit into its place"),
    "implicit": (5, [LOW, (asm.HIGH_PC, asm.IMPLICIT_CONST, bytes([LENGTH | 0x80, 0]))], "does not fit into its place"),
    "calculated": (5, [(asm.LOW_PC, asm.EXPRLOC, b"\x01\x30")], "an address of code that is calculated"),
    "length alone": (5, [(asm.HIGH_PC, asm.DATA4, asm.u32(4))], "a length of code without DW_AT_low_pc"),
    "no pool": (5, [(asm.LOW_PC, asm.ADDRX, b"\0")], "an address by index, but no .debug_addr"),
    "no ranges": (4, [(asm.RANGES, asm.SEC_OFFSET, asm.u32(0))], "a list of ranges in a section that is missing"),
    "unknown form": (5, [(0x03, 0x7E, b"")], "unknown form 0x7e of attribute 0x3"),
}


@pytest.mark.parametrize(("sections", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_sections(sections: dict[str, bytes], message: str) -> None:
    assert all(is_debug_section(name) for name in sections)
    with pytest.raises(DebugInfoError) as error:
        patch(sections, MOVED)
    assert str(error.value).startswith(message)
    assert f"--> {error.value.section}, offset 0x0 in the section" in str(error.value)
    assert 'debug-info = "strip"' in str(error.value)
    assert isinstance(error.value, UnsupportedFeatureError)


@pytest.mark.parametrize(("version", "attributes", "message"), ENTRIES_REFUSED.values(), ids=ENTRIES_REFUSED)
def test_refused_entries(version: int, attributes: list[asm.Attribute], message: str) -> None:
    sections = asm.entries(version, (asm.COMPILE_UNIT, []), (asm.SUBPROGRAM, attributes))
    with pytest.raises(DebugInfoError, match=r"^\.debug_(info|abbrev): ") as error:
        patch({f".debug_{name}": content for name, content in sections.items()}, MOVED)
    assert message in error.value.summary


def shared_list(first: int, second: int) -> dict[str, bytes]:
    """Two units with base addresses of their own that refer to lists at these offsets."""
    unit_of = [
        asm.entries(
            4, (asm.COMPILE_UNIT, [(asm.LOW_PC, asm.ADDR, asm.u32(base)), (asm.RANGES, asm.SEC_OFFSET, asm.u32(at))])
        )
        for base, at in ((FIRST, first), (SECOND, second))
    ]
    pairs = asm.u32(2) + asm.u32(4) + asm.u32(6) + asm.u32(8) + asm.u32(0) * 2
    return {**unit_of[0], "info": unit_of[0]["info"] + unit_of[1]["info"], "ranges": pairs}


def overlapping_tables(count: int) -> dict[str, bytes]:
    """Units whose tables of abbreviations all end in the same long tail."""
    declaration = b"\x01\x34\x00\x03\x0b\x00\x00"
    units = [asm.unit(4, asm.u32(len(declaration) * number) + b"\x04") for number in range(count)]
    return {"abbrev": declaration * count + b"\0", "info": b"".join(units)}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        pytest.param(shared_list(0, 0), "units with different base addresses share one", id="shared list"),
        pytest.param(shared_list(8, 0), "lists overlap", id="overlapping lists"),
        pytest.param(shared_list(0, 8), "lists overlap", id="overlapping lists, the longer first"),
        pytest.param(overlapping_tables(1000), "abbreviation tables overlap", id="overlapping abbreviations"),
        pytest.param({"line": asm.unit(6, b"\0" * 20)}, "a unit of version 6, known: 2 to 5", id="version"),
        pytest.param({"info": asm.unit(1, b"\0" * 20)}, "a unit of version 1, known: 2 to 5", id="old version"),
        pytest.param({"aranges": asm.unit(3, b"\0" * 20)}, "a unit of version 3, known: 2", id="aranges version"),
        pytest.param({"line": asm.u32(100) + b"\4\0"}, "a unit of 100 bytes, but only 2 follow", id="unit length"),
        pytest.param({"line": asm.u32(0xFFFFFFF5)}, "reserved unit length 0xfffffff5", id="reserved length"),
        pytest.param({"info": asm.unit(5, b"\x05\x04" + asm.u32(0) * 3)}, "a unit of type 5", id="unit type"),
        pytest.param({"info": asm.unit(4, asm.u32(0) + b"\x03")}, "addresses of 3 bytes", id="address size"),
        pytest.param(
            {"line": asm.line_unit(b"\x01", line_range=0)},
            "a line program for instructions of 1 bytes",
            id="line range",
        ),
        pytest.param({"line": asm.line_unit(b"\x03" + b"\xff" * 11)}, "malformed operand", id="long LEB128"),
    ],
)
def test_damaged_sections(sections: dict[str, bytes], message: str) -> None:
    with pytest.raises(DebugInfoError) as error:
        patch({f".debug_{name}": content for name, content in {"abbrev": b"\0", **sections}.items()}, MOVED)
    assert message in error.value.summary


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_is_reported_or_harmless(path: Path, data: st.DataObject) -> None:
    """Whatever stands in the debug sections: they come back patched, or with an error that says where."""
    sections = {name: bytearray(content) for name, content in debug_sections(path.read_bytes()).items() if content}
    for _ in range(data.draw(st.integers(1, 4))):
        content = sections[data.draw(st.sampled_from(sorted(sections)))]
        offset = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[offset] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
        elif offset:
            del content[offset:]
    try:
        patch({name: bytes(content) for name, content in sections.items()}, MOVED)
    except DebugInfoError as error:
        section = error.section
    else:
        return
    assert section in sections


# The map


def test_offsets_outside_of_functions_stay() -> None:
    move = MOVED.mover()
    for offset in (0, 1, 501, 0xFFFFFFFE, 0xFFFFFFFF, 1 << 64):
        assert MOVED(offset) is None
        assert move(2) == 12
        assert move(offset) is None


def test_pieces_of_the_map() -> None:
    code_map = CodeMap.from_pairs([(5, 7), (6, 8), (10, 12), (15, 14), (20, 30), (25, 35)])
    assert (code_map.old, code_map.new) == ((5, 10, 15, 20, 25), (7, 12, 14, 30, 35))
    assert [code_map(offset) for offset in (4, 5, 10, 14, 15, 16, 19, 20, 25, 26)] == [
        *(None, 7, 12, 13, 14, 15, 18, 30, 35, None)
    ]


def test_an_offset_in_a_shortened_instruction_stays_in_it() -> None:
    code_map = CodeMap.from_pairs([(2, 2), (10, 10), (16, 12), (30, 26)])
    assert [code_map(offset) for offset in range(9, 18)] == [9, 10, 11, 11, 11, 11, 11, 12, 13]


def test_deleted_code_collapses() -> None:
    code_map = CodeMap.from_pairs([(2, 2), (10, 10), (16, 10), (30, 24)])
    assert [code_map(offset) for offset in (9, 10, 13, 16, 17)] == [9, 10, 10, 10, 11]


@pytest.mark.parametrize("pairs", [[(5, 5), (4, 6)], [(5, 5), (6, 4)], [(5, 5), (5, 6)]])
def test_a_map_that_reorders_code_is_a_mistake(pairs: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="in a code map"):
        CodeMap.from_pairs(pairs)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 20)), min_size=2, max_size=30))
def test_the_map_agrees_with_its_pairs(steps: list[tuple[int, int]]) -> None:
    pairs = [(2, 2)]
    for old, new in steps:
        pairs.append((pairs[-1][0] + old, pairs[-1][1] + new))
    code_map = CodeMap.from_pairs(pairs)
    assert [(old, code_map(old)) for old, _ in pairs] == pairs
    mapped = [code_map(old) for old in range(2, pairs[-1][0] + 1)]
    assert list(map(code_map.mover(), range(2, pairs[-1][0] + 1))) == mapped
    assert mapped == sorted(mapped)  # type: ignore[type-var]
    for old in range(2, pairs[-1][0] + 1):
        start, end, distance = code_map.piece(old)
        assert start <= old < end
        assert code_map(old) == old + distance

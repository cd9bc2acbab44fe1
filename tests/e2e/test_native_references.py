"""Modules of compilers that have references themselves: left alone, and processed where integers stand beside them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from injection import inject
from plugins import Processed, assemble, custom_section, process_demoted
from registry import npm_package

from externref_build import Processor, process
from externref_build.metadata import RECORDS_SECTION, Record, encode_record
from externref_build.wasm.decoding import decode_module

pytestmark = pytest.mark.once

NATIVE = """
typedef __externref_t native;
#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

IMPORT("host", "make") native make(void);
IMPORT("host", "use") void use(native);
static native entries[0];

EXPORT("put") int put(native thing) {
  int index = __builtin_wasm_table_size(entries);
  __builtin_wasm_table_grow(entries, thing, 1);
  __builtin_wasm_table_set(entries, index, thing);
  return index;
}
EXPORT("entry") native entry(int index) { return __builtin_wasm_table_get(entries, index); }
EXPORT("empty") void empty(int index) { __builtin_wasm_table_set(entries, index, __builtin_wasm_ref_null_extern()); }
EXPORT("used") native used(native thing, int times) {
  for (int i = 0; i < times; i++) use(thing);
  return times > 2 ? make() : thing;
}
"""

MIXED = (
    NATIVE
    + """
IMPORT("externref", "insert") int insert(int raw);
IMPORT("externref", "get") int get(int slot);
IMPORT("externref", "drop") void drop(int slot);
IMPORT("host", "length") int length(int raw);
static int slots[4];

EXPORT("keep") void keep(int raw, int place) { slots[place] = insert(raw); }
EXPORT("measure") int measure(int place) { return length(get(slots[place])); }
EXPORT("forget") void forget(int place) { drop(slots[place]); }
EXPORT("both") native both(native own, int raw, native other) {
  int slot = insert(raw);
  if (length(get(slot)) > 3) {
    use(own);
    own = other;
  }
  drop(slot);
  return own;
}
"""
)
RECORDS = [
    Record("host", "length", (True, False)),
    Record(None, "keep", (True, False)),
    Record(None, "both", (False, True, False, False)),
]

levels = pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-Oz"])


def compile_c(source: str, level: str, folder: Path) -> bytes:
    """Compile a freestanding guest with the clang of the package ziglang."""
    (folder / "guest.c").write_text(source, encoding="utf-8")
    options = ["-target", "wasm32-freestanding", "-mreference-types", "-nostdlib", "-Wl,--no-entry", level]
    options += ["-fno-sanitize=undefined", "-w"]
    command = [sys.executable, "-m", "ziglang", "cc", *options, "guest.c", "-o", "guest.wasm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "guest.wasm").read_bytes()


def play_native(plugin: Processed, log: list[object]) -> None:
    """Call what has references of its own."""
    first = plugin.call("put", "one")
    assert plugin.call("put", None) == first + 1
    assert [plugin.call("entry", first), plugin.call("entry", first + 1)] == ["one", None]
    plugin.call("empty", first)
    assert plugin.call("entry", first) is None
    assert [plugin.call("used", "thing", times) for times in (0, 2, 3)] == ["thing", "thing", "made"]
    assert log == ["thing"] * 5


@levels
def test_a_module_of_native_references_comes_back_as_it_is(level: str, tmp_path: Path) -> None:
    original = compile_c(NATIVE, level, tmp_path)
    processor = Processor()
    assert processor.process(original) == original
    assert not processor.report.changed
    log: list[object] = []
    play_native(Processed(original, {"host.make": lambda: "made", "host.use": log.append}), log)


@levels
def test_native_references_and_surrogates_in_one_module(level: str, tmp_path: Path) -> None:
    """Without optimisation, clang keeps each parameter in memory, so that functions need adapters."""
    records = custom_section(RECORDS_SECTION, b"".join(map(encode_record, RECORDS)))
    original = compile_c(MIXED, level, tmp_path) + records
    processor = Processor(require_direct=level != "-O0")
    for output in (processor.process(original), process_demoted(original)[0]):
        log: list[object] = []
        plugin = Processed(output, {"host.make": lambda: "made", "host.use": log.append, "host.length": len})
        play_native(plugin, log)
        plugin.call("keep", "kept here", 2)
        plugin.call("keep", "and here", 3)
        assert [plugin.call("measure", place) for place in (2, 3)] == [9, 8]
        assert plugin.held() == ["kept here", "and here"]
        assert plugin.call("both", "own", "long", "other") == "other"
        assert plugin.call("both", "own", "abc", "other") == "own"
        assert plugin.call("both", None, "", "other") is None
        plugin.call("forget", 2)
        assert plugin.held() == ["and here"]
    touched = {function.name for function in processor.report.functions}
    assert touched == {"keep", "measure", "forget", "both"}


PARSE = """
const { parse } = require("./bindings_wasm.js");
const crypto = require("crypto");
for (const source of ["const answer = 6 * 7;", "import x from 'y'; export default class { #p = x?.[1]; }", "let ("])
  console.log(crypto.createHash("sha256").update(parse(source, false, false)).digest("hex"));
"""


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_module_of_wasm_bindgen_does_what_it_did_with_surrogates_in_it(
    test_cache: Path, tmp_path: Path, everywhere: bool
) -> None:
    """It keeps references in a table of its own, which its JavaScript reads."""
    original = shutil.copytree(npm_package(test_cache, "@rollup/wasm-node") / "dist/wasm-node", tmp_path / "original")
    module = (original / "bindings_wasm_bg.wasm").read_bytes()
    assert b"__wbindgen_externrefs" in module
    assert process(module) == module
    changed = shutil.copytree(original, tmp_path / "changed")
    (changed / "bindings_wasm_bg.wasm").write_bytes(process(inject(module, everywhere=everywhere)))
    node = shutil.which("node")
    assert node, "node is not installed"
    said = [
        subprocess.run([node, "-e", PARSE], cwd=folder, check=True, capture_output=True).stdout
        for folder in (original, changed)
    ]
    assert said[0] == said[1]
    assert len(set(said[0].split())) == 3


def test_the_tables_of_both_stand_side_by_side() -> None:
    text = '(module (import "externref" "get" (func (param i32) (result i32))) (table (export "mine") 3 externref))'
    output = decode_module(process(assemble(text)))
    assert [(export.name, export.index) for export in output.exports] == [("mine", 0), ("externrefs", 1)]

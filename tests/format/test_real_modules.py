"""Modules as toolchains write them, from published packages: Rust, Go, C and C++, with and without wasm-opt."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from injection import ADAPTED, DIRECT, SURROGATES, inject
from reencoding import reencode_body
from registry import npm_package, wasm_tools
from script_runner import make_engine
from wasmtime import Module as WasmtimeModule

from externref_build import Processor
from externref_build.processor.events import decode_events
from externref_build.wasm.body import decode_body
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.instructions import iterate_instructions
from externref_build.wasm.module import Module

MODULES = {
    "sql.js": ("sql.js", "dist/sql-wasm.wasm"),
    "sql.js debug": ("sql.js", "dist/sql-wasm-debug.wasm"),
    "rollup": ("@rollup/wasm-node", "dist/wasm-node/bindings_wasm_bg.wasm"),
    "resvg": ("@resvg/resvg-wasm", "index_bg.wasm"),
    "esbuild": ("esbuild-wasm", "esbuild.wasm"),
    "lightningcss": ("lightningcss-wasm", "lightningcss_node.wasm"),
    "swc": ("@swc/wasm", "wasm_bg.wasm"),
}
ALWAYS = {"rollup"}
"""What every run checks; the others have the marker ``matrix``."""

pytestmark = [
    pytest.mark.once,
    pytest.mark.parametrize(
        "name", [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.matrix) for name in MODULES]
    ),
]


@pytest.fixture
def original(test_cache: Path, name: str) -> bytes:
    package, path = MODULES[name]
    return (npm_package(test_cache, package) / path).read_bytes()


def test_each_function_decodes_and_encodes_to_the_same_bytes(original: bytes) -> None:
    module = decode_module(original)
    for func in range(len(module.func_imports), module.func_count):
        start, end = module.body(func)
        assert reencode_body(original, start, end) == original[start:end], f"function {func}"
        decode_events(module, func)


def test_each_instruction_is_the_one_that_another_tool_reads(original: bytes) -> None:
    module = decode_module(original)
    printed = subprocess.run([wasm_tools(), "print", "-"], input=original, check=True, capture_output=True)
    bodies = re.split(r"^  \(func ", printed.stdout.decode(), flags=re.MULTILINE)[1:]
    assert len(bodies) == module.func_count - len(module.func_imports)
    for func, text in enumerate(bodies, len(module.func_imports)):
        expected = re.findall(r"^    +([a-z][a-z0-9_.]*)", text.partition("\n  )\n")[0], flags=re.MULTILINE)
        start, end = module.body(func)
        found = [
            instruction[0].mnemonic
            for instruction in iterate_instructions(original, decode_body(original, start, end).locals_end, end)
        ]
        assert [*expected, "end"] == found, f"function {func}"


def test_untouched_bodies_keep_their_bytes(original: bytes) -> None:
    injected = inject(original, everywhere=False)
    processor = Processor()
    output = processor.process(injected)
    before, after = decode_module(injected), decode_module(output)
    moved = len(after.func_imports) - len(before.func_imports)
    assert moved == -len(SURROGATES)
    lowerings = {function.name: function.lowering for function in processor.report.functions}
    assert lowerings == {DIRECT: "direct", ADAPTED: "adapter"}
    first, behind = len(before.func_imports), before.func_count - len(lowerings)
    for func in range(first, behind):
        assert _body(after, func) == _body(before, func), f"function {func}"
    WasmtimeModule.validate(make_engine(), output)


def test_references_in_each_function_are_lowered_directly(original: bytes) -> None:
    processor = Processor()
    output = processor.process(inject(original, everywhere=True))
    assert {function.name for function in processor.report.functions if function.lowering != "direct"} == {ADAPTED}
    WasmtimeModule.validate(make_engine(), output)


def _body(module: Module, func: int) -> bytes:
    start, end = module.body(func)
    return bytes(module.data[start:end])

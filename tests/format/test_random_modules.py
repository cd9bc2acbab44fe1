"""Random modules that between them use every feature that a generator knows: decoded, encoded again, processed."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from injection import ADAPTED, inject
from plugins import SURROGATES, assemble
from processing_invariant import is_valid
from reencoding import reencode_body
from registry import wasm_tools
from suite import load_scripts

from externref_build import Processor, process
from externref_build.processor.events import decode_events
from externref_build.wasm.decoding import decode_module

pytestmark = pytest.mark.once

FEATURES = [
    *("bulk-memory", "compact-imports", "custom-descriptors", "custom-page-sizes", "exceptions", "extended-const"),
    *("gc", "memory64", "multi-value", "reference-types", "relaxed-simd", "saturating-float-to-int"),
    *("sign-extension-ops", "simd", "tail-call", "threads", "wide-arithmetic"),
]
SIZES = (500, 3000, 20_000)
"""How many random bytes a module is made from."""


def generate(seed: int) -> bytes | None:
    """Generate a module; None where the bytes make none."""
    source = random.Random(seed)
    options = [f"--{feature}-enabled={str(source.random() < 0.85).lower()}" for feature in FEATURES]
    options += [f"--min-uleb-size={source.choice([1, 1, 2, 5])}", "--generate-custom-sections=true"]
    options += ["--max-memories=4", "--max-tables=6", "--max-tags=5", "--min-funcs=3", "--min-exports=2"]
    options += ["--export-everything=true"] * (source.random() < 0.3)
    command = [str(wasm_tools()), "smith", *options]
    seeds = source.randbytes(source.choice(SIZES))
    done = subprocess.run(command, input=seeds, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def fault(module: bytes) -> str:
    """Let another validator judge: wasmtime doesn't know all that the generator does."""
    command = [str(wasm_tools()), "validate", "--features", "all", "-"]
    return subprocess.run(command, input=module, capture_output=True, check=False).stderr.decode()


@pytest.mark.parametrize(
    "seeds",
    [
        range(30),
        *(pytest.param(range(first, first + 100), marks=pytest.mark.matrix) for first in range(100, 1000, 100)),
    ],
    ids=str,
)
def test_random_modules(seeds: range) -> None:
    count = 0
    for seed in seeds:
        original = generate(seed)
        if original is None:
            continue
        module = decode_module(original)
        for func in range(len(module.func_imports), module.func_count):
            start, end = module.body(func)
            assert reencode_body(original, start, end) == original[start:end], f"seed {seed}, function {func}"
            decode_events(module, func)
        assert process(original) == original
        for everywhere in (False, True):
            processor = Processor(table="the references")
            output = processor.process(inject(original, everywhere=everywhere))
            adapted = {function.name for function in processor.report.functions if function.lowering == "adapter"}
            assert adapted == {ADAPTED}, f"seed {seed}"
            assert not fault(output), f"seed {seed}"
            assert is_valid(output) or not is_valid(original), f"seed {seed}"
        count += 1
    assert count > len(seeds) // 2


EXACT = f"""
;; declare import host.use: r
;; declare export run: r
(module
  (type $binary (func (param i32 i32) (result i32)))
  (import "host" "first" (func (param i32)))
  {SURROGATES}
  (import "host" "add" (func $add (exact (type $binary))))
  (import "host" "use" (func $use (param i32)))
  (global (ref (exact $binary)) (ref.func $add))
  (elem declare func $add)
  (func (export "run") (param i32)
    (call $use (call $get (call $insert (local.get 0))))
    (drop (block (result (ref (exact $binary))) (ref.func $add)))
    (drop (ref.null (exact $binary)))
    (drop (ref.test (ref (exact $binary)) (ref.func $add)))))
"""


def test_an_import_of_exactly_its_type_stays_one() -> None:
    """As optimisers write function types that have no subtypes; the import moves into a surrogate's place."""
    original = assemble(EXACT)
    assert not fault(original)
    output = process(original, require_direct=True)
    assert not fault(output)
    kinds = {entry.name: output[entry.type_start - 1] for entry in decode_module(output).imports}
    assert kinds == {"first": 0, "add": 0x20, "use": 0}


def test_modules_with_descriptors_stay_valid(toolchain: None, test_cache: Path) -> None:
    """Those of the official test suite that wasmtime cannot run."""
    count = 0
    for script in load_scripts(test_cache, "proposals/custom-descriptors"):
        for name, data in script.modules().items():
            if not fault(data):  # the suite and the validator are not of the same day
                output = process(inject(data, everywhere=True), table="the references")
                assert not fault(output), f"{script.name}, {name}"
                count += 1
    assert count > 50

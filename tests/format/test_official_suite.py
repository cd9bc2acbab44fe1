"""The official test suite, and those of the proposals: decoded, encoded again, and processed without any difference."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from injection import ADAPTED, DIRECT, inject
from reencoding import reencode_body
from script_runner import make_engine, run_script
from suite import PROPOSALS, VERSIONS, Script, load_scripts
from wasmtime import Func, Instance, Module, Store, Trap, WasmtimeError

from externref_build import ExternrefBuildError, Processor, process
from externref_build.processor.events import decode_events
from externref_build.wasm.decoding import decode_module

ALWAYS = {"proposals/exceptions", "proposals/tail-call", "proposals/threads", "proposals/wide-arithmetic"}
"""What every run checks; the others have the marker ``matrix``."""

pytestmark = [
    pytest.mark.once,
    pytest.mark.parametrize(
        "version",
        [
            pytest.param(version, marks=() if version in ALWAYS else pytest.mark.matrix)
            for version in (*VERSIONS, *(f"proposals/{name}" for name in PROPOSALS))
        ],
    ),
]


@pytest.fixture
def scripts(toolchain: None, test_cache: Path, version: str) -> list[Script]:
    return load_scripts(test_cache, version)


def test_each_function_decodes_and_encodes_to_the_same_bytes(scripts: list[Script]) -> None:
    count = 0
    for script in scripts:
        for name, data in script.modules().items():
            module = decode_module(data)
            for func in range(len(module.func_imports), module.func_count):
                start, end = module.body(func)
                assert reencode_body(data, start, end) == data[start:end], f"{name}, function {func}"
                decode_events(module, func)
                count += 1
    assert count


def test_processed_scripts_do_what_they_did_before(scripts: list[Script]) -> None:
    engine = make_engine()
    processor = Processor(table="the references")
    adapted: list[str] = []

    def rewrite(data: bytes) -> bytes:
        output = processor.process(inject(data, everywhere=True))
        adapted.extend(function.name for function in processor.report.functions if function.lowering == "adapter")
        return output

    for script in scripts:
        before = run_script(script, engine, lambda data: data)
        assert run_script(script, engine, rewrite) == before, script.name
    assert set(adapted) <= {ADAPTED}


def test_injected_exports_pass_references_on(scripts: list[Script]) -> None:
    engine = make_engine()
    count = 0
    for script in scripts:
        for name, data in script.modules().items():
            store = Store(engine)
            try:
                instance = Instance(store, Module(engine, process(inject(data, everywhere=False), table=None)), [])
            except (WasmtimeError, Trap):
                continue  # it imports something, traps at its start, or is of a proposal that wasmtime hasn't
            for export in (DIRECT, ADAPTED):
                pass_on = instance.exports(store)[export]
                assert isinstance(pass_on, Func)
                for value in (object(), None):
                    assert pass_on(store, value) is value, name
            count += 1
    assert count


def test_malformed_and_invalid_modules_come_back_as_they_are_or_are_refused(scripts: list[Script]) -> None:
    for script in scripts:
        for data in script.invalid_modules().values():
            with suppress(ExternrefBuildError):
                assert process(data) == data
                process(inject(data, everywhere=True))

"""What holds for any bytes at all: they come back as a valid module if they were one, or raise one of our errors."""

from __future__ import annotations

from typing import Literal

import wasmtime
from wasmtime import _bindings

from externref_build import ExternrefBuildError, Processor
from externref_build.errors import DebugInfoError, MalformedMetadataError, MalformedModuleError
from externref_build.wasm.sections import CUSTOM, decode_sections

Outcome = Literal["processed", "unchanged", "refused"]


_FEATURES = [
    "custom_page_sizes",
    "exceptions",
    "function_references",
    "gc",
    "memory64",
    "multi_memory",
    "relaxed_simd",
    "tail_call",
    "threads",
    "wide_arithmetic",
]


def make_engine() -> wasmtime.Engine:
    """Make an engine that knows every feature that wasmtime can validate."""
    config = wasmtime.Config()
    for name in _FEATURES:
        setattr(config, f"wasm_{name}", True)
    config.shared_memory = True
    _bindings.wasmtime_config_wasm_compact_imports_set(config.ptr(), True)  # there is no property yet
    return wasmtime.Engine(config)


ENGINE = make_engine()


def is_valid(data: bytes) -> bool:
    """Tell whether wasmtime accepts a module."""
    try:
        wasmtime.Module.validate(ENGINE, data)
    except wasmtime.WasmtimeError:
        return False
    return True


def check(data: bytes) -> tuple[bool, Outcome]:
    """Process bytes in two ways; tell whether they are a valid module, and what became of them.

    Raises whatever the processor should not have raised, and `AssertionError` where it broke a promise.
    """
    accepted = is_valid(data)
    outcome: Outcome = "refused"
    sparing = Processor(table=None, drop_hook=("hook", "dropped"), debug_info="strip", interface=False)
    for processor in (Processor(), sparing):
        try:
            output = processor.process(data)
        except ExternrefBuildError as error:
            if accepted:
                _check_refusal(data, error)
            continue
        if accepted:
            wasmtime.Module.validate(ENGINE, output)
        assert processor.report is not None
        assert processor.report.changed or output == data
        outcome = "processed" if processor.report.changed else "unchanged"
    return accepted, outcome


def _check_refusal(data: bytes, error: ExternrefBuildError) -> None:
    """See that a valid module is called malformed for the sake of a custom section only."""
    assert str(error)
    if isinstance(error, MalformedModuleError) and not isinstance(error, (DebugInfoError, MalformedMetadataError)):
        custom = [section for section in decode_sections(data) if section.id == CUSTOM]
        if not any(section.content <= error.offset <= section.end for section in custom):
            raise AssertionError("a valid module is called malformed") from error

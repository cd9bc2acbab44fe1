"""Check a processed module with an implementation that is not ours: wasmtime, where it is installed."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from externref_build.errors import InvalidResultError

if TYPE_CHECKING:
    from externref_build.processor.report import Declaration, Report

_FEATURES = (
    "shared_memory",
    "wasm_compact_imports",
    "wasm_custom_page_sizes",
    "wasm_exceptions",
    "wasm_function_references",
    "wasm_gc",
    "wasm_memory64",
    "wasm_multi_memory",
    "wasm_relaxed_simd",
    "wasm_tail_call",
    "wasm_threads",
    "wasm_wide_arithmetic",
)
"""What wasmtime leaves off unless asked. Asking for what a platform cannot do may end the whole process, therefore
nothing is here that the processor refuses anyway."""

_IS_UNKNOWN = re.compile(r"\bfeature required\b|\bnot enabled\b|\bis disabled\b|\bnot supported\b")
"""What wasmtime says of instructions and types that it knows by name only, such as those of legacy exceptions."""


_MISMATCH = "signature_mismatch:"
"""How wasm-ld names what it puts in place of a function that is called by another type than its own: it traps."""


def mismatched_functions(source: bytes) -> list[str]:
    """Return the names of functions that a linked module calls by another type than they have."""
    if _MISMATCH.encode() not in source:
        return []
    from externref_build.processor.labels import FuncLabels
    from externref_build.wasm.decoding import decode_module

    module = decode_module(source)
    labels = FuncLabels(module)
    names = {labels.describe(func) for func in range(len(module.func_imports), module.func_count)}
    return sorted(name.removeprefix(_MISMATCH) for name in names if name.startswith(_MISMATCH))


def check_result(source: bytes, result: bytes, report: Report) -> str | None:
    """See that a processed module validates, and that what was declared has become references.

    Returns the version of wasmtime that agreed; ``None`` if it is not installed, or cannot judge because it does not
    know what the guest itself uses. Raises InvalidResultError.
    """
    try:
        import wasmtime
    except ImportError:
        return None
    version = importlib.metadata.version("wasmtime")
    try:
        module = wasmtime.Module(_engine(wasmtime), result)
    except wasmtime.WasmtimeError as error:
        guest = validate(source)
        if guest.problem or guest.unknown:
            return None
        raise InvalidResultError(
            f"the processed module does not validate: {str(error).splitlines()[0]}",
            where=f"wasmtime {version}",
            remedy="this is a fault of externref-build: please report it, with the guest's module as cargo left it",
        ) from error
    imports = {(entry.module, entry.name): entry.type for entry in module.imports}
    exports = {(None, entry.name): entry.type for entry in module.exports}
    _check_declarations(wasmtime, [*report.imports, *report.exports], {**imports, **exports})
    return version


class Verdict(NamedTuple):
    """What wasmtime says of a module."""

    version: str | None
    """None where it is not installed."""
    problem: str | None = None
    """What breaks a rule of validation."""
    unknown: str | None = None
    """What this version of wasmtime does not know, so that it cannot judge."""


def validate(module: bytes) -> Verdict:
    """Let wasmtime validate any module."""
    try:
        import wasmtime
    except ImportError:
        return Verdict(None)
    version = importlib.metadata.version("wasmtime")
    try:
        wasmtime.Module.validate(_engine(wasmtime), module)
    except wasmtime.WasmtimeError as error:
        problem = str(error).splitlines()[0]
        return Verdict(version, None, problem) if _IS_UNKNOWN.search(problem) else Verdict(version, problem)
    return Verdict(version)


def _engine(wasmtime: Any) -> Any:
    """Make an engine that knows what the processor knows, as far as this version of wasmtime does."""
    from wasmtime import _ffi

    config = wasmtime.Config()
    config.cranelift_opt_level = "none"
    for feature in _FEATURES:
        # Config has no property for the newest ones.
        switch = getattr(_ffi, f"wasmtime_config_{feature}_set", None)
        if switch is not None:
            switch(config.ptr(), True)
    return wasmtime.Engine(config)


def _check_declarations(wasmtime: Any, declared: Iterable[Declaration], actual: dict[Any, Any]) -> None:
    reference = wasmtime.ValType.externref()
    for declaration in declared:
        kind = actual.get((declaration.module, declaration.name))
        if kind is None and declaration.kind == "import":
            continue
        params = tuple(value == reference for value in kind.params) if kind else None
        results = tuple(value == reference for value in kind.results) if kind else None
        if (params, results) != (declaration.params, declaration.results):
            raise InvalidResultError(
                f"the {declaration.kind} {declaration.name} has become {kind}, which is not what the guest declared",
                remedy="this is a fault of externref-build: please report it, with the guest's module as cargo left it",
            )

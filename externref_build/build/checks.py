"""Check a processed module with an implementation that is not ours: wasmtime, where it is installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from externref_build.errors import InvalidResultError

if TYPE_CHECKING:
    from externref_build.processor.report import Declaration, Report


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
    engine = _engine(wasmtime)
    try:
        module = wasmtime.Module(engine, result)
    except wasmtime.WasmtimeError as error:
        if not _validates(wasmtime, engine, source):
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


def validate(module: bytes) -> tuple[str | None, str | None]:
    """Let wasmtime validate any module; return its version, and what it finds wrong.

    The version is ``None`` where it is not installed.
    """
    try:
        import wasmtime
    except ImportError:
        return None, None
    version = importlib.metadata.version("wasmtime")
    try:
        wasmtime.Module.validate(_engine(wasmtime), module)
    except wasmtime.WasmtimeError as error:
        return version, str(error).splitlines()[0]
    return version, None


def _engine(wasmtime: Any) -> Any:
    config = wasmtime.Config()
    config.cranelift_opt_level = "none"
    for feature in dir(type(config)):
        if feature.startswith("wasm_") and "component" not in feature:
            try:
                setattr(config, feature, True)
            except wasmtime.WasmtimeError:
                continue
    return wasmtime.Engine(config)


def _validates(wasmtime: Any, engine: Any, module: bytes) -> bool:
    try:
        wasmtime.Module.validate(engine, module)
    except wasmtime.WasmtimeError:
        return False
    return True


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

"""Optimise a processed module with Binaryen's wasm-opt.

The tool is the user's own, never downloaded. It learns from the section ``target_features`` which features a module
may use. What it gives back has to have the interface of before, and no debug info that it did not bring up to date:
builds of Binaryen without support for DWARF copy it as it is.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from externref_build.build.progress import Progress
from externref_build.config import ModuleConfig
from externref_build.errors import GuestBuildError, ToolchainError
from externref_build.guests.run import run
from externref_build.metadata import INTERFACE_SECTION
from externref_build.processor.custom import PRODUCERS, TARGET_FEATURES, add_producer
from externref_build.wasm.custom import custom_contents, is_dwarf, with_custom, without_custom
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.sections import CODE, decode_sections

_FEATURES_OF_REFERENCES = (
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
)
"""WebAssembly 2.0, which has references: what an engine knows that can run the module at all."""


@dataclass(frozen=True, slots=True)
class WasmOpt:
    """A wasm-opt that starts."""

    path: str
    version: str


def find_wasm_opt(module: ModuleConfig, environ: Mapping[str, str]) -> WasmOpt:
    """Find the configured wasm-opt: by a path relative to the project, or on ``PATH``. Raises ToolchainError."""
    wanted, search_path = module.wasm_opt, environ.get("PATH", os.defpath)
    is_path = os.path.dirname(wanted) != ""  # noqa: PTH120
    found = shutil.which(str(module.project_dir / wanted) if is_path else wanted, path=search_path)
    if found is None:
        raise ToolchainError(
            f"{wanted} is not found, expected the wasm-opt that the key optimize asks for",
            where=str(module.project_dir / wanted) if is_path else f"PATH={search_path}",
            remedy="install Binaryen, which it belongs to:\n"
            "apt-get install binaryen, brew install binaryen, or npm install --global binaryen\n"
            "or name it with the key wasm-opt or EXTERNREF_WASM_OPT; or build without: EXTERNREF_OPTIMIZE=false",
        )
    told = run((found, "--version"), cwd=module.project_dir, environ=environ)
    tool, _, version = told.stdout.strip().partition(" version ")
    if told.status != 0 or not tool.startswith("wasm-opt"):
        raise ToolchainError(
            f"`{found} --version` does not tell the version of a wasm-opt (exit status {told.status})",
            where=found,
            remedy=(told.stderr or told.stdout).strip() or "it said nothing; see that Binaryen is whole",
        )
    return WasmOpt(found, version.split(" ")[0])


def optimize(
    source: bytes, processed: bytes, module: ModuleConfig, tool: WasmOpt, environ: Mapping[str, str], progress: Progress
) -> bytes:
    """Optimise a processed module as configured; ``source`` is what it was processed from.

    Raises GuestBuildError if wasm-opt fails, or takes away what belongs to the module.
    """
    started = time.perf_counter()
    keep_names = () if module.debug_info == "strip" else ("-g",)
    features = () if TARGET_FEATURES in custom_contents(source) else _FEATURES_OF_REFERENCES
    arguments = (*keep_names, *features, *module.optimize)
    optimized = _run(processed, arguments, module, tool, environ, progress)
    _require_interface(processed, optimized, tool, module)
    producers = add_producer(custom_contents(optimized).get(PRODUCERS, b""), "wasm-opt", tool.version)
    optimized = with_custom(optimized, PRODUCERS, producers)
    sizes = f"{len(processed):,} to {len(optimized):,} bytes".replace(",", " ")
    how = " ".join(module.optimize)
    progress.step("Optimized", f"with wasm-opt {tool.version} {how}; {sizes}; in {time.perf_counter() - started:.2f} s")
    if not _has_stale_dwarf(processed, optimized):
        return optimized
    if module.debug_info == "split":
        raise GuestBuildError(
            f"wasm-opt {tool.version} left the debug info as it was, so that it does not fit the code any longer",
            where=tool.path,
            remedy='use a wasm-opt built with support for DWARF, or leave out optimize or debug-info = "split"',
        )
    progress.warn("the module has no debug info but names: this wasm-opt left it as it was, and it would not fit")
    return without_custom(optimized, is_dwarf)


def _run(
    processed: bytes,
    arguments: tuple[str, ...],
    module: ModuleConfig,
    tool: WasmOpt,
    environ: Mapping[str, str],
    progress: Progress,
) -> bytes:
    with tempfile.TemporaryDirectory(prefix="externref-build-") as temporary:
        given, made = Path(temporary, "processed.wasm"), Path(temporary, "optimized.wasm")
        given.write_bytes(processed)
        done = run((tool.path, str(given), "-o", str(made), *arguments), cwd=module.project_dir, environ=environ)
        said = done.stderr.strip()
        if done.status != 0 or not made.is_file():
            raise GuestBuildError(
                f"wasm-opt {tool.version} could not optimise the module (exit status {done.status})",
                where=f"{tool.path} {' '.join(arguments)}",
                remedy=said or "it said nothing",
            )
        if said:
            progress.warn(f"wasm-opt: {said}")
        return made.read_bytes()


def _require_interface(processed: bytes, optimized: bytes, tool: WasmOpt, module: ModuleConfig) -> None:
    before, after = ({export.name for export in decode_module(data).exports} for data in (processed, optimized))
    lost = sorted(before - after)
    if custom_contents(processed).get(INTERFACE_SECTION) != custom_contents(optimized).get(INTERFACE_SECTION):
        lost.append(f"the section {INTERFACE_SECTION}")
    if lost:
        raise GuestBuildError(
            f"wasm-opt {tool.version} has taken {', '.join(lost)} out of the module, expected the same interface",
            where=f"{module.project_dir / 'pyproject.toml'}, key optimize",
            remedy="take out the argument that does it",
        )


def _has_stale_dwarf(processed: bytes, optimized: bytes) -> bool:
    """Tell whether the code was changed, and debug info was not."""
    before, after = (
        {name: content for name, content in custom_contents(data).items() if is_dwarf(name)}
        for data in (processed, optimized)
    )
    return bool(after) and before == after and _code(processed) != _code(optimized)


def _code(data: bytes) -> bytes:
    return b"".join(data[section.payload : section.end] for section in decode_sections(data) if section.id == CODE)

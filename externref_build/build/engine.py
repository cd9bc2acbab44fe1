"""Build one module: compile the guest, process what the linker left, check the result, put it in place."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from externref_build.bindings.hosts import host_file_names
from externref_build.build.hosts import make_hosts, without_interface
from externref_build.build.npm import PACKAGE_JSON, has_package_json, write_npm_packages
from externref_build.build.packages import package_folder
from externref_build.build.progress import Progress
from externref_build.config import Config, ModuleConfig
from externref_build.errors import ConfigError, ExternrefBuildError, InvalidResultError, OutputError
from externref_build.guests.c_sources import module_name
from externref_build.guests.cargo import GuestPlan, compile_guest, plan_guest
from externref_build.guests.manifest import default_name
from externref_build.guests.module import GuestModule
from externref_build.output import write_whole
from externref_build.wasm.custom import custom_contents, is_dwarf, name_debug_file, without_custom
from externref_build.wording import plural

if TYPE_CHECKING:
    from externref_build.build.optimize import WasmOpt
    from externref_build.processor.report import Report


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A module that is in its place."""

    module: ModuleConfig
    path: Path
    guest: GuestModule
    """What cargo, or the compiler of C and C++, made."""
    plan: GuestPlan | None
    """How cargo was told to make it; ``None`` for guests in C and C++."""
    report: Report | None
    """What the processor found and did; ``None`` if the module was kept as an earlier build had left it."""
    sha256: str
    """Digest of the module."""
    input_size: int
    """Size of the guest's module as the linker left it, in bytes."""
    output_size: int
    """Size of the processed module, in bytes."""
    written: bool
    """False if the file was there already with these bytes, and was left alone."""
    validated_by: str | None
    """Version of the wasmtime that has now validated the result, if any did."""
    optimizer: WasmOpt | None
    """What optimised it, if that was asked for."""
    files: tuple[Path, ...]
    """What was written besides: hosts, and the file with the debug info, if that was split off."""


def module_file_name(module: ModuleConfig) -> str:
    """Return the file name of a module: the configured one, or the crate's.

    Raises ConfigError if the crate's cannot be read.
    """
    return f"{module_stem(module)}.wasm"


def module_stem(module: ModuleConfig) -> str:
    """Return the name of a module without ``.wasm``. Raises ConfigError if the crate's cannot be read."""
    return module_name(module) if module.sources else module.name or default_name(module.manifest_path)


def output_file_names(module: ModuleConfig) -> list[str]:
    """Return the names of all files that are built for a module: its own first, then those of its hosts.

    Modules in one package share a package.json. Raises ConfigError if the crate's name cannot be read.
    """
    hosts = host_file_names(module.bindings, module_stem(module))
    return [module_file_name(module), *hosts, *[PACKAGE_JSON] * has_package_json(module)]


def build_project(
    config: Config,
    *,
    progress: Progress,
    folder_of: Callable[[ModuleConfig], Path] = package_folder,
    environ: Mapping[str, str] | None = None,
    version: str | None = None,
) -> list[BuildResult]:
    """Build every module of a project, or use those that are there (``EXTERNREF_SKIP``; the result is then empty).

    ``folder_of`` tells the folder that receives a module; ``version`` is the project's, where pyproject.toml does not
    say. Raises ExternrefBuildError.
    """
    paths = output_paths(config, folder_of)
    if config.skip:
        for module, path in zip(config.modules, paths, strict=True):
            use_existing_module(module, progress=progress, output_folder=path.parent)
        return []
    results = [
        build_module(module, progress=progress, output_folder=path.parent, environ=environ)
        for module, path in zip(config.modules, paths, strict=True)
    ]
    write_npm_packages(config, paths, version)
    return results


def output_paths(config: Config, folder_of: Callable[[ModuleConfig], Path] = package_folder) -> list[Path]:
    """Return where each module of a project is built. Raises ConfigError if two are to be one file."""
    paths = [folder_of(module) / module_file_name(module) for module in config.modules]
    for path in paths:
        if paths.count(path) > 1:
            raise ConfigError(
                f"{paths.count(path)} modules would be written to one file, {path.name}, expected one for each",
                where=f"{config.project_dir / 'pyproject.toml'}, [[tool.externref.modules]]",
                remedy="give them different keys name, or package",
            )
    return paths


def build_module(
    module: ModuleConfig,
    *,
    progress: Progress,
    output_folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> BuildResult:
    """Build a module into a folder, by default that of its package in the project.

    Raises ExternrefBuildError; whatever lay in the output's place before is then unchanged.
    """
    from externref_build.build.optimize import find_wasm_opt, optimize

    path = (output_folder or package_folder(module)) / module_file_name(module)
    environ = os.environ if environ is None else environ
    wasm_opt = find_wasm_opt(module, environ) if module.optimize else None
    plan, guest = _compile(module, environ, progress)
    source = guest.path.read_bytes()
    processed, report = _process(source, guest.path, module, progress)
    hosts = make_hosts(module, processed, path.stem)
    if not module.interface:
        processed = without_interface(processed)
    result = optimize(source, processed, module, wasm_opt, environ, progress) if wasm_opt else processed
    validated_by = _check(source, processed, result, report, progress)
    files: tuple[Path, ...] = ()
    if module.debug_info == "split":
        result, files = _split_debug_info(result, guest, path, progress)
    _warn_of_paths(result, guest.workspace_root, module, progress)
    _warn_of_mismatches(source, progress)
    written = write_whole(path, result)
    progress.step("Wrote" if written else "Kept", f"{path}" if written else f"{path}, which is unchanged")
    for name, content in hosts.items():
        write_whole(path.with_name(name), content)
    return BuildResult(
        module=module,
        path=path,
        guest=guest,
        plan=plan,
        report=report,
        sha256=hashlib.sha256(result).hexdigest(),
        input_size=len(source),
        output_size=len(result),
        written=written,
        validated_by=validated_by,
        optimizer=wasm_opt,
        files=(*(path.with_name(name) for name in hosts), *files),
    )


def _compile(
    module: ModuleConfig, environ: Mapping[str, str], progress: Progress
) -> tuple[GuestPlan | None, GuestModule]:
    started = time.perf_counter()
    loudness = progress.cargo_arguments()
    plan = None if module.sources else plan_guest(module, environ=environ, loudness=loudness)
    guest = make_guest(module, plan, environ=environ, loudness=loudness)
    progress.step(
        "Fresh" if guest.fresh else "Compiled",
        f"guest {guest.name} for {guest.target} ({module.profile}) in {time.perf_counter() - started:.2f} s",
    )
    return plan, guest


def make_guest(
    module: ModuleConfig, plan: GuestPlan | None, *, environ: Mapping[str, str], loudness: Sequence[str]
) -> GuestModule:
    """Compile what has changed of a guest: one in Rust as planned, one in C or C++ without a plan.

    Raises what `compile_guest` and `clang.build_guest` raise.
    """
    if plan is not None:
        return compile_guest(plan, environ=environ, loudness=loudness)
    from externref_build.guests.clang import build_guest

    return build_guest(module, environ=environ)


def use_existing_module(module: ModuleConfig, *, progress: Progress, output_folder: Path | None = None) -> Path:
    """Use the module and the hosts in the package, for ``EXTERNREF_SKIP``; return its path in the output folder.

    Raises OutputError if there is none.
    """
    paths = []
    for name in output_file_names(module):
        present = package_folder(module) / name
        try:
            content = present.read_bytes()
        except OSError as error:
            raise OutputError(
                f"EXTERNREF_SKIP is set, and there is no {present.name} to use: {error.strerror}",
                where=str(present),
                remedy="build it once with `externref-build build`, or unset EXTERNREF_SKIP;\n"
                "a source distribution holds it if that was made with EXTERNREF_SKIP as well",
            ) from error
        paths.append(output_folder / name if output_folder else present)
        write_whole(paths[-1], content)
    progress.step("Skipped", f"the build of {paths[0].name}: used the one that is there (EXTERNREF_SKIP)")
    return paths[0]


def _process(source: bytes, path: Path, module: ModuleConfig, progress: Progress) -> tuple[bytes, Report]:
    """Process what the linker left in a file; for hosts, the interface stays, whether or not it is to be kept."""
    from externref_build.processor import Processor

    started = time.perf_counter()
    processor = Processor(
        table=module.table,
        drop_hook=module.drop_hook,
        require_direct=module.require_direct,
        debug_info="keep" if module.debug_info == "split" else module.debug_info,
        interface=module.interface or bool(module.bindings),
    )
    try:
        processed = processor.process(source)
    except ExternrefBuildError as error:
        error.located(str(path))
        raise
    progress.step("Processed", _summary(processor.report, time.perf_counter() - started))
    return processed, processor.report


def _check(source: bytes, processed: bytes, result: bytes, report: Report, progress: Progress) -> str | None:
    from externref_build.build.checks import check_result

    started = time.perf_counter()
    try:
        version = check_result(source, result, report)
    except InvalidResultError as error:
        if result is not processed and check_result(source, processed, report):
            error.remedy = "it was valid before wasm-opt: see what the arguments in the key optimize do"
        raise
    if version:
        progress.step("Validated", f"with wasmtime {version} in {time.perf_counter() - started:.2f} s")
    return version


def _split_debug_info(
    result: bytes, guest: GuestModule, path: Path, progress: Progress
) -> tuple[bytes, tuple[Path, ...]]:
    """Put the module with its debug info beside what cargo made; return the module without, and where that is."""
    if not any(map(is_dwarf, custom_contents(result))):
        progress.warn(
            'there is no debug info to split: the profile may need debug = true, or "line-tables-only", in Cargo.toml'
        )
        return result, ()
    debug_file = guest.path.with_name(f"{path.stem}.debug.wasm")
    write_whole(debug_file, result)
    progress.step("Split", f"debug info into {debug_file}")
    return name_debug_file(without_custom(result, is_dwarf), debug_file.name), (debug_file,)


def _warn_of_paths(result: bytes, workspace_root: Path, module: ModuleConfig, progress: Progress) -> None:
    if module.profile not in {"dev", "test"} and os.fsencode(workspace_root) in result:
        progress.warn(
            f"the module names the folder {workspace_root}, most likely in debug info of a crate of the workspace; "
            'debug-info = "strip" in [tool.externref] leaves it out'
        )


def _warn_of_mismatches(source: bytes, progress: Progress) -> None:
    from externref_build.build.checks import mismatched_functions

    for name in mismatched_functions(source):
        progress.warn(
            f"there are two functions of the name `{name}` with different types, and calls of one by the type of the "
            "other trap; libraries of C have functions such as `read` and `write`: give yours another name"
        )


def _summary(report: Report, seconds: float) -> str:
    declared = f"{plural(len(report.imports), 'import')} and {plural(len(report.exports), 'export')} with references"
    adapters = sum(function.lowering == "adapter" for function in report.functions)
    direct = len(report.functions) - adapters
    lowered = f"{plural(direct, 'function')} direct" + (f", {adapters} by adapter" if adapters else "")
    sizes = f"{report.input_size:,} to {report.output_size:,} bytes".replace(",", " ")
    return f"{declared}; {lowered}; {sizes}; in {seconds:.2f} s"

"""Build a Rust guest with cargo.

1. Find the toolchain, and see that it can compile for the target.
2. Resolve the dependencies (``cargo metadata``): the workspace's root, the package, whether it needs the guest crate.
3. Choose the one target of the package that becomes the module.
4. Compile it; diagnostics go to the user, cargo's messages come to us.
5. Take the module from these messages, and the crates that it consists of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from externref_build.config import ModuleConfig
from externref_build.errors import ArtifactError, ConfigError, GuestBuildError
from externref_build.guests.cargo_config import read_cargo_config
from externref_build.guests.crates import Crate, compiled_packages, linked_crates, ordinary_crates
from externref_build.guests.manifest import read_manifest
from externref_build.guests.module import GuestModule
from externref_build.guests.remap import add_rustc_flags, dependency_flags, needs_workspace_flags, workspace_flags
from externref_build.guests.resolve import METADATA, patch_for, resolution_arguments, resolve
from externref_build.guests.run import run
from externref_build.guests.toolchain import choose_target, find_toolchain, require_target

_HAND_OPTIONS_ON: Final = frozenset({"clippy", "hack", "miri", "nextest"})
"""Commands that are programs of their own, to which cargo hands no ``--config`` on, and which hand theirs to cargo."""


@dataclass(frozen=True, slots=True)
class GuestPlan:
    """Everything that cargo has to be told to compile a guest: the same plan compiles it again."""

    argv: tuple[str, ...]
    folder: Path
    """Where cargo is started."""
    environ: Mapping[str, str]
    """Variables in addition to the environment."""
    package_id: str
    """Cargo's name for the package whose target becomes the module."""
    name: str
    """The name of that target, which is the default name of the output."""
    target: str
    """The Rust target that it is compiled for."""
    workspace_root: Path
    """Folder of the workspace that cargo compiles it in."""
    sysroot: Path
    """Folder of the compiler."""
    crates: tuple[Crate, ...]
    """What it may be linked from, the guest's own crate first."""
    tools: tuple[str, ...]
    """First lines of ``cargo --version`` and ``rustc --version``."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """The target of a package that becomes the module."""

    package_id: str
    name: str
    flags: tuple[str, ...]
    """How ``cargo rustc`` selects it."""


def plan_guest(module: ModuleConfig, *, environ: Mapping[str, str], loudness: Sequence[str] = ()) -> GuestPlan:
    """Find out what cargo has to be told to compile the guest of a module.

    ``loudness`` are arguments that decide what cargo tells; they are no part of the plan.

    Raises ToolchainError if something is missing, GuestBuildError if cargo cannot resolve its packages, ArtifactError
    if they make no module.
    """
    folder = _guest_folder(module)
    toolchain = find_toolchain(folder, environ=environ, name=module.toolchain)
    config = read_cargo_config(folder, environ, module.cargo_args)
    target = choose_target(module.target, config)
    std_is_built = config.builds_std() or any("build-std" in argument for argument in module.cargo_args)
    cfg = require_target(toolchain, target, folder, environ=environ, std_is_built=std_is_built)
    metadata, patch = resolve(toolchain, module, target, environ, loudness)
    choice = _choose(metadata, module, target)
    root = Path(metadata["workspace_root"])
    flags = dependency_flags(toolchain, metadata["packages"], root)
    last_flags = workspace_flags(root, Path(metadata["target_directory"]))
    if needs_workspace_flags(module.profile, read_manifest(root / "Cargo.toml"), config):
        flags += last_flags
    flag_arguments, flag_variables = add_rustc_flags(flags, config, target, cfg, environ)
    argv = (
        *toolchain.cargo,
        "rustc",
        *("--manifest-path", str(module.manifest_path), *choice.flags),
        *("--target", target, "--profile", module.profile, "--message-format=json-render-diagnostics"),
        *resolution_arguments(module),
        *patch,
        *flag_arguments,
        *module.cargo_args,
        "--",
        *last_flags,
    )
    crates = ordinary_crates(metadata, choice.package_id)
    tools = (toolchain.cargo_version, toolchain.rustc_version)
    return GuestPlan(
        argv, folder, flag_variables, choice.package_id, choice.name, target, root, toolchain.sysroot, crates, tools
    )


def compile_guest(plan: GuestPlan, *, environ: Mapping[str, str], loudness: Sequence[str] = ()) -> GuestModule:
    """Run cargo as planned and return what it made; ``loudness`` are arguments that decide what cargo tells.

    Raises GuestBuildError if cargo fails, ArtifactError if there is not exactly one module to take.
    """
    # No variables such as CARGO_TERM_QUIET: caches of compilations make them part of their keys.
    behind = plan.argv.index("--")
    argv = (*plan.argv[:behind], *loudness, *plan.argv[behind:])
    done = run(argv, cwd=plan.folder, environ={**environ, **plan.environ}, live="stderr")
    if done.status != 0:
        raise GuestBuildError(
            f"cargo could not build the guest {plan.name} for {plan.target} (exit status {done.status})",
            where=str(plan.folder / "Cargo.toml"),
            remedy="the diagnostics above say why",
        )
    messages = list(_messages(done.stdout))
    path, fresh = _artifact(messages, plan)
    crates = linked_crates(plan.crates, compiled_packages(messages))
    return GuestModule(path, plan.name, plan.target, fresh, plan.workspace_root, crates, plan.tools)


def cargo_passthrough(arguments: Sequence[str], *, folder: Path, environ: Mapping[str, str]) -> int:
    """Run any cargo command in a folder, with the guest crate supplied where it is used; return cargo's exit status.

    Raises ToolchainError if cargo or rustc is missing.
    """
    name = arguments[0][1:] if arguments and arguments[0].startswith("+") else None
    words = list(arguments[1:] if name else arguments)
    toolchain = find_toolchain(folder, environ=environ, name=name)
    query = (*toolchain.cargo, *METADATA, "--no-deps", *_option(words, "--manifest-path"))
    answer = run(query, cwd=folder, environ=environ)
    patch = patch_for(json.loads(answer.stdout)) if answer.status == 0 else ()
    return run((*toolchain.cargo, *_patched(words, patch)), cwd=folder, environ=environ, live="all").status


def _patched(words: Sequence[str], patch: Sequence[str]) -> tuple[str, ...]:
    """Return a command with the patch where it is heeded: in front, or among what a program of its own hands on."""
    if next((word for word in words if not word.startswith("-")), None) not in _HAND_OPTIONS_ON:
        return (*patch, *words)
    end = words.index("--") if "--" in words else len(words)
    return (*words[:end], *patch, *words[end:])


def _option(words: Sequence[str], option: str) -> tuple[str, ...]:
    """Return an option and its value, as far as they are among the words of a command."""
    for index, word in enumerate(words):
        if word == option or word.startswith(f"{option}="):
            return tuple(words[index : index + (2 if word == option else 1)])
    return ()


def _guest_folder(module: ModuleConfig) -> Path:
    if module.manifest_path.is_file():
        return module.manifest_path.parent
    raise ConfigError(
        f"manifest-path names {module.manifest_path.relative_to(module.project_dir)}, which is not there, "
        "expected the guest's Cargo.toml",
        where=str(module.manifest_path),
        remedy="set manifest-path in [tool.externref] to the guest's Cargo.toml",
    )


# Choosing


def _choose(metadata: Mapping[str, Any], module: ModuleConfig, target: str) -> _Choice:
    packages = {package["id"]: package for package in metadata["packages"]}
    root = next((p for p in packages.values() if Path(p["manifest_path"]).samefile(module.manifest_path)), None)
    if root is None:
        raise _no_package([packages[member] for member in metadata["workspace_members"]], module)
    libraries = [entry for entry in root["targets"] if _is_cdylib(entry)]
    if libraries:
        return _Choice(root["id"], libraries[0]["name"].replace("-", "_"), ("--lib",))
    commands = [entry["name"] for entry in root["targets"] if entry["kind"] == ["bin"] and "wasi" in target]
    default = root.get("default_run")
    if default in commands or len(commands) == 1:
        name = default if default in commands else commands[0]
        return _Choice(root["id"], name, ("--bin", name))
    if commands:
        raise ArtifactError(
            f"the package {root['name']} has {len(commands)} binaries ({', '.join(sorted(commands))}), expected one",
            where=str(module.manifest_path),
            remedy=f'choose one, in [package] of Cargo.toml: default-run = "{commands[0]}"',
        )
    raise ArtifactError(
        f"the package {root['name']} makes no WebAssembly module: it has no library of crate type cdylib",
        where=str(module.manifest_path),
        remedy='add to its Cargo.toml:\n[lib]\ncrate-type = ["cdylib"]',
    )


def _is_cdylib(entry: Mapping[str, Any]) -> bool:
    return "cdylib" in entry["crate_types"] and "example" not in entry["kind"]


def _no_package(members: Sequence[Mapping[str, Any]], module: ModuleConfig) -> ArtifactError:
    modules = [member for member in members if any(map(_is_cdylib, member["targets"]))]
    names = ", ".join(sorted(member["name"] for member in modules)) or "none"
    manifests = (os.path.relpath(member["manifest_path"], module.project_dir) for member in modules or members)
    lines = sorted(f'manifest-path = "{Path(manifest).as_posix()}"' for manifest in manifests)
    return ArtifactError(
        f"this Cargo.toml is a workspace of {len(members)} packages, of which {len(modules)} make a cdylib ({names}), "
        "expected one package",
        where=str(module.manifest_path),
        remedy="choose one, in [tool.externref]:\n" + "\n".join(lines),
    )


# The artifact


def _messages(stdout: str) -> Iterator[dict[str, Any]]:
    for line in stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _artifact(messages: Iterable[Mapping[str, Any]], plan: GuestPlan) -> tuple[Path, bool]:
    """Take the module from the messages about the chosen package; its dependencies may be cdylibs as well.

    Returns its path, and whether it was there from an earlier build.
    """
    found = [
        (Path(name), bool(message["fresh"]))
        for message in messages
        if message["reason"] == "compiler-artifact" and message["package_id"] == plan.package_id
        for name in message["filenames"]
        if name.endswith(".wasm")
    ]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(str(path) for path, _ in found) or "none"
    raise ArtifactError(
        f"cargo left {len(found)} modules of the guest {plan.name} ({listed}), expected one",
        where=str(plan.workspace_root),
        remedy=f"see that one module for {plan.target} is made, whatever crate types and linker are configured",
    )

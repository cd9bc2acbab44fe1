"""Find cargo and rustc by the rules that cargo itself follows, and see that the target's standard library is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from externref_build.errors import CargoNotFoundError, TargetNotInstalledError, ToolchainError
from externref_build.guests.cargo_config import CargoConfig, read_cargo_config
from externref_build.guests.run import run

DEFAULT_TARGET = "wasm32-unknown-unknown"

_DISTRIBUTION_COMMANDS: Mapping[str, str] = {
    "debian": "apt-get install libstd-rust-dev-wasm32",
    "ubuntu": "apt-get install libstd-rust-dev-wasm32",
    "fedora": "dnf install rust-std-static-{target}",
    "arch": "pacman -S rust-wasm",
    "alpine": "apk add rust-wasm",
}
"""What installs the standard library beside a rustc of the system, by ``ID`` of os-release(5)."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A cargo that starts, and the rustc that it will use."""

    cargo: tuple[str, ...]
    """How to start cargo: its path, and ``+toolchain`` where one is configured."""
    rustc: tuple[str, ...]
    """How to start the rustc that this cargo will use."""
    cargo_version: str
    """First line of ``cargo --version``."""
    rustc_version: str
    """First line of ``rustc --version``."""
    commit_hash: str
    """The compiler's commit, under which its standard library is named in panics; ``unknown`` if it does not say."""
    sysroot: Path
    rustup: bool
    """Whether cargo is rustup's proxy."""


def find_toolchain(folder: Path, *, environ: Mapping[str, str], name: str | None = None) -> Toolchain:
    """Find the toolchain that cargo, started in a folder, will be and use.

    ``name`` is a toolchain of rustup. Raises CargoNotFoundError if there is no cargo, and ToolchainError if cargo or
    rustc does not start.
    """
    cargo = _find_cargo(environ)
    selection = (f"+{name}",) if name else ()
    config = read_cargo_config(folder, environ)
    rustup = _is_rustup(Path(cargo))
    if selection and not rustup:
        raise ToolchainError(
            f'toolchain = "{name}" needs rustup, and {cargo} is not rustup\'s cargo',
            remedy="install rustup (https://rustup.rs), or remove the key toolchain to use the cargo that is there",
        )
    custom_rustc = environ.get("RUSTC") or config.string("build", "rustc")
    rustc = (custom_rustc,) if custom_rustc else (_find_rustc(cargo, environ), *selection)
    if name and run((cargo, f"+{name}", "--version"), cwd=folder, environ=environ).status != 0:
        _require_known(name, Path(cargo), folder, environ)
    cargo_version = _ask((cargo, *selection, "--version"), folder, environ).strip()
    verbose = _ask((*rustc, "-vV"), folder, environ)
    facts = dict(line.split(": ", 1) for line in verbose.splitlines() if ": " in line)
    return Toolchain(
        cargo=(cargo, *selection),
        rustc=rustc,
        cargo_version=cargo_version,
        rustc_version=verbose.partition("\n")[0],
        commit_hash=facts.get("commit-hash", "unknown"),
        sysroot=Path(_ask((*rustc, "--print", "sysroot"), folder, environ).strip()),
        rustup=rustup,
    )


def choose_target(configured: str | None, config: CargoConfig) -> str:
    """Return the configured target, or the wasm32 target that cargo is set to by default, or wasm32-unknown-unknown."""
    of_cargo = config.string("build", "target")
    if configured:
        return configured
    return of_cargo if of_cargo and of_cargo.startswith("wasm32") else DEFAULT_TARGET


def require_target(
    toolchain: Toolchain, target: str, folder: Path, *, environ: Mapping[str, str], std_is_built: bool = False
) -> frozenset[str]:
    """See that the standard library for a target is installed; return the target's cfg values, as rustc prints them.

    ``rustc --print target-libdir`` names a folder whether or not there is one. ``std_is_built`` with the guest need not
    be there. Raises TargetNotInstalledError.
    """
    query = (*toolchain.rustc, "--print", "target-libdir", "--print", "cfg", "--target", target)
    answer = run(query, cwd=folder, environ=environ)
    if answer.status != 0:
        raise TargetNotInstalledError(
            f"{toolchain.rustc_version} does not know the target {target}",
            where=" ".join(toolchain.rustc),
            remedy=f"use wasm32-unknown-unknown or wasm32-wasip1, or a rustc that knows {target}",
        )
    libdir, *cfg = answer.stdout.splitlines()
    if not std_is_built and not any(Path(libdir).glob("libcore-*")):
        raise TargetNotInstalledError(
            f"Rust's standard library for {target} is not installed",
            where=f"{libdir} (sysroot {toolchain.sysroot}, rustc {' '.join(toolchain.rustc)}, "
            f"{toolchain.rustc_version}, rustup {'in use' if toolchain.rustup else 'not in use'})",
            remedy=f"install it with:\n{installation_command(toolchain, target, environ)}",
        )
    return frozenset(cfg)


def installation_command(toolchain: Toolchain, target: str, environ: Mapping[str, str]) -> str:
    """Return the command that installs a target's standard library into this toolchain, or into a new one."""
    home = Path(environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
    if toolchain.rustup and toolchain.sysroot.parent == home / "toolchains":
        return f"rustup target add {target} --toolchain {toolchain.sysroot.name}"
    if toolchain.rustup:
        return (
            f"rustup target add {target} --toolchain stable\n"
            "and choose that toolchain, with RUSTUP_TOOLCHAIN=stable or the key toolchain: the one in use is linked, "
            "rustup cannot add to it"
        )
    command = _DISTRIBUTION_COMMANDS.get(_distribution()) if toolchain.sysroot == Path("/usr") else None
    if command:
        return command.format(target=target)
    return f"curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y --target {target}"


def _find_cargo(environ: Mapping[str, str]) -> str:
    search_path = environ.get("PATH", os.defpath)
    wanted = environ.get("CARGO") or "cargo"
    found = shutil.which(wanted, path=search_path)
    if found:
        return found
    looked = f"CARGO={wanted}" if environ.get("CARGO") else f"CARGO is not set, PATH={search_path}"
    raise CargoNotFoundError(
        "cargo is not found; it builds the guest",
        where=looked,
        remedy="install Rust with the target for WebAssembly:\n"
        f"curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y --target {DEFAULT_TARGET}\n"
        "or set CARGO to the cargo that you have",
    )


def _find_rustc(cargo: str, environ: Mapping[str, str]) -> str:
    search_path = environ.get("PATH", os.defpath)
    found = shutil.which("rustc", path=search_path)
    if found:
        return found
    raise ToolchainError(
        f"rustc is not found, though cargo is ({cargo})",
        where=f"RUSTC is not set, PATH={search_path}",
        remedy="add the folder of rustc to PATH, or set RUSTC",
    )


def _is_rustup(cargo: Path) -> bool:
    """Tell whether a cargo is rustup's proxy: a link to the program rustup, or a copy that lies beside it."""
    beside = cargo.with_name("rustup" + cargo.suffix)
    return cargo.resolve().stem == "rustup" or (beside.is_file() and beside.samefile(cargo))


def _require_known(name: str, cargo: Path, folder: Path, environ: Mapping[str, str]) -> None:
    """See that rustup has a toolchain of this name; its own message is for those who have typed a command."""
    beside = cargo.with_name("rustup" + cargo.suffix)
    rustup = str(beside if beside.is_file() else cargo.resolve())
    listed = _ask((rustup, "toolchain", "list"), folder, environ).splitlines()
    known = [line.split(" ")[0] for line in listed]
    if not any(entry == name or entry.startswith(f"{name}-") for entry in known):
        raise ToolchainError(
            f'toolchain = "{name}" names a toolchain that rustup does not have',
            where=f"`{rustup} toolchain list`: {', '.join(known) or 'none'}",
            remedy=f"install it with:\nrustup toolchain install {name} --target {DEFAULT_TARGET}\n"
            "or set the key toolchain to one that is there, or remove it",
        )


def _ask(argv: tuple[str, ...], folder: Path, environ: Mapping[str, str]) -> str:
    answer = run(argv, cwd=folder, environ=environ)
    if answer.status != 0:
        raise ToolchainError(
            f"`{' '.join(argv)}` failed with exit status {answer.status}",
            where=f"in folder {folder}",
            remedy=answer.stderr.strip() or "it said nothing; see that the Rust toolchain is whole",
        )
    return answer.stdout


def _distribution() -> str:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line[3:].strip('"') for line in lines if line.startswith("ID=")), "")

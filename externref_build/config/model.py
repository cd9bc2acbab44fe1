"""What a project says of its modules, as frozen values with every default filled in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ModuleConfig:
    """One WebAssembly module that is built into one Python package."""

    project_dir: Path
    """Folder of the pyproject.toml, absolute."""
    package: str
    """Dotted name of the Python package that receives the module."""
    manifest_path: Path
    """The guest's Cargo.toml, absolute."""
    name: str | None
    """File name without ``.wasm``; ``None`` is the crate's."""
    target: str | None
    """Rust target; ``None`` is the wasm32 target that cargo is configured for, else ``wasm32-unknown-unknown``."""
    profile: str
    features: tuple[str, ...]
    all_features: bool
    no_default_features: bool
    locked: bool
    offline: bool
    frozen: bool
    vendor: bool
    """Whether a source distribution holds the sources of all crates that the guest is built from."""
    cargo_args: tuple[str, ...]
    sources: tuple[str, ...]
    """Patterns of C and C++ sources, relative to the project; empty where the guest is a cargo package."""
    include_dirs: tuple[Path, ...]
    """Folders with headers, absolute."""
    std: str | None
    """Standard of C or of C++; ``None`` is the compiler's default."""
    cflags: tuple[str, ...]
    ldflags: tuple[str, ...]
    compiler: str | None
    """``zig``, or a clang; ``None`` takes what there is."""
    toolchain: str | None
    """Name of a rustup toolchain; ``None`` leaves the choice to rustup and ``PATH``."""
    table: str | None
    """Export name of the table of references; ``None`` hides it."""
    drop_hook: tuple[str, str] | None
    """Module and name of the import that is called with each dropped reference."""
    require_direct: bool
    debug_info: Literal["keep", "strip", "names", "split"]
    interface: bool
    """Whether the section ``externref.interface`` stays in the module."""
    bindings: tuple[str, ...]
    """Languages in which a host is written beside the module: ``python``, ``javascript``."""
    types: tuple[tuple[str, str], ...]
    """The Python class, as ``package.module:Class``, behind resource types by name."""
    typescript_types: tuple[tuple[str, str], ...]
    """The TypeScript type, as ``module:Type``, behind resource types by name."""
    package_json: bool
    """Whether a package.json for npm is written beside hosts in JavaScript."""
    optimize: tuple[str, ...]
    """Arguments of wasm-opt; it is not run if there are none."""
    wasm_opt: str
    """The wasm-opt to run: a name for ``PATH``, or a path, relative to the project."""


@dataclass(frozen=True, slots=True)
class Config:
    """All that ``[tool.externref]`` and its overrides say about one project."""

    project_dir: Path
    modules: tuple[ModuleConfig, ...]
    skip: bool
    """``EXTERNREF_SKIP``: leave the guests alone and use the modules that lie in the packages."""

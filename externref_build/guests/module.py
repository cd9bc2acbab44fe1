"""What every driver returns: the module that a guest's toolchain made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from externref_build.guests.crates import Crate


@dataclass(frozen=True, slots=True)
class GuestModule:
    """The module that a guest's toolchain made, as the linker left it."""

    path: Path
    name: str
    """The name of the crate's target, which is the default name of the output; of other guests, the output's."""
    target: str
    """The target it was compiled for, by Rust's name."""
    fresh: bool
    """Whether it was there from an earlier build."""
    workspace_root: Path
    """Folder of the workspace that cargo compiled it in; of other guests, the project's."""
    crates: tuple[Crate, ...]
    """What it was linked from, the guest's own crate first; empty for guests in C and C++."""
    tools: tuple[str, ...]
    """What compiled it: name and version of each tool, as it tells them."""

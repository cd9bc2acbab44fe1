"""Turn the integers of a linked WebAssembly module into real ``externref``s, and pack the result into a wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from externref_build._version import __version__
from externref_build.errors import ExternrefBuildError

if TYPE_CHECKING:
    from externref_build.processor import Processor, process

__all__ = ["ExternrefBuildError", "Processor", "__version__", "process"]


def __getattr__(name: str) -> object:
    """Import the processor when somebody asks for it; the rest of the package starts without."""
    if name in ("Processor", "process"):
        from externref_build import processor

        return getattr(processor, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

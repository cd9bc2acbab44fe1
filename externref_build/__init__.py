"""Turn the integers of a linked WebAssembly module into real ``externref``s, and pack the result into a wheel."""

from __future__ import annotations

from externref_build._version import __version__
from externref_build.errors import ExternrefBuildError
from externref_build.processor import Processor, process

__all__ = ["ExternrefBuildError", "Processor", "__version__", "process"]

"""Hosts in Python: one typed, self-contained module for each guest, which needs the package wasmtime to run."""

from __future__ import annotations

from externref_build.bindings.python.generator import generate

__all__ = ["generate"]

"""The command line. Each sub-command is a module that is imported when it is called, so starting costs nothing."""

from __future__ import annotations

from externref_build.cli.main import main

__all__ = ["main"]

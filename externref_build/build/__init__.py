"""The engine behind every front end: guest, processor, checks, output file."""

from __future__ import annotations

from externref_build.build.engine import BuildResult, build_module, build_project, module_file_name, use_existing_module
from externref_build.build.output import remove_former_outputs
from externref_build.build.packages import package_folder
from externref_build.build.progress import Progress

__all__ = [
    "BuildResult",
    "Progress",
    "build_module",
    "build_project",
    "module_file_name",
    "package_folder",
    "remove_former_outputs",
    "use_existing_module",
]

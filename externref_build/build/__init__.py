"""The engine behind every front end: guest, processor, checks, output file."""

from __future__ import annotations

from externref_build.build.engine import (
    BuildResult,
    build_module,
    build_project,
    module_file_name,
    output_file_names,
    use_existing_module,
)
from externref_build.build.in_place import (
    build_in_place,
    modules_in_place,
    remove_former_modules,
    require_current_modules,
)
from externref_build.build.npm import is_of_the_project
from externref_build.build.packages import name_in_wheel, package_folder, require_inside
from externref_build.build.progress import Progress
from externref_build.build.sbom import write_sboms
from externref_build.build.sources import built_files, modules_to_use, project_sources, sources_inside
from externref_build.build.vendor import vendored_files
from externref_build.output import remove_former_outputs

__all__ = [
    "BuildResult",
    "Progress",
    "build_in_place",
    "build_module",
    "build_project",
    "built_files",
    "is_of_the_project",
    "module_file_name",
    "modules_in_place",
    "modules_to_use",
    "name_in_wheel",
    "output_file_names",
    "package_folder",
    "project_sources",
    "remove_former_modules",
    "remove_former_outputs",
    "require_current_modules",
    "require_inside",
    "sources_inside",
    "use_existing_module",
    "vendored_files",
    "write_sboms",
]

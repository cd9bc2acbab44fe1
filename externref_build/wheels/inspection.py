"""All checks of one wheel, in the order in which a reader wants them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from externref_build.errors import InputError
from externref_build.wheels.archive import Wheel, check_archive, read_wheel
from externref_build.wheels.bill import check_bills
from externref_build.wheels.findings import Finding, bad
from externref_build.wheels.identity import check_metadata, check_tag
from externref_build.wheels.modules import check_modules, holds_references, module_names
from externref_build.wheels.record import check_record
from externref_build.wheels.traces import check_traces


def inspect_wheel(
    path: Path, *, modules: Collection[str] = (), folders: Mapping[str, Path]
) -> tuple[Wheel | None, list[Finding]]:
    """Read a wheel and check all that it alone can show; ``None`` instead of it if it cannot be read.

    ``modules`` are the names of those that it has to hold. ``folders`` are those of this machine that it must not name,
    by what they are.
    """
    try:
        wheel = read_wheel(path)
    except InputError as error:
        return None, [bad("archive", error.summary, error.where, error.remedy)]
    return wheel, list(_findings(wheel, modules, folders))


def _findings(wheel: Wheel, modules: Collection[str], folders: Mapping[str, Path]) -> Iterator[Finding]:
    yield from check_archive(wheel)
    yield from check_metadata(wheel)
    yield from check_tag(wheel)
    yield from check_record(wheel)
    yield from check_modules(wheel, modules)
    described = [name for name in module_names(wheel) if name in modules or holds_references(wheel.files[name])]
    yield from check_bills(wheel, described)
    yield from check_traces(wheel, folders)

"""``externref-build check``: wheels that are what they should be, for people and for CI."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from externref_build.build import Progress, build_project, module_file_name, name_in_wheel
from externref_build.cli import terminal
from externref_build.cli.arguments import Arguments
from externref_build.config import Config, ModuleConfig, load_config
from externref_build.guests.cargo_config import cargo_home
from externref_build.wheels import Finding, State, Wheel, compare_bill, compare_module, inspect_wheel
from externref_build.wording import plural

_STYLES: Final[dict[State, terminal.Style]] = {"ok": "green", "error": "red", "skipped": "yellow"}


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What was found in one wheel."""

    wheel: str
    ok: bool
    checks: tuple[Finding, ...]


def run(given: Arguments) -> int:
    """Check every wheel; return 1 if something is wrong with one."""
    config = load_config(Path(given.against)) if given.against is not None else None
    with tempfile.TemporaryDirectory(prefix="externref-build-") as folder:
        built = _build(config, Path(folder), quiet=given.quiet) if config else {}
        answers = [_examine(Path(name), config, built) for name in given.wheels]
    if given.json:
        terminal.show(json.dumps([dataclasses.asdict(answer) for answer in answers], indent=2))
    else:
        _show(answers, quiet=given.quiet)
    return 0 if all(answer.ok for answer in answers) else 1


@dataclasses.dataclass(frozen=True, slots=True)
class Built:
    """A module as the sources of a project make it."""

    content: bytes
    crates: frozenset[tuple[str, str]]
    """Name and version of each crate in it."""


def _build(config: Config, folder: Path, *, quiet: bool) -> dict[str, Built]:
    """Build the modules of a project from its sources, whatever lies in its packages; by their names in a wheel."""

    def folder_of(module: ModuleConfig) -> Path:
        return folder.joinpath(*module.package.split("."))

    fresh = dataclasses.replace(config, skip=False)
    results = build_project(fresh, progress=Progress(quiet=quiet), folder_of=folder_of)
    return {
        result.path.relative_to(folder).as_posix(): Built(
            result.path.read_bytes(), frozenset((crate.name, crate.version) for crate in result.guest.crates)
        )
        for result in results
    }


def _examine(path: Path, config: Config | None, built: dict[str, Built]) -> Answer:
    modules = config.modules if config else ()
    names = [name_in_wheel(module, module_file_name(module)) for module in modules]
    wheel, found = inspect_wheel(path, modules=names, folders=_folders(config))
    if wheel is not None:
        found += [finding for name, module in built.items() for finding in _compare(wheel, name, module)]
    return Answer(str(path), all(finding.state != "error" for finding in found), tuple(found))


def _compare(wheel: Wheel, name: str, built: Built) -> Iterator[Finding]:
    if name in wheel.files:
        yield from compare_module(name, wheel.files[name], built.content)
        yield from compare_bill(wheel, name, built.crates)


def _folders(config: Config | None) -> dict[str, Path]:
    """Return the folders of this machine that a build may leave in a wheel."""
    project = config.project_dir if config else Path.cwd()
    folders = {"in your home folder": Path.home(), "in cargo's home folder": cargo_home(os.environ)}
    if config or (project / "pyproject.toml").is_file():
        folders["in the folder of the project"] = project
    return folders


def _show(answers: Sequence[Answer], *, quiet: bool) -> None:
    width = max(len(finding.check) for answer in answers for finding in answer.checks)
    for answer in answers:
        shown = [finding for finding in answer.checks if not quiet or finding.state == "error"]
        if shown:
            terminal.show(terminal.paint(terminal.printable(answer.wheel), "bold", sys.stdout))
        for finding in shown:
            for line in _lines(finding, width):
                terminal.show(line)
    if not quiet:
        faults = sum(finding.state == "error" for answer in answers for finding in answer.checks)
        wheels = plural(len(answers), "wheel")
        terminal.show(f"{plural(faults, 'fault')} in {wheels}" if faults else f"nothing is wrong with {wheels}")


def _lines(finding: Finding, width: int) -> Iterator[str]:
    state = terminal.paint(f"{finding.state:<7}", _STYLES[finding.state], sys.stdout)
    yield f"  {state}  {finding.check:<{width}}  {terminal.printable(finding.detail)}"
    if finding.where:
        yield f"{'':{width + 13}}--> {terminal.printable(finding.where)}"
    for line in (finding.remedy or "").splitlines():
        yield f"{'':{width + 13}}{terminal.printable(line)}"

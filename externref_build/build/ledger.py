"""What the modules in a project's packages were built from, to tell whether they still are what a build would make.

The ledger lies in a folder of the project that ignores itself, and is in no archive. A file is taken for unchanged if
its size and time are, else its content decides.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from externref_build._version import __version__
from externref_build.build.engine import BuildResult
from externref_build.config import ModuleConfig
from externref_build.errors import ExternrefBuildError
from externref_build.guests.c_sources import source_files
from externref_build.guests.cargo import GuestPlan
from externref_build.guests.cargo_config import config_paths
from externref_build.guests.crates import Crate
from externref_build.guests.manifest import guest_sources
from externref_build.guests.module import GuestModule
from externref_build.guests.sdk import WORKSPACE_FOLDER, sdk_digest
from externref_build.guests.steps import read_depfile
from externref_build.output import write_whole

if TYPE_CHECKING:
    from externref_build.build.optimize import WasmOpt

_VARIABLES: Final = re.compile(
    r"RUSTFLAGS|CARGO_ENCODED_RUSTFLAGS|RUSTC|RUSTUP_TOOLCHAIN|CARGO_BUILD_(?:TARGET|RUSTC|RUSTFLAGS)"
    r"|CARGO_PROFILE_\w+|CARGO_TARGET_\w+_(?:RUSTFLAGS|LINKER)"
)
"""Variables that change what cargo makes."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was."""

    size: int
    """In bytes."""
    time: int
    """Of the last change, in nanoseconds."""
    digest: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What one module was built from."""

    made_by: str
    settings: Mapping[str, Any]
    """Of ``[tool.externref]``, by key."""
    variables: Mapping[str, str]
    inputs: Mapping[str, FileState]
    """By path, relative to the project if inside."""
    outputs: Mapping[str, FileState]
    compiler: str
    guest: FileState
    """The module as the linker left it."""
    guest_path: str
    plan: GuestPlan | None
    """How cargo was told to make it; ``None`` for guests in C and C++."""
    optimizer: WasmOpt | None


def read_ledger(project_dir: Path) -> dict[str, Entry]:
    """Read the ledger: entries by the path of the module, relative to the project; none if it is not there or old."""
    try:
        known = json.loads(_path(project_dir).read_text(encoding="utf-8"))
        return {name: _entry(raw) for name, raw in known.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write_ledger(project_dir: Path, entries: Mapping[str, Entry]) -> None:
    """Write the ledger. Raises OutputError."""
    raw = {name: dataclasses.asdict(entry) for name, entry in sorted(entries.items())}
    write_whole(_path(project_dir), f"{json.dumps(raw, indent=1, default=str)}\n".encode())


def take_inputs(module: ModuleConfig, environ: Mapping[str, str]) -> dict[str, FileState] | None:
    """Note the state of every file that a guest is built from; ``None`` if cargo has something to say about them."""
    try:
        paths = list(_inputs(module, environ))
    except ExternrefBuildError:
        return None
    return {_name(path, module.project_dir): _state(path) for path in paths}


def make_entry(result: BuildResult, environ: Mapping[str, str], inputs: Mapping[str, FileState]) -> Entry:
    """Make the entry of a module that has just been built; ``inputs`` were taken before, without what cargo wrote."""
    module, guest = result.module, result.guest
    lock = guest.workspace_root / "Cargo.lock"
    locked = {_name(lock, module.project_dir): _state(lock)} if result.plan and lock.is_file() else {}
    paths = [*_further_inputs(guest), *([Path(result.optimizer.path)] if result.optimizer else ())]
    further = {_name(path, module.project_dir): _state(path) for path in paths}
    return Entry(
        made_by=_maker(),
        settings=_settings(module),
        variables=_variables(environ),
        inputs={**further, **inputs, **locked},
        outputs={_name(path, module.project_dir): _state(path) for path in (result.path, *result.files)},
        compiler=_compiler(result.plan),
        guest=_state(guest.path),
        guest_path=str(guest.path),
        plan=result.plan,
        optimizer=result.optimizer,
    )


def changes(entry: Entry, module: ModuleConfig, environ: Mapping[str, str]) -> Iterator[str]:
    """Tell what has changed since a module was built, of what it is built from and of what was made."""
    if entry.made_by != _maker():
        yield f"it was built by {entry.made_by}, this is {_maker()}"
    for key, (was, now) in _different(entry.settings, _settings(module)):
        yield f"the key {key} was {json.dumps(was)}, and is {json.dumps(now)}"
    for name, (was, now) in _different(entry.variables, _variables(environ)):
        yield f"the variable {name} was {_shown(was)}, and is {_shown(now)}"
    if entry.plan and entry.compiler != _compiler(entry.plan):
        yield f"the Rust compiler has changed ({entry.plan.sysroot})"
    try:
        current = {_name(path, module.project_dir) for path in _inputs(module, environ)}
    except ExternrefBuildError as error:
        yield error.summary
        return
    yield from (f"{name} is new" for name in sorted(current - entry.inputs.keys()))
    for name, state in {**entry.inputs, **entry.outputs}.items():
        path = module.project_dir / name
        if not path.is_file():
            yield f"{name} is not there any more"
        elif not is_unchanged(path, state):
            yield f"{name} has changed"


def is_unchanged(path: Path, state: FileState) -> bool:
    """Tell whether a file is what it was."""
    try:
        found = path.stat()
        if (found.st_size, found.st_mtime_ns) == (state.size, state.time):
            return True
        return found.st_size == state.size and _digest(path) == state.digest
    except OSError:
        return False


def _inputs(module: ModuleConfig, environ: Mapping[str, str]) -> Iterator[Path]:
    if module.sources:
        yield from source_files(module)
        return
    yield from guest_sources(module.manifest_path, module.project_dir).files
    yield from (path for path in config_paths(module.manifest_path.parent, environ) if path.is_file())


def _further_inputs(guest: GuestModule) -> Iterator[Path]:
    """Yield what only cargo knows: files that sources include, and packages outside the project.

    It names them in its dep-info, beside the module.
    """
    target_dir = guest.path.parents[2]
    for name in read_depfile(guest.path.with_suffix(".d")):
        path = Path(os.path.normpath(name))
        if path.is_file() and not path.is_relative_to(target_dir) and WORKSPACE_FOLDER not in path.parts:
            yield path


def _settings(module: ModuleConfig) -> dict[str, Any]:
    values = {name.replace("_", "-"): value for name, value in dataclasses.asdict(module).items()}
    del values["project-dir"]
    values["manifest-path"] = _name(module.manifest_path, module.project_dir)
    normal: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return normal


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in sorted(environ.items()) if value and _VARIABLES.fullmatch(name)}


def _different(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for key in sorted({*was, *now}):
        if was.get(key) != now.get(key):
            yield key, (was.get(key), now.get(key))


def _compiler(plan: GuestPlan | None) -> str:
    if plan is None:
        return ""
    rustc = plan.sysroot / "bin" / ("rustc.exe" if os.name == "nt" else "rustc")
    try:
        found = rustc.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


def _maker() -> str:
    return f"externref-build {__version__} (guest crate {sdk_digest()})"


def _state(path: Path) -> FileState:
    found = path.stat()
    return FileState(found.st_size, found.st_mtime_ns, _digest(path))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _name(path: Path, project_dir: Path) -> str:
    return path.relative_to(project_dir).as_posix() if path.is_relative_to(project_dir) else str(path)


def _shown(value: str | None) -> str:
    return "not set" if value is None else json.dumps(value)


def _path(project_dir: Path) -> Path:
    return project_dir / WORKSPACE_FOLDER / "built.json"


def _entry(raw: Mapping[str, Any]) -> Entry:
    states = {key: {name: FileState(**state) for name, state in raw[key].items()} for key in ("inputs", "outputs")}
    optimizer = _optimizer(raw["optimizer"]) if raw["optimizer"] else None
    guest = FileState(**raw["guest"])
    return Entry(**{**raw, **states, "guest": guest, "plan": _plan(raw["plan"]), "optimizer": optimizer})


def _optimizer(raw: Mapping[str, str]) -> WasmOpt:
    from externref_build.build.optimize import WasmOpt

    return WasmOpt(**raw)


def _plan(raw: Mapping[str, Any] | None) -> GuestPlan | None:
    if raw is None:
        return None
    plan = dict(raw)
    for key in ("folder", "workspace_root", "sysroot"):
        plan[key] = Path(plan[key])
    plan["argv"], plan["tools"] = tuple(plan["argv"]), tuple(plan["tools"])
    plan["crates"] = tuple(Crate(**{**crate, "dependencies": tuple(crate["dependencies"])}) for crate in plan["crates"])
    return GuestPlan(**plan)

"""Builds in place when nothing, or something, has changed since the last one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from projects import CARGO, GUEST, WITHOUT_CARGO, write

pytestmark = pytest.mark.once

PYPROJECT = '[tool.externref]\npackage = "plugin"\noffline = true\n'

FILES = {
    "pyproject.toml": PYPROJECT,
    "src/plugin/__init__.py": "",
    "guest/Cargo.toml": CARGO + '[dependencies]\nnear = { path = "../near" }\n',
    "guest/src/lib.rs": GUEST
    + '#[no_mangle] pub extern "C" fn size() -> usize { near::TEXT.len() + include_str!("../../a text").len() }',
    "near/Cargo.toml": '[package]\nname = "near"\nversion = "0.1.0"\nedition = "2021"\n',
    "near/src/lib.rs": 'pub const TEXT: &str = "near";',
    "a text": "included",
}

MODULE = "src/plugin/plugin.wasm"


def run(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "externref_build", "build", *arguments]
    own = {name: value for name, value in os.environ.items() if name not in ("RUSTFLAGS", "FORCE_COLOR")}
    return subprocess.run(command, cwd=folder, env={**own, **(environ or {})}, capture_output=True, text=True)


def built(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    done = run(folder, *arguments, environ=environ)
    assert done.returncode == 0, done.stderr
    return done.stderr


def times(folder: Path) -> dict[Path, int]:
    """Return when each file and folder was changed, but for those that cargo writes whether or not it has to."""
    paths = [folder, *folder.rglob("*")]
    return {path: path.stat().st_mtime_ns for path in paths if path.suffix != ".d"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, toolchain: None) -> Path:
    """A project that has been built; tests put back what they change."""
    folder = write(tmp_path_factory.mktemp("builds") / "project", FILES)
    built(folder)
    assert (folder / "guest/Cargo.lock").is_file()
    assert "Current" in built(folder, "--check"), "the lock file that cargo has just written is no change"
    return folder


@pytest.fixture
def project(finished: Path) -> Path:
    write(finished, FILES)
    (finished / ".cargo" / "config.toml").unlink(missing_ok=True)
    built(finished)
    return finished


def test_a_build_with_nothing_to_do_changes_no_file(project: Path) -> None:
    before = times(project)
    told = built(project)
    assert "  Finished `release` profile" in told, "cargo has looked"
    assert f"Kept {project / MODULE}, as nothing has changed since it was built" in told
    assert "Processed" not in told
    assert times(project) == before


CHANGES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "the guest's source": ({"guest/src/lib.rs": GUEST}, {}, "guest/src/lib.rs has changed"),
    "its manifest": (
        {"guest/Cargo.toml": FILES["guest/Cargo.toml"] + "[profile.release]\nopt-level = 1\n"},
        {},
        "guest/Cargo.toml has changed",
    ),
    "a path dependency": ({"near/src/lib.rs": 'pub const TEXT: &str = "far";'}, {}, "near/src/lib.rs has changed"),
    "a file that the source includes": ({"a text": "another"}, {}, "a text has changed"),
    "a new source": ({"guest/src/more.rs": ""}, {}, "guest/src/more.rs is new"),
    "cargo's configuration": (
        {".cargo/config.toml": '[build]\nrustflags = ["-Copt-level=1"]\n'},
        {},
        ".cargo/config.toml is new",
    ),
    "a key": ({"pyproject.toml": PYPROJECT + "table = false\n"}, {}, 'the key table was "externrefs", and is null'),
    "an override": ({}, {"EXTERNREF_DEBUG_INFO": "strip"}, 'the key debug-info was "keep", and is "strip"'),
    "flags of the compiler": (
        {},
        {"RUSTFLAGS": "-Copt-level=1"},
        'the variable RUSTFLAGS was not set, and is "-Copt-level=1"',
    ),
    "the module": ({MODULE: "something else"}, {}, "src/plugin/plugin.wasm has changed"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_is_noticed_and_built(project: Path, case: str) -> None:
    changed, environ, reason = CHANGES[case]
    write(project, changed)
    before = times(project)
    stale = run(project, "--check", environ={**WITHOUT_CARGO, **environ})
    assert stale.returncode == 1
    assert stale.stderr == (
        f"error: the module is stale: {reason}\n  --> src/plugin/plugin.wasm\n  build it: externref-build build\n"
    )
    assert times(project) == before
    assert "Processed" in built(project, environ=environ)
    assert "Current" in built(project, "--check", environ=environ)
    (project / "guest/src/more.rs").unlink(missing_ok=True)


def test_a_current_module_is_found_current_without_cargo(project: Path) -> None:
    (project / "guest/src/lib.rs").touch()
    before = times(project)
    assert built(project, "--check", environ=WITHOUT_CARGO) == f"     Current {project / MODULE}\n"
    assert built(project, "--check", "-q", environ=WITHOUT_CARGO) == ""
    assert times(project) == before


def test_many_changes_are_told_in_short(project: Path) -> None:
    write(project, {f"guest/src/new{number}.rs": "" for number in range(9)})
    told = run(project, "--check").stderr
    for number in range(9):
        (project / f"guest/src/new{number}.rs").unlink()
    assert "guest/src/new0.rs is new; guest/src/new1.rs is new; guest/src/new2.rs is new, and 6 more changes\n" in told


def test_a_module_without_a_known_build_is_stale(tmp_path: Path) -> None:
    folder = write(tmp_path, FILES)
    absent = run(folder, "--check", environ=WITHOUT_CARGO)
    assert (absent.returncode, absent.stderr.splitlines()[0]) == (1, "error: the module is stale: it is not there")
    write(folder, {MODULE: "copied here"})
    unknown = run(folder, "--check", environ=WITHOUT_CARGO)
    assert unknown.stderr.startswith("error: the module is stale: nothing is known of its build\n")
    write(folder, {".externref-build/built.json": '{"src/plugin/plugin.wasm": {"made_by": "an old one"}}'})
    assert "nothing is known of its build" in run(folder, "--check", environ=WITHOUT_CARGO).stderr


def test_each_stale_module_is_told(tmp_path: Path) -> None:
    modules = '[[tool.externref.modules]]\npackage = "plugin"\nname = "{}"\n'
    folder = write(tmp_path, {**FILES, "pyproject.toml": modules.format("one") + modules.format("two")})
    told = run(folder, "--check", environ=WITHOUT_CARGO).stderr
    assert told.count("error: the module is stale: it is not there") == 2
    assert "src/plugin/one.wasm" in told
    assert "src/plugin/two.wasm" in told


def test_a_guest_that_cargo_makes_anew_is_processed_anew(project: Path) -> None:
    """Cargo knows more: here, that what it made is gone."""
    for made in (project / "guest" / "target").rglob("plugin.wasm"):
        made.unlink()
    assert "Processed" in built(project)


def test_verbose_builds_anew_and_shows_the_steps(project: Path) -> None:
    assert "declarations read" in built(project, "-v")


def test_a_failing_compile_is_told_once(project: Path) -> None:
    write(project, {"guest/src/lib.rs": "fn broken() -> i32 { nonsense }"})
    failed = run(project)
    assert failed.returncode == 1
    assert failed.stderr.count("cannot find value `nonsense`") == 1
    assert run(project, "--check").returncode == 1

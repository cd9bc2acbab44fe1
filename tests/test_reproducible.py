"""Wheels of one source, made by two people: in two folders, on two days, under two umasks, with two cargo homes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import CARGO, GUEST, PROJECTS, Front, is_processed, wheel_files, write

pytestmark = pytest.mark.once

SOURCE = (
    GUEST
    + """
use std::collections::HashMap;
#[no_mangle]
pub extern "C" fn find(p: *const u8, n: usize, i: usize) -> u8 {
    let s = unsafe { std::slice::from_raw_parts(p, n) };
    let found: Vec<usize> = memchr::memmem::find_iter(s, b"needle").collect();
    let named: HashMap<usize, String> = found.iter().map(|i| (*i, format!("{i}"))).collect();
    inner::look(named[&i].as_bytes(), i)
}
"""
)
"""Panics here, in another crate of the workspace, in one of a registry, and in the standard library."""

FILES = {
    "guest/Cargo.toml": CARGO + '[dependencies]\nmemchr = "2"\ninner = { path = "inner" }\n',
    "guest/src/lib.rs": SOURCE,
    "guest/inner/Cargo.toml": '[package]\nname = "inner"\nversion = "0.1.0"\nedition = "2021"\n',
    "guest/inner/src/lib.rs": "#[inline(never)]\npub fn look(text: &[u8], i: usize) -> u8 { text[i] }\n",
}


@dataclass(frozen=True)
class Person:
    """Somebody who builds."""

    folder: Path
    umask: int
    day: int
    """When the files were written, in seconds since 1970."""
    zone: str
    cargo_home: Path


@pytest.fixture
def people(tmp_path: Path) -> tuple[Person, Person]:
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    other_home = tmp_path / "another home" / ".cargo"
    other_home.mkdir(parents=True)
    for settings in ("config.toml", "credentials.toml"):
        if (home / settings).is_file():
            (other_home / settings).symlink_to(home / settings)
    return (
        Person(tmp_path / "here", 0o022, 1_000_000_000, "UTC", home),
        Person(tmp_path / "there" / "and deeper", 0o077, 1_600_000_000, "Asia/Tokyo", other_home),
    )


def write_as(person: Person, files: Mapping[str, str]) -> None:
    write(person.folder, files)
    for path in person.folder.rglob("*"):
        if path.is_file():
            executable = 0o777 if path.suffix == ".sh" else 0o666
            path.chmod(executable & ~person.umask)
            os.utime(path, (person.day, person.day))


def build_as(person: Person, builder: Path, environ: Mapping[str, str], kind: str, profile: str) -> bytes:
    """Return the wheel, or the module that lies in the package after a build on the command line."""
    own = {
        "HOME": str(person.cargo_home.parent),
        "CARGO_HOME": str(person.cargo_home),
        "RUSTUP_HOME": os.environ.get("RUSTUP_HOME") or str(Path.home() / ".rustup"),
        "TZ": person.zone,
        "SOURCE_DATE_EPOCH": "1700000000",
        "EXTERNREF_PROFILE": profile,
        "EXTERNREF_OFFLINE": "false",
    }
    front = Front(builder, {**environ, **own}, person.folder, "setuptools" if kind == "cli" else kind)
    before = os.umask(person.umask)
    try:
        if kind != "cli":
            return front.hook("build_wheel", {})[0].read_bytes()
        built = front.run("-m", "externref_build", "build")
        assert built.returncode == 0, built.stderr
        return (person.folder / "src" / "plugin" / "plugin.wasm").read_bytes()
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("kind", "profile"),
    [
        ("setuptools", "release"),
        ("setuptools", "dev"),
        ("hatchling", "dev"),
        ("maturin", "release"),
        ("cli", "dev"),
    ],
)
def test_the_wheel_is_the_same(
    people: tuple[Person, Person], builder: Path, pip_environment: dict[str, str], kind: str, profile: str
) -> None:
    package = "python" if kind == "maturin" else "src"
    more = {f"{package}/plugin/data.txt": "data", f"{package}/plugin/run.sh": "#!/bin/sh\n"}
    files = {**PROJECTS[kind if kind != "cli" else "setuptools"], **more, **FILES}
    if kind == "setuptools":
        files["pyproject.toml"] += '[tool.setuptools.package-data]\nplugin = ["*"]\n'
    del files["guest/Cargo.lock"]
    first, second = people
    write_as(first, files)
    one = build_as(first, builder, pip_environment, kind, profile)
    lock = (first.folder / "guest" / "Cargo.lock").read_text()
    write_as(second, {**files, "guest/Cargo.lock": lock})
    another = build_as(second, builder, pip_environment, kind, profile)
    if kind == "cli":
        assert is_processed(one)
        assert (b".debug_info" in one) == (profile == "dev")
    else:
        wheels = [next((person.folder / "out").glob("*.whl")) for person in people]
        different = [
            name for name, content in wheel_files(wheels[0]).items() if wheel_files(wheels[1])[name] != content
        ]
        assert different == []
        traces = [name for name, content in wheel_files(wheels[0]).items() if os.fsencode(first.folder) in content]
        assert traces == []
    assert one == another

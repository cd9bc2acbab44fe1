"""``vendor = true``: source distributions that hold all crates, so that their wheels are built without a network."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from projects import (
    CARGO,
    EMPTY,
    GUEST,
    PROJECTS,
    Front,
    has_sbom,
    is_processed,
    sdist_files,
    unpacked,
    wheel_files,
    write,
)

from externref_build.build import Progress, vendored_files
from externref_build.config import load_config
from externref_build.errors import ConfigError, GuestBuildError

pytestmark = pytest.mark.once

SOURCE = """
#[no_mangle]
pub extern "C" fn find(p: *const u8, n: usize, i: usize) -> usize {
    let s = unsafe { std::slice::from_raw_parts(p, n) };
    memchr::memmem::find_iter(s, b"needle").nth(i).unwrap()
}
"""

WITH_GUEST_CRATE = """
use externref_guest::{externref, Resource};
pub struct Thing;
#[externref]
#[no_mangle]
pub extern "C" fn same_thing(thing: Resource<Thing>) -> Resource<Thing> { thing }
"""

FILES = {
    "guest/Cargo.toml": CARGO + '[dependencies]\nmemchr = "2"\n',
    "guest/src/lib.rs": GUEST + SOURCE,
    ".cargo/config.toml": "[net]\nretry = 1\n",
}

NATIVE = PROJECTS["maturin"]["Cargo.toml"] + '[dependencies]\ncfg-if = "1"\n'


def project(kind: str) -> dict[str, str]:
    files = {**PROJECTS[kind], **FILES}
    if kind == "maturin":
        files["Cargo.toml"] = NATIVE
    if kind == "setuptools":
        files["guest/Cargo.toml"] += 'externref-guest = "1"\n'
        files["guest/src/lib.rs"] += WITH_GUEST_CRATE
    del files["guest/Cargo.lock"]
    files["pyproject.toml"] = files["pyproject.toml"].replace("offline = true", "vendor = true")
    return files


@pytest.fixture
def environ(pip_environment: dict[str, str]) -> dict[str, str]:
    return {**pip_environment, "SOURCE_DATE_EPOCH": "1700000000"}


@pytest.fixture(scope="session", params=PROJECTS)
def locked_project(request: pytest.FixtureRequest, toolchain: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project for each backend, with every Cargo.lock; nothing may be written into it."""
    folder = write(tmp_path_factory.mktemp("locked") / request.param, project(request.param))
    for place in ("guest", *(["."] if request.param == "maturin" else [])):
        run_cargo(folder / place, "generate-lockfile")
    shutil.rmtree(folder / "guest" / ".externref-build", ignore_errors=True)
    return folder


def run_cargo(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "externref_build", "cargo", *arguments]
    subprocess.run(command, cwd=folder, check=True)


def vendored_in(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name.startswith(("cargo-vendor/", ".cargo/"))}


def test_a_wheel_is_built_without_a_network(
    locked_project: Path, tmp_path: Path, builder: Path, environ: dict[str, str]
) -> None:
    """From the source distribution, with an empty cargo home: the wheel that the tree gives, byte for byte."""
    kind = locked_project.name
    tree = Front(builder, environ, shutil.copytree(locked_project, tmp_path / "tree"), kind)
    sdist, told = tree.hook("build_sdist", {})
    assert re.search(r"Vendored [1-9]\d* crates? into the source distribution", told)
    assert {path.relative_to(tree.folder) for path in tree.folder.glob("*vendor*")} == set()
    assert (tree.folder / ".cargo" / "config.toml").read_text() == FILES[".cargo/config.toml"]
    from_tree, _ = tree.hook("build_wheel", {})
    assert is_processed(wheel_files(from_tree)["plugin/plugin.wasm"])
    assert has_sbom(wheel_files(from_tree), "plugin/plugin.wasm")

    alone = {**environ, "CARGO_HOME": str(tmp_path / "empty"), "CARGO_NET_OFFLINE": "true"}
    elsewhere = Front(builder, alone, unpacked(sdist, tmp_path / "elsewhere"), kind)
    if kind != "maturin":
        # Which makes no source distribution from one.
        assert vendored_in(elsewhere.sdist()) == vendored_in(sdist_files(sdist))
    from_sdist, _ = elsewhere.hook("build_wheel", {})
    assert wheel_files(from_sdist) == wheel_files(from_tree)
    assert from_sdist.read_bytes() == from_tree.read_bytes()


def vendored(folder: Path, progress: io.StringIO | None = None, environ: Mapping[str, str] = EMPTY) -> dict[str, str]:
    """Return the files that are added, by name; of crates only Cargo.toml."""
    with vendored_files(load_config(folder, environ=environ), Progress(progress or io.StringIO())) as files:
        return {
            name: path.read_text(encoding="utf-8")
            for name, path in files.items()
            if path.name in ("Cargo.toml", "config.toml", "config")
        }


def small_project(folder: Path, lines: str = "vendor = true\n", **files: str) -> Path:
    table = f'[tool.externref]\npackage = "plugin"\n{lines}'
    return write(folder, {**PROJECTS["setuptools"], "pyproject.toml": table, **files})


def test_all_guests_are_vendored_if_one_is(tmp_path: Path, toolchain: None) -> None:
    """Of different workspaces, and of different versions of one crate; no configuration was there before."""
    table = '[[tool.externref.modules]]\npackage = "plugin"\nvendor = true\n'
    table += '[[tool.externref.modules]]\npackage = "plugin"\nmanifest-path = "other/Cargo.toml"\n'
    write(
        tmp_path,
        {
            "pyproject.toml": table,
            "guest/Cargo.toml": CARGO + '[dependencies]\ncfg-if = "0.1"\n',
            "guest/src/lib.rs": "",
            "other/Cargo.toml": CARGO.replace("plugin", "other") + '[dependencies]\ncfg-if = "1"\n',
            "other/src/lib.rs": "",
        },
    )
    for place in ("guest", "other"):
        run_cargo(tmp_path / place, "generate-lockfile")
    files = vendored(tmp_path)
    folders = sorted(name.split("/")[1] for name in files if name.startswith("cargo-vendor/"))
    assert [folder.rpartition(".")[0].rpartition(".")[0] for folder in folders] == ["cfg-if-0", "cfg-if-1"]
    assert files[".cargo/config.toml"] == (
        '\n[source."crates-io"]\nreplace-with = "vendored-sources"\n'
        '\n[source."vendored-sources"]\ndirectory = "cargo-vendor"\n'
    )


def test_a_project_without_dependencies_has_nothing_to_vendor(tmp_path: Path, toolchain: None) -> None:
    told = io.StringIO()
    assert vendored(small_project(tmp_path), told) == {}
    assert "Vendored nothing: no crate comes from a registry or a git repository" in told.getvalue()


def test_a_project_that_has_vendored_its_crates_itself(tmp_path: Path) -> None:
    """Its files are sources like all others; cargo is not asked."""
    own = '[source.crates-io]\nreplace-with = "own"\n[source.own]\ndirectory = "third-party"\n'
    assert vendored(small_project(tmp_path, **{"guest/.cargo/config.toml": own})) == {}
    assert vendored(small_project(tmp_path / "not asked for", "")) == {}
    assert vendored(small_project(tmp_path / "skipped"), environ={"EXTERNREF_SKIP": "1"}) == {}


def test_no_lock_file(tmp_path: Path, toolchain: None) -> None:
    small_project(tmp_path)
    (tmp_path / "guest" / "Cargo.lock").unlink()
    with pytest.raises(ConfigError, match=r"vendor is true, and there is no Cargo\.lock") as caught:
        vendored(tmp_path)
    assert f"--> {tmp_path / 'guest' / 'Cargo.lock'}" in str(caught.value)
    assert "externref-build cargo generate-lockfile" in str(caught.value)
    assert not (tmp_path / "guest" / "Cargo.lock").exists()


def test_a_lock_file_that_is_not_up_to_date(tmp_path: Path, toolchain: None) -> None:
    small_project(tmp_path, **{"guest/Cargo.toml": CARGO + '[dependencies]\ncfg-if = "1"\n'})
    before = (tmp_path / "guest" / "Cargo.lock").read_bytes()
    with pytest.raises(GuestBuildError, match=r"cargo could not vendor the crates .* \(exit status 101\)") as caught:
        vendored(tmp_path)
    assert "--locked" in str(caught.value)
    assert (tmp_path / "guest" / "Cargo.lock").read_bytes() == before


def test_another_replacement_of_the_registry(tmp_path: Path) -> None:
    mirror = '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+https://example.org/"\n'
    small_project(tmp_path, **{".cargo/config.toml": mirror})
    with pytest.raises(ConfigError, match=r"cargo's configuration in the project has tables \[source\]") as caught:
        vendored(tmp_path)
    assert f"--> {tmp_path / '.cargo' / 'config.toml'}" in str(caught.value)


def test_the_name_of_the_folder_is_taken(tmp_path: Path) -> None:
    small_project(tmp_path, **{"cargo-vendor/readme": ""})
    with pytest.raises(ConfigError, match="the project has a cargo-vendor, expected that name to be free"):
        vendored(tmp_path)

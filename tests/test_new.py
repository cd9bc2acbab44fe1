"""``new``: projects that build, test and pass ``check`` at once, with each build backend."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from projects import lint, sdist_files

from externref_build.cli.new import package_name, project_files
from externref_build.config import parse_toml
from externref_build.errors import InputError

BACKENDS = ("setuptools", "hatchling", "maturin")


def run(*arguments: str, folder: Path, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    own = {**(os.environ if environ is None else environ), "NO_COLOR": "1"}
    return subprocess.run(list(arguments), cwd=folder, env=own, capture_output=True, text=True)


def new(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "externref_build", "new", *arguments, folder=folder)


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def without_numbers(text: str) -> str:
    return re.sub(r"\d[\d.]*", "#", text)


def documented_check() -> str:
    """Return what docs/cli.md shows of the wheel of a new project."""
    page = (Path(__file__).resolve().parent.parent / "docs" / "cli.md").read_text(encoding="utf-8")
    [shown] = re.findall(
        r"^\$ externref-build check dist/\*\.whl --project \.\n(.*?)^```", page, re.MULTILINE | re.DOTALL
    )
    return str(shown)


@pytest.mark.once
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_new_project_builds_tests_and_passes_check(
    tmp_path: Path,
    backend: str,
    pip_environment: dict[str, str],
    make_venv: Callable[[], Path],
    test_cache: Path,
) -> None:
    """From the command to the installed wheel, which is built from the source distribution."""
    environ = {**pip_environment, "CARGO_TARGET_DIR": str(test_cache / "maturin-target")}
    succeeded(new("My.Plugin", "--backend", backend, folder=tmp_path))
    project = tmp_path / "My.Plugin"
    for command in (["git", "init", "--quiet"], ["git", "add", "--all"]):
        subprocess.run(command, cwd=project, check=True)
    tracked = subprocess.run(["git", "ls-files"], cwd=project, check=True, capture_output=True, text=True).stdout
    names = set(tracked.splitlines())
    assert {"guest/Cargo.lock", "guest/.cargo/config.toml", "src/my_plugin/host.py", ".gitignore"} <= names
    assert not [name for name in names if ".externref-build" in name]
    assert not [name for name in names if str(tmp_path) in (project / name).read_text(encoding="utf-8")]

    succeeded(run(sys.executable, "-m", "build", "--outdir", "dist", ".", folder=project, environ=environ))
    [wheel] = (project / "dist").glob("*.whl")
    [sdist] = (project / "dist").glob("*.tar.gz")
    assert "guest/src/lib.rs" in sdist_files(sdist)
    lint(wheel, sdist)
    name = str(wheel.relative_to(project))
    check = [sys.executable, "-m", "externref_build", "check", name, "--project", "."]
    checked = run(*check, folder=project, environ=environ)
    assert "nothing is wrong with 1 wheel" in succeeded(checked)
    if backend == "setuptools":
        assert without_numbers(checked.stdout.replace("My.Plugin", "my-plugin")) == without_numbers(documented_check())

    python = str(make_venv())
    install = [python, "-m", "pip", "install", "--quiet", str(wheel), "pytest>=8"]
    succeeded(run(*install, folder=tmp_path, environ=environ))
    succeeded(run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", folder=project, environ=environ))


@pytest.mark.once
def test_plain_cargo_finds_the_guest_crate_as_editors_do(tmp_path: Path, toolchain: None, test_cache: Path) -> None:
    succeeded(new("my-plugin", folder=tmp_path))
    environ = {**os.environ, "CARGO_TARGET_DIR": str(test_cache / "maturin-target")}
    guest = tmp_path / "my-plugin" / "guest"
    metadata = run("cargo", "metadata", "--format-version", "1", "--locked", folder=guest, environ=environ)
    packages = {package["name"]: package for package in json.loads(metadata.stdout)["packages"]}
    manifest = Path(packages["externref-guest"]["manifest_path"])
    assert manifest == guest / ".externref-build" / "externref-guest" / "Cargo.toml"
    assert (guest / ".externref-build" / "externref-guest").readlink().name.startswith("externref-guest-")
    succeeded(run("cargo", "check", "--locked", folder=guest, environ=environ))


@pytest.mark.once
def test_the_templates_are_in_the_wheel(wheel: Path) -> None:
    folder = Path(project_files.__code__.co_filename).parents[1]
    expected = {path.relative_to(folder.parent).as_posix() for path in (folder / "templates").rglob("*.in")}
    assert len(expected) > 10
    with zipfile.ZipFile(wheel) as archive:
        assert expected <= set(archive.namelist())


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_files_of_a_project(backend: str) -> None:
    files = dict(project_files("My.Plugin", "my_plugin", backend))
    document = parse_toml(files["pyproject.toml"])
    assert document["project"]["name"] == "My.Plugin"
    assert "externref-build>=1,<2" in document["build-system"]["requires"]
    assert document["tool"]["externref"] == {
        "package": "my_plugin",
        "locked": True,
        "bindings": ["python"],
        "types": {"Word": "builtins:str", "Words": "my_plugin.words:Words"},
    }
    assert not [name for name, text in files.items() if "${" in text or "$$" in text]
    locked = [package["name"] for package in parse_toml(files["guest/Cargo.lock"])["package"]]
    assert locked == sorted(locked)
    assert "my_plugin" in locked


@pytest.mark.parametrize(
    ("name", "package"),
    [("my-plugin", "my_plugin"), ("My.Plugin", "my_plugin"), ("a--b_.c", "a_b_c"), ("x2", "x2")],
)
def test_the_package_is_named_after_the_project(name: str, package: str) -> None:
    assert package_name(name) == package


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "is not a name of a project"),
        ("../up", "is not a name of a project"),
        ("a/b", "is not a name of a project"),
        ("-x", "is not a name of a project"),
        ("größe", "is not a name of a project"),
        ("two words", "is not a name of a project"),
        ("name\n", "is not a name of a project"),
        ("2nd", "expected a name that begins with a letter"),
        ("class", "which is a word of Python or Rust"),
        ("Match", "which is a word of Python or Rust"),
        ("json", "which would hide another one"),
        ("test", "which would hide another one"),
        ("wasmtime", "which would hide another one"),
    ],
)
def test_names_that_cannot_be(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        package_name(name)


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").touch()
    (tmp_path / "file").touch()
    for name, words in (("full", "the folder is not empty"), ("file", "something other than a folder is there")):
        done = new(name, folder=tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {words}, expected room for a new project\n  --> {tmp_path / name}\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "kept"]
    refused = new("a/b", folder=tmp_path)
    assert (refused.returncode, "error: 'a/b' is not a name" in refused.stderr) == (1, True)


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "my-plugin").mkdir()
    done = new("my-plugin", folder=tmp_path)
    assert "Created my-plugin, which setuptools builds" in succeeded(done)
    assert [path.name for path in tmp_path.iterdir()] == ["my-plugin"]
    assert (tmp_path / "my-plugin" / "pyproject.toml").is_file()

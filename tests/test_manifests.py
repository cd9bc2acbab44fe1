"""What Cargo.toml, pyproject.toml and patterns of sources say, whatever it is: other tools judge them, none ends us."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bound_guests import assemble
from projects import CARGO, write

from externref_build.build.hosts import make_hosts
from externref_build.build.npm import write_npm_packages
from externref_build.build.packages import package_folder
from externref_build.config import load_config, parse_toml
from externref_build.config.toml import table, tables, text, texts
from externref_build.errors import ConfigError
from externref_build.guests.c_sources import find_sources
from externref_build.guests.cargo_config import read_cargo_config
from externref_build.guests.crates import locked_checksums
from externref_build.guests.manifest import default_name, guest_sources
from externref_build.guests.patterns import matching
from externref_build.guests.profiles import has_debug_info

VALUES = ["1", "1.5", "true", '"x"', "[]", "[1]", '["x"]', "[[1]]", "{}", "{ a = 1 }", '{ a = ["x"] }', "{ a.b = 1 }"]
"""Every shape of TOML, each wrong for most keys."""

DOCUMENT = parse_toml("""
name = "x"
names = ["a", 1, "b"]
[a.b]
c = ""
[[many]]
n = 1
""")


def test_values_of_the_shape_that_is_asked_for() -> None:
    assert (text(DOCUMENT, "name"), text(DOCUMENT, "a", "b", "c"), text("x")) == ("x", "", "x")
    assert texts(DOCUMENT, "names") == ["a", "b"]
    assert table(DOCUMENT, "a", "b") == {"c": ""}
    assert tables(DOCUMENT, "many") == [{"n": 1}]


@pytest.mark.parametrize("path", [["names"], ["none"], ["name", "c"], ["names", "a"], ["a", "b", "c", "d"]], ids=str)
def test_values_of_another_shape_are_not_there(path: list[str]) -> None:
    assert text(DOCUMENT, *path) is None
    assert table(DOCUMENT, *path) == {}
    assert tables(DOCUMENT, *path) == []
    assert texts(DOCUMENT, *path) == (["a", "b"] if path == ["names"] else [])


KEYS_OF_CARGO = [
    *("package", "lib", "bin", "workspace", "dependencies", "target", "patch", "profile"),
    *("package.name", "package.default-run", "package.workspace", "lib.crate-type", "lib.name"),
    *("workspace.members", "workspace.exclude", "workspace.dependencies"),
    *("target.x", "dependencies.a", "dependencies.a.path", "patch.crates-io", "profile.dev", "profile.dev.package"),
]


@pytest.mark.parametrize("key", KEYS_OF_CARGO)
def test_a_manifest_that_cargo_refuses(tmp_path: Path, key: str) -> None:
    path = tmp_path / "Cargo.toml"
    own = {"package.version": '"1.0.0"'} if key == "package.name" else {"package.name": '"p"'}
    for value in VALUES:
        lines = {**(own if key != "package" else {}), key: value}
        path.write_text("".join(f"{name} = {written}\n" for name, written in lines.items()))
        has_debug_info("dev", parse_toml(path.read_text()), read_cargo_config(tmp_path, {"CARGO_HOME": str(tmp_path)}))
        for read in (lambda: guest_sources(path, tmp_path), lambda: default_name(path)):
            try:
                assert read()
            except ConfigError as error:
                told = str(error)
                assert "expected that of a package" in told or "cannot be read: No such file" in told


@pytest.mark.parametrize("key", ["package", "package.name", "package.checksum"])
def test_a_lock_file_that_cargo_refuses(tmp_path: Path, key: str) -> None:
    for value in VALUES:
        (tmp_path / "Cargo.lock").write_text(f"{key} = {value}\n")
        assert locked_checksums(tmp_path / "Cargo.lock") == {}


KEYS_OF_PROJECT = [
    *("project", "project.dependencies", "project.optional-dependencies", "project.dynamic", "project.urls"),
    *("project.keywords", "project.version", "project.description", "project.license", "project.authors"),
    *("tool.setuptools", "tool.setuptools.package-dir", "tool.setuptools.packages"),
    *("tool.setuptools.packages.find", "tool.setuptools.packages.find.where", "tool.maturin"),
    *("tool.maturin.python-source", "tool.hatch", "tool.hatch.build", "tool.hatch.build.targets.wheel"),
    *("tool.hatch.build.packages", "tool.hatch.build.targets.wheel.packages", "tool.hatch.build.sources"),
]


@pytest.mark.parametrize("key", KEYS_OF_PROJECT)
def test_a_project_that_its_backend_refuses(tmp_path: Path, key: str) -> None:
    module = assemble('(module (func (export "f")))')
    folder = tmp_path / "src" / "p"
    folder.mkdir(parents=True)
    for value in VALUES:
        own = '[tool.externref]\npackage = "p"\nname = "p"\nbindings = ["python", "javascript"]\n'
        (tmp_path / "pyproject.toml").write_text(f"{key} = {value}\n{own}")
        config = load_config(tmp_path, environ={})
        try:
            assert package_folder(config.modules[0]) == folder
            write_npm_packages(config, [folder / "p.wasm"])
            assert json.loads((folder / "package.json").read_text())["name"] == "p"
            make_hosts(config.modules[0], module, "p")
        except ConfigError as error:
            said = str(error)
            assert "expected a table" in said or "does not depend on wasmtime" in said


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (".", ["."]),
        ("./", ["."]),
        ("inner", ["inner"]),
        ("./in*", ["inner"]),
        ("*", ["inner", "other"]),
        ("*/most", ["inner/most"]),
        ("**/most", ["inner/most"]),
        ("in**", ["inner"]),
        ("none", []),
        ("[", []),
    ],
)
@pytest.mark.parametrize("absolute", [False, True])
def test_patterns(tmp_path: Path, pattern: str, found: list[str], absolute: bool) -> None:
    for folder in ("inner/most", "other", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
    paths = matching(tmp_path, f"{tmp_path}/{pattern}" if absolute else pattern)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in paths) == found


def test_the_folder_of_a_workspace_can_be_a_member(tmp_path: Path) -> None:
    write(tmp_path, {"Cargo.toml": CARGO + '[workspace]\nmembers = [".", "", "inner"]\n', "inner/Cargo.toml": CARGO})
    found = guest_sources(tmp_path / "inner" / "Cargo.toml", tmp_path).files
    assert found == (tmp_path / "Cargo.toml", tmp_path / "inner" / "Cargo.toml")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("./guest/*.c", ["guest/a.c"]),
        ("guest/**/*.c", ["guest/a.c", "guest/in/b.c"]),
        ("**/*.c", ["c.c", "guest/a.c", "guest/in/b.c"]),
        ("**.c", ["c.c"]),
    ],
)
def test_patterns_of_sources(tmp_path: Path, pattern: str, found: list[str]) -> None:
    """What builds leave in hidden folders is no source."""
    names = ["c.c", "guest/a.c", "guest/in/b.c", "guest/.#a.c", ".externref-build/made.c"]
    own = f'[tool.externref]\npackage = "p"\nsources = ["{pattern}"]\n'
    write(tmp_path, {**dict.fromkeys(names, ""), "pyproject.toml": own})
    [module] = load_config(tmp_path, environ={}).modules
    assert [path.relative_to(tmp_path).as_posix() for path in find_sources(module)] == found


@pytest.mark.parametrize("pattern", [".", "*", "***", "["])
def test_patterns_of_no_sources(tmp_path: Path, pattern: str) -> None:
    write(tmp_path, {"pyproject.toml": f'[tool.externref]\npackage = "p"\nsources = ["{pattern}"]\n'})
    [module] = load_config(tmp_path, environ={}).modules
    with pytest.raises(ConfigError, match="expected sources in C"):
        find_sources(module)

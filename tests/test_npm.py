"""What a build gives npm: a package.json that it publishes, unless the project has one of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import write_files
from javascript_hosts import node, run, type_errors
from registry import npm_program

from externref_build.bindings.javascript.package import npm_name, npm_version
from externref_build.build.in_place import files_in_place, modules_in_place, remove_former_modules
from externref_build.build.npm import write_npm_packages
from externref_build.config import load_config
from externref_build.errors import ConfigError
from externref_build.output import remove_former_outputs

# A wheel


@pytest.mark.once
def test_the_package_in_a_wheel_can_be_published(javascript_wheel: Path, test_cache: Path, tmp_path: Path) -> None:
    package = tmp_path / "package"
    shutil.copytree(javascript_wheel, package)
    fields = json.loads((package / "package.json").read_text())
    assert fields["//"].startswith("Made by externref-build ")
    assert {key: fields[key] for key in ("name", "version", "description", "license", "keywords", "homepage")} == {
        "name": "typed_guest",
        "version": "1.2.0-rc.1",
        "description": "A plugin for every type",
        "license": "MIT",
        "keywords": ["plugins"],
        "homepage": "https://typed.example",
    }
    assert "private" not in fields
    assert fields["main"] == "./typed.js"  # for what does not look at `exports`
    [published] = _entries(run(["npm", "publish", "--dry-run", "--json", "--tag", "next"], package))
    assert {file["path"] for file in published["files"]} == {"package.json", "typed.js", "typed.d.ts", "typed.wasm"}
    for linter, script, arguments in LINTERS:
        program = npm_program(test_cache, linter) / linter / script
        run(["node", str(program), str(package), *arguments], tmp_path)


LINTERS = [
    ("publint", "src/cli.js", ["--strict", "--pack", "false"]),
    ("@arethetypeswrong/cli", "dist/index.js", ["--pack", "--profile", "esm-only"]),
]


@pytest.mark.once
def test_the_package_in_a_wheel_is_one_for_node_and_typescript(
    javascript_wheel: Path, test_cache: Path, tmp_path: Path
) -> None:
    [packed] = _entries(
        run(["npm", "pack", "--json", "--pack-destination", str(tmp_path), str(javascript_wheel)], tmp_path)
    )
    (tmp_path / "package.json").write_text('{"type": "module"}')
    run(["npm", "install", "--offline", "--no-audit", str(tmp_path / packed["filename"])], tmp_path)
    script = """
      import { load } from "typed_guest";
      import { load as same } from "typed_guest/typed";
      const error = await load().catch((error) => error);
      const module = import.meta.resolve("typed_guest/typed.wasm");
      out([same === load, error.name, module.endsWith("/node_modules/typed_guest/typed.wasm")]);
    """
    assert node(tmp_path, script) == [True, "TypeError", True]
    program = 'import { load } from "typed_guest"; load(5);'
    assert type_errors(test_cache, tmp_path, program) == ["use.ts:1:TS2345"]


def _entries(printed: str) -> list[Any]:
    found = json.loads(printed)
    return found if isinstance(found, list) else [found] if "files" in found else list(found.values())


# What is written where

PROJECT = """
[project]
name = "sample"
dynamic = ["version"]
"""
MODULE = """
[[tool.externref.modules]]
package = "{package}"
name = "{name}"
bindings = ["javascript"]
{more}
"""


def _project(folder: Path, modules: list[tuple[str, str]], more: str = "") -> Path:
    tables = "".join(MODULE.format(package=package, name=name, more=more) for package, name in modules)
    packages = {f"src/{package.replace('.', '/')}/__init__.py": "" for package, _ in modules}
    manifest = '[package]\nname = "guest"\n[lib]\ncrate-type = ["cdylib"]\n'
    write_files(folder, {"pyproject.toml": PROJECT + tables, "guest/Cargo.toml": manifest, **packages})
    return folder


def _written(folder: Path, version: str | None = None) -> Mapping[str, Any]:
    config = load_config(folder)
    paths = [folder / "src" / module.package.replace(".", "/") / f"{module.name}.wasm" for module in config.modules]
    write_npm_packages(config, paths, version)
    return {
        path.parent.relative_to(folder / "src").as_posix(): json.loads(path.read_text())
        for path in folder.rglob("package.json")
    }


def test_modules_in_one_package_share_a_package_json(tmp_path: Path) -> None:
    [(place, fields)] = _written(_project(tmp_path, [("sample", "first"), ("sample", "second")]), "1.0").items()
    assert place == "sample"
    assert fields["name"] == "sample"
    assert sorted(fields["exports"]) == ["./*.wasm", "./first", "./second"]
    assert fields["files"] == [f"{name}.{kind}" for name in ("first", "second") for kind in ("js", "d.ts", "wasm")]


def test_packages_of_one_project_have_names_of_their_own(tmp_path: Path) -> None:
    found = _written(_project(tmp_path, [("sample", "first"), ("sample.inner", "second")]))
    assert {place: fields["name"] for place, fields in found.items()} == {
        "sample": "sample-sample",
        "sample/inner": "sample-sample-inner",
    }


def test_without_a_version_a_package_stays_private(tmp_path: Path) -> None:
    [fields] = _written(_project(tmp_path, [("sample", "first")])).values()
    assert fields["private"] is True
    assert "version" not in fields
    [fields] = _written(tmp_path, "1.0").values()
    assert (fields["version"], "private" in fields) == ("1.0.0", False)


PEOPLE_AND_PLACES = """
authors = [{ name = "Ann", email = "ann@plugins.example" }, { name = "Bo" }]
[project.urls]
"Home-page" = "https://plugins.example"
"Source Code" = "https://forge.example/ann/sample/"
"Bug Tracker" = "https://forge.example/ann/sample/issues"
Changelog = "https://plugins.example/changes"
"""


def test_people_and_places_are_those_of_the_project(tmp_path: Path) -> None:
    _project(tmp_path, [("sample", "first")])
    path = tmp_path / "pyproject.toml"
    path.write_text(path.read_text().replace('dynamic = ["version"]', 'dynamic = ["version"]' + PEOPLE_AND_PLACES))
    [fields] = _written(tmp_path).values()
    assert fields["author"] == {"name": "Ann", "email": "ann@plugins.example"}
    assert fields["contributors"] == [{"name": "Bo"}]
    assert fields["homepage"] == "https://plugins.example"
    assert fields["repository"] == {"type": "git", "url": "git+https://forge.example/ann/sample.git"}
    assert fields["bugs"] == "https://forge.example/ann/sample/issues"


# A package.json of the project's own

OWN = '{"name": "@scope/own"}'


def test_a_package_json_of_the_project_is_never_written_over(tmp_path: Path) -> None:
    _project(tmp_path, [("sample", "first")])
    place = tmp_path / "src" / "sample" / "package.json"
    place.write_text(OWN)
    for act in (lambda: _written(tmp_path), lambda: modules_in_place(load_config(tmp_path))):
        with pytest.raises(ConfigError) as error:
            act()
        assert str(error.value).splitlines() == [
            'bindings holds "javascript", for which a package.json is written, and sample has one of its own',
            f"  --> {place}",
            "  set package-json = false in [tool.externref] to keep it, or remove it",
        ]
    assert place.read_text() == OWN


def test_a_package_json_of_the_project_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    _project(tmp_path, [("sample", "first")], "package-json = false")
    place = tmp_path / "src" / "sample" / "package.json"
    place.write_text(OWN)
    assert _written(tmp_path) == {"sample": json.loads(OWN)}
    assert place not in modules_in_place(load_config(tmp_path))


def test_a_package_json_that_somebody_took_over_is_not_removed(tmp_path: Path) -> None:
    """Once it was written by a build, and noted; then somebody wrote it anew, and said so."""
    _project(tmp_path, [("sample", "first")])
    _written(tmp_path)
    config = load_config(tmp_path)
    record = tmp_path / ".externref-build" / "modules"
    remove_former_outputs(record, tmp_path, modules_in_place(config))
    _project(tmp_path, [("sample", "first")], "package-json = false")
    place = tmp_path / "src" / "sample" / "package.json"
    assert place in files_in_place(load_config(tmp_path))
    place.write_text(OWN)
    assert place not in files_in_place(load_config(tmp_path))
    remove_former_modules(load_config(tmp_path))
    assert place.read_text() == OWN


# Names and versions


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1", "1.0.0"),
        ("1.2", "1.2.0"),
        ("1.2.3", "1.2.3"),
        ("v01.02.03", "1.2.3"),
        ("1.2.3.4", "1.2.3+4"),
        ("1.2rc1", "1.2.0-rc.1"),
        ("1.2.0-alpha", "1.2.0-alpha.0"),
        ("1.0b2.dev3", "1.0.0-b.2.dev.3"),
        ("1.0.dev3", "1.0.0-dev.3"),
        ("2!1.0", "1.0.0+2"),
        ("1.0.post4", "1.0.0+post4"),
        ("1.0+ubuntu.1", "1.0.0+ubuntu.1"),
    ],
)
def test_versions_become_semantic(version: str, expected: str) -> None:
    assert npm_version(version) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sample", "sample"), ("My.Plugin_2", "my.plugin_2"), ("_private", "private"), ("a b/c", "a-b-c")],
)
def test_names_become_those_of_npm(name: str, expected: str) -> None:
    assert npm_name(name) == expected

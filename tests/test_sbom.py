"""Bills of materials: they name what is in the module, and nothing else; the same build gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from projects import GUEST, write

from externref_build import __version__
from externref_build.build import BuildResult, Progress, build_project, write_sboms
from externref_build.config import load_config
from externref_build.errors import ConfigError
from externref_build.guests.sdk import sdk_version

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("toolchain")]

MANIFEST = """
[package]
name = "my-guest"
version = "0.3.0"
edition = "2021"
license = "MIT/Apache-2.0"
repository = "https://example.org/my-guest"
[lib]
crate-type = ["cdylib"]
[dependencies]
externref-guest = "1"
helper = { path = "helper" }
itoa = "1"
[target.'cfg(unix)'.dependencies]
for-unix = { path = "for-unix" }
[build-dependencies]
maker = { path = "maker" }
[dev-dependencies]
tester = { path = "tester" }
[workspace]
"""


def crate(name: str, more: str = "") -> str:
    return f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n{more}'


FILES = {
    "pyproject.toml": '[tool.externref]\npackage = "plugin.data"\nname = "guest"\n',
    "src/plugin/data/__init__.py": "",
    "guest/Cargo.toml": MANIFEST,
    "guest/build.rs": "fn main() {}",
    "guest/src/lib.rs": GUEST,
    "guest/helper/Cargo.toml": crate("helper", 'license = "our own"\n[dependencies]\nitoa = "1"\n'),
    **{f"guest/{name}/Cargo.toml": crate(name) for name in ("for-unix", "maker", "tester")},
    **{f"guest/{name}/src/lib.rs": "" for name in ("helper", "for-unix", "maker", "tester")},
}


def built(folder: Path) -> list[BuildResult]:
    return build_project(load_config(folder, environ={}), progress=Progress(quiet=True))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, toolchain: None) -> list[BuildResult]:
    return built(write(tmp_path_factory.mktemp("project"), FILES))


def read(path: Path) -> dict[str, Any]:
    """Read a bill that is valid by the schema."""
    text = path.read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document: dict[str, Any] = json.loads(text)
    return document


@pytest.fixture(scope="module")
def bill(results: list[BuildResult], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    [path] = write_sboms(results, tmp_path_factory.mktemp("sboms"), environ={})
    assert path.name == "guest.cdx.json"
    return read(path)


def test_the_module_is_what_the_bill_is_about(bill: dict[str, Any], results: list[BuildResult]) -> None:
    module = bill["metadata"]["component"]
    assert (module["name"], module["version"]) == ("plugin/data/guest.wasm", "0.3.0")
    digest = hashlib.sha256(results[0].path.read_bytes()).hexdigest()
    assert module["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert {entry["name"]: entry["value"] for entry in module["properties"]} == {
        "cdx:rustc:sbom:target:triple": "wasm32-unknown-unknown",
        "externref-build:profile": "release",
    }


def test_the_crates_are_those_in_the_module(bill: dict[str, Any], results: list[BuildResult]) -> None:
    """No macros, no build scripts, no tests, nothing of another target, and none of what these use."""
    crates = {component["name"]: component for component in bill["components"]}
    assert crates.keys() == {"my-guest", "helper", "itoa", "externref-guest"}
    assert crates["externref-guest"]["version"] == sdk_version()
    assert crates["my-guest"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert crates["helper"]["licenses"] == [{"license": {"name": "our own"}}]
    assert crates["my-guest"]["externalReferences"] == [{"type": "vcs", "url": "https://example.org/my-guest"}]
    assert crates["helper"]["purl"] == "pkg:cargo/helper@0.1.0?download_url=file://helper"
    itoa = crates["itoa"]
    assert itoa["purl"] == f"pkg:cargo/itoa@{itoa['version']}"
    [checksum] = itoa["hashes"]
    lock = (results[0].guest.workspace_root / "Cargo.lock").read_text()
    assert f'name = "itoa"\nversion = "{itoa["version"]}"' in lock
    assert f'checksum = "{checksum["content"]}"' in lock


def test_who_uses_whom(bill: dict[str, Any]) -> None:
    names = {component["bom-ref"]: component["name"] for component in bill["components"]}
    names[bill["metadata"]["component"]["bom-ref"]] = "module"
    graph = {names[entry["ref"]]: {names[ref] for ref in entry.get("dependsOn", [])} for entry in bill["dependencies"]}
    assert graph == {
        "module": {"my-guest"},
        "my-guest": {"helper", "itoa", "externref-guest"},
        "helper": {"itoa"},
        "itoa": set(),
        "externref-guest": set(),
    }


def test_the_tools_are_named(bill: dict[str, Any], results: list[BuildResult]) -> None:
    tools = {tool["name"]: tool["version"] for tool in bill["metadata"]["tools"]["components"]}
    cargo, rustc = results[0].guest.tools
    assert tools == {
        "externref-build": __version__,
        "cargo": cargo.split()[1],
        "rustc": rustc.split()[1],
    }


def test_the_same_build_elsewhere_gives_the_same_bytes(results: list[BuildResult], tmp_path: Path) -> None:
    elsewhere = built(write(tmp_path / "elsewhere", FILES))
    lock = results[0].guest.workspace_root / "Cargo.lock"
    shutil.copy(lock, tmp_path / "elsewhere" / "guest")
    first, second = (write_sboms(given, tmp_path / str(id(given)), environ={}) for given in (results, elsewhere))
    assert first[0].read_bytes() == second[0].read_bytes()
    assert os.fsencode(results[0].guest.workspace_root) not in first[0].read_bytes()


def test_the_time_is_that_of_the_source(results: list[BuildResult], tmp_path: Path) -> None:
    [path] = write_sboms(results, tmp_path, environ={"SOURCE_DATE_EPOCH": "1700000000"})
    assert read(path)["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    with pytest.raises(ConfigError, match="SOURCE_DATE_EPOCH is 'today', expected a number of seconds"):
        write_sboms(results, tmp_path, environ={"SOURCE_DATE_EPOCH": "today"})


def test_modules_of_one_name(tmp_path: Path) -> None:
    """Each has a bill of its own."""
    tables = "".join(
        f'[[tool.externref.modules]]\npackage = "{package}"\nmanifest-path = "guest/helper/Cargo.toml"\n'
        for package in ("one", "two")
    )
    manifest = crate("helper", '[lib]\ncrate-type = ["cdylib"]\n')
    write(tmp_path, {"pyproject.toml": tables, "guest/helper/Cargo.toml": manifest, "guest/helper/src/lib.rs": GUEST})
    write(tmp_path, {"src/one/__init__.py": "", "src/two/__init__.py": ""})
    paths = write_sboms(built(tmp_path), tmp_path / "sboms", environ={})
    assert [path.name for path in paths] == ["one.helper.cdx.json", "two.helper.cdx.json"]
    assert [read(path)["metadata"]["component"]["name"] for path in paths] == ["one/helper.wasm", "two/helper.wasm"]


def test_nothing_built_has_no_bill(tmp_path: Path) -> None:
    assert write_sboms([], tmp_path) == []
    assert not list(tmp_path.iterdir())

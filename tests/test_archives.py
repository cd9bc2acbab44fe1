"""What archives leave out, with every backend, even where a project packs whatever lies in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import CARGO, PROJECTS, Front, is_processed, write

pytestmark = pytest.mark.once

PACKS_ALL = {
    "setuptools": {"MANIFEST.in": "graft .\n", "pyproject.toml": '[tool.setuptools.package-data]\nplugin = ["*"]\n'},
    "hatchling": {"pyproject.toml": '[tool.hatch.build]\nartifacts = ["*.wasm"]\n', ".gitignore": ""},
    "maturin": {".gitignore": "/out\n/built\n"},
}


@pytest.mark.parametrize("kind", PROJECTS)
def test_debug_info_that_was_split_off(
    tmp_path: Path, builder: Path, pip_environment: dict[str, str], kind: str
) -> None:
    """It lies beside what cargo made, wherever that is, and in no archive."""
    more = PACKS_ALL[kind]
    pyproject = PROJECTS[kind]["pyproject.toml"].replace("offline = true", 'offline = true\ndebug-info = "split"')
    pyproject = pyproject.replace("include = [", 'include = [\n  { path = "**/*.wasm", format = "sdist" },')
    files = {**PROJECTS[kind], **more, "pyproject.toml": pyproject + more.get("pyproject.toml", "")}
    files["guest/Cargo.toml"] = CARGO + "[profile.release]\ndebug = true\n"
    folder = write(tmp_path / "project", files)
    environ = {**pip_environment, "CARGO_TARGET_DIR": str(folder / "made by cargo")}
    front = Front(builder, environ, folder, kind)
    wheel, told = front.wheel()
    [debug_file] = folder.rglob("*.debug.wasm")
    assert f"Split debug info into {debug_file}" in told
    assert debug_file.is_relative_to(folder / "made by cargo")
    assert [name for name in wheel if name.endswith(".wasm")] == ["plugin/plugin.wasm"]
    assert is_processed(wheel["plugin/plugin.wasm"])
    assert b".debug_info" not in wheel["plugin/plugin.wasm"]
    assert b"plugin.debug.wasm" in wheel["plugin/plugin.wasm"]
    assert [name for name in front.sdist() if name.endswith(".wasm")] == []


@pytest.mark.parametrize("kind", PROJECTS)
def test_a_source_distribution_of_half_a_guest_is_refused(
    tmp_path: Path, builder: Path, pip_environment: dict[str, str], kind: str
) -> None:
    far = {
        "guest/Cargo.toml": CARGO + '[dependencies]\nfar = { path = "../../far" }\n',
        "../far/Cargo.toml": '[package]\nname = "far"\nversion = "0.1.0"\nedition = "2021"\n',
        "../far/src/lib.rs": "",
    }
    front = Front(builder, pip_environment, write(tmp_path / "project", {**PROJECTS[kind], **far}), kind)
    assert "plugin/plugin.wasm" in front.wheel()[0]
    said = front.refused("build_sdist")
    assert f"the guest needs {tmp_path / 'far'}, which lies outside the project" in said
    assert "move the folder into the project, or depend on a version or a git repository instead of a path" in said

"""``EXTERNREF_SKIP=1``: the module that lies in the package is used, by every front end, without cargo."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import PROJECTS, WITHOUT_CARGO, Front, sdist_files, unpacked, wheel_files, write

pytestmark = pytest.mark.once

SKIP = {"EXTERNREF_SKIP": "1"}


@pytest.mark.parametrize("kind", PROJECTS)
def test_build_makes_both_archives(tmp_path: Path, builder: Path, pip_environment: dict[str, str], kind: str) -> None:
    """As ``python -m build`` does: a source distribution, which holds the module, and the wheel from it."""
    package = "python/plugin" if kind == "maturin" else "src/plugin"
    # maturin compiles the extension, for which it asks cargo.
    environ = SKIP if kind == "maturin" else {**SKIP, **WITHOUT_CARGO}
    tree = Front(builder, pip_environment, write(tmp_path / "tree", PROJECTS[kind]), kind)
    assert f"{package}/plugin.wasm" not in sdist_files(tree.hook("build_sdist", {}, environ)[0])
    said = tree.refused(environ=environ)
    assert "error: EXTERNREF_SKIP is set, and there is no plugin.wasm to use" in said
    assert "a source distribution holds it if that was made with EXTERNREF_SKIP as well" in " ".join(said.split())

    write(tree.folder, {f"{package}/plugin.wasm": "built elsewhere"})
    assert f"{package}/plugin.wasm" not in tree.sdist()
    sdist, _ = tree.hook("build_sdist", {}, environ)
    assert sdist_files(sdist)[f"{package}/plugin.wasm"] == b"built elsewhere"
    assert "guest/src/lib.rs" in sdist_files(sdist)

    elsewhere = Front(builder, pip_environment, unpacked(sdist, tmp_path / "elsewhere"), kind)
    skipped, told = elsewhere.hook("build_wheel", {}, environ)
    assert wheel_files(skipped)["plugin/plugin.wasm"] == b"built elsewhere"
    assert "Skipped the build of plugin.wasm: used the one that is there (EXTERNREF_SKIP)" in told
    assert not [name for name in wheel_files(skipped) if name.endswith("plugin.cdx.json")]
    if kind != "maturin":
        built, _ = elsewhere.hook("build_wheel", {})
        assert wheel_files(built)["plugin/plugin.wasm"].startswith(b"\0asm")

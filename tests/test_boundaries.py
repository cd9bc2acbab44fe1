"""The project's folder is a border: odd names of folders change nothing, and nothing outside is written or packed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from projects import CARGO, GUEST, LOCK, PROJECTS, Front, is_processed, sdist_files, write

from externref_build.build import Progress, build_in_place
from externref_build.config import load_config
from externref_build.errors import ConfigError, ExternrefBuildError, OutputError

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("toolchain")]

KINDS = ("setuptools", "hatchling", "maturin")


@pytest.fixture
def environ(pip_environment: dict[str, str], test_cache: Path) -> dict[str, str]:
    return {**pip_environment, "CARGO_TARGET_DIR": str(test_cache / "target"), "MATURIN_PEP517_USE_BASE_PYTHON": "1"}


# Names of folders


ODD_NAMES = ("with space", "quo'te\"s", "ünïcödé 日本", "-dash", "a=b", "$HOME", "[x]*?", "100%", "back\\slash", "#&;|")


def build_with_everything(front: Front) -> None:
    """Build a wheel, a source distribution, and in place, and find the module in each but the second."""
    files, _ = front.wheel()
    assert is_processed(files["plugin/plugin.wasm"])
    assert {"guest/Cargo.toml", "guest/src/lib.rs"} <= front.sdist().keys()
    front.hook("build_editable", {})
    [in_place] = front.folder.glob("*/plugin/plugin.wasm")
    assert in_place.read_bytes() == files["plugin/plugin.wasm"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_with_all_odd_characters(builder: Path, environ: dict[str, str], tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "-a 'b' \"ü日\" $HOME #&;|"
    build_with_everything(Front(builder, environ, write(folder, PROJECTS[kind]), kind))


@pytest.mark.matrix
@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_path(builder: Path, environ: dict[str, str], tmp_path: Path, kind: str, name: str) -> None:
    build_with_everything(Front(builder, environ, write(tmp_path / name, PROJECTS[kind]), kind))


def test_odd_names_inside(tmp_path: Path) -> None:
    """A package and a module may have any letters, and the guest may lie in any folder; cargo keeps its own folder."""
    guest = "-g 'ü'"
    table = f'[tool.externref]\npackage = "plügin"\nmanifest-path = "{guest}/Cargo.toml"\nname = "mödul"\n'
    files = {"pyproject.toml": table, "plügin/__init__.py": "", f"{guest}/Cargo.toml": CARGO}
    write(tmp_path / "-p", {**files, f"{guest}/src/lib.rs": GUEST})
    build = [sys.executable, "-m", "externref_build", "build", "--project=-p"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert is_processed((tmp_path / "-p" / "plügin" / "mödul.wasm").read_bytes())


def test_a_tree_behind_links(builder: Path, environ: dict[str, str], tmp_path: Path) -> None:
    """Of the tree itself, of its package, and of its guest: the same wheel."""
    front = Front(builder, environ, write(tmp_path / "real", PROJECTS["hatchling"]), "hatchling")
    path, _ = front.hook("build_wheel", {})
    expected = path.read_bytes()
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    assert Front(builder, environ, tmp_path / "link", "hatchling").hook("build_wheel", {})[0].read_bytes() == expected
    for name, behind in (("guest", "elsewhere/rust"), ("src/plugin", "elsewhere/python")):
        (front.folder / behind).parent.mkdir(exist_ok=True)
        (front.folder / name).rename(front.folder / behind)
        (front.folder / name).symlink_to(os.path.relpath(front.folder / behind, (front.folder / name).parent))
    [module] = build_in_place(load_config(front.folder, environ={}), progress=Progress(quiet=True))
    assert is_processed((front.folder / "elsewhere" / "python" / module.path.name).read_bytes())
    assert "guest/src/lib.rs" in front.sdist()


# Nothing outside is written


def everything_in(folder: Path) -> Mapping[Path, bytes]:
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """A project in a folder whose other content is as it was when the test is over."""
    write(tmp_path, {"outside/plugin/__init__.py": "", "outside/Cargo.toml": CARGO, "outside/src/lib.rs": GUEST})
    before = everything_in(tmp_path)
    yield write(tmp_path / "project", PROJECTS["setuptools"])
    after = everything_in(tmp_path)
    assert {path: after[path] for path in after if not path.is_relative_to(tmp_path / "project")} == before


def refusal(project: Path, table: str, environ: Mapping[str, str]) -> str:
    write(project, {"pyproject.toml": f"[tool.externref]\n{table}"})
    with pytest.raises(ExternrefBuildError) as caught:
        build_in_place(load_config(project, environ=environ), progress=Progress(quiet=True))
    return str(caught.value)


NAMES = ("../x", "/x", "a/b", "a\\\\b", "..", ".", "", ".hidden", "-x", "a\\u0000b", "a\\nb", "a b/../../x")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            ("package", value)
            for value in ("../../etc", "/etc", "a..b", "..", "", ".", "a/b", "-a", "a\\u0000", "a\\n")
        ),
        *(("name", value) for value in NAMES),
        *(
            ("manifest-path", value)
            for value in (
                "../outside/Cargo.toml",
                "/outside/Cargo.toml",
                "guest/../../outside/Cargo.toml",
                "guest\\\\..\\\\..\\\\outside\\\\Cargo.toml",
                "a\\u0000/Cargo.toml",
                "C:/outside/Cargo.toml",
                "guest/build.rs",
            )
        ),
    ],
)
def test_values_that_lead_outside(project: Path, key: str, value: str) -> None:
    """Each is refused before anything runs, in words that name the key, the value, and what is expected."""
    others = {"package": '"plugin"', key: f'"{value}"'}
    said = refusal(project, "".join(f"{name} = {text}\n" for name, text in others.items()), {})
    assert said.startswith(f"{key} is ")
    assert ", expected " in said
    assert f"key {key}" in said
    if value and "\\u0000" not in value and "\\n" not in value:
        variable = f"EXTERNREF_{key.upper().replace('-', '_')}"
        said = refusal(project, 'package = "plugin"\n', {variable: value.replace("\\\\", "\\")})
        assert f"environment variable {variable}" in said
    assert not (project / ".externref-build").exists()


@pytest.mark.parametrize(
    "table",
    [
        '[tool.setuptools]\npackage-dir = { "" = "OUTSIDE" }',
        "[tool.setuptools]\npackages.find.where = ['OUTSIDE']",
        '[tool.maturin]\npython-source = "OUTSIDE"',
        '[tool.hatch.build.targets.wheel]\npackages = ["OUTSIDE/plugin"]',
    ],
    ids=["setuptools", "find", "maturin", "hatchling"],
)
@pytest.mark.parametrize("absolute", [False, True])
def test_packages_of_other_folders(project: Path, table: str, absolute: bool) -> None:
    outside = project.parent / "outside"
    said = refusal(
        project, 'package = "plugin"\n' + table.replace("OUTSIDE", str(outside) if absolute else "../outside"), {}
    )
    assert (
        f"package is plugin, and its folder {outside / 'plugin'} lies outside the project, expected one inside" in said
    )
    assert f"move the package into {project}, and see that no link leads out of it" in said


def test_a_package_behind_a_link_that_leads_outside(project: Path) -> None:
    (project / "src" / "plugin" / "__init__.py").unlink()
    (project / "src" / "plugin").rmdir()
    (project / "src" / "plugin").symlink_to("../../outside/plugin", target_is_directory=True)
    with pytest.raises(ConfigError, match="lies outside the project"):
        build_in_place(load_config(project, environ={}), progress=Progress(quiet=True))


def test_a_module_that_is_a_link_is_replaced(project: Path) -> None:
    (project / "src" / "plugin" / "plugin.wasm").symlink_to("../../../outside/Cargo.toml")
    [result] = build_in_place(load_config(project, environ={}), progress=Progress(quiet=True))
    assert not result.path.is_symlink()
    assert is_processed(result.path.read_bytes())


def test_the_builds_own_folder_is_no_link(project: Path) -> None:
    (project / ".externref-build").symlink_to("../outside", target_is_directory=True)
    with pytest.raises(OutputError) as caught:
        build_in_place(load_config(project, environ={}), progress=Progress(quiet=True))
    outside = project.parent / "outside"
    assert f".externref-build is a link to {outside}, expected a folder of externref-build's own" in str(caught.value)
    assert "remove the link" in str(caught.value)


# Nothing outside is packed


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("guest/src/secret.rs", "../../../outside/secret"),
        ("guest/data", "../../outside"),
        ("guest/Cargo.lock", "../../outside/secret"),
        ("guest", "../outside/guest"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_links_that_lead_outside(
    builder: Path, environ: dict[str, str], tmp_path: Path, kind: str, link: str, target: str
) -> None:
    files = PROJECTS[kind]
    guest = {name: text for name, text in files.items() if name.startswith("guest/")}
    write(tmp_path / "outside", {"secret": LOCK, **guest})
    project = write(tmp_path / "project", {name: text for name, text in files.items() if name not in guest})
    if link != "guest":
        write(project, {name: text for name, text in guest.items() if name != link})
    (project / link).symlink_to(target)
    said = Front(builder, environ, project, kind).refused("build_sdist")
    real = (project / link).resolve()
    assert f"error: the guest needs {project / link} (a link to {real}), which lies outside the project" in said
    assert "a source distribution holds nothing from outside: move the folder into the project" in said
    assert not list((project / "out").iterdir())


def test_a_dependency_behind_a_link_that_leads_outside(builder: Path, environ: dict[str, str], tmp_path: Path) -> None:
    front = Front(builder, environ, write(tmp_path / "project", PROJECTS["setuptools"]))
    library = '[package]\nname = "far"\nversion = "0.1.0"\nedition = "2021"\n'
    write(tmp_path / "far", {"Cargo.toml": library, "src/lib.rs": ""})
    write(front.folder, {"guest/Cargo.toml": CARGO + '[dependencies]\nfar = { path = "far" }\n'})
    (front.folder / "guest" / "far").symlink_to("../../far", target_is_directory=True)
    assert f"the guest needs {front.folder / 'guest' / 'far'} (a link to {tmp_path / 'far'})" in front.refused(
        "build_sdist"
    )


def test_links_inside_are_followed(builder: Path, environ: dict[str, str], tmp_path: Path) -> None:
    """What they lead to is packed in their place, and the wheel can be built from that; loops end."""
    files = {"shared/more.rs": "pub fn more() {}", "guest/src/lib.rs": "mod shared { pub mod more; }\n" + GUEST}
    front = Front(builder, environ, write(tmp_path / "project", {**PROJECTS["setuptools"], **files}))
    (front.folder / "guest" / "src" / "shared").symlink_to("../../shared", target_is_directory=True)
    (front.folder / "guest" / "src" / "loop").symlink_to("..", target_is_directory=True)
    (front.folder / "guest" / "src" / "nowhere").symlink_to("absent")
    path, _ = front.hook("build_sdist", {})
    packed = sdist_files(path)
    assert packed["guest/src/shared/more.rs"] == b"pub fn more() {}"
    assert not [name for name in packed if "loop" in name or "nowhere" in name]
    unpacked = write(tmp_path / "unpacked", {name: content.decode() for name, content in packed.items()})
    wheel, _ = Front(builder, environ, unpacked).wheel()
    assert is_processed(wheel["plugin/plugin.wasm"])

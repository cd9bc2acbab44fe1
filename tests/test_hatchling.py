"""Projects built with hatchling: by the real pip and build, in the ways that users build theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from projects import HATCHLING, WITHOUT_CARGO, Front, has_sbom, is_processed, sdist_files, wheel_files, write

pytestmark = pytest.mark.once

PYPROJECT = HATCHLING["pyproject.toml"]

SOURCES = {"src/plugin/__init__.py", "guest/Cargo.toml", "guest/Cargo.lock", "guest/build.rs", "guest/src/lib.rs"}

WHEEL = "plugin-1.0-py3-none-any.whl"


@pytest.fixture
def front(builder: Path, pip_environment: dict[str, str], tmp_path: Path) -> Front:
    return Front(builder, pip_environment, write(tmp_path / "project", HATCHLING), "hatchling")


def test_isolated_builds(tmp_path: Path, pip_environment: dict[str, str]) -> None:
    """The wheel from the tree and that from the source distribution are the same, byte for byte."""
    tree = write(tmp_path / "tree", HATCHLING)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), str(tree)]
    subprocess.run(pip, check=True, env=pip_environment)
    files = wheel_files(tmp_path / WHEEL)
    assert {name for name in files if "dist-info" not in name} == {"plugin/__init__.py", "plugin/plugin.wasm"}
    assert is_processed(files["plugin/plugin.wasm"])
    assert has_sbom(files, "plugin/plugin.wasm")
    assert b"Tag: py3-none-any" in files["plugin-1.0.dist-info/WHEEL"]
    assert b"plugin/plugin.wasm,sha256=" in files["plugin-1.0.dist-info/RECORD"]
    assert not list((tree / "src").rglob("*.wasm"))

    build = [sys.executable, "-m", "build", "--outdir", str(tmp_path / "dist"), str(tree)]
    subprocess.run(build, check=True, env=pip_environment)
    sdist = sdist_files(tmp_path / "dist" / "plugin-1.0.tar.gz")
    assert {name for name in sdist if name.startswith(("guest/", "src/"))} == SOURCES
    assert (tmp_path / "dist" / WHEEL).read_bytes() == (tmp_path / WHEEL).read_bytes()


def test_an_editable_installation(front: Front) -> None:
    """The module lies in place; when it is renamed, the former one goes, and no archive ever holds it."""
    write(front.folder, {".gitignore": "/out\n/built\n"})
    before = front.hook("build_sdist", {})[0].read_bytes()
    told = front.run("-m", "pip", "install", "--no-build-isolation", "--no-deps", "-e", ".")
    assert told.returncode == 0, told.stdout + told.stderr
    in_place = front.folder / "src" / "plugin" / "plugin.wasm"
    assert is_processed(in_place.read_bytes())
    read = "import importlib.resources, sys; path = importlib.resources.files('plugin') / 'plugin.wasm'; "
    read += "sys.stdout.buffer.write(path.read_bytes())"
    seen = subprocess.run([str(front.python), "-c", read], cwd=front.folder.parent, check=True, capture_output=True)
    assert seen.stdout == in_place.read_bytes()

    assert (front.folder / "guest" / "target").is_dir()
    assert front.hook("build_sdist", {})[0].read_bytes() == before
    in_place.write_bytes(b"stale")
    files, _ = front.wheel()
    assert is_processed(files["plugin/plugin.wasm"])
    assert in_place.read_bytes() == b"stale"

    write(front.folder, {"pyproject.toml": PYPROJECT + 'name = "renamed"\n'})
    files, _ = front.wheel()
    assert [name for name in files if name.endswith(".wasm")] == ["plugin/renamed.wasm"]
    assert not in_place.exists()


@pytest.mark.parametrize(
    "table",
    [
        'only-include = ["src", "guest"]',
        'include = ["src"]',
        'artifacts = ["*.wasm"]',
    ],
)
def test_source_distributions_that_choose_their_files(front: Front, table: str) -> None:
    stale = {
        "src/plugin/plugin.wasm": "stale",
        "guest/.externref-build/.gitignore": "*",
        "guest/.externref-build/sdk-1.0/lib.rs": "",
        "guest/target/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55",
        "guest/target/built": "",
    }
    write(
        front.folder,
        {".gitignore": "", "pyproject.toml": f"{PYPROJECT}\n[tool.hatch.build.targets.sdist]\n{table}\n", **stale},
    )
    (front.folder / "guest" / ".externref-build" / "sdk").symlink_to("sdk-1.0")
    assert {name for name in front.sdist() if name.startswith(("guest/", "src/"))} == SOURCES


@pytest.mark.parametrize(
    ("package", "folder", "tables"),
    [
        ("acme.plugin", "lib/acme/plugin", '[tool.hatch.build.targets.wheel]\npackages = ["lib/acme"]'),
        ("plugin", "lib/plugin", '[tool.hatch.build]\ninclude = ["lib"]\nsources = ["lib"]'),
        ("plugin", "plugin", ""),
    ],
)
def test_layouts(front: Front, package: str, folder: str, tables: str) -> None:
    (front.folder / "src" / "plugin" / "__init__.py").unlink()
    (front.folder / "src" / "plugin").rmdir()
    pyproject = PYPROJECT.replace('package = "plugin"', f'package = "{package}"') + tables
    write(front.folder, {"pyproject.toml": pyproject, f"{folder}/__init__.py": ""})
    place = package.replace(".", "/")
    files, _ = front.wheel()
    assert {name for name in files if "dist-info" not in name} == {f"{place}/__init__.py", f"{place}/plugin.wasm"}
    front.hook("build_editable", {})
    assert is_processed((front.folder / folder / "plugin.wasm").read_bytes())


OTHER_HOOK = """
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
class Other(BuildHookInterface):
    def initialize(self, version, build_data):
        build_data.update({})
"""


@pytest.mark.parametrize(
    ("order", "data", "tag"),
    [
        (("custom", "externref"), {"pure_python": False, "infer_tag": True}, "-linux_"),
        (("externref", "custom"), {"pure_python": False, "infer_tag": True}, "-linux_"),
        (("custom", "externref"), {"tag": "cp39-abi3-any"}, "-cp39-abi3-any"),
        (("externref", "custom"), {"tag": "cp39-abi3-any"}, "-cp39-abi3-any"),
        (("custom", "externref"), {}, "-py3-none-any"),
    ],
)
def test_another_hook_chooses_the_tag(front: Front, order: tuple[str, str], data: dict[str, object], tag: str) -> None:
    tables = "".join(f"[tool.hatch.build.hooks.{name}]\n" for name in order)
    write(
        front.folder,
        {
            "pyproject.toml": PYPROJECT.replace("[tool.hatch.build.hooks.externref]\n", tables),
            "hatch_build.py": OTHER_HOOK.replace("{}", repr(data)),
            "src/plugin/plugin.wasm": "built elsewhere",
        },
    )
    path, _ = front.hook("build_wheel", {}, {**WITHOUT_CARGO, "EXTERNREF_SKIP": "1"})
    assert tag in path.name


def test_several_modules(front: Front) -> None:
    """Two modules of one file name, in two packages."""
    table = PYPROJECT.replace("[tool.externref]", "[[tool.externref.modules]]")
    second = '[[tool.externref.modules]]\npackage = "plugin.more"\nname = "plugin"\noffline = true\n'
    write(front.folder, {"pyproject.toml": table + second, "src/plugin/more/__init__.py": ""})
    files, _ = front.wheel()
    assert is_processed(files["plugin/plugin.wasm"])
    assert files["plugin/more/plugin.wasm"] == files["plugin/plugin.wasm"]


def test_settings(front: Front) -> None:
    """Hatchling drops config-settings; the environment arrives."""
    _, told = front.wheel({"externref.profile": "nonsense"}, {"EXTERNREF_PROFILE": "dev"})
    assert "guest plugin for wasm32-unknown-unknown (dev)" in told


# Faults


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("offline", "offlin", "error: unknown key offlin, did you mean offline?"),
        ("[tool.externref]", "[tool.extern]", "error: there is no table [tool.externref] in pyproject.toml"),
        (
            "hooks.externref]",
            'hooks.externref]\nprofile = "dev"',
            "error: profile in [tool.hatch.build.hooks.externref], expected all keys in [tool.externref]",
        ),
        (
            'name = "plugin"',
            'name = "other"',
            "error: package is plugin, which is not among the packages that hatchling will pack",
        ),
        (
            "[tool.externref]",
            '[tool.hatch.build]\ninclude = ["src"]\n[tool.externref]',
            "error: package is plugin, which is not among the packages that hatchling will pack",
        ),
    ],
)
def test_a_wrong_table(front: Front, old: str, new: str, words: str) -> None:
    write(front.folder, {"pyproject.toml": PYPROJECT.replace(old, new)})
    said = front.refused(environ=WITHOUT_CARGO)
    assert words in said
    if "hatchling will pack" in words:
        assert '[tool.hatch.build.targets.wheel]\n  packages = ["src/plugin"]' in said


def test_without_cargo(front: Front) -> None:
    assert "error: cargo is not found" in front.refused(environ=WITHOUT_CARGO)
    assert "guest/src/lib.rs" in front.sdist(environ=WITHOUT_CARGO)

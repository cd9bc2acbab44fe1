"""Projects built with setuptools: by the real pip and build, in the ways that users build theirs."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import CARGO, GUEST, LOCK, WITHOUT_CARGO, Front, has_sbom, is_processed, sdist_files, wheel_files, write

from externref_build.output import remove_former_outputs

pytestmark = pytest.mark.once

BUILD_SYSTEM = """
[build-system]
requires = ["setuptools>=77", "externref-build"]
build-backend = "setuptools.build_meta"
"""

PYPROJECT = (
    BUILD_SYSTEM
    + """
[project]
name = "my-project"
version = "1.0"

[tool.externref]
package = "plugin"
offline = true
"""
)

FILES = {
    "pyproject.toml": PYPROJECT,
    "src/plugin/__init__.py": "",
    "src/plugin/py.typed": "",
    "guest/Cargo.toml": CARGO,
    "guest/src/lib.rs": GUEST,
    "guest/build.rs": "fn main() {}",
}

KINDS_IN_C = '#include "externref.h"\nEXTERNREF_RESOURCE(Thing);\n'
GUEST_IN_C = '#include "kinds.h"\nEXTERNREF_EXPORT("same", own(Thing), same, (own(Thing), thing)) { return thing; }\n'

PACKED = {"plugin/__init__.py", "plugin/py.typed", "plugin/plugin.wasm"}


@pytest.fixture
def front(builder: Path, pip_environment: dict[str, str], tmp_path: Path) -> Front:
    return Front(builder, pip_environment, write(tmp_path / "project", FILES))


def test_isolated_builds(tmp_path: Path, pip_environment: dict[str, str]) -> None:
    tree = write(tmp_path / "tree", FILES)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(tmp_path), str(tree)]
    subprocess.run(pip, check=True, env=pip_environment)
    from_tree = wheel_files(tmp_path / "my_project-1.0-py3-none-any.whl")
    assert {name for name in from_tree if "dist-info" not in name} == {
        "plugin/__init__.py",
        "plugin/plugin.wasm",
    } | {name for name in from_tree if name == "plugin/py.typed"}
    assert is_processed(from_tree["plugin/plugin.wasm"])
    assert has_sbom(from_tree, "plugin/plugin.wasm")
    assert b"Tag: py3-none-any" in from_tree["my_project-1.0.dist-info/WHEEL"]
    assert b"plugin/plugin.wasm,sha256=" in from_tree["my_project-1.0.dist-info/RECORD"]
    assert not list((tree / "src").rglob("*.wasm"))

    build = [sys.executable, "-m", "build", "--outdir", str(tmp_path / "dist"), str(tree)]
    subprocess.run(build, check=True, env=pip_environment)
    sdist = sdist_files(tmp_path / "dist" / "my_project-1.0.tar.gz")
    assert {name for name in sdist if name.startswith(("guest/", "src/plugin/"))} - {"src/plugin/py.typed"} == {
        "guest/Cargo.toml",
        "guest/Cargo.lock",
        "guest/build.rs",
        "guest/src/lib.rs",
        "src/plugin/__init__.py",
    }
    from_sdist = wheel_files(tmp_path / "dist" / "my_project-1.0-py3-none-any.whl")
    assert from_sdist["plugin/plugin.wasm"] == from_tree["plugin/plugin.wasm"]


@pytest.mark.parametrize("mode", ["lenient", "strict"])
def test_editable_installations(front: Front, mode: str) -> None:
    settings = ["-C", "editable-mode=strict"] if mode == "strict" else []
    told = front.run("-m", "pip", "install", "--no-build-isolation", "--no-deps", *settings, "-e", ".")
    assert told.returncode == 0, told.stdout + told.stderr
    in_place = front.folder / "src" / "plugin" / "plugin.wasm"
    assert is_processed(in_place.read_bytes())
    current = front.run("-m", "externref_build", "build", "--check", environ=WITHOUT_CARGO)
    assert (current.returncode, current.stderr) == (0, f"     Current {in_place}\n")
    read = "import importlib.resources, sys; path = importlib.resources.files('plugin') / 'plugin.wasm'; "
    read += "sys.stdout.buffer.write(path.read_bytes())"
    seen = subprocess.run([str(front.python), "-c", read], cwd=front.folder.parent, check=True, capture_output=True)
    assert seen.stdout == in_place.read_bytes()


EVERYTHING = {
    "pyproject.toml": PYPROJECT + '[tool.setuptools.package-data]\nplugin = ["*"]\n',
    "MANIFEST.in": "graft .",
}
"""A project that packs whatever lies in it."""


def test_what_was_built_is_in_no_archive(front: Front) -> None:
    """The source distribution is the one of a fresh tree, but for the front end's own files; the wheel's is fresh."""
    write(front.folder, {**EVERYTHING, "MANIFEST.in": "graft src\ngraft guest\n", "guest/Cargo.lock": LOCK})
    before = front.sdist()
    front.hook("build_editable", {})
    stale = front.folder / "src" / "plugin" / "plugin.wasm"
    stale.write_text("stale")
    (stale.parent / ".plugin.wasm.0123456789ab.partial").write_text("half of")
    assert (front.folder / "guest" / "target").is_dir()
    assert front.sdist() == before
    files, _ = front.wheel()
    assert is_processed(files["plugin/plugin.wasm"])
    assert {name for name in files if "dist-info" not in name} == PACKED
    assert stale.read_text() == "stale"


def test_a_module_that_is_renamed_leaves_the_folder(front: Front) -> None:
    """After an editable installation, and before ``build_py`` copies what lies there."""
    write(front.folder, EVERYTHING)
    front.hook("build_editable", {})
    in_place = front.folder / "src" / "plugin" / "plugin.wasm"
    assert in_place.is_file()
    table = EVERYTHING["pyproject.toml"].replace("offline", 'name = "renamed"\noffline')
    write(front.folder, {"pyproject.toml": table})
    assert "src/plugin/plugin.wasm" not in front.sdist()
    files, _ = front.wheel()
    assert [name for name in files if name.endswith(".wasm")] == ["plugin/renamed.wasm"]
    assert not in_place.exists()
    front.hook("build_editable", {})
    assert [path.name for path in in_place.parent.glob("*.wasm")] == ["renamed.wasm"]


def test_what_a_killed_build_left_is_in_no_wheel(front: Front) -> None:
    """A folder of setuptools with half a wheel, and half a file that looks newer than its source."""
    front.wheel()
    (front.folder / "build" / "lib" / "plugin" / "__init__.py").write_text("hal")
    [outputs] = (front.folder / "build").glob("bdist.*/lib.externref-outputs")
    outputs.with_name("lib.externref-ongoing").touch()
    write(outputs.parent / "wheel", {"plugin/stray.py": "", "my_project-1.0.dist-info/RECORD": ""})
    files, _ = front.wheel()
    assert {name for name in files if "dist-info" not in name} == PACKED
    assert files["plugin/__init__.py"] == b""


def test_clean_removes_what_a_build_made(front: Front) -> None:
    write(front.folder, {"setup.py": "import setuptools\nsetuptools.setup()\n"})
    front.wheel()
    assert (front.folder / "build" / "lib" / "plugin" / "plugin.wasm").is_file()
    cleaned = front.run("setup.py", "--quiet", "clean", "--all")
    assert cleaned.returncode == 0, cleaned.stderr
    assert not (front.folder / "build").exists()
    files, _ = front.wheel()
    assert is_processed(files["plugin/plugin.wasm"])


def test_a_module_that_is_no_longer_made_leaves_the_wheel(front: Front) -> None:
    files, _ = front.wheel()
    assert "plugin/plugin.wasm" in files
    write(front.folder, {"pyproject.toml": PYPROJECT + 'name = "renamed"\n'})
    files, _ = front.wheel()
    assert [name for name in files if name.endswith(".wasm")] == ["plugin/renamed.wasm"]


def test_former_outputs_outside_the_folder_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, {"record": "../precious\ngone\nold.wasm\n", "precious": "", "lib/old.wasm": "", "lib/new.wasm": ""})
    remove_former_outputs(tmp_path / "record", tmp_path / "lib", [tmp_path / "lib" / "new.wasm"])
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["new.wasm", "precious", "record"]
    assert (tmp_path / "record").read_text() == "new.wasm\n"


@pytest.mark.parametrize("damage", [b"\0" * 20, b"lib\xff\n"], ids=["zeros", "not UTF-8"])
def test_a_damaged_record_of_former_outputs_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    write(tmp_path, {"record": damage, "lib/new.wasm": ""})
    remove_former_outputs(tmp_path / "record", tmp_path / "lib", [tmp_path / "lib" / "new.wasm"])
    assert (tmp_path / "record").read_text() == "new.wasm\n"


def test_a_folder_of_the_name_of_a_former_output_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path, {"record": "old.wasm\n", "lib/old.wasm/precious": ""})
    remove_former_outputs(tmp_path / "record", tmp_path / "lib", [])
    assert (tmp_path / "lib" / "old.wasm" / "precious").is_file()


def test_several_modules(front: Front) -> None:
    table = PYPROJECT.replace("[tool.externref]", "[[tool.externref.modules]]")
    second = (
        '[[tool.externref.modules]]\npackage = "plugin.more"\nmanifest-path = "second/Cargo.toml"\noffline = true\n'
    )
    write(
        front.folder,
        {
            "pyproject.toml": table + second,
            "src/plugin/more/__init__.py": "",
            "second/Cargo.toml": CARGO.replace('"plugin"', '"second"'),
            "second/src/lib.rs": GUEST,
        },
    )
    files, _ = front.wheel()
    assert is_processed(files["plugin/plugin.wasm"])
    assert is_processed(files["plugin/more/second.wasm"])
    assert "second/src/lib.rs" in front.sdist()


def test_a_guest_in_c(front: Front) -> None:
    zig = importlib.util.find_spec("ziglang")
    assert zig is not None
    assert zig.origin is not None
    libraries = front.folder.parent / "libraries"
    libraries.mkdir()
    (libraries / "ziglang").symlink_to(Path(zig.origin).parent)
    table = PYPROJECT.replace("offline = true", 'name = "plugin"\nsources = ["guest/*.c"]\ncompiler = "zig"')
    write(front.folder, {"pyproject.toml": table, "guest/plugin.c": GUEST_IN_C, "guest/kinds.h": KINDS_IN_C})
    files, _ = front.wheel(environ={**WITHOUT_CARGO, "PYTHONPATH": str(libraries)})
    assert is_processed(files["plugin/plugin.wasm"])
    assert {"guest/plugin.c", "guest/kinds.h"} <= front.sdist(environ=WITHOUT_CARGO).keys()


def test_a_project_without_the_table_is_left_alone(front: Front) -> None:
    write(front.folder, {"pyproject.toml": PYPROJECT.partition("[tool.externref]")[0]})
    files, told = front.wheel(environ=WITHOUT_CARGO)
    assert "plugin/__init__.py" in files
    assert not [name for name in files if name.endswith(".wasm")]
    assert "build_externref" not in told


def test_projects_without_the_table_do_not_wait_for_the_build_to_load(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "other"\nversion = "1.0"\n', encoding="utf-8")
    script = (
        "import sys, setuptools; from externref_build.backends.setuptools import finalize_distribution_options\n"
        "finalize_distribution_options(setuptools.Distribution())\n"
        "print(*sorted({name.split('.')[1] for name in sys.modules if name.startswith('externref_build.')}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.split() == ["_version", "backends", "config", "errors"]


@pytest.mark.parametrize("command", ["build", "build_py", "sdist", "bdist_wheel"])
def test_commands_of_the_project_itself(front: Front, command: str) -> None:
    """They run, and all of ours is done as well."""
    own = f"from setuptools.command.{command} import {command}\nclass Own({command}):\n"
    own += "    def run(self):\n        print('own command')\n        super().run()\n"
    table = EVERYTHING["pyproject.toml"] + f'[tool.setuptools.cmdclass]\n{command} = "commands.Own"\n'
    stale = {"src/plugin/plugin.wasm": "stale"}
    write(front.folder, {**EVERYTHING, "commands.py": own, "pyproject.toml": table, **stale})
    environ = {"PYTHONPATH": str(front.folder)}
    files, told = front.wheel(environ=environ)
    assert is_processed(files["plugin/plugin.wasm"])
    path, told_of_sdist = front.hook("build_sdist", {}, environ)
    assert "src/plugin/plugin.wasm" not in sdist_files(path)
    assert "guest/src/lib.rs" in sdist_files(path)
    assert "own command" in told + told_of_sdist


# Settings


def test_the_environment_reaches_every_backend(front: Front) -> None:
    _, told = front.wheel(environ={"EXTERNREF_PROFILE": "dev"})
    assert "guest plugin for wasm32-unknown-unknown (dev)" in told


def test_config_settings_reach_our_backend(front: Front) -> None:
    front.backend = "externref_build.backends.setuptools"
    _, told = front.wheel({"externref.profile": "dev"}, {"EXTERNREF_PROFILE": "release"})
    assert "guest plugin for wasm32-unknown-unknown (dev)" in told
    front.hook("build_editable", {"externref.name": "renamed"})
    assert (front.folder / "src" / "plugin" / "renamed.wasm").is_file()
    assert "guest/src/lib.rs" in front.sdist()
    for hook in ("build_wheel", "build_editable", "build_sdist", "prepare_metadata_for_build_wheel"):
        said = front.refused(hook, {"externref.profil": "dev"})
        assert "unknown key profil, did you mean profile?" in said


def test_skipping_needs_no_cargo(front: Front) -> None:
    skip = {**WITHOUT_CARGO, "EXTERNREF_SKIP": "1"}
    said = front.refused(environ=skip)
    assert "error: EXTERNREF_SKIP is set, and there is no plugin.wasm to use" in said
    write(front.folder, {"src/plugin/plugin.wasm": "built elsewhere"})
    files, _ = front.wheel(environ=skip)
    assert files["plugin/plugin.wasm"] == b"built elsewhere"
    shutil.rmtree(front.folder / "guest")
    write(front.folder, {"pyproject.toml": PYPROJECT + 'name = "plugin"\n'})
    files, _ = front.wheel(environ=skip)
    assert files["plugin/plugin.wasm"] == b"built elsewhere"


def test_a_source_distribution_needs_no_cargo(front: Front) -> None:
    assert "guest/src/lib.rs" in front.sdist(environ=WITHOUT_CARGO)


# Faults


def test_without_cargo(front: Front) -> None:
    said = front.refused(environ=WITHOUT_CARGO)
    assert "error: cargo is not found" in said
    assert "https://sh.rustup.rs" in said


def test_a_failing_compile(front: Front) -> None:
    write(front.folder, {"guest/src/lib.rs": "fn broken() -> i32 { nonsense }"})
    said = front.refused()
    assert said.count("cannot find value `nonsense`") == 1
    assert "error: cargo could not build the guest plugin for wasm32-unknown-unknown (exit status 101)" in said


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('package = "plugin"\nlockd = true', "error: unknown key lockd, did you mean locked?"),
        (
            'package = "other"',
            "error: package is other, which is not among the packages that setuptools will build (plugin)",
        ),
        ('package = "plugin"\nmanifest-path = "g/Cargo.toml"', "error: the guest's Cargo.toml cannot be read"),
    ],
)
def test_a_wrong_table(front: Front, table: str, words: str) -> None:
    write(front.folder, {"pyproject.toml": PYPROJECT.replace('package = "plugin"', table)})
    assert words in front.refused()


def test_rust_in_src_hides_the_package(front: Front) -> None:
    """Setuptools takes ``src/`` for Python's and loses the package without a word."""
    for name in ("src/plugin/__init__.py", "src/plugin/py.typed"):
        (front.folder / name).unlink()
    write(
        front.folder,
        {
            "Cargo.toml": CARGO,
            "src/lib.rs": GUEST,
            "plugin/__init__.py": "",
            "pyproject.toml": PYPROJECT + 'manifest-path = "Cargo.toml"\n',
        },
    )
    (front.folder / "src" / "plugin").rmdir()
    said = front.refused()
    assert "package is plugin, which is not among the packages that setuptools will build (there are none)" in said
    assert "src/ holds Rust sources, so setuptools looks for packages there" in said
    assert "put the package into src/plugin/ (with an __init__.py) and Rust into guest/" in said
    assert 'packages = ["plugin"]' in said
    write(
        front.folder,
        {"pyproject.toml": PYPROJECT + 'manifest-path = "Cargo.toml"\n[tool.setuptools]\npackages = ["plugin"]\n'},
    )
    files, _ = front.wheel()
    assert {"plugin/__init__.py", "plugin/plugin.wasm"} <= files.keys()

"""Ways from a project to an installed plugin, with every build backend: uv, tox, loops over Pythons, odd layouts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from projects import PROJECTS, Front, has_sbom, is_processed, lint, wheel_files, write

pytestmark = pytest.mark.once

MODULE = "plugin/plugin.wasm"

READ = """
from importlib.resources import files
module = files("plugin").joinpath("plugin.wasm").read_bytes()
assert module.startswith(b"\\0asm") and b"__externrefs" not in module, module[:8]
"""


@pytest.fixture
def make_front(
    builder: Path, pip_environment: dict[str, str], tmp_path: Path, test_cache: Path
) -> Callable[[str, Mapping[str, str]], Front]:
    """Function that writes a project for a build backend, changed as asked, in a folder that others don't see."""

    def make(backend: str, changes: Mapping[str, str]) -> Front:
        environ = {**pip_environment, "CARGO_TARGET_DIR": str(test_cache / "install-target")}
        return Front(builder, environ, write(tmp_path / "project", {**PROJECTS[backend], **changes}), backend)

    return make


def succeeded(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("backend", PROJECTS)
def test_uv(
    make_front: Callable[[str, Mapping[str, str]], Front], make_venv: Callable[[], Path], wheel: Path, backend: str
) -> None:
    """Source distribution, wheel from it, and an editable installation, all isolated."""
    front = make_front(backend, {"read.py": READ})
    expected, _ = front.wheel()
    python = make_venv()
    environ = {"UV_FIND_LINKS": str(wheel.parent)}
    uv = ["-m", "uv", "--no-config", "--no-progress"]
    succeeded(front.run(*uv, "build", "--out-dir", "dist", environ=environ))
    [built] = (front.folder / "dist").glob("*.whl")
    assert len(list((front.folder / "dist").glob("*.tar.gz"))) == 1
    files = wheel_files(built)
    assert files[MODULE] == expected[MODULE]
    assert has_sbom(files, MODULE)
    succeeded(front.run(*uv, "pip", "install", "--python", str(python), "-e", ".", environ=environ))
    subprocess.run([str(python), "read.py"], cwd=front.folder, check=True)


@pytest.mark.parametrize(
    ("backend", "package"), [("setuptools", "wheel"), ("hatchling", "sdist"), ("maturin", "editable")]
)
def test_tox(make_front: Callable[[str, Mapping[str, str]], Front], backend: str, package: str) -> None:
    """With each kind of package that tox installs."""
    tox = f"""
    [tox]
    env_list = py
    [testenv]
    package = {package}
    commands = python read.py
    """
    front = make_front(backend, {"read.py": READ, "tox.ini": tox})
    command = [sys.executable, "-m", "tox", "run", "--workdir", str(front.folder.parent / "tox")]
    environ = {name: value for name, value in front.environ.items() if not name.startswith("TOX_")}
    said = succeeded(subprocess.run(command, cwd=front.folder, env=environ, capture_output=True, text=True))
    assert re.search(r"^\s*py: OK", said, re.MULTILINE), said


def another_python() -> str:
    """Return another version of Python if there is one that works, or else this one."""
    for minor in range(14, 9, -1):
        found = shutil.which(f"python3.{minor}")
        if found and minor != sys.version_info.minor and subprocess.run([found, "-c", "import venv"]).returncode == 0:
            return found
    return sys.executable


@pytest.mark.parametrize("backend", PROJECTS)
def test_a_loop_over_pythons_in_one_tree(
    make_front: Callable[[str, Mapping[str, str]], Front], tmp_path: Path, backend: str
) -> None:
    """As cibuildwheel does it, where cargo is told to compile for this machine: a setting for the extension."""
    front = make_front(backend, {})
    compiler = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True, env=front.environ).stdout
    [host] = re.findall(r"^host: (.+)$", compiler, re.MULTILINE)
    front.environ["CARGO_BUILD_TARGET"] = host
    first, _ = front.wheel()
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "virtualenv", "-q", "-p", another_python(), str(other)], check=True)
    command = [str(other / "bin" / "python"), "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", "dist", "."]
    succeeded(subprocess.run(command, cwd=front.folder, env=front.environ, capture_output=True, text=True))
    [built] = (front.folder / "dist").glob("*.whl")
    second = wheel_files(built)
    assert is_processed(second[MODULE])
    assert second[MODULE] == first[MODULE]
    assert second.keys() == first.keys()


NAMESPACE = {"src/plugin/__init__.py": "", "src/acme/plugin/__init__.py": ""}

LAYOUTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "setuptools, src": ("setuptools", "", NAMESPACE),
    "setuptools, flat": (
        "setuptools",
        '[tool.setuptools.packages.find]\ninclude = ["acme*"]\n',
        {"acme/plugin/__init__.py": ""},
    ),
    "hatchling": ("hatchling", '[tool.hatch.build.targets.wheel]\npackages = ["src/acme"]\n', NAMESPACE),
    "maturin": ("maturin", "", {"python/acme/plugin/__init__.py": ""}),
}
"""Build backend, further tables of pyproject.toml, and files, where the package is ``acme.plugin``."""


@pytest.mark.parametrize(("backend", "tables", "files"), LAYOUTS.values(), ids=LAYOUTS)
def test_namespace_packages(
    make_front: Callable[[str, Mapping[str, str]], Front], backend: str, tables: str, files: dict[str, str]
) -> None:
    project = PROJECTS[backend]["pyproject.toml"].replace('package = "plugin"', 'package = "acme.plugin"') + tables
    project = project.replace("python/plugin/plugin.wasm", "python/acme/plugin/plugin.wasm")
    front = make_front(
        backend, {"pyproject.toml": project.replace('"plugin._native"', '"acme.plugin._native"'), **files}
    )
    if not any(name.startswith("src/") for name in files):
        shutil.rmtree(front.folder / "src" / "plugin", ignore_errors=True)
    built, _ = front.wheel()
    assert is_processed(built["acme/plugin/plugin.wasm"])
    assert "acme/__init__.py" not in built
    assert has_sbom(built, "acme/plugin/plugin.wasm")


@pytest.mark.parametrize("backend", PROJECTS)
def test_a_missing_lock_file(make_front: Callable[[str, Mapping[str, str]], Front], backend: str) -> None:
    project = PROJECTS[backend]["pyproject.toml"].replace("offline = true", "offline = true\nlocked = true")
    front = make_front(backend, {"pyproject.toml": project})
    lock = front.folder / "guest" / "Cargo.lock"
    lock.unlink()
    said = front.refused()
    assert "error: there is no lock file, and locked forbids to write it" in said
    assert f"--> {lock}" in said
    assert "externref-build cargo generate-lockfile" in said
    assert not lock.exists()


@pytest.mark.parametrize("backend", PROJECTS)
def test_a_missing_target(make_front: Callable[[str, Mapping[str, str]], Front], backend: str) -> None:
    front = make_front(backend, {})
    said = front.refused(environ={"EXTERNREF_TARGET": "wasm32-wasip2"})
    assert "error: Rust's standard library for wasm32-wasip2 is not installed" in said
    assert "install it with:" in said


def test_linters_have_nothing_to_say_of_our_own_wheel(wheel: Path) -> None:
    lint(wheel)

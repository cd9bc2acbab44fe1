"""What several test modules share: the Rust toolchain, compiled guests, our own wheel, fresh environments.

Everything expensive lies in one folder (``EXTERNREF_TEST_CACHE``) under a name made from what went into it, so that
all Python versions share it and a second run finds it done.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
import rust_toolchain
from hypothesis import HealthCheck, settings

from externref_build.guests.sdk import sdk_patch_arguments, sdk_path

ROOT = Path(__file__).resolve().parent.parent

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("thorough", deadline=None, max_examples=5000, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


class CompileGuest(Protocol):
    """Compile the files of a cargo package to a module, as the linker leaves it, and return its path.

    ``files`` maps paths inside the package to their text. The dependency ``externref-guest`` is supplied. Compiled once
    for the same files, SDK, target, profile and arguments.
    """

    def __call__(
        self,
        files: Mapping[str, str],
        *,
        target: str = "wasm32-unknown-unknown",
        profile: str = "release",
        arguments: Sequence[str] = (),
    ) -> Path: ...


@pytest.fixture(scope="session")
def test_cache() -> Path:
    """Folder for what is worth keeping between test runs."""
    folder = Path(os.environ.get("EXTERNREF_TEST_CACHE", ROOT / ".tox" / "test-cache"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def toolchain() -> Iterator[None]:
    """See that ``cargo`` and ``rustc`` on ``PATH`` compile for both wasm32 targets; nothing is installed unasked."""
    missing = [] if "EXTERNREF_RUST" in os.environ else rust_toolchain.missing_targets()
    if missing:
        remedy = "start the tests with tox, or with: python scripts/rust_toolchain.py -- pytest"
        pytest.fail(f"Rust has no {' and no '.join(missing)}; {remedy}", pytrace=False)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in rust_toolchain.environment().items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def compile_guest(toolchain: None, test_cache: Path) -> CompileGuest:
    """Function that compiles guests; see :class:`CompileGuest`."""
    compiler = subprocess.run(["rustc", "-vV"], check=True, capture_output=True).stdout

    def compile_(
        files: Mapping[str, str],
        *,
        target: str = "wasm32-unknown-unknown",
        profile: str = "release",
        arguments: Sequence[str] = (),
    ) -> Path:
        sdk = kept_sdk(test_cache)
        package = digest_of_files({name: text.encode() for name, text in sorted(files.items())})
        how = digest(
            [
                package.encode(),
                sdk.name.encode(),
                compiler,
                target.encode(),
                profile.encode(),
                *map(str.encode, arguments),
            ]
        )
        module = test_cache / "modules" / f"{how}.wasm"
        with locked(test_cache / "cargo.lock"):
            if not module.exists():
                folder = test_cache / "packages" / package
                write_files(folder, files)
                built = cargo_build(folder, test_cache / "target", sdk, target, profile, arguments)
                module.parent.mkdir(exist_ok=True)
                shutil.copy(built, module.with_suffix(".partial"))
                module.with_suffix(".partial").replace(module)
        return module

    return compile_


@pytest.fixture(scope="session")
def wheel(test_cache: Path) -> Path:
    """Our own wheel: the one that tox built and installed here, or one built from the checkout."""
    built = os.environ.get("TOX_PACKAGE")
    if built is None:
        return wheel_of_checkout(test_cache)
    content = Path(built).read_bytes()
    kept = test_cache / "wheels" / digest([content]) / Path(built).name
    with locked(test_cache / "wheels.lock"):
        if not kept.exists():
            kept.parent.mkdir(parents=True)
            kept.write_bytes(content)
    return kept


@pytest.fixture(scope="session")
def pip_environment(wheel: Path, toolchain: None) -> dict[str, str]:
    """Environment variables for pip and build, whose isolated environments then find our own wheel."""
    links = " ".join(filter(None, [os.environ.get("PIP_FIND_LINKS"), str(wheel.parent)]))
    return {**os.environ, "PIP_FIND_LINKS": links, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture(scope="session")
def make_venv(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Function that makes a fresh virtual environment with pip, and returns its Python."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("venv")
        subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", "--no-periodic-update", str(folder)], check=True)
        return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    return make


@pytest.fixture(scope="session")
def builder(make_venv: Callable[[], Path], pip_environment: dict[str, str]) -> Path:
    """Python of an environment for builds without isolation: our wheel, and every build backend."""
    python = make_venv()
    needed = ["setuptools>=77", "hatchling>=1.28", "editables", "maturin>=1.12.6,<2", "uv", "externref-build"]
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *needed], check=True, env=pip_environment)
    return python


PROJECT_FOR_JAVASCRIPT = """
[build-system]
requires = ["setuptools>=77", "externref-build"]
build-backend = "setuptools.build_meta"

[project]
name = "Typed_Guest"
dynamic = ["version"]
description = "A plugin for every type"
license = "MIT"
keywords = ["plugins"]
authors = [{ name = "Ann", email = "ann@typed.example" }, { name = "Bo" }]

[project.urls]
Homepage = "https://typed.example"
Repository = "https://github.com/example/typed"
Issues = "https://typed.example/issues"

[tool.setuptools.dynamic]
version = { attr = "typed.VERSION" }

[tool.externref]
package = "typed"
bindings = ["javascript"]
"""


@pytest.fixture(scope="session")
def javascript_wheel(toolchain: None, test_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the package in a wheel: the guest of every type and its host in JavaScript."""
    project = tmp_path_factory.mktemp("project")
    write_files(project, {"pyproject.toml": PROJECT_FOR_JAVASCRIPT, "src/typed/__init__.py": 'VERSION = "1.2rc1"\n'})
    shutil.copytree(ROOT / "tests" / "guests" / "typed", project / "guest")
    backend = f"from setuptools import build_meta; build_meta.build_wheel({str(project / 'dist')!r})"
    environ = {**os.environ, "CARGO_TARGET_DIR": str(test_cache / "wheel-target")}
    done = subprocess.run([sys.executable, "-c", backend], cwd=project, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = (project / "dist").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(project / "content")
    return project / "content" / "typed"


def kept_sdk(cache: Path) -> Path:
    """Copy the guest crate under test to a place that is the same for every Python, named after its content."""
    sources = read_sources(sdk_path(), ".")
    return made_once(cache / "sdk" / digest_of_files(sources), lambda folder: write_files(folder, sources))


def cargo_build(folder: Path, target_dir: Path, sdk: Path, target: str, profile: str, arguments: Sequence[str]) -> Path:
    """Run ``cargo build`` on a package with one cdylib and return the module; fail with cargo's own words."""
    command = ["cargo", "build", "--target", target, "--profile", profile, *sdk_patch_arguments(sdk), *arguments]
    output = target_dir / target / {"dev": "debug", "test": "debug", "bench": "release"}.get(profile, profile)
    for stale in output.glob("*.wasm"):
        stale.unlink()
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "CARGO_TARGET_DIR": str(target_dir)}, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.fail(f"{' '.join(command)}\n{done.stderr}", pytrace=False)
    [module] = output.glob("*.wasm")
    return module


def wheel_of_checkout(cache: Path) -> Path:
    """Build the wheel from a copy, so that nothing of an earlier build can slip into it; once for the same files."""
    sources = read_sources(ROOT, "externref_build", "pyproject.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE")

    def build(folder: Path) -> None:
        with tempfile.TemporaryDirectory() as checkout:
            write_files(Path(checkout), sources)
            command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
            subprocess.run([*command, str(folder), checkout], check=True)

    [built] = made_once(cache / "wheels" / digest_of_files(sources), build).glob("*.whl")
    return built


def read_sources(folder: Path, *names: str) -> dict[str, bytes]:
    """Read files below a folder by their paths, in order, but for what builds and Python leave there."""
    found = [path for name in names for path in (folder / name, *(folder / name).rglob("*")) if path.is_file()]
    contents = {path.relative_to(folder): path.read_bytes() for path in sorted(found)}
    built = {"target", "__pycache__"}
    return {name.as_posix(): content for name, content in contents.items() if built.isdisjoint(name.parts)}


def write_files(folder: Path, files: Mapping[str, str] | Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Have ``make`` fill a folder, unless it is there; whoever wants it meanwhile waits, and nobody sees half of it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            partial = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock among all processes that run tests."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def digest(parts: Iterable[bytes]) -> str:
    """Return a name made from content."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()[:20]


def digest_of_files(files: Mapping[str, bytes]) -> str:
    """Return a name made from files, in their order."""
    return digest(name.encode() + b"\0" + content for name, content in files.items())

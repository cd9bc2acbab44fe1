"""The examples of docs/ci.md: each command in them is run as it is written, in a project that ``new`` has started.

Only what installs Rust is left out; the toolchain of the tests stands for it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import sdist_files

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
RUST = (
    "rustup target add wasm32-unknown-unknown",
    "curl --proto '=https' -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --target wasm32-unknown-unknown",
)
"""What installs Rust; whatever else an example does is run."""

ADDED = {"CI": "true", "NO_COLOR": "1", "PIP_QUIET": "1"}


def example(heading: str) -> dict[str, Any]:
    """Return the example below a heading of docs/ci.md."""
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    [section] = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    [block] = re.findall(r"^```yaml\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    document: dict[str, Any] = yaml.safe_load(block)
    return document


def without_rust(commands: Iterable[str]) -> list[str]:
    """Leave out the installation of Rust, which has to be there."""
    lines = [line.strip() for command in commands for line in command.splitlines()]
    assert any(line in RUST for line in lines)
    kept = [line for line in lines if line not in RUST]
    assert not [line for line in kept if "rustup" in line]
    return kept


def shell(commands: Iterable[str], folder: Path, environ: Mapping[str, str]) -> str:
    """Run commands as a runner does, up to the first that fails."""
    script = "set -eo pipefail\n" + "\n".join(commands)
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=dict(environ), capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def tracked(folder: Path) -> set[str]:
    """Return what git has, or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return set(subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.splitlines())


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str], Path]:
    """Function that starts a project under git, with a build backend."""

    def make(backend: str) -> Path:
        new = [sys.executable, "-m", "externref_build", "new", "my-plugin", "--backend", backend]
        subprocess.run(new, cwd=tmp_path, check=True, capture_output=True)
        project = tmp_path / "my-plugin"
        for command in (["git", "init", "--quiet"], ["git", "add", "--all"]):
            subprocess.run(command, cwd=project, check=True)
        return project

    return make


@pytest.fixture
def runner(make_venv: Callable[[], Path], pip_environment: dict[str, str]) -> Callable[[], dict[str, str]]:
    """Function that returns the environment of a fresh machine: its ``python`` has nothing but pip."""

    def make() -> dict[str, str]:
        path = os.pathsep.join([str(make_venv().parent), pip_environment["PATH"]])
        return {**pip_environment, **ADDED, "PATH": path}

    return make


def test_github_actions(start: Callable[[str], Path], runner: Callable[[], dict[str, str]], test_cache: Path) -> None:
    project = start("setuptools")
    before = tracked(project)
    job = example("GitHub Actions")["jobs"]["wheel"]
    commands = without_rust(step["run"] for step in job["steps"] if "run" in step)
    said = shell(commands, project, {**runner(), "CARGO_TARGET_DIR": str(test_cache / "maturin-target")})
    assert "everything that a build needs is there" in said
    assert "nothing is wrong with 1 wheel" in said
    assert re.search(r"\b[1-9]\d* passed", said)
    assert tracked(project) == before
    uploaded = next(step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
    assert sorted(path.suffix for path in (project / uploaded).iterdir()) == [".gz", ".whl"]


def test_gitlab_ci(start: Callable[[str], Path], runner: Callable[[], dict[str, str]], tmp_path: Path) -> None:
    """Each job has a machine and a checkout of its own; what the first caches is nowhere packed."""
    project = start("hatchling")
    before = tracked(project)
    pipeline = example("GitLab CI")
    build, test = pipeline["wheel"], pipeline["test"]

    def variables(folder: Path) -> dict[str, str]:
        return {name: value.replace("$CI_PROJECT_DIR", str(folder)) for name, value in pipeline["variables"].items()}

    said = shell(without_rust([*build["before_script"], *build["script"]]), project, {**runner(), **variables(project)})
    assert "nothing is wrong with 1 wheel" in said
    assert tracked(project) == before
    for cached in pipeline["default"]["cache"]["paths"]:
        assert any((project / cached).iterdir()), cached
    [folder] = build["artifacts"]["paths"]
    [sdist] = (project / folder).glob("*.tar.gz")
    assert {name.partition("/")[0] for name in sdist_files(sdist)} <= {
        ".gitignore", "PKG-INFO", "README.md", "guest", "pyproject.toml", "src", "tests"
    }  # fmt: skip

    checkout = tmp_path / "elsewhere"
    subprocess.run(["git", "checkout-index", "--all", f"--prefix={checkout}/"], cwd=project, check=True)
    (project / folder).rename(checkout / folder)
    assert re.search(r"\b[1-9]\d* passed", shell(test["script"], checkout, {**runner(), **variables(checkout)}))


def test_pre_commit(start: Callable[[str], Path], pip_environment: dict[str, str], tmp_path: Path) -> None:
    project = start("setuptools")
    hooks = example("pre-commit")
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump(hooks), encoding="utf-8")
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)
    environ = {**pip_environment, **ADDED, "PRE_COMMIT_HOME": str(tmp_path / "pre-commit")}
    names = [hook["name"] for hook in hooks["repos"][0]["hooks"]]

    def results() -> dict[str, str]:
        command = [sys.executable, "-m", "pre_commit", "run", "--all-files", "--color", "never"]
        done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True)
        found = {name: re.findall(rf"^{re.escape(name)}\.+(\w+)$", done.stdout, re.MULTILINE) for name in names}
        assert all(len(states) == 1 for states in found.values()), done.stdout + done.stderr
        assert (done.returncode == 0) == (set(map(str, found.values())) == {"['Passed']"})
        return {name: state for name, [state] in found.items()}

    build = [sys.executable, "-m", "externref_build", "build"]
    subprocess.run(build, cwd=project, check=True, capture_output=True, env=environ)
    assert results() == dict.fromkeys(names, "Passed")

    settings = (project / "pyproject.toml").read_text(encoding="utf-8")
    assert "builtins:str" in settings
    (project / "pyproject.toml").write_text(settings.replace("builtins:str", "not a class"), encoding="utf-8")
    with (project / "guest" / "src" / "lib.rs").open("a", encoding="utf-8") as file:
        file.write("fn broken() -> u32 {}\n")
    subprocess.run(["git", "add", "--all"], cwd=project, check=True)
    assert results() == dict.fromkeys(names, "Failed")

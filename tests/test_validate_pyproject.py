"""``validate-pyproject`` with our plugin: it finds wrong what a build refuses, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from externref_build.config import load_config
from externref_build.errors import ExternrefBuildError

pytestmark = pytest.mark.once

PROJECT = """
[project]
name = "plugin"
version = "1.0"
"""

GOOD = {
    "one key": '[tool.externref]\npackage = "plugin"\n',
    "no table": "",
    "many keys": """
[tool.externref]
package = "my.plugin"
manifest-path = "crates/my guest/Cargo.toml"
target = "wasm32-wasip1"
features = ["a", "b/c"]
table = false
optimize = ["-O3", "--converge"]
bindings = ["python", "javascript"]
types = { Row = "my_plugin.database:Row" }
""",
    "several modules": """
[[tool.externref.modules]]
package = "plugin"
name = "first"

[[tool.externref.modules]]
package = "plugin"
name = "second"
optimize = false
""",
}

WRONG = {
    "no package": ("[tool.externref]\n", "package"),
    "unknown key": ('[tool.externref]\npackage = "plugin"\nprofil = "dev"\n', "profil"),
    "a path that leads out": (
        '[tool.externref]\npackage = "plugin"\nmanifest-path = "../Cargo.toml"\n',
        "manifest-path",
    ),
    "another type": ('[tool.externref]\npackage = "plugin"\nlocked = "yes"\n', "locked"),
    "another word": ('[tool.externref]\npackage = "plugin"\ndebug-info = "some"\n', "debug-info"),
    "true for a name": ('[tool.externref]\npackage = "plugin"\ntable = true\n', "table"),
    "a list in which one is wrong": ('[tool.externref]\npackage = "plugin"\nbindings = ["cobol"]\n', "bindings"),
    "no module": ("[tool.externref]\nmodules = []\n", "modules"),
    "modules are a table": ('[tool.externref.modules]\npackage = "plugin"\n', "modules"),
    "a key beside modules": (
        '[tool.externref]\nprofile = "dev"\n[[tool.externref.modules]]\npackage = "plugin"\n',
        "profile",
    ),
    "unknown key of the second module": (
        '[[tool.externref.modules]]\npackage = "plugin"\n[[tool.externref.modules]]\npackage = "other"\nx = 1\n',
        "modules[1]",
    ),
    "module without a package": ('[[tool.externref.modules]]\nname = "plugin"\n', "modules[0]"),
    "modules in a module": (
        '[[tool.externref.modules]]\npackage = "plugin"\n[[tool.externref.modules.modules]]\npackage = "plugin"\n',
        "modules",
    ),
}


@pytest.fixture(scope="module")
def validate(
    make_venv: Callable[[], Path], pip_environment: dict[str, str]
) -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Function that runs validate-pyproject, beside which our wheel is installed, on one file."""
    python = make_venv()
    install = [str(python), "-m", "pip", "install", "--quiet", "validate-pyproject", "externref-build"]
    subprocess.run(install, check=True, env=pip_environment)

    def run(file: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(python), "-m", "validate_pyproject", str(file)], capture_output=True, text=True)

    return run


def test_what_is_right_is_accepted(
    validate: Callable[[Path], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    for case, table in GOOD.items():
        path = tmp_path / "pyproject.toml"
        path.write_text(PROJECT + table, encoding="utf-8")
        done = validate(path)
        assert done.returncode == 0, f"{case}: {done.stdout}{done.stderr}"
        if table:
            load_config(tmp_path, environ={})


def test_what_is_wrong_is_named(validate: Callable[[Path], subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    for case, (table, name) in WRONG.items():
        path = tmp_path / "pyproject.toml"
        path.write_text(PROJECT + table, encoding="utf-8")
        done = validate(path)
        said = done.stdout + done.stderr
        assert done.returncode == 1, f"{case}: {said}"
        assert "tool.externref" in said, case
        assert name in said, f"{case}: {said}"
        with pytest.raises(ExternrefBuildError):
            load_config(tmp_path, environ={})


def test_new_projects_are_right(validate: Callable[[Path], subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    for backend in ("setuptools", "hatchling", "maturin"):
        new = [sys.executable, "-m", "externref_build", "new", f"my-{backend}", "--backend", backend]
        subprocess.run(new, cwd=tmp_path, check=True, capture_output=True)
        done = validate(tmp_path / f"my-{backend}" / "pyproject.toml")
        assert done.returncode == 0, done.stdout + done.stderr

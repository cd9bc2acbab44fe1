"""Builds that are killed, run at once, or find no room: the next one succeeds, and nothing half done is ever packed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import wasmtime
from projects import PROJECTS, Front, is_processed, wheel_files, write

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("toolchain")]

PACKAGE = {"cli": "src/plugin", "setuptools": "src/plugin", "hatchling": "src/plugin", "maturin": "python/plugin"}

GUEST = r"""
#[used]
#[link_section = "__externrefs"]
static RECORD: [u8; 17] = *b"\xff\xff\xff\xff\x04\0\0\0same\x02\0\0\0\x03";
#[no_mangle]
pub extern "C" fn same(x: i32) -> i32 { x }
#[no_mangle]
pub static LARGE: [u8; 300_000] = [1; 300_000];
#[no_mangle]
pub extern "C" fn version_NUMBER(i: usize) -> u8 { LARGE[i] }
"""
"""A module that takes a while to write, and tells which of the versions it is."""

MakeFront = Callable[[str], Front]


@pytest.fixture
def make_front(builder: Path, pip_environment: dict[str, str], test_cache: Path, tmp_path: Path) -> MakeFront:
    """Function that writes a project for a front end, without the table of any backend for the command line."""

    def make(kind: str) -> Front:
        files = PROJECTS["setuptools" if kind == "cli" else kind]
        environ = dict(pip_environment)
        if kind == "maturin":
            environ |= {"CARGO_TARGET_DIR": str(test_cache / "maturin-target"), "MATURIN_PEP517_USE_BASE_PYTHON": "1"}
        front = Front(builder, environ, write(tmp_path / "project", files), "setuptools" if kind == "cli" else kind)
        set_version(front, 0)
        return front

    return make


def set_version(front: Front, number: int) -> None:
    write(front.folder, {"guest/src/lib.rs": GUEST.replace("NUMBER", str(number))})


def command(front: Front, kind: str, output: str = "out") -> list[str]:
    """Return the command that builds a project, as a user types it."""
    python = str(front.python)
    if kind == "cli":
        return [python, "-m", "externref_build", "build"]
    return [python, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--quiet", "-w", output, "."]


def start(front: Front, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv,
        cwd=front.folder,
        env=front.environ,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finish(process: subprocess.Popen[bytes]) -> str:
    told, _ = process.communicate()
    return told.decode()


def build(front: Front, kind: str) -> None:
    process = start(front, command(front, kind))
    told = finish(process)
    assert process.returncode == 0, told


def built_modules(front: Front, kind: str) -> Mapping[str, bytes]:
    """Return all that is packed, or lies in the package, after a build by a front end."""
    if kind == "cli":
        folder = front.folder / PACKAGE[kind]
        return {f"plugin/{path.name}": path.read_bytes() for path in folder.iterdir() if path.is_file()}
    [wheel] = (front.folder / "out").glob("*.whl")
    return {name: content for name, content in wheel_files(wheel).items() if "info/" not in name}


def assert_whole(files: Mapping[str, bytes], version: int) -> None:
    names = {name for name in files if not name.startswith("plugin-1.0.data/")}
    assert names == {"plugin/__init__.py", "plugin/plugin.wasm"}
    module = files["plugin/plugin.wasm"]
    wasmtime.Module.validate(wasmtime.Engine(), module)
    assert is_processed(module)
    assert f"version_{version}".encode() in module


def kill_again_and_again(front: Front, kind: str, times: int) -> None:
    """Kill builds after random delays; what is in place stays whole, and the next build is as if nothing had been."""
    began = time.monotonic()
    build(front, kind)
    whole = time.monotonic() - began
    delays = random.Random(f"{kind} {times}")
    for number in range(1, times + 1):
        before = dict(built_modules(front, kind))
        set_version(front, number)
        process = start(front, command(front, kind))
        time.sleep(delays.uniform(0, 1.1 * whole))
        os.killpg(process.pid, signal.SIGKILL)
        finish(process)
        if kind == "cli":
            left = {name: content for name, content in built_modules(front, kind).items() if ".partial" not in name}
            assert_whole(left, number if left["plugin/plugin.wasm"] != before["plugin/plugin.wasm"] else number - 1)
        shutil.rmtree(front.folder / "out", ignore_errors=True)
        build(front, kind)
        assert_whole(built_modules(front, kind), number)


@pytest.mark.parametrize("kind", PACKAGE)
def test_killed_at_any_moment(make_front: MakeFront, kind: str) -> None:
    kill_again_and_again(make_front(kind), kind, 3)


@pytest.mark.matrix
@pytest.mark.parametrize("kind", PACKAGE)
def test_killed_a_hundred_times(make_front: MakeFront, kind: str) -> None:
    kill_again_and_again(make_front(kind), kind, 100)


@pytest.mark.parametrize("kind", PACKAGE)
def test_two_builds_at_once_in_one_tree(make_front: MakeFront, kind: str) -> None:
    front = make_front(kind)
    processes = [start(front, command(front, kind, output)) for output in ("out", "other")]
    told = [finish(process) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(told)
    assert_whole(built_modules(front, kind), 0)
    if kind != "cli":
        shutil.rmtree(front.folder / "out")
        (front.folder / "other").rename(front.folder / "out")
        assert_whole(built_modules(front, kind), 0)


# No room, and no permission: in a mount namespace of the test's own

IN_NAMESPACE = """
import json, os, pathlib, shutil, subprocess, sys
folder, environ, steps = json.loads(sys.argv[1])
mount = lambda *options: subprocess.run(["mount", *options, folder], check=True)
def fill(free):
    used = os.statvfs(folder)
    used = (used.f_blocks - used.f_bfree) * used.f_frsize
    mount("-o", f"remount,size={used + free}")
def run(argv, cwd):
    done = subprocess.run(argv, cwd=cwd, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    files = {path.name: path.stat().st_size for path in pathlib.Path(cwd).glob("*/plugin/*") if path.is_file()}
    print(json.dumps([done.returncode, done.stdout, files]))
for step, *arguments in steps:
    if step == "small":
        kept = folder + "-kept"
        shutil.copytree(folder, kept)
        mount("-t", "tmpfs", "tmpfs")
        shutil.copytree(kept, folder, dirs_exist_ok=True)
    else:
        {"fill": fill, "run": run, "mount": mount}[step](*arguments)
"""
ROOM = 64 << 20
"""In bytes."""


def in_namespace(
    front: Front, folder: Path, steps: Sequence[Sequence[object]]
) -> list[tuple[int, str, dict[str, int]]]:
    """Take steps with a folder that is a file system of its own; return status, output and packages' files of each run.

    ``small`` makes it one in memory, ``fill`` leaves so many bytes free, ``mount`` passes options to mount(8).
    """
    unshare = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
    environ = {**front.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    given = json.dumps([str(folder), environ, steps])
    done = subprocess.run([*unshare, sys.executable, "-c", IN_NAMESPACE, given], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_a_disk_without_room_for_the_module(make_front: MakeFront, tmp_path: Path) -> None:
    """The module of before stays as it is, and with room the build goes on."""
    front = make_front("cli")
    front.environ["CARGO_TARGET_DIR"] = str(tmp_path / "target")
    build(front, "cli")
    set_version(front, 1)
    (front.folder / "src" / "plugin" / "plugin.wasm").write_bytes(b"of before")
    run = ["run", command(front, "cli"), str(front.folder)]
    steps: list[Sequence[object]] = [["small"], ["fill", 100_000], run, ["fill", ROOM], run]
    [(status, told, files), (then, _, mended)] = in_namespace(front, front.folder, steps)
    assert status == 1
    assert "error: plugin.wasm cannot be written: No space left on device" in told
    assert "what was there before is unchanged" in told
    assert files == {"__init__.py": 0, "plugin.wasm": len("of before")}
    assert then == 0
    assert mended.keys() == {"__init__.py", "plugin.wasm"}
    assert mended["plugin.wasm"] > 300_000


@pytest.mark.parametrize("free", [0, 5_000, 60_000])
def test_a_disk_without_room_for_the_build(make_front: MakeFront, free: int) -> None:
    """Neither for the build's own files, nor for cargo's."""
    front = make_front("cli")
    run = ["run", command(front, "cli"), str(front.folder)]
    [(status, told, files), (then, said, _)] = in_namespace(
        front, front.folder, [["small"], ["fill", free], run, ["fill", ROOM], run]
    )
    assert status == 1
    assert "error: " in told
    assert "No space left on device" in told
    assert "Traceback" not in told
    assert files == {"__init__.py": 0}
    assert then == 0, said


@pytest.mark.parametrize("kind", ["hatchling", "maturin"])
def test_a_disk_without_room_for_temporary_files(make_front: MakeFront, tmp_path: Path, kind: str) -> None:
    front = make_front(kind)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    front.environ["TMPDIR"] = str(temporary)
    run = ["run", front.hook_command("build_wheel"), str(front.folder)]
    steps: list[Sequence[object]] = [["small"], ["fill", 20_000], run, ["fill", ROOM], run]
    [(status, told, _), (then, said, _)] = in_namespace(front, temporary, steps)
    assert status != 0
    assert "No space left on device" in told
    assert "Traceback" not in told
    assert then == 0, said


def test_a_tree_that_is_read_only(make_front: MakeFront, tmp_path: Path) -> None:
    """A wheel can still be built where the backend needs nothing in the tree; in place, the error names the folder."""
    front = make_front("hatchling")
    front.environ["CARGO_TARGET_DIR"] = str(tmp_path / "target")
    read_only = [["mount", "--bind", str(front.folder)], ["mount", "-o", "remount,bind,ro"]]
    runs = [
        ["run", command(front, "hatchling", str(tmp_path / "out")), str(front.folder)],
        ["run", command(front, "cli"), str(front.folder)],
    ]
    [(status, told, files), (in_place, said, _)] = in_namespace(front, front.folder, [*read_only, *runs])
    assert status == 0, told
    assert files == {"__init__.py": 0}
    assert "plugin/plugin.wasm" in wheel_files(tmp_path / "out" / "plugin-1.0-py3-none-any.whl")
    assert in_place == 1
    assert "error: the build's own folder .externref-build cannot be made: Read-only file system" in said
    assert f"--> {front.folder / '.externref-build'}" in said
    assert "make the project's folder writable, or build from a copy of the project" in said

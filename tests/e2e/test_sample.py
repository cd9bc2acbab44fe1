"""The sample plugin as its users get it: wheels by pip and by build, installs into fresh environments, its commands."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from wasmtime import Engine, FuncType, Module, ValType

SAMPLE = Path(__file__).resolve().parent.parent.parent / "sample_crate"
WHEEL = "sample_plugin-1.0.0-py3-none-any.whl"
PACKAGE = {"__init__.py", "__main__.py", "cli.py", "database.py", "demo.py", "host.py", "notes.json", "py.typed"}
BUILT = {"sample_plugin.wasm", "sample_plugin_host.py"}

pytestmark = pytest.mark.once


class Environment(NamedTuple):
    """A virtual environment with the sample in it."""

    python: Path
    variables: Mapping[str, str]

    def run(self, *command: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment outside the project; fail unless it ends with ``status``."""
        program = self.python.parent / command[0]
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.python.parent,
            env={**self.variables, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done


@pytest.fixture(scope="session")
def copy_sample(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Function that copies the sample's sources, without what a build may have left among them."""

    def copy() -> Path:
        folder = tmp_path_factory.mktemp("sample") / "sample_crate"
        unwanted = shutil.ignore_patterns("target", "build", "dist", "*.egg-info", "*.wasm", "__pycache__", ".*cache")
        shutil.copytree(SAMPLE, folder, ignore=unwanted)
        return folder

    return copy


@pytest.fixture(scope="session")
def variables(pip_environment: dict[str, str], test_cache: Path) -> dict[str, str]:
    """Environment of the builds; they share one target folder."""
    return {**pip_environment, "CARGO_TARGET_DIR": str(test_cache / "sample-target")}


@pytest.fixture(scope="session")
def sample_wheel(
    copy_sample: Callable[[], Path], make_venv: Callable[[], Path], variables: dict[str, str]
) -> zipfile.ZipFile:
    """The wheel that ``pip wheel`` makes from the tree."""
    folder = copy_sample()
    pip_wheel = [str(make_venv()), "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder.parent), str(folder)]
    subprocess.run(pip_wheel, check=True, env=variables)
    return zipfile.ZipFile(folder.parent / WHEEL)


@pytest.fixture(scope="session")
def installed(sample_wheel: zipfile.ZipFile, make_venv: Callable[[], Path], variables: dict[str, str]) -> Environment:
    """A fresh environment into which the wheel was installed, and nothing of ours."""
    python = make_venv()
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(sample_wheel.filename), "pytest"], check=True)
    return Environment(python, variables)


def test_the_wheel_holds_the_package_and_the_module_and_nothing_else(sample_wheel: zipfile.ZipFile) -> None:
    names = set(sample_wheel.namelist())
    package = {name.removeprefix("sample_plugin/") for name in names if name.startswith("sample_plugin/")}
    assert package == PACKAGE | BUILT
    assert {name.split("/")[0] for name in names} == {"sample_plugin", "sample_plugin-1.0.0.dist-info"}
    metadata = sample_wheel.read("sample_plugin-1.0.0.dist-info/METADATA").decode()
    assert "License-Expression: MIT OR Apache-2.0\n" in metadata
    tags = sample_wheel.read("sample_plugin-1.0.0.dist-info/WHEEL").decode().splitlines()
    assert "Root-Is-Purelib: true" in tags
    assert [line for line in tags if line.startswith("Tag:")] == ["Tag: py3-none-any"]


def test_record_fits_the_files(sample_wheel: zipfile.ZipFile) -> None:
    record = "sample_plugin-1.0.0.dist-info/RECORD"
    rows = {name: (digest, size) for name, digest, size in csv.reader(sample_wheel.read(record).decode().splitlines())}
    assert set(rows) == set(sample_wheel.namelist())
    assert rows.pop(record) == ("", "")
    for name, row in rows.items():
        content = sample_wheel.read(name)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        assert row == (f"sha256={digest}", str(len(content))), name


def test_the_module_was_processed(sample_wheel: zipfile.ZipFile) -> None:
    content = sample_wheel.read("sample_plugin/sample_plugin.wasm")
    module = Module(Engine(), content)
    assert {entry.module for entry in module.imports} == {"notes"}
    [search] = [entry.type for entry in module.exports if entry.name == "search"]
    assert isinstance(search, FuncType)
    reference, number = ValType.externref(), ValType.i32()
    assert search.params == [reference, number, number, reference, number]
    assert search.results == [reference]
    assert "externrefs" in {entry.name for entry in module.exports}


def test_the_module_names_no_folder_of_the_machine_that_built_it(sample_wheel: zipfile.ZipFile) -> None:
    content = sample_wheel.read("sample_plugin/sample_plugin.wasm")
    for folder in (str(Path(str(sample_wheel.filename)).parent), str(Path.home())):
        assert folder.encode() not in content


def test_the_wheel_from_the_sdist_equals_the_wheel_from_the_tree(
    copy_sample: Callable[[], Path],
    sample_wheel: zipfile.ZipFile,
    make_venv: Callable[[], Path],
    variables: dict[str, str],
) -> None:
    folder, python = copy_sample(), make_venv()
    for stale in ("guest/target/release/x.rs", "guest/.externref-build/x.rs", "src/sample_plugin/sample_plugin.wasm"):
        (folder / stale).parent.mkdir(parents=True, exist_ok=True)
        (folder / stale).write_bytes(b"left by an earlier build")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "build"], check=True)
    subprocess.run([python, "-m", "build", folder], check=True, env=variables)
    with tarfile.open(folder / "dist" / "sample_plugin-1.0.0.tar.gz") as sdist:
        names = {entry.name.partition("/")[2] for entry in sdist if entry.isfile()}
    sources = {path.relative_to(SAMPLE).as_posix() for path in (SAMPLE / "guest" / "src").rglob("*.rs")}
    of_guest = {"guest/Cargo.toml", "guest/Cargo.lock", "guest/rustfmt.toml"} | sources
    assert {name for name in names if name.startswith("guest/")} == of_guest
    assert {name for name in names if name.startswith("src/sample_plugin/")} == {
        f"src/sample_plugin/{name}" for name in PACKAGE
    }
    with zipfile.ZipFile(folder / "dist" / WHEEL) as wheel:
        assert _contents(wheel) == _contents(sample_wheel)


def test_the_demo_passes_all_its_checks(installed: Environment) -> None:
    *lines, last = installed.run("sample-plugin", "demo").stdout.splitlines()
    passed = sum(line.strip().startswith("ok ") for line in lines)
    assert passed >= 25
    assert last == f"demo: {passed} of {passed} checks passed"


def test_the_demo_leaves_its_databases_in_a_folder_that_it_is_given(installed: Environment, tmp_path: Path) -> None:
    installed.run("sample-plugin", "demo", "--folder", str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diary.db", "notes.db"]
    assert "File exists" in installed.run("sample-plugin", "demo", "--folder", str(tmp_path), status=1).stderr


def test_a_check_that_fails_is_counted_and_shown(installed: Environment) -> None:
    without_notes = (
        "import sample_plugin.demo as demo; demo.sample_notes = lambda: demo.DIARY\n"
        "from sample_plugin.cli import main; raise SystemExit(main(['demo']))"
    )
    lines = installed.run("python", "-c", without_notes, status=1).stdout.splitlines()
    failed = sum(line.strip().startswith("FAIL ") for line in lines)
    counted = re.fullmatch(r"demo: (\d+) of (\d+) checks passed", lines[-1])
    assert counted
    assert failed == int(counted[2]) - int(counted[1]) > 0


def test_search_finds_notes_in_a_database_file(installed: Environment, tmp_path: Path) -> None:
    path = str(tmp_path / "notes.db")
    assert installed.run("sample-plugin", "create", path).stdout == f"{path}: 26 notes\n"
    best, *rest = installed.run(
        "sample-plugin", "search", path, "sordough", "starter", "--limit", "1"
    ).stdout.splitlines()
    assert best == "Sourdough starter, day by day"
    assert rest[0].startswith("    Mix 50 g rye flour")
    assert re.fullmatch(r" ?\d+%  Country loaf", rest[-1])
    assert installed.run("sample-plugin", "search", path, "xylophone").stdout == "nothing found\n"


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (["search", "absent.db", "bread"], 1, "absent.db"),
        (["search", __file__, "bread"], 1, "not a database"),
        (["create", __file__], 1, "File exists"),
        (["search"], 2, "DATABASE"),
        (["search", "notes.db", "bread", "--limit", "-1"], 2, "negative"),
        ([], 2, "COMMAND"),
    ],
)
def test_wrong_use_gets_one_line_and_no_traceback(
    installed: Environment, command: list[str], status: int, message: str
) -> None:
    stderr = installed.run("sample-plugin", *command, status=status).stderr
    assert message in stderr.splitlines()[-1]
    assert "Traceback" not in stderr


def test_the_sample_passes_its_own_tests(installed: Environment) -> None:
    tests = installed.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SAMPLE / "tests")).stdout
    assert re.search(r"^\d+ passed", tests, re.MULTILINE), tests


def test_an_editable_install_puts_the_module_in_place(
    copy_sample: Callable[[], Path], make_venv: Callable[[], Path], variables: dict[str, str]
) -> None:
    folder, python = copy_sample(), make_venv()
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-e", folder], check=True, env=variables)
    package = folder / "src" / "sample_plugin"
    assert {path.name for path in package.iterdir() if path.name != "__pycache__"} == PACKAGE | BUILT
    environment = Environment(python, variables)
    assert environment.run("sample-plugin", "demo").stdout.splitlines()[-1].endswith("checks passed")
    cli = package / "cli.py"
    cli.write_text(cli.read_text(encoding="utf-8").replace("nothing found", "found nothing"), encoding="utf-8")
    environment.run("sample-plugin", "create", str(folder / "notes.db"))
    found = environment.run("sample-plugin", "search", str(folder / "notes.db"), "xylophone")
    assert found.stdout == "found nothing\n"


def test_the_guest_passes_its_unit_tests_on_the_host(
    copy_sample: Callable[[], Path], wheel: Path, make_venv: Callable[[], Path], variables: dict[str, str]
) -> None:
    folder, python = copy_sample(), make_venv()
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    cargo_test = [str(python.parent / "externref-build"), "cargo", "test", "--locked"]
    done = subprocess.run(cargo_test, cwd=folder / "guest", env=variables, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test rank::tests::equal_notes_keep_their_order ... ok" in done.stdout


def _contents(wheel: zipfile.ZipFile) -> dict[str, tuple[bytes, int]]:
    """Return content and file mode of each member."""
    return {entry.filename: (wheel.read(entry), entry.external_attr >> 16) for entry in wheel.infolist()}

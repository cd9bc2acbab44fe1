"""What a build looks like: on a terminal, in a file, and when it is to be quiet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from projects import GUEST, PROJECTS, write

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("toolchain")]

SETTINGS = ("NO_COLOR", "FORCE_COLOR", "CARGO_TERM_COLOR", "CARGO_TERM_QUIET", "CI", "TERM")

ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {**PROJECTS["setuptools"], "guest/src/lib.rs": GUEST + "fn unused() {}"}
    return write(tmp_path_factory.mktemp("look") / "project", files)


def command(folder: Path, *options: str) -> list[str]:
    """Return the command of a build that has everything to do again."""
    (folder / "src" / "plugin" / "plugin.wasm").unlink(missing_ok=True)
    source = folder / "guest" / "src" / "lib.rs"
    source.write_text(source.read_text() + "\n")
    return [sys.executable, "-m", "externref_build", *options, "build", "--project", str(folder)]


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return {**kept, "TERM": "xterm-256color", **settings}


def on_a_terminal(argv: list[str], settings: Mapping[str, str]) -> str:
    ours, theirs = os.openpty()
    process = subprocess.Popen(argv, env=environment(settings), stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    told = b""
    try:
        while piece := os.read(ours, 1 << 16):
            told += piece
    except OSError:
        pass  # Linux's word for: nobody has the other end open.
    finally:
        os.close(ours)
    assert process.wait() == 0, told.decode()
    return told.decode()


def in_a_file(argv: list[str], settings: Mapping[str, str]) -> str:
    done = subprocess.run(argv, env=environment(settings), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return done.stderr


def coloured_words(told: str) -> set[str]:
    """Return the words at the start of lines that are written in colour."""
    return set(re.findall(rf"{ESCAPE}\[[0-9;]*m\s*(?:{ESCAPE}\[[0-9;]*m)*([A-Z]?[a-z]+){ESCAPE}", told))


OURS = {"Compiled", "Processed", "Wrote"}
CARGOS = {"Compiling", "Finished", "warning"}


@pytest.mark.parametrize(
    ("settings", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False), ({"CI": "true"}, True)],
)
def test_on_a_terminal(folder: Path, settings: Mapping[str, str], colour: bool) -> None:
    """Lines of cargo's and of ours, live, and in one look."""
    told = on_a_terminal(command(folder), settings)
    assert all(word in told for word in OURS | CARGOS)
    assert told.index("Compiling") < told.index("Compiled") < told.index("Processed") < told.index("Wrote")
    if colour:
        assert coloured_words(told) >= OURS | CARGOS
    else:
        assert f"{ESCAPE}[1" not in told
        assert f"{ESCAPE}[3" not in told


@pytest.mark.parametrize(("settings", "colour"), [({}, False), ({"CI": "true"}, False), ({"FORCE_COLOR": "1"}, True)])
def test_in_a_file(folder: Path, settings: Mapping[str, str], colour: bool) -> None:
    """Whole lines, one for each step, with what it did, sizes and times."""
    told = in_a_file(command(folder), settings)
    if colour:
        assert coloured_words(told) >= OURS | CARGOS
        return
    assert ESCAPE not in told
    assert "\r" not in told
    assert re.search(r"^    Compiled guest plugin for wasm32-unknown-unknown \(release\) in [\d.]+ s$", told, re.M)
    line = (
        r"^   Processed 0 imports and 1 export with references; 1 function direct; [\d ]+ to [\d ]+ bytes; in [\d.]+ s$"
    )
    assert re.search(line, told, re.M)
    assert f"       Wrote {folder}/src/plugin/plugin.wasm\n" in told


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet(folder: Path, terminal: bool) -> None:
    """Nothing but what the compiler finds."""
    told = (on_a_terminal if terminal else in_a_file)(command(folder, "-q"), {"NO_COLOR": "1"})
    assert "function `unused` is never used" in told
    assert not [word for word in (*OURS, "Compiling", "Finished", "Updating") if word in told]


def test_the_wish_for_colour_is_left_to_cargo_where_it_was_told(folder: Path) -> None:
    told = in_a_file(command(folder), {"FORCE_COLOR": "1", "CARGO_TERM_COLOR": "never"})
    assert "Compiling plugin v0.1.0" in told
    assert coloured_words(told) & {*OURS, *CARGOS} <= OURS

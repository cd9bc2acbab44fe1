"""The tutorial, as it is written: its files in an empty folder, its commands, and what they print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parent.parent.parent / "docs" / "tutorial.md"

pytestmark = pytest.mark.once

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`([^`\s]+)`:\s*\Z")


def steps() -> Iterator[tuple[str, str]]:
    """Yield the path and content of each file, and each command with the output that follows it, in their order."""
    text = TUTORIAL.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        if block[1] == "console":
            for command in re.split(r"^\$ ", block[2], flags=re.MULTILINE)[1:]:
                line, _, output = command.partition("\n")
                yield f"$ {line}", output
        else:
            path = _PATH.search(text, endpos=block.start())
            assert path, f"no file is named before the block\n{block[2]}"
            yield path[1], block[2]


@pytest.mark.skipif(sys.platform == "win32", reason="its commands are those of Unix")
def test_the_tutorial_does_what_it_says(tmp_path: Path, pip_environment: dict[str, str], test_cache: Path) -> None:
    environ = {**pip_environment, "CARGO_TARGET_DIR": str(test_cache / "tutorial-target")}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    commands = 0
    for name, content in steps():
        if not name.startswith("$ "):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content, encoding="utf-8")
            continue
        commands += 1
        done = subprocess.run(shlex.split(name[2:]), cwd=tmp_path, env=environ, capture_output=True, encoding="utf-8")
        assert done.stdout == content, f"{name}\n{done.stdout}{done.stderr}"
        assert done.returncode == ("error:" in content), f"{name}\n{done.stderr}"
    assert commands == 5

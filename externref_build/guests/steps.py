"""Run a command again only if its words, or what it reads, changed since it last made its output."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from externref_build.output import write_whole


@dataclass(frozen=True, slots=True)
class Step:
    """A command that makes one file."""

    command: tuple[str, ...]
    output: Path
    inputs: tuple[Path, ...]
    """What it reads, as far as that is known before it runs; a compiler's depfile beside the output tells the rest."""
    prints: bool = False
    """Whether its output is what it writes on stdout."""

    @property
    def depfile(self) -> Path:
        """Where a compiler leaves the names of all files that it read, in make's syntax."""
        return depfile_of(self.output)

    @property
    def record(self) -> Path:
        """Where the state of the last run is kept."""
        return self.output.with_name(f"{self.output.name}.json")


def depfile_of(output: Path) -> Path:
    """Return where a compiler leaves the names of what it read to make a file."""
    return output.with_name(f"{output.name}.d")


def is_fresh(step: Step) -> bool:
    """Tell whether the output of a step is there and was made by this command from these inputs."""
    try:
        record = json.loads(step.record.read_text(encoding="utf-8"))
        return (
            record["command"] == list(step.command)
            and set(map(str, step.inputs)) <= record["inputs"].keys()
            and record["output"] == _state(step.output)
            and all(_state(Path(path)) == state for path, state in record["inputs"].items())
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def remember(step: Step, folder: Path) -> None:
    """Keep the state of a step that has just succeeded; names in its depfile are relative to a folder.

    Raises OutputError.
    """
    inputs = {*step.inputs, *(folder / name for name in read_depfile(step.depfile))}
    record = {
        "command": step.command,
        "output": _state(step.output),
        "inputs": {str(path): _state(path) for path in sorted(inputs)},
    }
    write_whole(step.record, json.dumps(record, indent=1).encode())


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_mtime_ns, status.st_size]


def read_depfile(depfile: Path) -> list[str]:
    """Read the names of all files that a compiler, or cargo, has read; none where it left no such file.

    They stand behind the colon of a rule of make: spaces in names and ``$`` are escaped, lines may go on.
    """
    try:
        text = depfile.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return []
    _, _, prerequisites = text.replace("\\\r\n", " ").replace("\\\n", " ").partition(": ")
    words = re.findall(r"(?:\\[ #]|\$\$|\S)+", prerequisites)
    return [re.sub(r"\\([ #])|\$\$", lambda match: match[1] or "$", word) for word in words]

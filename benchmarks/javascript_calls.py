"""Measure generated JavaScript hosts against glue by hand, under Node: a section of docs/bindings-javascript.md.

    python benchmarks/javascript_calls.py

The ways take turns in the same run and process. A time is the median of many processes, of the best of many rounds in
each: where an engine happens to place a loop of two nanoseconds decides on a fifth of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from page import CALLS, replace_part, table
from wasmtime import wat2wasm

from externref_build.bindings.hosts import generate_hosts
from externref_build.metadata import INTERFACE_SECTION
from externref_build.wasm.custom import with_custom

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "bindings-javascript.md"
GUEST: Final = Path(__file__).resolve().parent / "guests" / "calls"
SCRIPT: Final = Path(__file__).resolve().parent / "javascript" / "calls.mjs"


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of processes, of 30 rounds each (default: 7)")
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        version, calls = measure_javascript_calls(Path(folder), 2 * options.rounds)
    tables = [
        table(
            (title, "bindings", "by hand", "ratio"),
            [
                (words, *(f"{calls[what][way]:.1f} ns" for way in ("bindings", "by hand")), _ratio(calls[what]))
                for kind, words in CALLS.items()
                if (what := f"{direction}, {kind}") in calls
            ],
        )
        for direction, title in (("host", "the guest calls the host with"), ("guest", "the host calls the guest with"))
    ]
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replace_part(text, "calls", "\n\n".join([f"Node {version}.", *tables])), encoding="utf-8")


def measure_javascript_calls(folder: Path, processes: int) -> tuple[str, dict[str, dict[str, float]]]:
    """Return the version of Node, and nanoseconds by direction and kind, and by way."""
    module = bytes(wat2wasm((GUEST / "guest.wat").read_text(encoding="utf-8")))
    data = with_custom(module, INTERFACE_SECTION, (GUEST / "guest.jsonl").read_bytes())
    (folder / "calls.wasm").write_bytes(data)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    for name, text in generate_hosts(data, ["javascript"], name="calls").items():
        (folder / name).write_text(text, encoding="utf-8")
    node = shutil.which("node")
    if node is None:
        raise SystemExit("error: node is not on PATH")
    runs = [_run([node, str(SCRIPT), str(folder), str(turn)]) for turn in range(processes)]
    calls = {
        what: {way: statistics.median(run["calls"][what][way] for run in runs) for way in ways}
        for what, ways in runs[0]["calls"].items()
    }
    return runs[0]["node"], calls


def _run(command: list[str]) -> Any:
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _ratio(ways: Mapping[str, float]) -> str:
    return f"{ways['bindings'] / ways['by hand']:.2f}\u00d7"


if __name__ == "__main__":
    main()

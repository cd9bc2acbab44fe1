"""Measure generated Python hosts against hosts by hand and Extism: a section of docs/performance.md.

    python benchmarks/bindings.py

The ways take turns in the same run and process. A time is what the thread computed, the best of several rounds.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from page import CALLS, milliseconds, replace_part, table, times
from python_calls import KINDS, measure_calls
from python_load import measure_load

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="repetitions of each measurement (default: 7)")
    options, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        calls = measure_calls(Path(folder), 3 * options.rounds)
        load = measure_load(Path(folder), options.rounds)
    text = PAGE.read_text(encoding="utf-8")
    text = replace_part(text, "python-calls", f"Python {platform.python_version()}.\n\n{_calls(calls)}")
    PAGE.write_text(replace_part(text, "python-load", _load(load)), encoding="utf-8")


def _calls(calls: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    tables = []
    for direction, title in (("host", "the guest calls the host with"), ("guest", "the host calls the guest with")):
        rows = []
        for kind in KINDS:
            found = calls[direction][kind]
            ours = found["bindings"]
            others = (f"{_micro(found[way])} ({times(found[way] / ours)})" for way in ("wasmtime-py", "Extism"))
            rows.append((CALLS[kind], _micro(ours), *others))
        tables.append(table((title, "bindings", "wasmtime-py by hand", "Extism"), rows))
    return "\n\n".join(tables)


def _load(load: Mapping[str, float]) -> str:
    return (
        f"A plugin of {load['bytes'] / 1e6:.1f} MB that wasmtime has compiled before loads in "
        f"{milliseconds(load['load'])}, of which its cache takes {milliseconds(load['cached'])} to find and check "
        f"the module; to deserialise it from a trusted file takes {milliseconds(load['deserialised'])}."
    )


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} µs"


if __name__ == "__main__":
    main()

"""Measure what a build costs when nothing has changed, beside cargo's own part of it.

    python benchmarks/incremental.py PROJECT [RUNS]

Builds the project once, then again and again; prints the fastest run of each, in milliseconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from externref_build.build.ledger import read_ledger


def fastest(command: Sequence[str], folder: Path, environ: Mapping[str, str], runs: int) -> float:
    """Return how long the fastest of some runs takes, in milliseconds."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return min(times) * 1000


def main(project: Path, runs: int) -> None:
    """Measure one project."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    build = [sys.executable, "-m", "externref_build", "build"]
    subprocess.run(build, cwd=project, env=environ, check=True)
    plans = [entry.plan for entry in read_ledger(project).values() if entry.plan]
    cargo = sum(fastest(plan.argv, plan.folder, {**environ, **plan.environ}, runs) for plan in plans)
    whole = fastest(build, project, environ, runs)
    check = fastest([*build, "--check"], project, environ, runs)
    print(f"cargo, nothing to do           {cargo:7.1f} ms")
    print(f"externref-build build          {whole:7.1f} ms, {whole - cargo:.1f} ms on top")
    print(f"externref-build build --check  {check:7.1f} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), int(sys.argv[2]) if len(sys.argv) > 2 else 20)

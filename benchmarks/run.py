"""Measure externref-build against the tools that do the same job, and against the limit: docs/performance.md.

    tox -e bench                 # everything; the first run compiles the peers and a JavaScript engine
    tox -e bench -- --rounds 3   # fewer repetitions

All programs that are compared run in turn in the same run, each on the same files, so that what else the machine does
meets all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path

from guest_loops import measure_loops
from page import update_page
from plot import draw
from prepare import prepare
from processing import measure_processing, measure_sizes, measure_start

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Prepare, measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="repetitions of each measurement (default: 7)")
    parser.add_argument("--cache", type=Path, default=_default_cache(), help="where compiled programs are kept")
    options = parser.parse_args()
    subjects = prepare(options.cache)
    results = {
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        **measure_processing(subjects, options.rounds),
        "start": measure_start(options.rounds),
        "sizes": measure_sizes(subjects),
        "loops": measure_loops(subjects, options.rounds),
    }
    (options.cache / "results.json").write_text(json.dumps(results, indent=1))
    draw(results, ROOT / "docs" / "performance.svg")
    update_page(results, ROOT / "docs" / "performance.md")


def _default_cache() -> Path:
    shared = os.environ.get("EXTERNREF_TEST_CACHE")
    return Path(shared) / "bench" if shared else ROOT / ".tox" / "bench"


if __name__ == "__main__":
    main()

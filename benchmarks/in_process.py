"""Process a file again and again in one process, and copy it in the same way; print the best of each as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from externref_build import Processor


def main(module: Path, rounds: int) -> None:
    """Measure in turn: processing of bytes in memory; reading, processing, writing; reading and writing."""
    data = module.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output.wasm"
        tasks: dict[str, Callable[[], object]] = {
            "process": lambda: Processor().process(data),
            "read, process, write": lambda: output.write_bytes(Processor().process(module.read_bytes())),
            "read, write": lambda: output.write_bytes(module.read_bytes()),
        }
        best = dict.fromkeys(tasks, float("inf"))
        for _ in range(rounds):
            for name, task in tasks.items():
                start = time.perf_counter()
                task()
                best[name] = min(best[name], time.perf_counter() - start)
    print(json.dumps({"bytes": len(data), **best}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

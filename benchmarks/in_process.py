"""Process a file again and again in one process, and copy it in the same way; print the best of each as JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from externref_build import Processor


def main(module: Path, rounds: int) -> None:
    """Measure in turn: processing of bytes in memory; reading, processing, writing; reading and writing."""
    data = module.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output.wasm"
        tasks: dict[str, Callable[[], object]] = {
            "process": lambda: Processor().process(data),
            "read, process, write": lambda: _write(output, Processor().process_in_parts(module.read_bytes())),
            "read, write": lambda: _write(output, [module.read_bytes()]),
        }
        best = dict.fromkeys(tasks, float("inf"))
        for _ in range(rounds):
            for name, task in tasks.items():
                start = time.process_time()
                task()
                best[name] = min(best[name], time.process_time() - start)
    print(json.dumps({"bytes": len(data), **best}))


def _write(path: Path, parts: Sequence[bytes | bytearray | memoryview]) -> None:
    with path.open("wb") as file:
        file.writelines(parts)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

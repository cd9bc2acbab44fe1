"""Fuzz the processor, guided by coverage: any bytes come back valid if they were, or raise an `ExternrefBuildError`.

Run it with ``tox -e fuzz``; what comes behind ``--`` are options of libFuzzer, such as ``-max_total_time=600``. Inputs
are mutated by structure as well as by bytes. What breaks the invariant is left in the current folder as ``crash-*``:
once it is understood, it goes to ``tests/fuzz/corpus`` under a telling name, and every run of the tests replays it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["externref_build"]):
    import externref_build.processor.rewrite  # noqa: F401 - loads what is to be instrumented

from guest_model import SeededChoices
from module_mutation import MAX_SIZE, mutate
from processing_invariant import check
from seed_modules import seed_modules

CORPUS = Path(__file__).parent / "corpus"


def mutate_either_way(data: bytes, max_size: int, seed: int) -> bytes:
    """Mutate by structure, or leave it to libFuzzer."""
    changed = mutate(data, SeededChoices(seed)) if seed % 4 else atheris.Mutate(data, max_size)
    return bytes(changed[:max_size])


def main() -> None:
    """Fuzz from the seeds, and from what was found before, until libFuzzer ends."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seed_modules()):
            Path(folder, f"seed-{number}").write_bytes(seed)
        arguments = [sys.argv[0], folder, str(CORPUS), f"-max_len={MAX_SIZE}", "-timeout=20", *sys.argv[1:]]
        atheris.Setup(arguments, check, custom_mutator=mutate_either_way)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

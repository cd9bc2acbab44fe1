"""How long it takes to load a plugin of 5 MB that wasmtime has compiled before, in a new process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from wasmtime import wat2wasm

from externref_build.bindings.hosts import generate_hosts

SIZE: Final = 5_000_000
EXPORTS: Final = 30
_STEP: Final = "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const {number})) (i32.const 12345678)))"
_STEPS: Final = 200
_BYTES_PER_STEP: Final = 14

_LOAD: Final = """
import json, time, wasmtime, large_host
from pathlib import Path

def timed(run):
    start = time.process_time()
    result = run()
    return time.process_time() - start, result

load, plugin = timed(large_host.Large.load)
module = Path("large.wasm").read_bytes()
cached, _ = timed(lambda: wasmtime.Module(large_host._Engine(False, False).engine, module))
compiled = Path("large.cwasm")
if not compiled.exists():
    compiled.write_bytes(plugin._guest.module.serialize())
deserialised, _ = timed(lambda: wasmtime.Module.deserialize_file(plugin._guest.engine.engine, str(compiled)))
print(json.dumps({"load": load, "cached": cached, "deserialised": deserialised}))
"""


def measure_load(folder: Path, rounds: int) -> dict[str, float]:
    """Return the size of a module, and the best seconds of ``load``, of wasmtime's cache, and of deserialisation."""
    module = _large_module()
    (folder / "large.wasm").write_bytes(module)
    for name, text in generate_hosts(module, ["python"], name="large").items():
        (folder / name).write_text(text, encoding="utf-8")
    found = [_load_once(folder) for _ in range(rounds + 1)][1:]  # the first compiles
    return {"bytes": len(module), **{name: min(one[name] for one in found) for name in found[0]}}


def _load_once(folder: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", _LOAD], cwd=folder, stdout=subprocess.PIPE, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _large_module() -> bytes:
    steps = "".join(_STEP.format(number=number) for number in range(100, 100 + _STEPS))
    function = f"(param i32) (result i32) {steps} (local.get 0))"
    exported = "".join(f'(func (export "f{number}") {function}' for number in range(EXPORTS))
    others = f"(func {function}" * (SIZE // (_STEPS * _BYTES_PER_STEP) - EXPORTS)
    return bytes(wat2wasm(f"(module {exported} {others})"))

"""Compile the modules of this folder; needs the package `ziglang`, which brings clang and wasm-ld.

Usage: python build.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
COMMON = ["-fno-sanitize=undefined", "-ffile-prefix-map=.=/guest", "-fdebug-compilation-dir=/guest"]
MODULES = {
    "dwarf2-O1": (["-O1", "-gdwarf-2"], ["-O1", "-gdwarf-2"]),
    "dwarf3-O0": (["-O0", "-gdwarf-3"], ["-O2", "-gdwarf-3"]),
    "dwarf4-O0": (["-O0", "-gdwarf-4", "-gdwarf-aranges"], ["-O0", "-gdwarf-4", "-gdwarf-aranges"]),
    "dwarf4-O2": (["-O2", "-gdwarf-4", "-gdwarf-aranges"], ["-O2", "-gdwarf-4"]),
    "dwarf5-O0": (["-O0", "-gdwarf-5"], ["-O0", "-gdwarf-5"]),
    "dwarf5-O2": (["-O2", "-gdwarf-5"], ["-O2", "-gdwarf-5"]),
    "dwarf5-macro": (["-O1", "-gdwarf-5", "-fdebug-macro"], ["-O1", "-gdwarf-5", "-fdebug-macro"]),
    "dwarf4-and-5": (["-O2", "-gdwarf-4"], ["-O2", "-gdwarf-5"]),
    "dwarf5-memory64": (["-O2", "-gdwarf-5"], ["-O2", "-gdwarf-5"]),
}
"""Compiler flags for guest.c and for other.c."""


def zig(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "ziglang", "cc", *arguments], check=True, cwd=FOLDER)


def build(name: str, guest: list[str], other: list[str], folder: Path) -> None:
    target = "wasm64-freestanding" if name.endswith("memory64") else "wasm32-freestanding"
    objects = []
    for source, flags in (("guest.c", guest), ("other.c", other)):
        objects.append(str(folder / f"{name}-{source}.o"))
        zig("-target", target, *flags, *COMMON, "-c", source, "-o", objects[-1])
    zig("-target", target, "-nostdlib", "-Wl,--no-entry", *objects, "-o", f"{name}.wasm")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, (guest, other) in MODULES.items():
            build(name, guest, other, Path(folder))


if __name__ == "__main__":
    main()

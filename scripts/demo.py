"""Show the whole way from a user's project to a running plugin: wheels, a fresh environment, a real database.

``tox -e demo`` runs this with the wheel of externref-build that it has just built (``TOX_PACKAGE``).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SAMPLE = Path(__file__).resolve().parent.parent / "sample_crate"


def main() -> int:
    """Build and run the sample; return the exit code of what failed, or 0."""
    own_wheel = os.environ.get("TOX_PACKAGE")
    if own_wheel is None:
        print("error: no wheel of externref-build\n  start this script with: tox -e demo", file=sys.stderr)
        return 2
    links = " ".join(filter(None, [os.environ.get("PIP_FIND_LINKS"), str(Path(own_wheel).parent)]))
    environ = {**os.environ, "PIP_FIND_LINKS": links, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with tempfile.TemporaryDirectory(prefix="externref-demo-") as temporary:
        wheels, venv = Path(temporary, "wheels"), Path(temporary, "venv")
        bin_ = venv / ("Scripts" if os.name == "nt" else "bin")
        steps = [
            (
                "a user's project becomes a wheel",
                [sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "-w", wheels, SAMPLE],
            ),
            ("a fresh environment", [sys.executable, "-m", "virtualenv", "--quiet", venv]),
            ("the wheel is installed", [bin_ / "python", "-m", "pip", "install", "-q", "-f", wheels, "sample-plugin"]),
            ("its plugin runs", [bin_ / "sample-plugin", "demo"]),
        ]
        for title, command in steps:
            words = [str(word) for word in command]
            print(f"\n=== {title}\n$ {' '.join([Path(words[0]).name, *words[1:]])}", flush=True)
            code = subprocess.run(words, check=False, env=environ).returncode
            if code != 0:
                print(f"error: that failed with exit code {code}", file=sys.stderr)
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())

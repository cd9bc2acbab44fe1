"""Let tox find every Python that pyenv has installed, not only those that pyenv's shims are switched to."""

from __future__ import annotations

import os
from pathlib import Path

_versions = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
_path = os.environ.get("PATH", os.defpath)
os.environ["PATH"] = os.pathsep.join([_path, *map(str, sorted(_versions.glob("3.*/bin")))])

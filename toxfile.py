"""Two things that tox.ini cannot say."""

from __future__ import annotations

import os
from pathlib import Path

from tox.execute.api import Outcome
from tox.plugin import impl
from tox.tox_env.api import ToxEnv

# pyenv's shims are found first, but run only the Python that pyenv is switched to: let tox find all that it has.
_versions = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
_path = os.environ.get("PATH", os.defpath)
os.environ["PATH"] = os.pathsep.join([_path, *map(str, sorted(_versions.glob("3.*/bin")))])


@impl
def tox_after_run_commands(tox_env: ToxEnv, exit_code: int, outcomes: list[Outcome]) -> None:
    """Let the result of a successful demo be the last line: tox has nothing to add to it."""
    if list(tox_env.options.env) == ["demo"] and exit_code == Outcome.OK:
        tox_env.options.verbose, tox_env.options.quiet = 0, tox_env.options.verbosity + 2

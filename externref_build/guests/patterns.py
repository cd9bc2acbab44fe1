"""Paths that a pattern with wildcards names, as cargo and shells have it."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path


def matching(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield the paths that a pattern names, seen from a folder; wildcards match nothing hidden.

    Unlike `pathlib`'s, any text is a pattern: also ``.``, an absolute path, and ``**`` beside other characters.
    """
    names = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207
    return (Path(os.path.normpath(folder / name)) for name in names)

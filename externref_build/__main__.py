"""Run the command line: ``python -m externref_build``."""

from __future__ import annotations

import sys

from externref_build.cli import main

if __name__ == "__main__":
    sys.exit(main())

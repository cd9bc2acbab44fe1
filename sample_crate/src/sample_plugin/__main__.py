"""Run the command line with ``python -m sample_plugin``."""

from sample_plugin.cli import main

raise SystemExit(main())

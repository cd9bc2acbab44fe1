"""Front ends: hooks of packaging tools. They decide nothing; the engine does the work."""

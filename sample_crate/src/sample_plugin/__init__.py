"""Search notes in a SQLite database with a WebAssembly plugin that is handed the database as a real reference."""

from sample_plugin.database import Cursor, Database, Hit, Hits, Note, Row
from sample_plugin.host import Notes
from sample_plugin.sample_plugin_host import SamplePlugin

__all__ = ["Cursor", "Database", "Hit", "Hits", "Note", "Notes", "Row", "SamplePlugin"]

"""Search notes in a SQLite database with a WebAssembly plugin that is handed the database as a real reference."""

from sample_plugin.database import Cursor, Database, Hit, Hits, Note, Row
from sample_plugin.host import NotAReferenceError, Plugin

__all__ = ["Cursor", "Database", "Hit", "Hits", "NotAReferenceError", "Note", "Plugin", "Row"]

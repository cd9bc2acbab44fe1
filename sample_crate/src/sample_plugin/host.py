"""What the plugin may call: the functions of module ``notes``.

There is nothing else: no WASI, so no files, no clock, no network and no environment. The other half of the host, which
passes the values and loads the module, is generated: `sample_plugin.sample_plugin_host`.
"""

from __future__ import annotations

from sample_plugin.database import Cursor, Database, Hit, Hits, Row


class Notes:
    """What the plugin can do with the objects that it is handed."""

    def containing(self, database: Database, word: str) -> Cursor | None:
        """Return the notes with a word, or ``None`` if there are none."""
        return database.containing(word)

    def all(self, database: Database) -> Cursor:
        """Return all notes."""
        return database.all()

    def next(self, cursor: Cursor) -> Row | None:
        """Return the next note, or ``None`` behind the last."""
        return cursor.next()

    def close(self, cursor: Cursor) -> None:
        """Take a cursor back."""
        cursor.close()

    def id(self, row: Row) -> int:
        """Return the number under which the database keeps a note."""
        return row.id

    def title(self, row: Row) -> str:
        """Return the title of a note."""
        return row.title

    def body(self, row: Row) -> str:
        """Return the text of a note."""
        return row.body

    def put(self, hits: Hits, row: Row, score: float) -> None:
        """Put a note into a list of the host's."""
        hits.found.append(Hit(row, score))

    def preview(self, row: Row | None) -> None:
        """Hear which row leads in a search, or that none does."""

    def released(self, thing: object) -> None:
        """Hear which object the plugin let go of without having handed it back."""

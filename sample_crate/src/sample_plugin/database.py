"""Notes in a SQLite file: the objects that the plugin is handed references to.

None of them knows of WebAssembly. Objects are compared by identity, for they are capabilities: holding one is the
permission to use it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import NamedTuple


class Note(NamedTuple):
    """A note that is to be written to a database."""

    title: str
    body: str


@dataclass(frozen=True, eq=False)
class Row:
    """One note as it was read from a database; the same note read again is another row."""

    id: int
    title: str
    body: str = field(repr=False)


class Cursor:
    """A position in the rows that a question to a database brought up."""

    def __init__(self, rows: sqlite3.Cursor) -> None:
        self._rows = rows

    def next(self) -> Row | None:
        """Return the next row, or ``None`` behind the last."""
        found = self._rows.fetchone()
        return Row(*found) if found else None

    def close(self) -> None:
        """Let go of the rows that were not fetched; closing twice does no harm."""
        self._rows.close()


class Hit(NamedTuple):
    """A row with its score, a part of the best row's, from 0 to 1."""

    row: Row
    score: float


@dataclass(eq=False)
class Hits:
    """A list into which a plugin may put rows."""

    found: list[Hit] = field(default_factory=list)


class Database:
    """A database of notes, opened for reading only."""

    def __init__(self, path: Path) -> None:
        """Open the database at ``path``; raise :class:`OSError` or :class:`sqlite3.Error` if it is not one of notes."""
        with path.open("rb"):
            pass
        self.path = path
        self.statements: list[str] = []
        """Each SQL statement that was run, in order."""
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            self._connection.execute("SELECT id, title, body FROM notes LIMIT 1").fetchone()
        except sqlite3.Error:
            self._connection.close()
            raise
        self._connection.create_function("casefold", 1, str.casefold, deterministic=True)
        self._connection.set_trace_callback(self.statements.append)

    def containing(self, word: str) -> Cursor | None:
        """Return the notes with ``word`` in title or body, in whatever case, or ``None`` if there are none."""
        where = "FROM notes WHERE instr(casefold(title), :word) OR instr(casefold(body), :word)"
        folded = {"word": word.casefold()}
        if not self._connection.execute(f"SELECT EXISTS (SELECT 1 {where})", folded).fetchone()[0]:
            return None
        return Cursor(self._connection.execute(f"SELECT id, title, body {where} ORDER BY id", folded))

    def all(self) -> Cursor:
        """Return all notes in the order in which they were written."""
        return Cursor(self._connection.execute("SELECT id, title, body FROM notes ORDER BY id"))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def create_database(path: Path, notes: Iterable[Note]) -> int:
    """Write a new database file and return the number of its notes; raise :class:`FileExistsError` if it is there."""
    with path.open("xb"):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL)")
        return connection.executemany("INSERT INTO notes (title, body) VALUES (?, ?)", notes).rowcount


def sample_notes() -> list[Note]:
    """Return the notes that come with this package."""
    text = resources.files("sample_plugin").joinpath("notes.json").read_text(encoding="utf-8")
    return [Note(note["title"], note["body"]) for note in json.loads(text)]

"""A walk through what references do, each claim checked on a real database file."""

from __future__ import annotations

import gc
import sqlite3
import weakref
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import cast

from wasmtime import Engine, FuncType, Module, ValType, WasmtimeError

from sample_plugin.database import Cursor, Database, Hits, Note, Row, create_database, sample_notes
from sample_plugin.host import Notes
from sample_plugin.sample_plugin_host import SamplePlugin

DIARY = [
    Note("Monday", "Nobody but me may read about the sourdough starter that I dropped."),
    Note("Tuesday", "Told them that the cat did it."),
]

FORGER = """
(module
  (import "notes" "all" (func $all (param externref) (result externref)))
  (func (export "forge") (result externref)
    (call $all (i32.const 1))))
"""
"""A plugin that makes up a number and passes it as the database."""


@dataclass
class Events:
    """What the plugin did in one step of the demo, as the host saw it."""

    asked: list[Database] = field(default_factory=list)
    """The databases that it asked for a word."""
    found: list[Cursor | None] = field(default_factory=list)
    """What it got as an answer."""
    rows: list[Row] = field(default_factory=list)
    """The rows that it was handed."""
    previews: list[Row | None] = field(default_factory=list)
    released: list[object] = field(default_factory=list)

    def clear(self) -> None:
        """Forget them all."""
        for events in (self.asked, self.found, self.rows, self.previews, self.released):
            events.clear()


class WatchedNotes(Notes):
    """The host's functions, with a record of what passes."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def containing(self, database: Database, word: str) -> Cursor | None:
        """Note the database and the answer."""
        cursor = super().containing(database, word)
        self._events.asked.append(database)
        self._events.found.append(cursor)
        return cursor

    def next(self, cursor: Cursor) -> Row | None:
        """Note the row."""
        row = super().next(cursor)
        if row is not None:
            self._events.rows.append(row)
        return row

    def preview(self, row: Row | None) -> None:
        """Note which row leads."""
        self._events.previews.append(row)

    def released(self, thing: object) -> None:
        """Note what was let go of."""
        self._events.released.append(thing)


class Demo:
    """One run on a database, with a plugin that reports what it does."""

    def __init__(self, database: Database, unshared: Database, write: Callable[[str], object]) -> None:
        self._database = database
        self._unshared = unshared
        self._write = write
        self._events = Events()
        self._plugin = SamplePlugin.load(WatchedNotes(self._events))
        self.checks: list[bool] = []

    def run(self) -> None:
        """Go through all steps."""
        for number, (title, step) in enumerate(
            (
                ("The plugin is loaded, and holds nothing yet", self._interface),
                ("The host hands it a database; it hands back a row", self._search),
                ("Null is None, both ways", self._nulls),
                ("The ranking forgives slips of the typist", self._slips),
                ("Host and plugin move the same cursor", self._shared_cursor),
                ("Two rows go in, the better one comes out", self._owned_rows),
                ("Released means gone", self._memory),
                ("It reaches nothing that it was not handed", self._nothing_else),
            ),
            start=1,
        ):
            self._events.clear()
            self._write(f"\n{number}. {title}")
            step()

    def _interface(self) -> None:
        module = Module(Engine(), resources.files("sample_plugin").joinpath("sample_plugin.wasm").read_bytes())
        imports = module.imports
        self._tell(f"imports {', '.join(f'{entry.module}.{entry.name}' for entry in imports)}")
        self._check(
            "it imports functions of the notes and nothing else, no WASI", {i.module for i in imports} == {"notes"}
        )
        search = next(entry.type for entry in module.exports if entry.name == "search")
        assert isinstance(search, FuncType)
        params, results = ([_type_name(value) for value in values] for values in (search.params, search.results))
        self._tell(f"exports search: {', '.join(params)} -> {', '.join(results)}")
        self._check("databases, lists and rows are externrefs", params[::3] + results == 3 * ["externref"])
        self._check("it holds no reference", self._plugin.live_references == 0)

    def _search(self) -> None:
        hits = Hits()
        best = self._plugin.search(self._database, "sourdough starter", hits, 2)
        self._tell_row("best", best)
        for row, score in hits.found:
            self._tell_row(f"{score:.0%}", row)
        events = self._events
        handed_out = list(events.rows)
        given = [best, *(hit.row for hit in hits.found)]
        kept = [row for row in handed_out if not _among(row, given)]
        released = [thing for thing in events.released if isinstance(thing, Row)]
        self._check("it asked the very database that it was handed", events.asked == [self._database] * 2)
        self._check("the result is a row object that the host made, not a copy", _among(best, handed_out))
        self._check(f"SQLite knows it as {self._title(best)!r}", best is not None and self._title(best) == best.title)
        self._check(
            "the host's list got two more of them", len(given) == 3 and all(_among(row, handed_out) for row in given)
        )
        self._check(
            f"the other {len(kept)} of {len(handed_out)} rows were released, each once",
            sorted(map(id, released)) == sorted(map(id, kept)) and len(kept) > 0,
        )
        self._check("what it handed back was not", not any(_among(row, released) for row in given))
        self._check(
            "the database was lent: the plugin let go of it when the call ended",
            _among(self._database, events.released),
        )

    def _nulls(self) -> None:
        best = self._plugin.search(self._database, "xylophone", None, 0)
        self._check("a search without result returns None", best is None)
        self._check("to the plugin, None from the host was null", self._events.found == [None])
        self._check("its null argument reached the host as None", self._events.previews == [None])
        self._check("better(None, None) is None", self._plugin.better(None, None, "bread") is None)
        row = self._database.all().next()
        self._check("better(None, row) is row", row is not None and self._plugin.better(None, row, "bread") is row)

    def _slips(self) -> None:
        best = self._plugin.search(self._database, "sordough startre", None, 0)
        self._tell_row("best", best)
        self._check("no note has the words as they were typed", self._events.found == [None, None])
        self._check("the nearest note was found", best is not None and best.title.startswith("Sourdough starter"))
        self._check("the host was shown that same row before", self._events.previews == [None, best])

    def _shared_cursor(self) -> None:
        cursor = self._database.all()
        found = self._plugin.next_match(cursor, "bread knife")
        following = cursor.next()
        self._tell_row("match", found)
        self._tell_row("then", following)
        self._check("the plugin stopped at the match", found is not None and found.title == "Gift ideas")
        self._check("the host goes on behind it", following is not None and following.title == "Meter readings")

    def _owned_rows(self) -> None:
        rows = self._database.all()
        left, right = rows.next(), rows.next()
        winner = self._plugin.better(left, right, "country loaf")
        self._tell_row("winner", winner)
        self._check("the winner is the object that went in", winner is right)
        self._check("the other one was released", self._events.released == [left])

    def _memory(self) -> None:
        best = self._plugin.search(self._database, "bicycle", None, 0)
        rows = [weakref.ref(row) for row in self._events.rows]
        self._events.clear()
        self._check("after the call the plugin holds nothing", self._plugin.live_references == 0)
        gc.collect()
        alive = [row for row in (reference() for reference in rows) if row is not None]
        self._check(f"of {len(rows)} rows only the host's own is in memory", alive == [best] and len(rows) > 1)

    def _nothing_else(self) -> None:
        self._check("the diary, open in the same process, was never read", self._unshared.statements == [])
        number, row = cast(Database, 1), cast(Database, self._database.all().next())
        self._check("a number is no database, and is refused before the plugin runs", self._refused(number))
        self._check("nor is a row one", self._refused(row))
        bees = self._plugin.search(self._database, "bees", None, 0)
        self._check("after that the plugin still works", bees is not None)
        reason = _rejection(FORGER)
        self._check(
            "a plugin that passes a made-up number is not even loaded", "expected externref, found i32" in reason
        )
        self._tell(reason)

    def _refused(self, database: Database) -> bool:
        try:
            self._plugin.search(database, "bread", None, 0)
        except TypeError as error:
            self._tell(str(error))
            return True
        return False

    def _title(self, row: Row | None) -> str | None:
        with closing(sqlite3.connect(self._database.path)) as connection:
            found = connection.execute("SELECT title FROM notes WHERE id = ?", [row.id if row else None]).fetchone()
        return str(found[0]) if found else None

    def _check(self, claim: str, holds: bool) -> None:
        self.checks.append(holds)
        self._write(f"   {'ok  ' if holds else 'FAIL'}  {claim}")

    def _tell(self, line: str) -> None:
        self._write(f"         {line}")

    def _tell_row(self, label: str, row: Row | None) -> None:
        self._tell(f"{label}: {row.title if row else 'nothing'}")


def run_demo(folder: Path, write: Callable[[str], object]) -> bool:
    """Go through the demo with new databases in ``folder``; return whether every check passed."""
    notes, diary = folder / "notes.db", folder / "diary.db"
    write(f"{notes}: {create_database(notes, sample_notes())} notes, for the plugin")
    write(f"{diary}: {create_database(diary, DIARY)} notes, not for the plugin")
    with Database(notes) as database, Database(diary) as unshared:
        demo = Demo(database, unshared, write)
        demo.run()
    write(f"\ndemo: {sum(demo.checks)} of {len(demo.checks)} checks passed")
    return all(demo.checks)


def _among(thing: object, things: Iterable[object]) -> bool:
    return any(thing is other for other in things)


def _type_name(value: ValType) -> str:
    """Spell a type as WebAssembly does; wasmtime's own spelling of externref is an older one."""
    return "externref" if value == ValType.externref() else str(value)


def _rejection(module: str) -> str:
    """Return the engine's reason not to load a module, or nothing if it loads."""
    try:
        Module(Engine(), module)
    except WasmtimeError as error:
        lines = str(error).splitlines()
        return next((line.strip() for line in lines if "mismatch" in line), lines[0])
    return ""

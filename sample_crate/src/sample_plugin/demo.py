"""A walk through what references do, each claim checked on a real database file."""

from __future__ import annotations

import gc
import sqlite3
import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from wasmtime import Engine, Module, WasmtimeError

from sample_plugin.database import Database, Hits, Note, Row, create_database, sample_notes
from sample_plugin.host import Call, NotAReferenceError, Plugin

FORGER = """
(module
  (import "notes" "all" (func $all (param externref) (result externref)))
  (func (export "forge") (result externref)
    (call $all (i32.const 1))))
"""
"""A plugin that makes up a number and passes it as the database."""

DIARY = [
    Note("Monday", "Nobody but me may read about the sourdough starter that I dropped."),
    Note("Tuesday", "Told them that the cat did it."),
]


@dataclass
class Demo:
    """The state of one run: where lines go, what was checked, and what the plugin did so far."""

    write: Callable[[str], object]
    checks: list[bool] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    previews: list[Row | None] = field(default_factory=list)
    released: list[object] = field(default_factory=list)

    def step(self, title: str) -> None:
        """Begin a step: print its title and forget the events of the one before."""
        self.write(f"\n{title}")
        for events in (self.calls, self.previews, self.released):
            events.clear()

    def tell(self, line: str) -> None:
        """Print a line that explains."""
        self.write(f"        {line}")

    def check(self, claim: str, holds: bool) -> None:
        """Print a claim and whether it holds, and count it."""
        self.checks.append(holds)
        self.write(f"  {'ok  ' if holds else 'FAIL'}  {claim}")

    def results(self, name: str) -> list[object]:
        """Return what the host's function ``name`` answered in this step, call by call."""
        return [call.result for call in self.calls if call.name == name]

    def rows(self) -> list[Row]:
        """Return the rows that the host handed to the plugin in this step."""
        return [row for row in self.results("next") if isinstance(row, Row)]


def run_demo(folder: Path, write: Callable[[str], object]) -> bool:
    """Run all steps on new databases in ``folder``; return whether every check passed."""
    demo = Demo(write)
    notes, diary = folder / "notes.db", folder / "diary.db"
    count = create_database(notes, sample_notes())
    create_database(diary, DIARY)
    plugin = Plugin(on_call=demo.calls.append, on_preview=demo.previews.append, on_release=demo.released.append)
    with Database(notes) as database, Database(diary) as unshared:
        demo.step("Load the plugin")
        demo.tell(f"{count} notes in {notes}, a private diary in {diary}")
        _show_interface(demo, plugin)
        _search(demo, plugin, database)
        _nulls(demo, plugin, database)
        _slip_of_the_typist(demo, plugin, database)
        _shared_cursor(demo, plugin, database)
        _owned_rows(demo, plugin, database)
        _release(demo, plugin, database)
        _nothing_else(demo, plugin, database, unshared)
    write(f"\ndemo: {sum(demo.checks)} of {len(demo.checks)} checks passed")
    return all(demo.checks)


def _show_interface(demo: Demo, plugin: Plugin) -> None:
    imports = plugin.module.imports
    for entry in imports:
        demo.tell(f"imports {entry.module}.{entry.name}")
    demo.check("the plugin imports functions of the notes and nothing else: no WASI", {i.module for i in imports} == {"notes"})
    demo.check("it holds no reference before it is handed one", plugin.held() == [])


def _search(demo: Demo, plugin: Plugin, database: Database) -> None:
    demo.step("Search: the database goes in by reference, a row comes back by reference")
    hits = Hits()
    best = plugin.search(database, "sourdough starter", hits=hits, limit=2)
    _tell_found(demo, "best", best)
    for row, score in hits.found:
        _tell_found(demo, f"{score:4.0%}", row)
    asked = [call.arguments[0] for call in demo.calls if call.name == "containing"]
    demo.check("each question came with the very database that was handed in", bool(asked) and all(it is database for it in asked))
    demo.check("the result is one of the row objects that the host created, not a copy", any(best is row for row in demo.rows()))
    with closing(sqlite3.connect(database.path)) as connection:
        (title,) = connection.execute("SELECT title FROM notes WHERE title LIKE 'Sourdough starter%'").fetchone()
    demo.check(f"SQLite agrees on its title: {title!r}", best is not None and best.title == title)
    demo.check("so are both runners-up in the host's list", all(any(hit.row is row for row in demo.rows()) for hit in hits.found) and len(hits.found) == 2)
    given = {id(best)} | {id(hit.row) for hit in hits.found}
    kept = [row for row in demo.rows() if id(row) not in given]
    demo.check(
        f"the other rows ({len(kept)} of {len(demo.rows())}) were released, once each, through the drop hook",
        sorted(map(id, demo.released)) == sorted(map(id, kept)) and len(kept) > 0,
    )
    demo.check("what the plugin handed back was not", not any(id(it) in given for it in demo.released))


def _nulls(demo: Demo, plugin: Plugin, database: Database) -> None:
    demo.step("Null is None, both ways")
    best = plugin.search(database, "xylophone")
    demo.check("the plugin returns null for a search without result: None", best is None)
    demo.check("the host returned None where no note contains the word: null", demo.results("containing") == [None])
    demo.check("a preview of nothing is None as well", demo.previews == [None])
    demo.check("null as an argument: better(None, None) is None", plugin.better(None, None, "bread") is None)
    row = database.all().next()
    demo.check("better(None, row) is row", row is not None and plugin.better(None, row, "bread") is row)


def _slip_of_the_typist(demo: Demo, plugin: Plugin, database: Database) -> None:
    demo.step("Rank in Rust: a slip of the typist")
    best = plugin.search(database, "sordough startre")
    _tell_found(demo, "best", best)
    demo.check("no note contains the words as they were typed", set(demo.results("containing")) == {None})
    demo.check("the plugin read all notes and found the nearest", best is not None and best.title.startswith("Sourdough starter"))
    demo.check("the host was shown that same row first", demo.previews[-1:] == [best])


def _shared_cursor(demo: Demo, plugin: Plugin, database: Database) -> None:
    demo.step("A mutable reference: host and plugin share one cursor")
    with_bread = database.containing("bread")
    found = plugin.next_match(with_bread, "knife") if with_bread else None
    _tell_found(demo, "match", found)
    demo.check("the plugin moved the host's cursor to the match", found is not None and found.title == "Gift ideas")
    following = with_bread.next() if with_bread else None
    demo.check("the host goes on where the plugin stopped", following is not None and following.title == "Café in the old brewery")
    demo.check("the cursor was only lent: it was not released", with_bread not in demo.released)


def _owned_rows(demo: Demo, plugin: Plugin, database: Database) -> None:
    demo.step("Owned references: two rows go in, the better one comes out")
    rows = database.all()
    left, right = rows.next(), rows.next()
    winner = plugin.better(left, right, "country loaf")
    _tell_found(demo, "winner", winner)
    demo.check("the winner is the object that went in", winner is right)
    demo.check("the loser was given up to the drop hook", demo.released == [left])


def _release(demo: Demo, plugin: Plugin, database: Database) -> None:
    demo.step("Released means released")
    best = plugin.search(database, "bicycle", limit=0)
    rows = [weakref.ref(row) for row in demo.rows()]
    for events in (demo.calls, demo.previews, demo.released):
        events.clear()
    demo.check("after the call the plugin's table holds nothing", plugin.held() == [])
    plugin.collect()
    gc.collect()
    alive = [row for row in (reference() for reference in rows) if row is not None]
    demo.check(f"of {len(rows)} rows only the one that the host keeps is still in memory", alive == [best] and len(rows) > 1)


def _nothing_else(demo: Demo, plugin: Plugin, database: Database, unshared: Database) -> None:
    demo.step("Nothing that it was not handed")
    demo.check("the diary, open in the same process, was never read", unshared.statements == [])
    demo.check("an integer is no reference: the host is brought the number itself, and refuses", _refused(plugin, cast(Database, 1)))
    row = database.all().next()
    demo.check("a row is no database, even to a plugin that takes it for one", _refused(plugin, cast(Database, row)))
    demo.check("after a refused call the plugin still works", plugin.search(database, "bees") is not None)
    try:
        Module(Engine(), FORGER)
    except WasmtimeError as error:
        reason = next((line.strip() for line in str(error).splitlines() if "mismatch" in line), "")
        demo.check("a plugin that passes a made-up number does not even load", "expected externref, found i32" in reason)
        demo.tell(reason)
    else:
        demo.check("a plugin that passes a made-up number does not even load", False)


def _refused(plugin: Plugin, database: Database) -> bool:
    try:
        plugin.search(database, "bread")
    except NotAReferenceError:
        return True
    return False


def _tell_found(demo: Demo, label: str, row: Row | None) -> None:
    demo.tell(f"{label:>6}: {row.title if row else 'nothing'}")

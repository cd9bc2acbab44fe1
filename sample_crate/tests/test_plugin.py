"""The plugin on real databases, through its Python host."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sample_plugin import Database, Hits, Note, Notes, Row, SamplePlugin
from sample_plugin.database import create_database, sample_notes

MakeDatabase = Callable[..., Database]


@pytest.fixture
def plugin() -> SamplePlugin:
    return SamplePlugin.load(Notes())


@pytest.fixture
def make_database(tmp_path: Path) -> Iterator[MakeDatabase]:
    opened: list[Database] = []

    def make(*notes: Note) -> Database:
        path = tmp_path / f"{len(opened)}.db"
        create_database(path, notes)
        opened.append(Database(path))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def samples(make_database: MakeDatabase) -> Database:
    return make_database(*sample_notes())


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("sourdough starter", "Sourdough starter, day by day"),
        ("SOURDOUGH", "Sourdough starter, day by day"),
        ("zwetschgenkuchen", "Grandma's plum cake"),
        ("crêpe", "Crêpes"),
        ("crépe", "Crêpes"),
        ("bycicle chain", "Bicycle: chain and cassette"),
        ("queen bee eggs", "Bees: spring check"),
        ("capability", "WebAssembly reading list"),
        ("0.75", "Bicycle: chain and cassette"),
    ],
)
def test_the_best_note_is_found(plugin: SamplePlugin, samples: Database, query: str, title: str) -> None:
    found = plugin.search(samples, query, None, 0)
    assert found is not None
    assert found.title == title


@pytest.mark.parametrize("query", ["", "   ", "?!", "%", "xylophone"])
def test_nothing_is_found_where_nothing_fits(plugin: SamplePlugin, samples: Database, query: str) -> None:
    assert plugin.search(samples, query, None, 0) is None


def test_a_query_without_words_does_not_ask_the_database(plugin: SamplePlugin, samples: Database) -> None:
    plugin.search(samples, " ... ", None, 0)
    assert samples.statements == []


@pytest.mark.parametrize("limit", [0, 1, 3, 1000])
def test_hits_come_best_first_and_no_more_than_asked(plugin: SamplePlugin, samples: Database, limit: int) -> None:
    hits = Hits()
    best = plugin.search(samples, "bread water flour", hits, limit)
    assert best is not None
    found = [best, *(hit.row for hit in hits.found)]
    assert len({row.id for row in found}) == len(found)
    assert len(hits.found) <= limit
    assert limit in {0, 1000} or len(hits.found) == limit
    scores = [1.0, *(hit.score for hit in hits.found)]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0


def test_long_texts_and_texts_beyond_ascii_arrive_whole(plugin: SamplePlugin, make_database: MakeDatabase) -> None:
    long = "und so weiter, " * 2000 + "schließlich Überraschung 🎉"
    database = make_database(Note("kurz", "Überraschung"), Note("lang", long))
    hits = Hits()
    best = plugin.search(database, "überraschung schließlich", hits, 5)
    assert best is not None
    assert best.body == long
    assert [hit.row.title for hit in hits.found] == ["kurz"]


def test_signs_that_sqlite_takes_for_wildcards_are_letters(make_database: MakeDatabase) -> None:
    database = make_database(Note("one", "snake_case"), Note("two", "snakeXcase"), Note("three", "100%"))
    found = database.containing("snake_case")
    assert found is not None
    assert [row.title for row in iter(found.next, None)] == ["one"]
    assert database.containing("50%") is None


def test_an_empty_database_has_no_answer(plugin: SamplePlugin, make_database: MakeDatabase) -> None:
    assert plugin.search(make_database(), "bread", None, 0) is None


def test_a_cursor_is_read_match_by_match(plugin: SamplePlugin, samples: Database) -> None:
    cursor = samples.all()
    titles = [row.title for row in iter(lambda: plugin.next_match(cursor, "bread"), None)]
    assert titles == ["Sourdough starter, day by day", "Gift ideas", "Café in the old brewery"]
    assert cursor.next() is None


def test_the_better_row_of_two_databases_wins(plugin: SamplePlugin, make_database: MakeDatabase) -> None:
    left = make_database(Note("Bread", "bread")).all().next()
    right = make_database(Note("Butter", "bread and butter")).all().next()
    assert plugin.better(left, right, "bread") is left
    assert plugin.better(left, right, "butter") is right
    assert plugin.better(left, right, "neither") is left
    assert plugin.better(left, None, "neither") is left


class Listening(Notes):
    """Notes what the plugin shows and lets go of."""

    def __init__(self) -> None:
        self.previews: list[Row | None] = []
        self.let_go: list[object] = []

    def preview(self, row: Row | None) -> None:
        self.previews.append(row)

    def released(self, thing: object) -> None:
        self.let_go.append(thing)


def test_the_same_row_may_go_in_twice(samples: Database) -> None:
    host = Listening()
    row = samples.all().next()
    assert SamplePlugin.load(host).better(row, row, "sourdough") is row
    assert host.let_go == [row]


def test_plugins_do_not_share_what_they_hold(samples: Database) -> None:
    class Counting(Notes):
        def preview(self, row: Row | None) -> None:
            counts.append((busy.live_references, idle.live_references))

    counts: list[tuple[int, int]] = []
    busy, idle = SamplePlugin.load(Counting()), SamplePlugin.load(Notes())
    busy.search(samples, "bread", None, 0)
    assert counts[-1][0] > 1
    assert {count for _, count in counts} == {0}
    assert busy.live_references == 0


def test_a_thousand_searches_leave_nothing_behind(plugin: SamplePlugin, samples: Database) -> None:
    for _ in range(1000):
        plugin.search(samples, "bread", None, 1)
    assert plugin.live_references == 0


@pytest.mark.parametrize("wrong", [0, 1, -1, "a text", object(), None])
def test_what_is_no_database_is_refused_by_name(plugin: SamplePlugin, wrong: object) -> None:
    with pytest.raises(TypeError, match="expected a Database"):
        plugin.search(wrong, "bread", None, 0)  # type: ignore[arg-type, unused-ignore]
    assert plugin.better(None, None, "bread") is None


def test_a_failing_host_function_reaches_the_caller(plugin: SamplePlugin, make_database: MakeDatabase) -> None:
    database = make_database(Note("a", "b"))
    database.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        plugin.search(database, "bread", None, 0)


def test_a_database_that_is_there_is_not_overwritten(samples: Database) -> None:
    with pytest.raises(FileExistsError):
        create_database(samples.path, [])
    assert samples.all().next() is not None


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database, but long enough to be looked at by SQLite as if it were one" * 20)
    with pytest.raises(sqlite3.DatabaseError):
        Database(path)
    with pytest.raises(FileNotFoundError):
        Database(tmp_path / "absent.db")

"""The command ``sample-plugin``."""

from __future__ import annotations

import argparse
import sqlite3
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, 1 for a failed check or an unusable file, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"sample-plugin: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sample-plugin",
        description="Search notes in a SQLite database. The search is a WebAssembly plugin, which is handed the open "
        "database as a reference and can reach nothing else.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="show step by step what references do, and check it",
        description="Write a database of sample notes, search it with the plugin, print and check what happens.",
    )
    demo.add_argument("--folder", type=Path, help="existing folder for the databases (default: a temporary one)")
    demo.set_defaults(run=_demo)

    search = commands.add_parser(
        "search",
        help="print the notes that answer a query",
        description="Print the note that answers the query best, and the titles of the next best.",
    )
    search.add_argument(
        "database", type=Path, metavar="DATABASE", help="SQLite file with a table notes(id, title, body)"
    )
    search.add_argument("query", nargs="+", metavar="QUERY", help="words to look for; slips of the typist are forgiven")
    search.add_argument("--limit", type=_count, default=5, metavar="N", help="how many more titles (default: 5)")
    search.set_defaults(run=_search)

    create = commands.add_parser(
        "create", help="write a database of sample notes", description="Write a new database of sample notes."
    )
    create.add_argument("database", type=Path, metavar="DATABASE", help="SQLite file to write; must not exist")
    create.set_defaults(run=_create)
    return parser


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def _demo(options: argparse.Namespace) -> int:
    from sample_plugin.demo import run_demo

    if options.folder is not None:
        return 0 if run_demo(options.folder, _write) else 1
    with TemporaryDirectory(prefix="sample-plugin-") as folder:
        return 0 if run_demo(Path(folder), _write) else 1


def _search(options: argparse.Namespace) -> int:
    from sample_plugin.database import Database, Hits
    from sample_plugin.host import Notes
    from sample_plugin.sample_plugin_host import SamplePlugin

    hits = Hits()
    with Database(options.database) as database, SamplePlugin.load(Notes()) as plugin:
        best = plugin.search(database, " ".join(options.query), hits, options.limit)
    if best is None:
        _write("nothing found")
        return 0
    _write(best.title)
    _write(textwrap.fill(best.body, width=78, initial_indent="    ", subsequent_indent="    "))
    for row, score in hits.found:
        _write(f"{score:4.0%}  {row.title}")
    return 0


def _create(options: argparse.Namespace) -> int:
    from sample_plugin.database import create_database, sample_notes

    count = create_database(options.database, sample_notes())
    _write(f"{options.database}: {count} notes")
    return 0


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")

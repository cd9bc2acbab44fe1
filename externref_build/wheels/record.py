"""RECORD: every file of a wheel with its hash and size.

Source: recording installed projects, and binary distribution format (packaging.python.org).
"""

from __future__ import annotations

import csv
import hashlib
import io
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Final

from externref_build.wheels.archive import Wheel
from externref_build.wheels.findings import Finding, bad, good
from externref_build.wording import plural

_HASHES: Final = {"sha256", "sha384", "sha512"}
"""The format asks for sha256 or better."""

_REMEDY: Final = "the wheel was changed after it was built, or its tool is at fault: build it anew"


def check_record(wheel: Wheel) -> Iterator[Finding]:
    """See that RECORD lists exactly the files that are there, as they are."""
    found = wheel.dist_info("RECORD")
    if found is None:
        yield bad("RECORD", "there is none, expected *.dist-info/RECORD", None, _REMEDY)
        return
    name, content = found
    try:
        rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        yield bad("RECORD", f"it is not a table of comma-separated values in UTF-8: {error}", name, _REMEDY)
        return
    problems = [*_problems_of_rows(rows, name, wheel), *_problems_of_files(rows, name, wheel)]
    for where, problem in problems:
        yield bad("RECORD", problem, where, _REMEDY)
    if not problems:
        yield good("RECORD", f"{plural(len(rows), 'file')}, hashes and sizes are right")


def _problems_of_rows(rows: list[list[str]], record: str, wheel: Wheel) -> Iterator[tuple[str, str]]:
    seen = set[str]()
    for number, row in enumerate(rows, 1):
        where = f"{record}, line {number}"
        if len(row) != 3:
            yield where, f"a row of {len(row)} values, expected path, hash and size"
            continue
        path, digest, size = row
        if path in seen:
            yield where, f"{path} is listed twice"
        seen.add(path)
        if path not in wheel.files:
            yield where, f"{path} is listed and not in the wheel"
        elif not _needs_hash(path, record):
            if path == record and (digest or size):
                yield where, "it lists a hash of itself, expected none"
        else:
            yield from ((where, f"{path}: {problem}") for problem in _mismatches(wheel.files[path], digest, size))


def _problems_of_files(rows: list[list[str]], record: str, wheel: Wheel) -> Iterator[tuple[str, str]]:
    listed = {row[0] for row in rows if row}
    for path in wheel.files:
        if path not in listed and (path == record or _needs_hash(path, record)):
            yield path, f"{path} is in the wheel and not listed in RECORD"


def _mismatches(content: bytes, digest: str, size: str) -> Iterator[str]:
    algorithm, _, value = digest.partition("=")
    if algorithm not in _HASHES:
        yield f"its hash is {digest or 'missing'}, expected sha256=… or a better one"
    else:
        actual = urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
        if value != actual:
            yield f"its {algorithm} is {actual}, RECORD says {value}"
    if size != str(len(content)):
        yield f"it has {len(content)} bytes, RECORD says {size or 'nothing'}"


def _needs_hash(path: str, record: str) -> bool:
    """RECORD cannot hold its own hash, nor that of its signatures."""
    return path not in {record, f"{record}.jws", f"{record}.p7s"}

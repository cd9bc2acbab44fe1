"""Read what clang dumps of a namespace's syntax tree (``-ast-dump=json``).

The dump leaves out the file and the line of a place where they are those of the place before, so places are resolved in
the order in which they stand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from externref_build.errors import GuestBuildError

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was declared, in the user's own files."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


PLACE, END = "place", "end place"
"""The keys under which each declaration has its `Place`, and that of its last token."""

FUNCTIONS = frozenset(("FunctionDecl", "CXXMethodDecl"))
_NAMESPACE = "client"


def read_namespaces(dump: str) -> Iterator[Node]:
    """Yield each opening of ``namespace client`` in a dump, and each function of it defined outside, places resolved.

    Raises GuestBuildError if it is not what clang dumps.
    """
    decoder = json.JSONDecoder()
    resolve = _Places()
    position = dump.find("{")
    while position != -1:
        try:
            node, position = decoder.raw_decode(dump, position)
        except ValueError as error:
            raise GuestBuildError(f"the compiler's syntax tree cannot be read: {error}") from None
        resolve(node)
        opens = node.get("kind") == "NamespaceDecl" and node.get("name") == _NAMESPACE
        if (opens or node.get("kind") in FUNCTIONS) and _is_global(node):
            yield node
        position = dump.find("{", position)


def _is_global(namespace: Node) -> bool:
    """Tell whether a namespace lies in no other, by the first symbol in it."""
    pending = [namespace]
    while pending:
        node = pending.pop()
        symbol = str(node.get("mangledName", "client"))
        if symbol.startswith("_Z"):
            return re.match(r"_ZNK?6client", symbol) is not None
        pending.extend(inner for inner in reversed(node.get("inner", [])) if "kind" in inner)
    return True


class _Places:
    """Follows the places through a dump, as clang's own printer does."""

    def __init__(self) -> None:
        self.file = self.presumed_file = ""
        self.line = self.presumed_line = 0

    def __call__(self, root: Node) -> None:
        pending: list[Any] = [root]
        while pending:
            value = pending.pop()
            if isinstance(value, list):
                pending.extend(reversed(value))
            elif isinstance(value, dict):
                self._visit(value)
                pending.extend(value[key] for key in reversed(value) if key not in ("loc", "range", PLACE, END))

    def _visit(self, node: Node) -> None:
        for key in ("loc", "range"):
            for place in _locations(node.get(key)):
                self._advance(place)
                node[PLACE if key == "loc" else END] = Place(
                    self.presumed_file or self.file, self.presumed_line or self.line
                )

    def _advance(self, place: Node) -> None:
        if "file" in place:
            self.file = self.presumed_file = place["file"]
        if "line" in place:
            self.line = self.presumed_line = place["line"]
        self.presumed_file = place.get("presumedFile", self.presumed_file)
        self.presumed_line = place.get("presumedLine", self.presumed_line)


def _locations(value: Any) -> Iterator[Node]:
    """Yield the bare locations in a location or a range, in order."""
    if isinstance(value, dict):
        if "offset" in value:
            yield value
        for key in ("spellingLoc", "expansionLoc", "begin", "end"):
            yield from _locations(value.get(key))

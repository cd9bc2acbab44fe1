"""What is the same for all modules: pieces of scripts and declarations, each where it is needed.

A piece is a declaration at the outermost level; blank lines divide them. It is needed where its name occurs in what is
needed already.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

_DECLARED = re.compile(r"^(?:export )?(?:declare )?(?:const|let|class|function|interface|type) (\w+)", re.MULTILINE)
_WORD = re.compile(r"(?<![\w$])(?:(?<!\.)|(?<=\.\.\.))[A-Za-z_]\w*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')


@functools.cache
def _pieces(script: str) -> dict[str, str]:
    text = Path(__file__).with_name(script).read_text(encoding="utf-8")
    pieces: dict[str, str] = {}
    for piece in re.split(r"\n\n(?=\S)", text.strip()):
        declared = _DECLARED.search(piece)
        assert declared, f"{script} consists of declarations"
        pieces[declared[1]] = piece
    return pieces


def names(script: str) -> frozenset[str]:
    """Return the names that a script declares."""
    return frozenset(_pieces(script))


def needed(script: str, text: str) -> list[str]:
    """Return the pieces that a text needs, and those that these need, in the order of the script."""
    pieces = _pieces(script)
    found: set[str] = set()
    unread = [text]
    while unread:
        words = set(_WORD.findall(_STRING.sub('""', unread.pop())))
        new = (words & pieces.keys()) - found
        found |= new
        unread += (pieces[name] for name in new)
    return [piece for name, piece in pieces.items() if name in found]

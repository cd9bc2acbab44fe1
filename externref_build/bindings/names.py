"""Identifiers for names that guests chose: one rule for all languages.

1. Characters that cannot stand in an identifier become ``_``; a digit at the start gets a ``_`` in front; underscores
   at the start are dropped, for those belong to the generated code itself.
2. A name that the language or the generated code has taken, and the second of two names that became the same, get ``_``
   at the end, as often as it takes. Names that needed no change go first: nothing takes their place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable


def identifier(name: str) -> str:
    """Spell a name as an identifier, by rule 1: letters, digits and underscores of Unicode, in normal form KC."""
    spelled = "".join(
        character if ("_" + character).isidentifier() else "_" for character in unicodedata.normalize("NFKC", name)
    ).lstrip("_")
    return spelled if spelled.isidentifier() else f"_{spelled}" if spelled else "unnamed"


def camel_case(name: str) -> str:
    """Spell a name as types are named: ``sample_plugin`` is ``SamplePlugin``; inner capitals stay."""
    words = [word for word in identifier(name).split("_") if word]
    return identifier("".join(word[:1].upper() + word[1:] for word in words))


def unique_identifiers(names: Iterable[str], taken: Collection[str]) -> dict[str, str]:
    """Give each name an identifier of its own, by rule 2; ``taken`` are those that none may have."""
    wanted = {name: identifier(name) for name in names}
    given: dict[str, str] = {}
    used = set(taken)
    for name in sorted(wanted, key=lambda name: (wanted[name] != name, name)):
        spelled = wanted[name]
        while spelled in used:
            spelled += "_"
        used.add(spelled)
        given[name] = spelled
    return {name: given[name] for name in wanted}

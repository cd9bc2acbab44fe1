"""Names in JavaScript and TypeScript: what a guest chose never becomes code.

A property keeps the guest's exact name, in brackets and quotes where it is no identifier. Parameters, types and local
variables get identifiers. All that is written is ASCII.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from externref_build._version import __version__
from externref_build.bindings.names import identifier

MADE_BY: Final = f"Made by externref-build {__version__}: build the plugin again instead of editing this file."

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_WORDS: Final = (
    "arguments await break case catch class const continue debugger default delete do else enum eval export extends "
    "false finally for function if implements import in instanceof interface let new null package private protected "
    "public return static super switch this throw true try typeof undefined var void while with yield"
)
_WORDS_OF_TYPES: Final = (
    "abstract accessor any as async bigint boolean constructor declare from get infer is keyof module namespace never "
    "number object of out override readonly require set string symbol type unique unknown"
)
_GLOBALS: Final = (
    "Array ArrayBuffer BigInt BigInt64Array BigUint64Array DataView Error Float32Array Float64Array Int16Array "
    "Int32Array Int8Array Map Math Number Object Promise RangeError Reflect Response String Symbol TextDecoder "
    "TextEncoder TypeError URL Uint16Array Uint32Array Uint8Array WebAssembly crypto document fetch globalThis "
    "performance process"
)
WORDS: Final = frozenset(_WORDS.split())
"""Identifiers that are words of JavaScript, which no parameter can have for a name."""

RESERVED: Final = WORDS | frozenset(_WORDS_OF_TYPES.split()) | frozenset(_GLOBALS.split())
"""Identifiers that are words of either language, or globals that generated code uses."""

PLUGIN_MEMBERS: Final = frozenset({"close", "closed", "liveReferences", "then"})
"""Properties of a plugin that no export may take; with a ``then``, `await` would take the plugin for a promise."""


def quoted(text: str) -> str:
    """Spell a string literal, which is also one of JSON: ASCII only."""
    return json.dumps(text)


def access(target: str, name: str) -> str:
    """Spell the property of an object."""
    return f"{target}.{name}" if _IDENTIFIER.fullmatch(name) else f"{target}[{quoted(name)}]"


def key(name: str) -> str:
    """Spell the key of an object literal; in brackets, so that ``__proto__`` is a property like any other."""
    return name if _IDENTIFIER.fullmatch(name) and not name.startswith("__") else f"[{quoted(name)}]"


def member(name: str) -> str:
    """Spell the name of a member of a TypeScript interface."""
    return name if _IDENTIFIER.fullmatch(name) and name != "constructor" else quoted(name)


def ascii_identifier(name: str) -> str:
    """Spell a name as an identifier of ASCII, which engines of every age read alike."""
    return identifier("".join(character if character.isascii() else "_" for character in identifier(name)))


def distinct(names: Sequence[str], taken: Collection[str]) -> list[str]:
    """Give each of several names, which may be the same, an identifier of its own that is not ``taken``.

    Those that need no change go first: nothing takes their place.
    """
    wanted = [ascii_identifier(name) for name in names]
    given = [""] * len(names)
    used = set(taken)
    for index in sorted(range(len(names)), key=lambda index: wanted[index] != names[index]):
        spelled = wanted[index]
        while spelled in used:
            spelled += "_"
        used.add(spelled)
        given[index] = spelled
    return given


def export_names(names: Iterable[str]) -> dict[str, str]:
    """Map each export to the property of the plugin that it becomes: its own name, unless the plugin needs that."""
    given: dict[str, str] = {}
    ordered = sorted(names, key=lambda name: (name in PLUGIN_MEMBERS, name))
    for name in ordered:
        spelled = name
        while spelled in PLUGIN_MEMBERS or spelled in given.values():
            spelled += "_"
        given[name] = spelled
    return given


def comment(text: str, indent: str = "") -> str:
    """Spell a documentation comment, which nothing in the text ends early; empty for an empty text."""
    lines = [line.rstrip() for line in _printable(text).replace("*/", "*\\/").strip("\n").split("\n")]
    if not any(lines):
        return ""
    if len(lines) == 1:
        return f"{indent}/** {lines[0].strip()} */\n"
    body = "".join(f"{indent} *{' ' + line if line else ''}\n" for line in lines)
    return f"{indent}/**\n{body}{indent} */\n"


def _printable(text: str) -> str:
    """Drop what an editor or a terminal would act on: control characters but the ends of lines, marks of direction."""
    lines = re.sub(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", text)
    return re.sub(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", "", lines)

"""What the compiler gets to see: the preprocessed source, in which each root class of the namespace holds a reference.

All of it goes in just before a closing brace, in lines of its own, behind which the user's go on as they were.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from externref_build.guests.client.declarations import ClientClass, Special

_DECLARATIONS = (
    b'extern "C" __attribute__((import_module("externref"), import_name("drop"))) void externref__drop(int);\n'
    b"typedef unsigned externref__word __attribute__((may_alias));\n"
)
_WORD = " public: externref__word externref_handle = 0;"
_SPECIAL: dict[Special, str] = {
    "destructor": (
        " ~{name}() noexcept {{ if (externref_handle) ::externref__drop(static_cast<int>(externref_handle - 1u)); }}"
    ),
    "copy": " {name}(const {name} &) = delete;",
    "copy assignment": " {name} &operator=(const {name} &) = delete;",
    "move": (
        " {name}({name} &&other) noexcept : externref_handle(other.externref_handle) {{ other.externref_handle = 0; }}"
    ),
    "move assignment": (
        " {name} &operator=({name} &&other) noexcept {{"
        " const unsigned handle = externref_handle; externref_handle = other.externref_handle;"
        " other.externref_handle = handle; return *this; }}"
    ),
}
_MOVES: frozenset[Special] = frozenset(("move", "move assignment"))
_DEFAULT_MOVES = " public: {name}({name} &&) = default; {name} &operator=({name} &&) = default;"
"""For a derived class that declares other special members, with which C++ leaves these out."""
_NOT_CONSTRUCTIBLE = " public: {name}() = delete;"


def shadow(source: bytes, classes: Iterable[ClientClass]) -> bytes:
    """Return a preprocessed source with the members that make its classes hold references.

    ``source`` is what the compiler's syntax tree was made from: the places of the classes are offsets in it.
    """
    pieces = []
    end = len(source)
    for declared in sorted(classes, key=lambda declared: -declared.end):
        pieces += [source[declared.end : end], _lines(declared).encode()]
        end = declared.end
    return b"".join((_DECLARATIONS, source[:end], *reversed(pieces)))


def _lines(declared: ClientClass) -> str:
    place = declared.end_place
    members = _members(declared)
    marker = f"# {place.line} {json.dumps(place.file, ensure_ascii=False)}"
    return f'\n# 1 "reference of client::{declared.name}"\n{members}\n{marker}\n' if members else ""


def _members(declared: ClientClass) -> str:
    if declared.base is not None:
        parts = [] if declared.has_constructor else [_NOT_CONSTRUCTIBLE]
        parts += [_DEFAULT_MOVES] if declared.special and not declared.special & _MOVES else []
    else:
        parts = [_WORD, *(text for kind, text in _SPECIAL.items() if kind not in declared.special)]
    return "".join(parts).format(name=declared.name)

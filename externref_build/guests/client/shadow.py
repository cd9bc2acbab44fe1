"""What the compiler gets to see: the preprocessed source, in which each root class of the namespace holds a reference.

All of it goes in just before a closing brace, so lines stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterable

from externref_build.guests.client.declarations import ClientClass

_DECLARATIONS = b'extern "C" __attribute__((import_module("externref"), import_name("drop"))) void externref__drop(int);'

_WORD = """ public:
 unsigned externref_handle = 0;"""

_END = """ ~{name}() noexcept {{ if (externref_handle) ::externref__drop((int)externref_handle - 1); }}"""

_MOVES = """ {name}(const {name} &) = delete; {name} &operator=(const {name} &) = delete;
 {name}({name} &&other) noexcept : externref_handle(other.externref_handle) {{ other.externref_handle = 0; }}
 {name} &operator=({name} &&other) noexcept {{
  unsigned handle = externref_handle; externref_handle = other.externref_handle; other.externref_handle = handle;
  return *this; }}"""

_NOT_CONSTRUCTIBLE = """ public: {name}() = delete;"""


def shadow(source: bytes, classes: Iterable[ClientClass]) -> bytes:
    """Return a preprocessed source with the members that make its classes hold references.

    ``source`` is what the compiler's syntax tree was made from: the places of the classes are offsets in it.
    """
    pieces = []
    end = len(source)
    for declared in sorted(classes, key=lambda declared: -declared.end):
        pieces += [source[declared.end : end], _members(declared).replace("\n", "").encode()]
        end = declared.end
    return b"".join((_DECLARATIONS, b"\n", source[:end], *reversed(pieces)))


def _members(declared: ClientClass) -> str:
    if declared.base is not None:
        return "" if declared.has_constructor else _NOT_CONSTRUCTIBLE.format(name=declared.name)
    parts = [_WORD]
    if not declared.has_destructor:
        parts.append(_END)
    if not declared.has_copy:
        parts.append(_MOVES)
    return "".join(parts).format(name=declared.name)

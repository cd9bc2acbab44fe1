"""Damage modules where it hurts: in sections, counts, indices, bodies and metadata, with the sizes around kept right.

Bytes mutated at random mostly die at the first length. Here a module is taken apart into sections, and its code into
bodies; one of these is changed, and everything is put together again with lengths that fit, or now and then don't.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from guest_model import Choices, Chooser

from externref_build.errors import MalformedModuleError
from externref_build.wasm.leb128 import encode_unsigned
from externref_build.wasm.reader import Reader
from externref_build.wasm.sections import CODE, CUSTOM, ORDER

MAX_SIZE = 1 << 16
"""No module grows beyond this many bytes."""

_TELLING = list(
    bytes.fromhex("00 01 02 05 0b 0e 10 12 18 1f 20 21 3f 40 41 4e 60 63 64 6f 70 7b 7f 80 d0 d2 fb fc fd fe ff")
)
"""Bytes that mean something in many places."""

_CUSTOM_NAMES = [
    "__externrefs",
    "__externrefs_interface",
    "externref.interface",
    "name",
    "producers",
    "target_features",
    "metadata.code.branch_hint",
    "sourceMappingURL",
    "linking",
    "reloc.CODE",
    "dylink.0",
    ".debug_info",
    ".debug_line",
    ".debug_ranges",
]


@dataclass(frozen=True, slots=True)
class _Part:
    """A section, without its length."""

    id: int
    payload: bytes


def mutate(data: bytes, choices: Choices) -> bytes:
    """Change a module in one to four places."""
    chooser = Chooser(choices)
    for _ in range(1 + chooser.below(4)):
        data = _mutate_once(data, chooser)[:MAX_SIZE]
    return data


def _mutate_once(data: bytes, chooser: Chooser) -> bytes:
    parts = _take_apart(data)
    if not parts or chooser.chance(1, 20):
        return change_bytes(data, chooser)
    change: Callable[[list[_Part], Chooser], list[_Part]]
    change = chooser.pick(
        [_change_payload, _change_payload, _change_body, _change_body, _change_count, _change_sections]
    )
    return _put_together(data[:8], change(parts, chooser), chooser)


def _take_apart(data: bytes) -> list[_Part]:
    """Split a module into sections as far as it is one."""
    reader = Reader(data, 8)
    parts = []
    try:
        while not reader.at_end():
            section_id = reader.byte()
            parts.append(_Part(section_id, reader.take(reader.u32())))
    except MalformedModuleError:
        return []
    return parts


def _put_together(head: bytes, parts: list[_Part], chooser: Chooser) -> bytes:
    broken = chooser.below(len(parts)) if parts and chooser.chance(1, 40) else -1
    encoded = [head]
    for position, part in enumerate(parts):
        size = max(len(part.payload) + (chooser.below(5) - 2 if position == broken else 0), 0)
        width = 5 if chooser.chance(1, 30) else 1
        encoded += [bytes((part.id,)), encode_unsigned(size, width), part.payload]
    return b"".join(encoded)


def change_bytes(data: bytes, chooser: Chooser) -> bytes:
    """Change a few bytes at one place, or the number that stands there."""
    start = chooser.below(len(data) + 1)
    kind = chooser.below(7)
    if kind == 0:
        return data[:start] + bytes((chooser.pick(_TELLING),)) + data[start + 1 :]
    if kind == 1:
        return data[:start] + bytes((chooser.below(256),)) + data[start:]
    if kind == 2:
        return data[:start] + data[start + 1 + chooser.below(4) :]
    if kind == 3:
        source = chooser.below(len(data) + 1)
        return data[:start] + data[source : source + 1 + chooser.below(16)] + data[start:]
    if kind == 4:
        flipped = bytes(byte ^ 1 << chooser.below(8) for byte in data[start : start + 1])
        return data[:start] + flipped + data[start + 1 :]
    return _change_number(data, start, chooser)


def _change_number(data: bytes, start: int, chooser: Chooser) -> bytes:
    """Replace an unsigned LEB128 by another one, or by itself in more bytes."""
    reader = Reader(data, start)
    try:
        value = reader.u32()
    except MalformedModuleError:
        return data
    changed = chooser.pick([value, value + 1, max(value - 1, 0), 0, 127, 128, 1000, (1 << 32) - 1, 1 << 31])
    width = chooser.pick([1, 1, reader.offset - start, 5, 6])
    return data[:start] + encode_unsigned(changed, width) + data[reader.offset :]


def _change_payload(parts: list[_Part], chooser: Chooser) -> list[_Part]:
    position = chooser.below(len(parts))
    changed = replace(parts[position], payload=change_bytes(parts[position].payload, chooser))
    return [*parts[:position], changed, *parts[position + 1 :]]


def _change_body(parts: list[_Part], chooser: Chooser) -> list[_Part]:
    """Change one function body, and let its size fit."""
    position = next((position for position, part in enumerate(parts) if part.id == CODE), None)
    if position is None:
        return _change_payload(parts, chooser)
    reader = Reader(parts[position].payload)
    bodies = []
    try:
        count = reader.u32()
        while not reader.at_end():
            bodies.append(reader.take(reader.u32()))
    except MalformedModuleError:
        return _change_payload(parts, chooser)
    if not bodies:
        return _change_payload(parts, chooser)
    chosen = chooser.below(len(bodies))
    if chooser.chance(1, 10):
        bodies[chosen] = bodies[chooser.below(len(bodies))]
    else:
        bodies[chosen] = change_bytes(bodies[chosen], chooser)
    payload = encode_unsigned(count) + b"".join(encode_unsigned(len(body)) + body for body in bodies)
    return [*parts[:position], _Part(CODE, payload), *parts[position + 1 :]]


def _change_count(parts: list[_Part], chooser: Chooser) -> list[_Part]:
    """Change the number with which a section starts."""
    position = chooser.below(len(parts))
    changed = replace(parts[position], payload=_change_number(parts[position].payload, 0, chooser))
    return [*parts[:position], changed, *parts[position + 1 :]]


def _change_sections(parts: list[_Part], chooser: Chooser) -> list[_Part]:
    """Remove, repeat, move or invent a section."""
    position, kind = chooser.below(len(parts)), chooser.below(5)
    rest = parts[:position] + parts[position + 1 :]
    target = chooser.below(len(parts) + 1)
    if kind == 0:
        return rest
    if kind == 1:
        return [*parts[:target], parts[position], *parts[target:]]
    if kind == 2:
        return [*rest[:target], parts[position], *rest[target:]]
    if kind == 3:
        name = chooser.pick(_CUSTOM_NAMES).encode()
        payload = encode_unsigned(len(name)) + name + parts[position].payload[: chooser.below(40)]
        return [*parts[:target], _Part(CUSTOM, payload), *parts[target:]]
    empty = _Part(chooser.pick(list(ORDER)), b"\0")
    return [*parts[:target], empty, *parts[target:]]

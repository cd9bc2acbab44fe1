"""Tell from the two instructions that would follow that some bytes are no call.

A byte that has the value of ``call`` is often an index, as in ``local.set 16``, or a number, as in ``i32.const 16``. If
it were a call, the next instruction would begin two bytes or so behind it, in the midst of real ones; and what stands
there rarely makes sense. Only what no valid module contains is a disproof: ``block``, which would be a ``memory.grow``
of memory 64 or so, and a call, whose padded index would be arithmetic on numbers of other types.
"""

from __future__ import annotations

import re
from functools import cache

from externref_build.wasm.instructions import byte_class
from externref_build.wasm.module import MEMORY, TABLE, Module
from externref_build.wasm.opcodes import BY_MNEMONIC, OPCODES

_ARITHMETIC = range(0x45, 0xC5)
"""The instructions that take numbers and return one, without immediates, from ``i32.eqz`` to ``i64.extend32_s``."""

_ON_REFERENCES = [BY_MNEMONIC[name].code for name in ("ref.is_null", "ref.eq", "ref.as_non_null")]

_COMPARISON = re.compile(r"(?:eqz?|ne|lt|gt|le|ge)(?:_[su])?")
_CONVERSION = re.compile(r"_([if]\d\d)")


def impossible_pattern(module: Module) -> bytes:
    """Build the source of a regular expression that matches bytes that can't be instructions of a valid module."""
    alternatives = [*_clashes()]
    memories, tables = module.count(MEMORY), module.count(TABLE)
    if memories < 0x80:  # memory.size, memory.grow
        alternatives.append(rb"[\x3f\x40][\x%02x-\x7f]" % memories)
    if tables < 0x80:  # call_indirect, return_call_indirect
        alternatives.append(rb"[\x11\x13][\x80-\xff]{0,4}[\x00-\x7f][\x%02x-\x7f]" % tables)
    return b"(?:" + b"|".join(alternatives) + b")"


@cache
def _clashes() -> tuple[bytes, ...]:
    """Match pairs of instructions of which the second one takes a value of another type than the first one returns."""
    giving: dict[str, list[int]] = {}
    taking: dict[str, list[int]] = {}
    for code in _ARITHMETIC:
        kind, _, name = OPCODES[code].mnemonic.partition(".")
        source = _CONVERSION.search(name)
        giving.setdefault("i32" if _COMPARISON.fullmatch(name) else kind, []).append(code)
        taking.setdefault(source[1] if source else kind, []).append(code)
    operations = {*_ARITHMETIC, *_ON_REFERENCES}
    return tuple(
        byte_class(codes) + byte_class(sorted(operations.difference(taking[kind]))) for kind, codes in giving.items()
    )

"""Tell from the instructions that would follow that some bytes are no call.

A byte that has the value of ``call`` is often an index, as in ``local.set 16``, or a number, as in ``i32.const 16``. If
it were a call, the next instruction would begin two bytes or so behind it, in the midst of real ones; and what stands
there rarely makes sense. Only what no valid module contains is a disproof: ``block``, which would be a ``memory.grow``
of memory 64 or so, and a call, whose padded index would be arithmetic on numbers of other types, or no instruction.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from externref_build.errors import MalformedModuleError
from externref_build.processor.custom import TARGET_FEATURES, target_features
from externref_build.wasm.instructions import byte_class
from externref_build.wasm.module import MEMORY, TABLE, Module
from externref_build.wasm.opcodes import BY_MNEMONIC, OPCODES, PREFIXES

_ARITHMETIC = range(0x45, 0xC5)
"""The instructions that take numbers and return one, without immediates, from ``i32.eqz`` to ``i64.extend32_s``."""

_ON_REFERENCES = {"ref.is_null": "i32", "ref.eq": "i32", "ref.as_non_null": "ref"}
"""What instructions return that take references."""

_UNASSIGNED = [byte for byte in range(1 << 8) if byte not in OPCODES and byte not in PREFIXES]

_FEATURES = frozenset(
    {
        *("atomics", "bulk-memory", "bulk-memory-opt", "call-indirect-overlong", "compact-imports"),
        *("custom-descriptors", "custom-page-sizes", "exception-handling", "extended-const", "fp16", "gc"),
        *("memory64", "multimemory", "multivalue", "mutable-globals", "nontrapping-fptoint", "reference-types"),
        *("relaxed-atomics", "relaxed-simd", "shared-everything", "shared-mem", "sign-ext", "simd128"),
        *("strings", "tail-call", "wide-arithmetic"),
    }
)
"""Features that assign none of these bytes to an instruction, by their names in LLVM and Binaryen."""

_NUMBERS = frozenset({"i32", "i64", "f32", "f64"})
_COMPARISONS = frozenset({"eqz", "eq", "ne", "lt", "gt", "le", "ge"})
"""What the names of instructions that return an i32 start with, whatever they take."""


def impossible_pattern(module: Module) -> bytes:
    """Build the source of a regular expression that matches bytes that can't be instructions of a valid module."""
    alternatives = [_clash_pattern()]
    if _has_known_features(module):
        alternatives.append(byte_class(_ARITHMETIC) + b"{0,3}" + byte_class(_UNASSIGNED))
    memories, tables = module.count(MEMORY), module.count(TABLE)
    if memories < 0x80:  # memory.size, memory.grow
        alternatives.append(rb"[\x3f\x40][\x%02x-\x7f]" % memories)
    if tables < 0x80:  # call_indirect, return_call_indirect
        alternatives.append(rb"[\x11\x13][\x80-\xff]{0,4}[\x00-\x7f][\x%02x-\x7f]" % tables)
    return b"(?:" + b"|".join(alternatives) + b")"


def _has_known_features(module: Module) -> bool:
    """Tell whether a module says what it uses, and that is nothing of which the opcode table doesn't know.

    A module that doesn't may contain instructions that are yet to come. They are refused where code is read, and must
    not let a call in front of them be passed over.
    """
    sections = module.custom_sections(TARGET_FEATURES)
    with suppress(MalformedModuleError):
        features = (target_features(module.data[section.content : section.end]) for section in sections)
        return bool(sections) and _FEATURES.issuperset(name for found in features for _, name in found)
    return False


@cache
def _clash_pattern() -> bytes:
    """Match two instructions of which the second one takes a value of another type than the first one returns.

    They may stand behind a third one, for an index that is padded makes three.
    """
    giving: dict[str, list[int]] = {}
    taking: dict[str, list[int]] = {}
    for code in _ARITHMETIC:
        kind, _, name = OPCODES[code].mnemonic.partition(".")
        operation, _, suffix = name.partition("_")
        source = suffix[:3]  # of a conversion, such as `i32.trunc_f64_s`
        giving.setdefault("i32" if operation in _COMPARISONS else kind, []).append(code)
        taking.setdefault(source if source in _NUMBERS else kind, []).append(code)
    for mnemonic, kind in _ON_REFERENCES.items():
        code = BY_MNEMONIC[mnemonic].code
        giving.setdefault(kind, []).append(code)
        taking.setdefault("ref", []).append(code)
    operations = {code for codes in taking.values() for code in codes}
    pairs = (
        byte_class(codes) + byte_class(sorted(operations.difference(taking[kind]))) for kind, codes in giving.items()
    )
    return byte_class(sorted(operations)) + b"?(?:" + b"|".join(pairs) + b")"

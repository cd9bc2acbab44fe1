"""Assemble a function body from a few lines of text, one instruction a line.

This is as much of the text format as generated functions need: names for locals and indices come from a mapping,
structured instructions take an optional result type, and labels are numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from externref_build.wasm.instructions import encode_opcode
from externref_build.wasm.leb128 import encode_signed, encode_unsigned
from externref_build.wasm.opcodes import BY_MNEMONIC
from externref_build.wasm.types import EXTERNREF, I32, ValType

_BLOCK_TYPES = {"": b"\x40", "i32": I32, "externref": EXTERNREF}
_HEAP_TYPES = {"extern": EXTERNREF}


def assemble(text: str, names: Mapping[str, int] | None = None, locals_: Sequence[ValType] = ()) -> bytes:
    """Assemble a body: locals, instructions, and the ``end`` that closes it.

    Args:
        text: One instruction a line; everything behind ``;;`` is a comment.
        names: What each name starting with ``$`` stands for.
        locals_: The types of the locals behind the parameters.
    """
    parts = [_encode_locals(locals_)]
    for line in text.splitlines():
        mnemonic, *operands = line.partition(";;")[0].split() or ("",)
        if not mnemonic:
            continue
        opcode = BY_MNEMONIC[mnemonic]
        parts.append(encode_opcode(opcode))
        if opcode.immediates == ("blocktype",):
            parts.append(_BLOCK_TYPES[" ".join(operands)])
            continue
        for kind, operand in zip(opcode.immediates, operands, strict=True):
            if kind == "heaptype":
                parts.append(_HEAP_TYPES[operand])
            else:
                value = (names or {})[operand] if operand.startswith("$") else int(operand)
                parts.append(encode_signed(value) if kind == "s32" else encode_unsigned(value))
    parts.append(encode_opcode(BY_MNEMONIC["end"]))
    return b"".join(parts)


def _encode_locals(locals_: Sequence[ValType]) -> bytes:
    groups: list[tuple[int, ValType]] = []
    for val_type in locals_:
        if groups and groups[-1][1] == val_type:
            groups[-1] = (groups[-1][0] + 1, val_type)
        else:
            groups.append((1, val_type))
    encoded = [encode_unsigned(count) + val_type for count, val_type in groups]
    return encode_unsigned(len(groups)) + b"".join(encoded)

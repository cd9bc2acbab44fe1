"""A function body as the dataflow reads it: control, calls and locals one by one, everything between them in runs.

Most instructions take numbers and give numbers. All that the dataflow needs to know of a run of these is how deep it
reaches into the operands below it and how much higher the stack is behind it.
"""

from typing import NamedTuple

from externref_build.errors import MalformedModuleError
from externref_build.wasm.body import Body, decode_body
from externref_build.wasm.instructions import (
    BlockType,
    Instruction,
    decode_immediates,
    immediate,
    iterate_instructions,
)
from externref_build.wasm.module import Module
from externref_build.wasm.opcodes import OPCODES, Opcode
from externref_build.wasm.types import FuncType, StructType

RUN = "run"

_OPENERS = frozenset({"block", "loop", "if", "try", "try_table"})
_BOUNDARIES = frozenset({"else", "catch", "catch_all", "delegate", "end"})
_WITH_INDEX = frozenset(
    {
        *("call", "return_call", "ref.func", "local.get", "local.set", "local.tee"),
        *("br", "br_if", "br_on_null", "br_on_non_null", "rethrow", "delegate", "catch", "throw"),
    }
)


_EFFECTS = [OPCODES[byte].arity if byte in OPCODES else None for byte in range(256)]
"""The arity of each instruction of one byte where it doesn't depend on immediates."""


class Run(NamedTuple):
    """What a run of instructions does to the height of the stack."""

    dip: int
    """How far it reaches below the height at which it starts; zero or negative."""
    net: int
    """The height behind it, relative to that before it."""


class Block(NamedTuple):
    """The type of a structured instruction, and where its block type stands."""

    block_type: BlockType
    func_type: FuncType
    start: int
    end: int


Event = tuple[str, object, int, int]
"""A mnemonic or `RUN`, its operand, and the offsets of its first byte and of the byte behind it."""


class BodyEvents(NamedTuple):
    """The events of one body."""

    body: Body
    events: tuple[Event, ...]
    boundaries: dict[int, int]
    """For each event that opens a block or a branch of one: the event that closes it."""

    def indices(self, *mnemonics: str) -> list[int]:
        """Collect the index operands of all events with one of the mnemonics."""
        return [operand for name, operand, _, _ in self.events if name in mnemonics and isinstance(operand, int)]


def decode_events(module: Module, func: int) -> BodyEvents:
    """Decode the body of a local function."""
    data = module.source
    effects = _EFFECTS
    start, end = module.body(func)
    body = decode_body(data, start, end)
    events: list[Event] = []
    boundaries: dict[int, int] = {}
    open_blocks = [-1]
    run_start, dip, net = body.locals_end, 0, 0
    for instruction in iterate_instructions(data, body.locals_end, end):
        opcode, first, behind = instruction
        if not open_blocks:
            raise MalformedModuleError("instructions behind the end of a function", first)
        effect = effects[data[first]]
        if effect is None and opcode.prefix is not None:
            effect = opcode.arity or _computed_arity(module, instruction)
        if effect is not None:
            pops, pushes = effect
            net -= pops
            if net < dip:
                dip = net
            net += pushes
            continue
        if run_start < first:
            events.append((RUN, Run(dip, net), run_start, first))
        run_start, dip, net = behind, 0, 0
        mnemonic = opcode.mnemonic
        if mnemonic in _BOUNDARIES:
            boundaries[open_blocks.pop()] = len(events)
            if mnemonic not in ("end", "delegate"):
                open_blocks.append(len(events))
        elif mnemonic in _OPENERS:
            open_blocks.append(len(events))
        events.append((mnemonic, _operand(module, instruction), first, behind))
    if open_blocks:
        raise MalformedModuleError("a function body has no end", end)
    return BodyEvents(body, tuple(events), boundaries)


def _computed_arity(module: Module, instruction: Instruction) -> tuple[int, int] | None:
    """Tell the arity of an instruction without effect on control that depends on its immediates."""
    mnemonic = instruction[0].mnemonic
    if mnemonic in ("struct.new", "struct.new_desc", "array.new_fixed"):
        type_index, *rest = decode_immediates(module.data, instruction)
        assert isinstance(type_index, int)
        if mnemonic == "array.new_fixed":
            assert isinstance(rest[0], int)
            return rest[0], 1
        composite = module.types[type_index] if type_index < len(module.types) else None
        if not isinstance(composite, StructType):
            raise MalformedModuleError(f"type {type_index} is not a structure", instruction[1])
        return composite.field_count + (mnemonic == "struct.new_desc"), 1
    return (0, 1) if mnemonic == "struct.new_default" else None


def _operand(module: Module, instruction: Instruction) -> object:
    opcode, first, behind = instruction
    mnemonic = opcode.mnemonic
    if mnemonic in _WITH_INDEX:
        return immediate(module.data, instruction)
    if mnemonic in _OPENERS:
        return _block(module, opcode, instruction)
    if mnemonic in ("call_indirect", "return_call_indirect", "call_ref", "return_call_ref"):
        return module.as_func_type(immediate(module.data, instruction), first)
    if mnemonic == "br_table":
        (labels,) = decode_immediates(module.data, instruction)
        assert isinstance(labels, tuple)
        return tuple(dict.fromkeys(labels))
    if mnemonic == "select" and behind - first > 1:
        (types,) = decode_immediates(module.data, instruction)
        return types
    if opcode.prefix == 0xFB:  # br_on_cast and its variants
        return decode_immediates(module.data, instruction)[1]
    return None


def _block(module: Module, opcode: Opcode, instruction: Instruction) -> tuple[Block, object]:
    immediates = decode_immediates(module.data, instruction)
    block_type = immediates[0]
    start = instruction[1] + 1
    if block_type is None:
        func_type, end = FuncType(), start + 1
    elif isinstance(block_type, bytes):
        func_type, end = FuncType((), (block_type,)), start + len(block_type)
    else:
        assert isinstance(block_type, int)
        func_type = module.as_func_type(block_type, start)
        end = start + 1
        while module.data[end - 1] & 0x80:
            end += 1
    catches = immediates[1] if opcode.mnemonic == "try_table" else ()
    return Block(block_type, func_type, start, end), catches

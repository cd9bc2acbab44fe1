"""Turn any module into a guest: give it surrogate imports, exports that declare references, and references everywhere.

The module still does what it did. Functions behind the imports move up by the number of imports that are added.
"""

from __future__ import annotations

from collections.abc import Iterator

from externref_build.metadata import RECORDS_SECTION, Record, encode_record
from externref_build.wasm import sections as section_ids
from externref_build.wasm.assembler import assemble
from externref_build.wasm.body import decode_body
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.edits import Revision
from externref_build.wasm.instructions import iterate_instructions
from externref_build.wasm.leb128 import decode_unsigned, encode_unsigned
from externref_build.wasm.module import FUNC, Module
from externref_build.wasm.types import I32, FuncType, encode_func_type

SURROGATES = {
    "insert": FuncType((I32,), (I32,)),
    "get": FuncType((I32,), (I32,)),
    "take": FuncType((I32,), (I32,)),
    "drop": FuncType((I32,)),
}
DIRECT, ADAPTED = "passes a reference on", "merges a reference with a number"
BODIES = {
    DIRECT: """
        local.get 0
        call $insert
        local.tee 1
        call $get
        local.get 1
        call $drop
    """,
    ADAPTED: """
        local.get 0
        i32.const 0
        i32.or
        call $insert
        call $take
    """,
}
REFERENCE_TO_REFERENCE = FuncType((I32,), (I32,))


def inject(data: bytes, *, everywhere: bool) -> bytes:
    """Add imports and exports; ``everywhere``: also let each function pass a null reference at its start."""
    module = decode_module(data)
    revision = Revision(module)
    imported = len(module.func_imports)
    names = {f"${name}": imported + position for position, name in enumerate(SURROGATES)}
    kinds = list(dict.fromkeys([*SURROGATES.values(), REFERENCE_TO_REFERENCE]))
    first_type = len(module.types)

    revision.extend_vector(section_ids.TYPE, [encode_func_type(kind) for kind in kinds])
    revision.extend_vector(
        section_ids.IMPORT,
        [
            _name("externref") + _name(name) + b"\0" + encode_unsigned(first_type + kinds.index(func_type))
            for name, func_type in SURROGATES.items()
        ],
    )
    type_index = encode_unsigned(first_type + kinds.index(REFERENCE_TO_REFERENCE))
    revision.extend_vector(section_ids.FUNCTION, [type_index] * len(BODIES))
    first_new = module.func_count + len(SURROGATES)
    revision.extend_vector(
        section_ids.EXPORT,
        [_name(name) + b"\0" + encode_unsigned(first_new + position) for position, name in enumerate(BODIES)],
    )
    bodies = [assemble(text, names, [I32]) for text in BODIES.values()]
    revision.extend_vector(section_ids.CODE, [encode_unsigned(len(body)) + body for body in bodies])
    _move_functions(module, revision, len(SURROGATES))
    if everywhere:
        prelude = assemble("i32.const -1\ncall $get\ncall $insert\ndrop", names)[1:-1]
        for start, end in map(module.body, range(len(module.func_imports), module.func_count)):
            behind_locals = decode_body(module.data, start, end).locals_end
            revision.replace(behind_locals, behind_locals, prelude)
    records = [Record(None, name, (True, True)) for name in BODIES]
    revision.new_custom.append((RECORDS_SECTION, b"".join(map(encode_record, records))))
    return b"".join(revision.apply())


def _move_functions(module: Module, revision: Revision, by: int) -> None:
    imported = len(module.func_imports)

    def move(start: int, end: int, index: int) -> None:
        if index >= imported:
            revision.replace_index(start, end, index + by)

    for export in module.exports:
        if export.kind == FUNC:
            move(export.index_start, export.end, export.index)
    start = module.start_site()
    for site in [*module.func_index_sites(), *([start] if start else [])]:
        move(site.start, site.end, site.value)
    for func in range(imported, module.func_count):
        for first, behind in _naming_instructions(module, func):
            move(first + 1, behind, decode_unsigned(module.data, first + 1)[0])


def _naming_instructions(module: Module, func: int) -> Iterator[tuple[int, int]]:
    start, end = module.body(func)
    first_instruction = decode_body(module.data, start, end).locals_end
    for opcode, first, behind in iterate_instructions(module.data, first_instruction, end):
        if opcode.immediates == ("func",):
            yield first, behind


def _name(name: str) -> bytes:
    encoded = name.encode()
    return encode_unsigned(len(encoded)) + encoded

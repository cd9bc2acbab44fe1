"""Whatever a module consists of, four times as much of it takes about four times as long, and little more space.

Each case grows by one number, in the dimension in which a careless algorithm would be quadratic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import process_time

import pytest

from externref_build import Processor
from externref_build.metadata import Record, encode_record
from externref_build.wasm.leb128 import encode_unsigned
from externref_build.wasm.sections import CODE, CUSTOM, ELEMENT, EXPORT, FUNCTION, IMPORT, TABLE, TYPE
from externref_build.wasm.types import I32, FuncType, ValType, encode_func_type

Func = tuple[FuncType, bytes]

TAKES, ECHOES, PLAIN = FuncType((I32,)), FuncType((I32,), (I32,)), FuncType()
IMPORTS = [("externref", "insert", ECHOES), ("externref", "get", ECHOES), ("host", "eat", TAKES)]
INSERT, GET, EAT, FIRST = range(4)
RUN = Record(None, "run", (True,))


def vector(items: Sequence[bytes]) -> bytes:
    return encode_unsigned(len(items)) + b"".join(items)


def name(text: str) -> bytes:
    return encode_unsigned(len(text)) + text.encode()


def section(section_id: int, payload: bytes) -> bytes:
    return bytes((section_id,)) + encode_unsigned(len(payload)) + payload


def body(code: bytes, locals_: Iterable[tuple[int, ValType]] = ()) -> bytes:
    content = vector([encode_unsigned(count) + val_type for count, val_type in locals_]) + code + b"\x0b"
    return encode_unsigned(len(content)) + content


def read(local: int) -> bytes:
    return b"\x20" + encode_unsigned(local)


def write(local: int) -> bytes:
    return b"\x21" + encode_unsigned(local)


def call(func: int) -> bytes:
    return b"\x10" + encode_unsigned(func)


def number(value: int) -> bytes:
    return b"\x41" + encode_unsigned(value)


def module(
    funcs: Sequence[Func],
    exports: Sequence[tuple[str, int]],
    records: Sequence[Record],
    *,
    imports: Sequence[tuple[str, str, FuncType]] = (),
    elements: int = 0,
    custom: bytes = b"",
) -> bytes:
    """Assemble a module that imports two surrogates and ``host.eat``, and declares the latter."""
    types: dict[FuncType, int] = {}
    imported = [
        name(origin) + name(label) + b"\0" + encode_unsigned(types.setdefault(func_type, len(types)))
        for origin, label, func_type in [*IMPORTS, *imports]
    ]
    declared = [encode_unsigned(types.setdefault(func_type, len(types))) for func_type, _ in funcs]
    parts = [b"\0asm\1\0\0\0", section(TYPE, vector([encode_func_type(func_type) for func_type in types]))]
    parts += [section(IMPORT, vector(imported)), section(FUNCTION, vector(declared))]
    parts += [section(TABLE, b"\1\x70\0" + encode_unsigned(elements))]
    parts += [section(EXPORT, vector([name(label) + b"\0" + encode_unsigned(func) for label, func in exports]))]
    parts += [section(ELEMENT, b"\1\0" + number(0) + b"\x0b" + vector([encode_unsigned(EAT)] * elements))]
    parts += [section(CODE, vector([code for _, code in funcs])), custom]
    encoded = b"".join(map(encode_record, [Record("host", "eat", (True,)), *records]))
    return b"".join([*parts, section(CUSTOM, name("__externrefs") + encoded)])


def one_body(code: bytes, locals_: Iterable[tuple[int, ValType]] = (), custom: bytes = b"") -> bytes:
    return module([(TAKES, body(code, locals_))], [("run", FIRST)], [RUN], custom=custom)


def exported(funcs: Sequence[Func], func: int = FIRST, **more: Sequence[tuple[str, str, FuncType]]) -> bytes:
    return module(funcs, [("run", func)], [RUN], **more)  # type: ignore[arg-type]


PASS_ON = (TAKES, body(read(0) + call(EAT)))
NEW_REF = number(0) + call(GET)


def many_reference_locals_in_loops(size: int) -> bytes:
    """Give each of many loops many locals to join."""
    count = min(size, 4000)
    filled = b"".join(NEW_REF + write(1 + local) for local in range(count))
    loops = b"".join(
        b"\x03\x40" + number(0) + write(1 + turn % count) + number(0) + b"\x0d\0\x0b" for turn in range(size)
    )
    return one_body(filled + loops, [(count, I32)])


def locals_that_change_one_pass_after_the_other(size: int) -> bytes:
    """Move a reference one local further each time a loop is read."""
    moves = b"".join(read(local + 2) + write(local + 1) for local in range(size))
    loop = b"\x03\x40" + moves + NEW_REF + write(size + 1) + number(0) + b"\x0d\0\x0b"
    return one_body(loop + read(0) + call(EAT), [(size + 2, I32)])


def nested_loops_that_write_a_local(size: int) -> bytes:
    return one_body((b"\x03\x40" + NEW_REF + write(1) + number(0) + b"\x0d\0") * size + b"\x0b" * size, [(1, I32)])


def branches_to_many_depths(size: int) -> bytes:
    labels = b"".join(map(encode_unsigned, range(size)))
    return one_body(b"\x02\x40" * size + number(0) + b"\x0e" + encode_unsigned(size - 1) + labels + b"\x0b" * size)


def a_chain_of_inner_functions(size: int) -> bytes:
    inner = [(TAKES, body(read(0) + call(FIRST + 2 + position))) for position in range(size)]
    return exported([(TAKES, body(read(0) + call(FIRST + 1))), *inner, PASS_ON])


def a_chain_of_inner_results(size: int) -> bytes:
    inner = [(ECHOES, body(read(0) + call(FIRST + 2 + position))) for position in range(size)]
    return exported([(TAKES, body(read(0) + call(FIRST + 1) + call(EAT))), *inner, (ECHOES, body(read(0)))])


def a_chain_of_inner_functions_that_conflicts_at_its_end(size: int) -> bytes:
    inner = [(TAKES, body(read(0) + call(FIRST + 2 + position))) for position in range(size)]
    last = (TAKES, body(read(0) + b"\x45\x1a" + read(0) + call(EAT)))
    return exported([(TAKES, body(read(0) + call(FIRST + 1))), *inner, last])


def an_inner_function_that_learns_of_one_result_at_a_time(size: int) -> bytes:
    """Rotate the parameters of a recursive function, so that each round makes one more result a reference."""
    count = min(size, 800)
    func_type = FuncType((I32,) * count, (I32,) * count)
    all_of_them = b"".join(map(read, range(count)))
    rotated = b"".join(read((local + 1) % count) for local in range(count))
    recursive = body(number(0) + b"\x04\x40" + all_of_them + b"\x0f\x0b" + rotated + call(FIRST))
    caller = body(read(0) + number(0) * (count - 1) + call(FIRST) + b"\x1a" * count)
    padding = [(PLAIN, body(b"\1" * size))]
    return exported([(func_type, recursive), (TAKES, caller), *padding], FIRST + 1)


def an_inner_function_with_many_callers_that_disagree(size: int) -> bytes:
    count = min(size, 500)
    inner = (FuncType((I32,) * count), body(b"".join(read(local) + b"\x1a" for local in range(count))))
    callers = [
        (TAKES, body(number(0) * position + read(0) + number(0) * (count - position - 1) + call(FIRST)))
        for position in range(count)
    ]
    names = [f"e{position}" for position in range(count)]
    exports = [(label, FIRST + 1 + position) for position, label in enumerate(names)]
    return module([inner, *callers], exports, [Record(None, label, (True,)) for label in names])


def many_declared_exports(size: int) -> bytes:
    names = [f"e{position}" for position in range(size)]
    exports = [(label, FIRST + position) for position, label in enumerate(names)]
    return module([PASS_ON] * size, exports, [Record(None, label, (True,)) for label in names])


def one_function_under_many_declarations(size: int) -> bytes:
    """Declare each export of one function differently, so that each needs a type and an adapter of its own."""
    masks = [tuple(bool(position >> bit & 1) for bit in range(16)) for position in range(size)]
    func = (FuncType((I32,) * 16), body(b""))
    exports = [(f"e{position}", FIRST) for position in range(size)]
    return module([func], exports, [Record(None, f"e{position}", mask) for position, mask in enumerate(masks)])


def many_surrogate_imports(size: int) -> bytes:
    return exported([PASS_ON], FIRST + size, imports=[("externref", "get", ECHOES)] * size)


def many_declared_imports(size: int) -> bytes:
    imports = [("host", f"f{position}", ECHOES) for position in range(size)]
    records = [Record(origin, label, (True, False)) for origin, label, _ in imports]
    return module([PASS_ON], [("run", FIRST + size)], [RUN, *records], imports=imports)


def many_elements(size: int) -> bytes:
    return module([PASS_ON], [("run", FIRST)], [RUN], elements=size)


def many_sections(size: int) -> bytes:
    names = [f"e{position}" for position in range(200)]
    exports = [(label, FIRST + position) for position, label in enumerate(names)]
    records = [Record(None, label, (True,)) for label in names]
    return module([PASS_ON] * 200, exports, records, custom=section(CUSTOM, name("x")) * size)


def many_name_sections(size: int) -> bytes:
    """Repeat a section in which each of many new functions could be named."""
    imports = [("externref", "get", ECHOES)] * 200
    empty = section(CUSTOM, name("name") + b"\1\1\0")
    return module([PASS_ON], [("run", FIRST + 200)], [RUN], imports=imports, custom=empty * size)


def many_branch_hints(size: int) -> bytes:
    turn = number(0) + b"\x04\x40" + NEW_REF + call(EAT) + b"\x0b"
    hints = [encode_unsigned(3 + position * len(turn)) + b"\1\1" for position in range(size)]
    content = vector([encode_unsigned(FIRST) + vector(hints)])
    return one_body(turn * size, custom=section(CUSTOM, name("metadata.code.branch_hint") + content))


def a_record_with_many_values(size: int) -> bytes:
    record = b"\4\0\0\0host\7\0\0\0missing" + (8 * size).to_bytes(4, "little") + b"\xff" * size
    return one_body(read(0) + call(EAT), custom=section(CUSTOM, name("__externrefs") + record))


def one_record_many_times(size: int) -> bytes:
    records = encode_record(RUN) * size
    return one_body(read(0) + call(EAT), custom=section(CUSTOM, name("__externrefs") + records))


CASES: dict[Callable[[int], bytes], int] = {
    many_reference_locals_in_loops: 1000,
    locals_that_change_one_pass_after_the_other: 2000,
    nested_loops_that_write_a_local: 1000,
    branches_to_many_depths: 5000,
    a_chain_of_inner_functions: 500,
    a_chain_of_inner_results: 500,
    a_chain_of_inner_functions_that_conflicts_at_its_end: 200,
    an_inner_function_that_learns_of_one_result_at_a_time: 200,
    an_inner_function_with_many_callers_that_disagree: 100,
    many_declared_exports: 1000,
    one_function_under_many_declarations: 1500,
    many_surrogate_imports: 5000,
    many_declared_imports: 2000,
    many_elements: 10_000,
    many_sections: 5000,
    many_name_sections: 2000,
    many_branch_hints: 5000,
    a_record_with_many_values: 20_000,
    one_record_many_times: 3000,
}


@pytest.mark.parametrize(("make", "size"), CASES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_time_grows_with_size(make: Callable[[int], bytes], size: int) -> None:
    few, many = make(size), make(4 * size)
    # A busy machine slows any one attempt; what grows faster than the module is slow in all of them.
    assert any(seconds_for(many) < 9 * seconds_for(few) + 0.2 for _ in range(4))


def seconds_for(data: bytes) -> float:
    processor = Processor()
    started = process_time()
    output = processor.process(data)
    seconds = process_time() - started
    assert len(output) < 3 * len(data)
    return seconds

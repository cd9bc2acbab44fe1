"""Random guests that hold host references as surrogates, well-typed and with every raw surrogate consumed at most once.

A guest is text. Its bodies are made from statements and expressions over *places* (locals, and cells of memory), of
which each is known to hold a number, a raw surrogate, or either. What a place has to hold at a label is fixed when the
block is opened, and every branch makes it so; thus no surrogate is used twice on any path. Loops count down and calls
count up, so that everything ends.

Plain guests do only what compilers do to surrogates, and all their functions have to be direct. Wild ones also send
surrogates through memory, globals, exceptions, tables and arithmetic.
"""

from __future__ import annotations

from guest_bodies import Body
from guest_model import FRAME, SLOT_COUNT, Choices, Chooser, Func, Guest, Kind, Program, Signature, spell, type_name

from externref_build.metadata import encode_record

MAX_CALLS = 100
"""How many calls of its own functions a guest makes, between two calls of ``setup``, before it traps."""


def _write_opaque(body: Body) -> str:
    """Write a body that hands its parameter through, as equal functions that were merged into one do."""
    body.emit("local.get $p0")
    if body.chance(1, 2):
        body.emit("local.set $l0", "block (result i32)", "local.get $l0", "br 0", "end")
    return body.text()


_AGAIN = "_again"
"""Ends the guest's own name for what it imports a second time."""

_PLAIN_IMPORTS = {
    "make": Signature((), ("ref",)),
    "eat": Signature(("ref",)),
    "log": Signature(("i32",)),
    "log64": Signature(("i64",)),
}


def generate(choices: Choices, *, is_plain: bool) -> Guest:
    """Make a guest.

    Args:
        choices: Where decisions come from.
        is_plain: Whether to keep to what has direct lowering.
    """
    chooser = Chooser(choices)
    program = Program(is_plain, imports=dict(_PLAIN_IMPORTS))
    for surrogate in ("get", "insert", "drop", "take", "guard"):
        count = 1 if chooser.below(8) else 2 * chooser.below(2)
        if count:
            program.surrogates[surrogate] = [f"{surrogate}{number}" for number in range(count)]
    for number in range(chooser.below(4)):
        program.imports[f"h{number}"] = _signature(chooser)
    for name in list(program.imports):
        if chooser.chance(1, 10):
            program.imports[f"{name}{_AGAIN}"] = program.imports[name]
    for number in range(chooser.below(3)):
        kinds: list[Kind] = ["i32", "i64"] if is_plain else ["i32", "ref"]
        program.tags[f"tag{number}"] = tuple(chooser.pick(kinds) for _ in range(chooser.below(2)))
    _declare_funcs(chooser, program)
    bodies = [Body(choices, program, func, 30 + chooser.below(40)) for func in program.funcs]
    texts = [_write_body(body) for body in bodies]
    return _assemble(chooser, program, texts)


def _write_body(body: Body) -> str:
    if body.func.is_opaque:
        return _write_opaque(body)
    if "ref" in body.func.signature.results:
        body.emit("call $make", "call $eat")  # a function that merely diverges gives no hint of what it would return
    for _ in range(2 + body.below(4)):
        body.statement(3)
    body.exprs(body.func.signature.results, 2)
    return body.text()


def _signature(chooser: Chooser, kinds: tuple[Kind, ...] = ("ref", "i32", "ref", "i64")) -> Signature:
    params = tuple(chooser.pick(list(kinds)) for _ in range(chooser.below(4)))
    results = tuple(chooser.pick(list(kinds)) for _ in range(chooser.pick([1, 0, 1, 2, 3])))
    return Signature(params, results)


def _declare_funcs(chooser: Chooser, program: Program) -> None:
    for number in range(1 + chooser.below(3)):
        names = tuple(f"e{number}{suffix}" for suffix in "ab"[: 1 + chooser.chance(1, 6)])
        program.funcs.append(Func(f"f{number}", _signature(chooser), names))
    if chooser.chance(1, 3):
        program.funcs.append(Func("plain", _signature(chooser, ("i32", "i64")), ("plain",)))
    for number in range(chooser.below(4)):
        program.funcs.append(Func(f"inner{number}", _signature(chooser)))
    if program.is_plain:
        return
    if chooser.chance(1, 3):
        program.funcs.append(Func("same", Signature(("ref",), ("ref",)), ("same_ref", "same_int"), is_opaque=True))
    in_table = [named for named in program.callables() if chooser.chance(1, 4)]
    program.elements += in_table
    for surrogate, effect in (
        ("get", Signature(("i32",), ("ref",))),
        ("insert", Signature(("ref",), ("i32",))),
        ("drop", Signature(("i32",))),
    ):
        if surrogate in program.surrogates and chooser.chance(1, 6):
            program.elements.append((program.surrogates[surrogate][0], effect))


def _assemble(chooser: Chooser, program: Program, bodies: list[str]) -> Guest:
    records = [sig.record("host", name.removesuffix(_AGAIN)) for name, sig in program.imports.items() if sig.has_refs]
    exports: dict[str, Signature] = {"setup": Signature(), "touch": Signature()}
    export_lines = []
    for func in program.funcs:
        for name in func.exports:
            signature = Signature(("i32",), ("i32",)) if name == "same_int" else func.signature
            exports[name] = signature
            export_lines.append(f'(export "{name}" (func ${func.name}))')
            if signature.has_refs:
                records.append(signature.record(None, name))
    imports = []
    for surrogate, names in program.surrogates.items():
        effect = {"insert": "(param i32) (result i32)", "drop": "(param i32)", "guard": ""}
        spelled = effect.get(surrogate, effect["insert"])
        imports += [f'(import "externref" "{surrogate}" (func ${name} {spelled}))' for name in names]
    for name, signature in program.imports.items():
        spelled = spell(signature.params, signature.results)
        imports.append(f'(import "host" "{name.removesuffix(_AGAIN)}" (func ${name} {spelled}))')
    ordered = [imports.pop(chooser.below(len(imports))) for _ in range(len(imports))]
    types = dict.fromkeys(
        f"(type ${type_name(sig)} (func {spell(sig.params, sig.results)}))" for _, sig in program.elements
    )
    fillers = 130 if chooser.chance(1, 8) else 0
    lines = [
        "(module",
        *types,
        *ordered,
        *(f"(tag ${tag} {spell(kinds, ())})" for tag, kinds in program.tags.items()),
        "(memory 4)",
        "(global $calls (mut i32) (i32.const 0)) (global $parked (mut i32) (i32.const 0))",
        f"(table $funcs {len(program.elements)} funcref)",
        f"(elem (i32.const 0) func {' '.join('$' + name for name, _ in program.elements)})",
        *(["(func)"] * fillers),
        _ENTER,
        *bodies,
        _setup(program),
        _touch(program),
        *export_lines,
        '(export "setup" (func $setup)) (export "touch" (func $touch))',
        *(["(start $setup)"] if chooser.chance(1, 6) else []),
        *(f'(@custom "__externrefs" "{_escape(encode_record(record))}")' for record in records),
        ")",
    ]
    funcs = range(len(ordered), len(ordered) + fillers + 1 + len(bodies) + 2)
    return Guest("\n".join(lines), program.imports, exports, funcs)


_ENTER = f"""(func $enter (result i32)
global.get $calls i32.const 1 i32.add global.set $calls
global.get $calls i32.const {MAX_CALLS} i32.gt_u if unreachable end
global.get $calls i32.const {FRAME} i32.mul)"""


def _setup(program: Program) -> str:
    """Fill the first slots, and let the calls be counted anew."""
    lines = ["(func $setup", "i32.const 0 global.set $calls"]
    if "insert" in program.surrogates:
        lines += [f"call $make call ${program.surrogates['insert'][0]} call $log"] * SLOT_COUNT
    return "\n".join([*lines, ")"])


def _touch(program: Program) -> str:
    """Call each function that no host calls, so that it is known what it takes, whether or not the others return."""
    lines = ["(func $touch", "call $enter drop"]
    for func in program.funcs:
        if not func.exports:
            values: dict[Kind, str] = {"ref": "call $make", "i32": "i32.const 1", "i64": "i64.const 1"}
            lines += ["global.get $calls if", *(values[kind] for kind in func.signature.params)]
            lines.append(f"call ${func.name}")
            lines += [
                {"ref": "call $eat", "i32": "call $log", "i64": "call $log64"}[kind]
                for kind in reversed(func.signature.results)
            ]
            lines.append("end")
    return "\n".join([*lines, ")"])


def _escape(data: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in data)

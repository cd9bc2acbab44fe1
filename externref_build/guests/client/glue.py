"""Write the C source that defines each bound declaration by its symbol, over the import that it means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from externref_build.guests.client.declarations import Bound, Value
from externref_build.metadata import (
    GUEST_INTERFACE_SECTION,
    INTERFACE_VERSION,
    RECORDS_SECTION,
    FunctionType,
    Record,
    ResourceType,
    ValueType,
    encode_record,
)

MODULE = "client"
"""The import module of host objects."""

_THIS = "this"


def glue(bound: Iterable[Bound]) -> str:
    """Return the source, for `client.h` of the SDK beside it."""
    entries = sorted(
        (entry for entry in bound if entry.is_used), key=lambda entry: (entry.import_name, entry.symbols)
    )
    functions = [text for number, entry in enumerate(entries) for text in _definition(entry, number)]
    starts = [f"    externref__global_{number}();" for number, entry in enumerate(entries) if entry.kind == "global"]
    if starts:
        functions += ["__attribute__((constructor(101))) static void externref__globals(void) {", *starts, "}"]
    return "\n".join(('#include "client.h"', "", *_sections(entries), *functions, ""))


def _definition(entry: Bound, number: int) -> Iterator[str]:
    """Yield the declaration of the import and the definitions of the symbols."""
    params = ([_this(entry)] if _has_this(entry) else []) + list(entry.params)
    core = ", ".join(text for param in params for text in _core_params(param)) or "void"
    name = f"externref__import_{number}"
    attributes = f"import_module({_quoted(MODULE)}), import_name({_quoted(entry.import_name)})"
    yield f"__attribute__(({attributes})) {_core_result(entry.result)} {name}({core});"
    given = ", ".join(_given(param, f"a{position}") for position, param in enumerate(params))
    call = f"{name}({given})"
    if entry.kind == "global":
        yield from _global(entry, number, call)
        return
    shown = [f"{_c_type(param)} a{position}" for position, param in enumerate(params)]
    result = _c_type(entry.result)
    body = _body(entry.result, call)
    if entry.kind == "constructor":
        shown.insert(0, "externref__word *self")
        result = "externref__word *"
        body = f"*self = externref__present(externref__kept({call})); return self;"
    for position, symbol in enumerate(entry.symbols):
        function = f"externref__define_{number}_{position}({', '.join(shown) or 'void'})"
        yield f"{result} {function} __asm__({_quoted(symbol)});"
        yield f"{result} {function} {{ {body} }}"


def _global(entry: Bound, number: int, call: str) -> Iterator[str]:
    """Yield a variable that is filled at the start: an object's word itself, its address, or a number."""
    (symbol,) = entry.symbols
    value = entry.result
    function = f"static void externref__global_{number}(void)"
    if value.passing == "number":
        yield f"{value.c_type} externref__variable_{number} __asm__({_quoted(symbol)});"
        yield f"{function} {{ externref__variable_{number} = {call}; }}"
    elif value.passing == "object":
        is_object = value.c_type == "object"
        check = "" if value.type and _nullable(value.type) else "externref__present"
        word = f"externref__variable_{number}" if is_object else f"externref__word_{number}"
        yield f"{'' if is_object else 'static '}externref__word {word}{f' __asm__({_quoted(symbol)})' if is_object else ''};"
        if not is_object:
            yield f"externref__word *externref__variable_{number} __asm__({_quoted(symbol)});"
        point = "" if is_object else f" externref__variable_{number} = {word} ? &{word} : NULL;"
        yield f"{function} {{ {word} = {check}(externref__kept({call}));{point} }}"
    else:
        yield f"{_c_type(value)} externref__variable_{number} __asm__({_quoted(symbol)});"
        yield f"{function} {{ externref__variable_{number} = externref__{value.passing}({call}); }}"


def _has_this(entry: Bound) -> bool:
    return entry.kind in ("method", "get", "set")


def _this(entry: Bound) -> Value:
    return Value(_THIS, ResourceType(str(entry.class_name)), "object", "")


def _nullable(value_type: ValueType) -> bool:
    return isinstance(value_type, ResourceType) and value_type.nullable


def _core_params(value: Value) -> tuple[str, ...]:
    if value.passing in ("text", "view"):
        return ("const char *", "size_t")
    return (value.c_type if value.passing == "number" else "int32_t",)


def _core_result(value: Value) -> str:
    if value.passing in ("text", "view"):
        return "uint64_t"
    return {"object": "int32_t", "number": value.c_type, "nothing": "void"}[value.passing]


def _c_type(value: Value) -> str:
    types = {"object": "externref__word *", "text": "const char *", "view": "externref__view", "callback": "void *"}
    return types.get(value.passing, value.c_type)


def _given(value: Value, name: str) -> str:
    if value.passing == "object":
        return f"externref__given{'_or_null' if value.type and _nullable(value.type) else ''}({name})"
    if value.passing == "text":
        return f"{name}, {name} ? strlen({name}) : 0"
    if value.passing == "view":
        return f"{name}.data, {name}.length"
    return f"(int32_t){name}" if value.passing == "callback" else name


def _body(result: Value, call: str) -> str:
    if result.passing == "nothing":
        return f"{call};"
    if result.passing == "number":
        return f"return {call};"
    if result.passing == "object":
        return f"return externref__lent{'_or_null' if result.type and _nullable(result.type) else ''}({call});"
    return f"return externref__{result.passing}({call});"


# Metadata


def _sections(entries: Iterable[Bound]) -> Iterator[str]:
    """Yield top-level assembly with the records of all imports."""
    records, lines = bytearray(), bytearray()
    for entry in entries:
        params = ([_this(entry)] if _has_this(entry) else []) + list(entry.params)
        marks = [mark for param in params for mark in _marks(param)] + _result_marks(entry.result)
        if any(marks):
            records += encode_record(Record(MODULE, entry.import_name, tuple(marks)))
        lines += _interface_line(entry, params)
    for section, content in ((RECORDS_SECTION, records), (GUEST_INTERFACE_SECTION, lines)):
        yield f'__asm__(".section .custom_section.{section},\\"\\",@\\n"'
        for start in range(0, len(content), 32):
            yield f'        ".byte {",".join(map(str, content[start : start + 32]))}\\n"'
        yield '        ".text\\n");'


def _marks(value: Value) -> tuple[bool, ...]:
    return (value.passing == "object",) * len(_core_params(value))


def _result_marks(value: Value) -> list[bool]:
    return [] if value.passing == "nothing" else [value.passing == "object"]


def _interface_line(entry: Bound, params: Iterable[Value]) -> bytes:
    line: dict[str, Any] = {
        "v": INTERFACE_VERSION,
        "kind": "import",
        "module": MODULE,
        "name": entry.import_name,
        "params": [[param.name, _json(param.type)] for param in params],
        "results": [_json(entry.result.type)] if entry.result.type else [],
    }
    if entry.doc:
        line["doc"] = entry.doc
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _json(value_type: ValueType | None) -> Any:
    if isinstance(value_type, ResourceType):
        null = {"null": True} if value_type.nullable else {}
        return {"own" if value_type.owned else "ref": value_type.resource, **null}
    if isinstance(value_type, FunctionType):
        return {"fn": [[*map(_json, value_type.params)], [*map(_json, value_type.results)]]}
    return value_type


def _quoted(text: str) -> str:
    return json.dumps(text)

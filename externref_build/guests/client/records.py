"""The metadata of client classes, as top-level assembly: data with a section attribute would become a data segment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from externref_build.guests.client.declarations import Bound
from externref_build.guests.client.types import Function, Value
from externref_build.metadata import GUEST_INTERFACE_SECTION, INTERFACE_VERSION, RECORDS_SECTION, Record, encode_record
from externref_build.value_types import FunctionType, OptionType, ResourceType, ValueType


def params_of(entry: Bound) -> list[Value]:
    """Return the parameters of an import, with the object that it acts on."""
    this = [Value("this", ResourceType(str(entry.class_name)), "object")] if entry.has_this else []
    return this + list(entry.params)


def metadata(bound: Iterable[Bound], callbacks: Iterable[Function]) -> Iterator[str]:
    """Yield declarations in C that put the records and the interface of imports and callbacks into the object."""
    records, lines = bytearray(), bytearray()
    for entry in bound:
        params = params_of(entry)
        records += _record(
            entry.module, entry.import_name, [mark for param in params for mark in _marks(param)], entry.result
        )
        lines += _line(entry, params)
    for callback in callbacks:
        marks = [mark for param in callback.params for mark in _marks(param)]
        records += _record(None, callback.way, [False, *marks], callback.result)
    for section, content in ((RECORDS_SECTION, records), (GUEST_INTERFACE_SECTION, lines)):
        if content:
            yield f'__asm__(".section .custom_section.{section},\\"\\",@\\n"'
            for start in range(0, len(content), 32):
                yield f'        ".byte {",".join(map(str, content[start : start + 32]))}\\n"'
            yield '        ".text\\n");'


def _record(module: str | None, name: str, marks: Iterable[bool], result: Value) -> bytes:
    references = (*marks, *([] if result.passing == "nothing" else [result.passing == "object"]))
    return encode_record(Record(module, name, references)) if any(references) else b""


def _marks(value: Value) -> tuple[bool, ...]:
    return (False, False) if value.passing in ("text", "view") else (value.passing == "object",)


def _line(entry: Bound, params: Iterable[Value]) -> bytes:
    line: dict[str, Any] = {
        "v": INTERFACE_VERSION,
        "kind": "import",
        "module": entry.module,
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
    if isinstance(value_type, OptionType):
        return {"option": value_type.inner}
    if isinstance(value_type, FunctionType):
        values = [[*map(_json, value_type.params)], [*map(_json, value_type.results)]]
        return {"fn": values, "via": value_type.via, "null": value_type.nullable}
    return value_type

"""Write the C source that defines each declaration in ``namespace client`` by its symbol, over the import it means.

The symbols are identifiers of C: functions that bear them can be inlined into C++ when the module is linked, whereas
assembly labels would hide that they are the same. Constructors and destructors return ``this``, as C++ has it on
WebAssembly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from externref_build.guests.client.declarations import Bound, Client
from externref_build.guests.client.records import metadata, params_of
from externref_build.guests.client.types import Function, Value


def glue(client: Client) -> str:
    """Return the source, which includes ``client.h`` of the SDK."""
    bound = sorted(
        (entry for entry in client.bound if entry.is_used),
        key=lambda entry: (entry.module, entry.import_name, entry.symbols),
    )
    callbacks = {param.function.way: param.function for entry in bound for param in entry.params if param.function}
    functions = [text for number, entry in enumerate(bound) for text in _definition(entry, number)]
    functions += [
        text for number, (_, callback) in enumerate(sorted(callbacks.items())) for text in _way(callback, number)
    ]
    ends = sorted(symbol for declared in client.classes for symbol in declared.destructors)
    functions += [
        f"externref__word *{symbol}(externref__word *self) {{ return externref__end(self); }}" for symbol in ends
    ]
    starts = [f"    externref__global_{number}();" for number, entry in enumerate(bound) if entry.kind == "global"]
    if starts:
        functions += ["__attribute__((constructor(101))) static void externref__globals(void) {", *starts, "}"]
    return "\n".join(('#include "client.h"', "", *metadata(bound, callbacks.values()), *functions, ""))


def _definition(entry: Bound, number: int) -> Iterator[str]:
    """Yield the declaration of the import and the definitions of the symbols."""
    params = params_of(entry)
    core = ", ".join(text for param in params for text in _core_params(param)) or "void"
    name = f"externref__import_{number}"
    attributes = f"import_module({_quoted(entry.module)}), import_name({_quoted(entry.import_name)})"
    yield f"__attribute__(({attributes})) {_core_result(entry.result)} {name}({core});"
    call = f"{name}({', '.join(_given(param, f'a{position}') for position, param in enumerate(params))})"
    if entry.kind == "global":
        yield from _global(entry, number, call)
        return
    shown = [f"{_c_type(param)} a{position}" for position, param in enumerate(params)]
    result, body = _c_type(entry.result), f"{_returned(entry.result, call)};"
    if entry.kind == "constructor":
        shown.insert(0, "externref__word *self")
        result, body = "externref__word *", f"*self = externref__present(externref__kept({call})); return self;"
    for symbol in entry.symbols:
        yield f"{result} {symbol}({', '.join(shown) or 'void'}) {{ {body} }}"


def _global(entry: Bound, number: int, call: str) -> Iterator[str]:
    """Yield a variable that is filled at the start: an object's word itself, its address, a number or text."""
    (variable,) = entry.symbols
    value = entry.result
    function = f"static void externref__global_{number}(void)"
    if value.passing == "object":
        check = "" if value.nullable else "externref__present"
        word = variable if entry.is_object else f"externref__word_{number}"
        fill = f"{word} = {check}(externref__kept({call}));"
        if entry.is_object:
            yield f"externref__word {word};"
        else:
            yield f"static externref__word {word};"
            yield f"externref__word *{variable};"
            fill += f" {variable} = {word} ? &{word} : NULL;"
        yield f"{function} {{ {fill} }}"
    else:
        yield f"{_c_type(value)} {variable};"
        yield f"{function} {{ {variable} = {_received(value, call)}; }}"


def _way(callback: Function, number: int) -> Iterator[str]:
    """Yield the export through which the host calls functions of a type; what it passes lives as long as the call."""
    core = ["int32_t function"]
    arguments = []
    for position, value in enumerate(callback.params):
        name = f"a{position}"
        if value.passing in ("text", "view"):
            core += [f"int32_t {name}", f"int32_t {name}_length"]
            arguments.append(_received(value, f"externref__joined({name}, {name}_length)"))
        else:
            core.append(f"{_core_params(value)[0]} {name}")
            arguments.append(_received(value, name))
    pointer = f"{_c_type(callback.result)} (*)({', '.join(map(_c_type, callback.params)) or 'void'})"
    call = f"(({pointer})(uintptr_t)function)({', '.join(arguments)})"
    result = callback.result
    name = f"externref__way_{number}"
    yield f"__attribute__((export_name({_quoted(callback.way)}))) {_core_result(result)} {name}({', '.join(core)}) {{"
    yield "    externref__entry *mark = externref__scope_next;"
    if result.passing == "nothing":
        yield f"    {call};"
    else:
        yield f"    {_c_type(result)} returned = {call};"
        yield f"    {_core_result(result)} given = {_given(result, 'returned')};"
    yield "    if (externref__scope_next != mark) externref__scope_leave(mark);"
    if result.passing != "nothing":
        yield "    return given;"
    yield "}"


# Values


def _core_params(value: Value) -> tuple[str, ...]:
    if value.passing in ("text", "view"):
        return ("const char *", "size_t")
    return (value.c_type if value.passing == "number" else "int32_t",)


def _core_result(value: Value) -> str:
    if value.passing in ("text", "view"):
        return "uint64_t"
    return {"object": "int32_t", "nothing": "void"}.get(value.passing, value.c_type)


def _c_type(value: Value) -> str:
    types = {"object": "externref__word *", "text": "const char *", "view": "externref__view", "callback": "void *"}
    return types.get(value.passing, value.c_type)


def _given(value: Value, name: str) -> str:
    """Spell what the host gets for a value of C++."""
    if value.passing == "object":
        return f"externref__given{'_or_null' if value.nullable else ''}({name})"
    if value.passing == "text":
        return f"{name}, {name} ? strlen({name}) : 0"
    if value.passing == "view":
        return f'{name}.data ? {name}.data : "", {name}.length'
    return f"(int32_t)(uintptr_t){name}" if value.passing == "callback" else name


def _received(value: Value, core: str) -> str:
    """Spell what C++ gets for a value of the host."""
    if value.passing == "object":
        return f"externref__lent{'_or_null' if value.nullable else ''}({core})"
    if value.passing in ("text", "view"):
        return f"externref__text{'_view' if value.passing == 'view' else ''}({core})"
    return core


def _returned(value: Value, call: str) -> str:
    return f"{'' if value.passing == 'nothing' else 'return '}{_received(value, call)}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

"""The code of calls in either direction: check what the host passes, convert, call, convert back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from externref_build.bindings.javascript import values
from externref_build.bindings.javascript.names import distinct, quoted
from externref_build.bindings.model import Function
from externref_build.value_types import FunctionType, ResourceType, ValueType, lies_in_memory
from externref_build.wasm.types import I64, ValType

Lines = list[str]


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter or result on its way."""

    name: str
    """The variable of the generated code that holds it."""
    label: str
    """What errors call it."""
    type: ValueType
    core: ValType | None
    """Its first core type; None where only the guest knows."""


@dataclass(frozen=True, slots=True)
class Callback:
    """Functions of one type that the guest passes to its host."""

    number: int
    type: FunctionType

    @property
    def maker(self) -> str:
        """The function of the generated code that makes one of an index."""
        return f"callback{self.number}"

    @property
    def known(self) -> str:
        """The map of the generated code from indices to those that were made."""
        return f"known{self.number}"


def parameters(function: Function, taken: frozenset[str]) -> list[Value]:
    """Name the parameters of a function; ``taken`` are names that the code around it needs."""
    spelled = distinct([param.name for param in function.params], taken)
    path = function.name if function.module is None else f"{function.module}.{function.name}"
    return [
        Value(name, f"{path}(): argument {quoted(param.name)}", param.type, param.core[0] if param.core else None)
        for name, param in zip(spelled, function.params, strict=True)
    ]


def results(function: Function) -> list[Value]:
    """Name the results of a function."""
    path = function.name if function.module is None else f"{function.module}.{function.name}"
    return _results(path, function.results, function.core.results)


def _results(path: str, types: Sequence[ValueType], core: Sequence[ValType | None]) -> list[Value]:
    if len(types) == 1:
        return [Value("result$", f"{path}(): result", types[0], core[0])]
    return [
        Value(f"result${index}", f"{path}(): result {index + 1}", value_type, core[index])
        for index, value_type in enumerate(types)
    ]


def call_guest(
    target: str, params: Sequence[Value], given: Sequence[Value], fallible: bool, first: Sequence[str] = ()
) -> Lines:
    """Write the body of a function that the host calls: ``target`` is the guest's, ``given`` are its results.

    ``first`` are core arguments before those of ``params``.
    """
    lines = _checks(params)
    arguments = [*first]
    for param in params:
        sent = _send(param)
        if lies_in_memory(param.type):
            lines += [f"const {param.name}$address = {sent};", f"const {param.name}$length = size;"]
            arguments += [f"{param.name}$address", f"{param.name}$length"]
        else:
            arguments.append(sent)
    call = f"{target}({', '.join(arguments)})"
    if fallible:
        lines += ["const outer$ = state.failure;", "if (outer$ !== undefined) state.failure = undefined;"]
    if given:
        lines.append(f"let {_pattern_name(given)};")
    lines += [
        "try {",
        f"  {_pattern_name(given)} = {call};" if given else f"  {call};",
        "} catch (error$) {",
        "  throw abort(error$);",
        "}",
    ]
    if fallible:
        lines.append("if (state.failure !== undefined || outer$ !== undefined) settle(outer$);")
    return lines + _return_to_host(given)


def _return_to_host(given: Sequence[Value]) -> Lines:
    if not given:
        return []
    lines: Lines = []
    if len(given) > 1:
        lines.append(f"const [{', '.join(value.name for value in given)}] = result$;")
    returned = []
    for value in given:
        if lies_in_memory(value.type):
            lines.append(f"const {value.name}address = unpack({value.name});")
            received = values.receive(value.type, value.core, (f"{value.name}address", "size"), copied=True)
            if len(given) > 1:
                lines.append(f"const {value.name}value = {received};")
                received = f"{value.name}value"
            returned.append(received)
        else:
            lines += _check_reference(value)
            returned.append(values.receive(value.type, value.core, (value.name,)))
    lines.append(f"return {returned[0] if len(returned) == 1 else '[' + ', '.join(returned) + ']'};")
    return lines


def _pattern_name(given: Sequence[Value]) -> str:
    return given[0].name if len(given) == 1 else "result$"


def call_host(
    params: Sequence[Value],
    given: Sequence[Value],
    fallible: bool,
    call: Callable[[Sequence[str]], str],
    callbacks: dict[FunctionType, Callback],
) -> tuple[list[str], Lines]:
    """Write a function that the guest calls; return the names of its core parameters, and its body.

    ``call`` spells the call of the host's function with arguments; ``given`` are its results.
    """
    names: list[str] = []
    arguments: list[str] = []
    lines: Lines = []
    for param in params:
        core = (param.name, f"{param.name}$length") if lies_in_memory(param.type) else (param.name,)
        names += core
        lines += _check_reference(param)
        if isinstance(param.type, FunctionType):
            arguments.append(_receive_function(param.type, param.name, callbacks))
        else:
            arguments.append(values.receive(param.type, param.core, core))
    if fallible:
        names.append("place$")
        for index, (param, argument) in enumerate(zip(params, arguments, strict=True)):
            if argument != param.name:
                lines.append(f"const {param.name}$value = {argument};")
                arguments[index] = f"{param.name}$value"
        zero = [_zero(value) for value in given]
        returned = f" {zero[0]}" if len(zero) == 1 else f" [{', '.join(zero)}]" if zero else ""
        lines += [f"let {_pattern_name(given)};"] if given else []
        lines += [
            "try {",
            f"  {_pattern_name(given) + ' = ' if given else ''}{call(arguments)};",
            "} catch (error$) {",
            "  report(error$, place$);",
            f"  return{returned};",
            "}",
        ]
    else:
        lines.append(f"{'const ' + _pattern_name(given) + ' = ' if given else ''}{call(arguments)};")
    lines.append("if (state.closed) refuse();")  # by the host, or by what stopped it within, which the host passed over
    return names, lines + _return_to_guest(given)


def _return_to_guest(given: Sequence[Value]) -> Lines:
    if not given:
        return []
    lines: Lines = []
    if len(given) > 1:
        label = given[0].label.removesuffix(" 1") + "s"
        lines.append(
            f"if (!Array.isArray(result$) || result$.length !== {len(given)}) "
            f'throw wrong({quoted(label)}, "an array of {len(given)} values", result$);'
        )
        lines.append(f"let [{', '.join(value.name for value in given)}] = result$;")
    lines += _checks(given)
    returned = [f"pack({_send(value)})" if lies_in_memory(value.type) else _send(value) for value in given]
    lines.append(f"return {returned[0] if len(returned) == 1 else '[' + ', '.join(returned) + ']'};")
    return lines


def callback_type(value_type: FunctionType) -> FunctionType:
    """Return a type as that of functions that are there: one index is one function, whoever takes it."""
    return value_type._replace(nullable=False)


def _receive_function(value_type: FunctionType, index: str, callbacks: dict[FunctionType, Callback]) -> str:
    made = f"{callbacks[callback_type(value_type)].maker}({index})"
    return f"{index} === 0 ? null : {made}" if value_type.nullable else made


def callback_maker(callback: Callback, label: str, way: str | None) -> Lines:
    """Write the function that makes a host's function of an index into the guest's table.

    ``way`` is the variable of the export that leads to the entry; without one, the entry itself is called.
    """
    arguments = [
        Value(f"argument{index}", f"{label}: argument {index + 1}", value_type, _core(value_type))
        for index, value_type in enumerate(callback.type.params)
    ]
    given = _results(label, callback.type.results, [_core(value_type) for value_type in callback.type.results])
    if way is None:
        entry, called = ["  const entry$ = guestFunction(index);"], call_guest("entry$", arguments, given, False)
    else:
        entry, called = [], call_guest(way, arguments, given, False, ["index"])
    return [
        f"const {callback.known} = new Map();",
        "",
        f"const {callback.maker} = (index) => {{",
        f"  let made$ = {callback.known}.get(index);",
        "  if (made$ !== undefined) return made$;",
        *entry,
        f"  made$ = ({', '.join(argument.name for argument in arguments)}) => {{",
        "    if (state.closed) refuse();",
        *(f"    {line}" for line in called),
        "  };",
        f"  {callback.known}.set(index, made$);",
        "  return made$;",
        "};",
    ]


def _core(value_type: ValueType) -> ValType | None:
    return I64 if lies_in_memory(value_type) else None


def _checks(passed: Sequence[Value]) -> Lines:
    """Refuse values of the host's that are none of their types, before any is sent to the guest's memory.

    A list that was lent from there is copied, if another value is sent before it: the memory may move for that.
    """
    in_memory = [value for value in passed if lies_in_memory(value.type)]
    lines = [line for value in passed for line in _check(value, in_memory[:1] == [value])]
    return lines + [f"{value.name} = copyOfOwn({value.name});" for value in in_memory[1:] if values.is_list(value.type)]


def _send(value: Value) -> str:
    return values.send(value.type, value.core, value.name, quoted(value.label))


def _check(value: Value, sent_first: bool) -> Lines:
    condition = values.wrong(value.type, value.core, value.name, sent_first=sent_first)
    if condition is None:
        return []
    expected = quoted(values.expected(value.type, value.core))
    ranged = values.ranged(value.type, value.core)
    if ranged:
        return [f"if ({condition}) throw unfit({quoted(value.label)}, {quoted(ranged)}, {expected}, {value.name});"]
    return [f"if ({condition}) throw wrong({quoted(value.label)}, {expected}, {value.name});"]


def _check_reference(value: Value) -> Lines:
    """Refuse a null of the guest's where none is allowed."""
    if not isinstance(value.type, ResourceType) or value.type.nullable:
        return []
    return [f"if ({value.name} === null) throw none({quoted(value.label)});"]


def _zero(value: Value) -> str:
    if isinstance(value.type, ResourceType):
        return "null"
    return "0n" if value.core == I64 else "0"

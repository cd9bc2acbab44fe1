"""The same calls between Python and a guest in three ways: generated bindings, wasmtime-py by hand, and Extism.

Every host is the shortest that does the job. Extism has no references: its host keeps the object, and passes a number.
"""

from __future__ import annotations

import importlib
import struct
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import extism
from wasmtime import Engine, Func, FuncType, Linker, Memory, Module, Store, ValType, wat2wasm

from externref_build.bindings.hosts import generate_hosts
from externref_build.metadata import INTERFACE_SECTION
from externref_build.wasm.custom import with_custom

GUESTS: Final = Path(__file__).resolve().parent / "guests" / "calls"
KINDS: Final = ("numbers", "reference", "item", "text", "answer")
TEXT: Final = "Forty characters of text, some are blank"
CALLS: Final = 5_000


class Way(NamedTuple):
    """One way to connect a host and a guest."""

    repeat: Mapping[str, Callable[[object, int], object]]
    """For each kind of call: has the guest call the host so many times."""
    take: Mapping[str, Callable[[], object]]
    """For each kind of call: calls the guest once."""


def measure_calls(folder: Path, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Return seconds by direction, kind and way: the best of the rounds, in which all ways take turns."""
    ways = {"bindings": _generated(folder), "wasmtime-py": _by_hand(), "Extism": _extism()}
    host: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    guest: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            for name, way in ways.items():
                repeat, take = way.repeat[kind], way.take[kind]
                host[kind][name] = min(host[kind].get(name, 1), _host_calls(repeat))
                guest[kind][name] = min(guest[kind].get(name, 1), _guest_calls(take))
    return {"host": host, "guest": guest}


def _host_calls(repeat: Callable[[object, int], object]) -> float:
    item = object()
    start = time.thread_time()
    repeat(item, CALLS)
    return (time.thread_time() - start) / CALLS


def _guest_calls(take: Callable[[], object]) -> float:
    start = time.thread_time()
    for _ in range(CALLS):
        take()
    return (time.thread_time() - start) / CALLS


def _generated(folder: Path) -> Way:
    data = with_custom(_assembled("guest"), INTERFACE_SECTION, (GUESTS / "guest.jsonl").read_bytes())
    (folder / "calls.wasm").write_bytes(data)
    for name, text in generate_hosts(data, ["python"], name="calls").items():
        (folder / name).write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    plugin = importlib.import_module("calls_host").Calls.load(Host())
    item = object()
    plugin.keep(item)
    return Way(
        {kind: getattr(plugin, f"repeat_{kind}") for kind in KINDS},
        {
            "numbers": lambda: plugin.take_numbers(3, 4),
            "reference": lambda: plugin.take_reference(item, 4),
            "item": plugin.take_item,
            "text": lambda: plugin.take_text(TEXT),
            "answer": plugin.take_answer,
        },
    )


class Host:
    """Does what the guest asks for, with values."""

    def numbers(self, left: int, right: int) -> int:
        """Add numbers."""
        return left + right

    def reference(self, _item: object, right: int) -> int:
        """Take an object and a number."""
        return right

    def text(self, text: str) -> int:
        """Measure a text."""
        return len(text)

    def item(self) -> object:
        """Return an object."""
        return self

    def answer(self) -> str:
        """Return a text."""
        return TEXT


def _by_hand() -> Way:
    engine = Engine()
    store = Store(engine)
    linker = Linker(engine)
    i32, ref = ValType.i32(), ValType.externref()
    host = Host()

    def text(pointer: int, length: int) -> int:
        return host.text(memory.read(store, pointer, pointer + length).decode())

    def give(text: str) -> tuple[int, int]:
        data = text.encode()
        pointer = allocate(store, 0, 0, 1, len(data))
        memory.write(store, data, pointer)
        return pointer, len(data)

    def answer() -> int:
        pointer, length = give(host.answer())
        return pointer | length << 32

    linker.define_func("host", "numbers", FuncType([i32, i32], [i32]), host.numbers)
    linker.define_func("host", "reference", FuncType([ref, i32], [i32]), host.reference)
    linker.define_func("host", "text", FuncType([i32, i32], [i32]), text)
    linker.define_func("host", "item", FuncType([], [ref]), host.item)
    linker.define_func("host", "answer", FuncType([], [ValType.i64()]), answer)
    exports = linker.instantiate(store, Module(engine, _assembled("guest"))).exports(store)
    memory = cast("Memory", exports["memory"])

    def function(name: str) -> Func:
        return cast("Func", exports[name])

    allocate = function("cabi_realloc")
    take_numbers, take_reference, take_item = map(function, ("take_numbers", "take_reference", "take_item"))
    take_text, take_answer = map(function, ("take_text", "take_answer"))
    item = object()
    function("keep")(store, item)

    def take_text_back() -> str:
        value = take_answer(store)
        pointer = value & 0xFFFFFFFF
        return memory.read(store, pointer, pointer + (value >> 32)).decode()

    return Way(
        {kind: partial(function(f"repeat_{kind}"), store) for kind in KINDS},
        {
            "numbers": lambda: take_numbers(store, 3, 4),
            "reference": lambda: take_reference(store, item, 4),
            "item": lambda: take_item(store),
            "text": lambda: take_text(store, *give(TEXT)),
            "answer": take_text_back,
        },
    )


def _extism() -> Way:
    host = Host()
    objects: dict[int, object] = {1: host}
    word = extism.ValType.I64

    def numbers(_: Any, params: list[Any], results: list[Any]) -> None:
        results[0].value = host.numbers(params[0].value, params[1].value)

    def reference(_: Any, params: list[Any], results: list[Any]) -> None:
        results[0].value = host.reference(objects[params[0].value], params[1].value)

    def text(plugin: Any, params: list[Any], results: list[Any]) -> None:
        results[0].value = host.text(plugin.input_string(params[0]))

    def item(_: Any, _params: list[Any], results: list[Any]) -> None:
        objects[1] = host.item()
        results[0].value = 1

    def answer(plugin: Any, _params: list[Any], results: list[Any]) -> None:
        plugin.return_string(results[0], host.answer())

    functions = [
        extism.host_fn(signature=([word] * count, [word]))(function)
        for function, count in ((numbers, 2), (reference, 2), (text, 1), (item, 0), (answer, 0))
    ]
    plugin = extism.Plugin(_assembled("extism"), functions=functions)
    pack, read = struct.Struct("<QQ").pack, partial(int.from_bytes, byteorder="little")

    def repeat(kind: str, item: Any, count: int) -> None:
        objects[1] = item
        plugin.call(f"repeat_{kind}", pack(1, count))

    def take_reference() -> int:
        objects[1] = host
        return int(plugin.call("take_reference", pack(1, 4), read))

    return Way(
        {kind: partial(repeat, kind) for kind in KINDS},
        {
            "numbers": lambda: plugin.call("take_numbers", pack(3, 4), read),
            "reference": take_reference,
            "item": lambda: objects[plugin.call("take_item", b"", read)],
            "text": lambda: plugin.call("take_text", TEXT, read),
            "answer": lambda: plugin.call("take_answer", b"", lambda buffer: bytes(buffer).decode()),
        },
    )


def _assembled(name: str) -> bytes:
    return bytes(wat2wasm((GUESTS / f"{name}.wat").read_text(encoding="utf-8")))

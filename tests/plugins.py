"""Small guests in the text format, and hosts that run them: processed, or with the surrogates played in Python.

A guest says what it declares in comments of its text::

    ;; declare import host.make: i -> r
    ;; declare export run: r r

where ``r`` is a reference and anything else is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import wasmtime
from wasmtime import _bindings

from externref_build.metadata import RECORDS_SECTION, Record, encode_record
from externref_build.processor.report import Report
from externref_build.processor.rewrite import Options, rewrite
from externref_build.wasm.decoding import decode_module

SURROGATES = """
    (import "externref" "insert" (func $insert (param i32) (result i32)))
    (import "externref" "get" (func $get (param i32) (result i32)))
    (import "externref" "drop" (func $drop (param i32)))
    (import "externref" "take" (func $take (param i32) (result i32)))
    (import "externref" "guard" (func $guard))
"""

_DECLARATION = re.compile(r"^\s*;; declare (import|export) ([^:\n]+): *(.*?)(?:-> *(.*))?$", re.MULTILINE)

HostFunctions = Mapping[str, Callable[..., Any]]
"""Python functions for imports, by ``module.name``."""


def assemble(text: str) -> bytes:
    """Assemble a module from the text format, with the metadata that its comments declare."""
    module = bytes(wasmtime.wat2wasm(text))
    records = b"".join(map(encode_record, declarations(text)))
    return module + custom_section(RECORDS_SECTION, records) if records else module


def declarations(text: str) -> list[Record]:
    """Read the declarations in the comments of a text."""
    records = []
    for kind, path, params, results in _DECLARATION.findall(text):
        values = params.split() + results.split()
        module, _, name = path.rpartition(".") if kind == "import" else ("", "", path)
        records.append(Record(module if kind == "import" else None, name, tuple(value == "r" for value in values)))
    return records


def leb128(value: int, width: int = 1) -> bytes:
    """Encode an unsigned integer into at least so many bytes."""
    encoded = bytearray()
    while value >= 0x80 or len(encoded) + 1 < width:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(encoded) + bytes((value,))


def section(section_id: int, payload: bytes) -> bytes:
    """Encode a section."""
    return bytes((section_id,)) + leb128(len(payload)) + payload


def custom_section(name: str, content: bytes) -> bytes:
    """Encode a custom section."""
    return section(0, leb128(len(name.encode())) + name.encode() + content)


def encode_features(*entries: str) -> bytes:
    """Encode the content of a section ``target_features``; each entry is a feature behind its prefix."""
    return leb128(len(entries)) + b"".join(
        entry[:1].encode() + leb128(len(entry) - 1) + entry[1:].encode() for entry in entries
    )


def custom_contents(module: bytes, name: str) -> list[bytes]:
    """Read the contents of all custom sections of a name."""
    return [module[found.content : found.end] for found in decode_module(module).custom_sections(name)]


def bodies_of(data: bytes) -> list[bytes]:
    """List the bodies of a module's functions."""
    module = decode_module(data)
    funcs = range(len(module.func_imports), module.func_count)
    return [data[start:end] for start, end in map(module.body, funcs)]


def replace_bodies(data: bytes, bodies: list[bytes]) -> bytes:
    """Put other bodies into a module."""
    code = section(10, leb128(len(bodies)) + b"".join(leb128(len(body), 5) + body for body in bodies))
    [old] = [found for found in decode_module(data).sections if found.id == 10]
    return data[: old.start] + code + data[old.end :]


def engine() -> wasmtime.Engine:
    """Make an engine with every feature that wasmtime can switch on."""
    config = wasmtime.Config()
    for name in ("exceptions", "function_references", "gc", "memory64", "multi_memory", "tail_call", "threads"):
        setattr(config, f"wasm_{name}", True)
    _bindings.wasmtime_config_wasm_compact_imports_set(config.ptr(), True)  # there is no property yet
    return wasmtime.Engine(config)


ENGINE = engine()


class Plugin(Protocol):
    """A running guest, seen as its host sees it: references are Python objects."""

    def call(self, export: str, *args: Any) -> Any:
        """Call an exported function."""

    def held(self) -> list[Any]:
        """List the objects that the guest holds."""


@dataclass
class Processed:
    """A processed guest under wasmtime."""

    module: bytes
    functions: HostFunctions = field(default_factory=dict)
    table: str | None = "externrefs"

    def __post_init__(self) -> None:
        self.store = wasmtime.Store(ENGINE)
        self.instance = instantiate(self.store, self.module, self.functions)

    def export(self, name: str) -> Any:
        return self.instance.exports(self.store)[name]

    def call(self, export: str, *args: Any) -> Any:
        return self.export(export)(self.store, *args)

    def slots(self) -> list[Any]:
        """List the content of the exported table."""
        table = self.export(self.table or "")
        contents = (table.get(self.store, slot) for slot in range(table.size(self.store)))
        return [content.value if isinstance(content, wasmtime.Val) else content for content in contents]

    def held(self) -> list[Any]:
        return [content for content in self.slots() if content is not None]


def instantiate(store: wasmtime.Store, module: bytes, functions: HostFunctions) -> wasmtime.Instance:
    """Instantiate a module with Python functions for its imports; what isn't there traps."""
    compiled = wasmtime.Module(store.engine, module)
    imports: list[Any] = []
    for entry in compiled.imports:
        assert isinstance(entry.type, wasmtime.FuncType), "hosts of these tests have only functions"
        imports.append(wasmtime.Func(store, entry.type, functions[f"{entry.module}.{entry.name}"]))
    return wasmtime.Instance(store, compiled, imports)


@dataclass
class Unprocessed:
    """A guest as the linker left it, under a host that plays the surrogates as they are defined."""

    text: str
    functions: HostFunctions = field(default_factory=dict)
    hook: Callable[[Any], None] | None = None
    slots: list[Any] = field(default_factory=list)
    raw: dict[int, Any] = field(default_factory=dict)
    """References on their way, each of which is consumed once."""
    next_raw: int = 1000

    def __post_init__(self) -> None:
        self.declared = {(record.module, record.name): record.references for record in declarations(self.text)}
        module = bytes(wasmtime.wat2wasm(self.text))
        functions: dict[str, Callable[..., Any]] = {
            "externref.insert": self._insert,
            "externref.get": self._get,
            "externref.drop": self._drop,
            "externref.take": self._take,
            "externref.guard": lambda: None,
        }
        for path, function in self.functions.items():
            name = path.partition(".")[0], path.partition(".")[2]
            functions[path] = self._import(function, self.declared.get(name))
        self.store = wasmtime.Store(ENGINE)
        self.instance = instantiate(self.store, module, functions)

    def call(self, export: str, *args: Any) -> Any:
        function: Any = self.instance.exports(self.store)[export]
        return self._convert(
            self.declared.get((None, export)), args, self._send, lambda sent: function(self.store, *sent), self._receive
        )

    def held(self) -> list[Any]:
        return [content for content in self.slots if content is not None]

    def _import(self, function: Callable[..., Any], references: Sequence[bool] | None) -> Callable[..., Any]:
        return lambda *args: self._convert(references, args, self._receive, lambda sent: function(*sent), self._send)

    def _convert(
        self,
        references: Sequence[bool] | None,
        args: Sequence[Any],
        convert_arg: Callable[[Any], Any],
        call: Callable[[Sequence[Any]], Any],
        convert_result: Callable[[Any], Any],
    ) -> Any:
        """Call a function with its references converted on the way in and out."""
        if references is None:
            return call(args)
        results = call(_convert(args, references, convert_arg))
        expected = references[len(args) :]
        if len(expected) < 2:
            return (_convert([results], expected, convert_result) or [None])[0]
        return _convert(results, expected, convert_result)

    def _send(self, content: Any) -> int:
        if content is None:
            return -1
        self.next_raw += 1
        self.raw[self.next_raw] = content
        return self.next_raw

    def _receive(self, raw: int) -> Any:
        return None if raw == -1 else self.raw.pop(raw)

    def _insert(self, raw: int) -> int:
        if raw == -1:
            return -1
        if None not in self.slots:
            self.slots.append(None)
        slot = self.slots.index(None)
        self.slots[slot] = self._receive(raw)
        return slot

    def _get(self, slot: int) -> int:
        return self._send(None if slot == -1 else self.slots[slot])

    def _drop(self, slot: int) -> None:
        if slot == -1:
            return
        if self.hook is not None and self.slots[slot] is not None:
            self.hook(self.slots[slot])
        self.slots[slot] = None

    def _take(self, slot: int) -> int:
        raw = self._get(slot)
        if slot != -1:
            self.slots[slot] = None
        return raw


def _convert(values: Sequence[Any], references: Sequence[bool], convert: Callable[[Any], Any]) -> list[Any]:
    marked = zip(values, references, strict=False)
    return [convert(value) if is_reference else value for value, is_reference in marked]


def process_demoted(
    data: bytes, demoted: Iterable[int] | None = None, hook: tuple[str, str] | None = None
) -> tuple[bytes, Report]:
    """Process a module, and let some functions, or all, take adapters whatever they do."""
    module = decode_module(data)
    everything = range(len(module.func_imports), module.func_count)
    return rewrite(data, Options(drop_hook=hook, demoted=frozenset(everything if demoted is None else demoted)))

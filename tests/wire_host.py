"""The shortest host that follows docs/wire-format.md, for any processed module; slow, and strict with the guest."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wasmtime import Engine, Func, FuncType, Instance, Linker, Memory, Module, Store, Table, Val, WasiConfig

from externref_build.metadata import INTERFACE_SECTION, InterfaceFunction, decode_interface
from externref_build.value_types import ListType, OptionType, ResourceType, ValueType
from externref_build.wasm.decoding import decode_module

FORMATS = dict(zip(("s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64"), "bBhHiIqQfd", strict=True))
RANGES = {"bool": 2, "u8": 1 << 8, "u16": 1 << 16, "u32": 1 << 32, "usize": 1 << 32, "ptr": 1 << 32, "u64": 1 << 64}
"""How many values an unsigned type has, whose core type is signed in Python."""


class CallError(Exception):
    """A function failed with a message: raised by the host's own functions, and by `Host.call`."""


class Host:
    """An instance of a module, with functions of Python's for its imports, by ``module.name``."""

    def __init__(
        self, module: bytes, functions: Mapping[str, Callable[..., Any]], *, stderr: str | None = None
    ) -> None:
        self.panics: list[tuple[str, str, int, int]] = []
        self.failure: str | None = None
        own: dict[str, Callable[..., Any]] = {"externref.host.fail": self._fail, "externref.host.panic": self._panic}
        self.interface = {(function.module, function.name): function for function in interface_of(module)}
        self.store = Store(Engine())
        compiled = Module(self.store.engine, module)
        self.imports = compiled.imports
        linker = Linker(self.store.engine)
        wasi = WasiConfig()
        if stderr is not None:
            wasi.stderr_file = stderr
        self.store.set_wasi(wasi)
        linker.define_wasi()
        for entry in compiled.imports:
            if entry.module.startswith("wasi"):
                continue
            path = f"{entry.module}.{entry.name}"
            declaration = self.interface.get((entry.module, entry.name or ""))
            function: Callable[..., Any] = own.get(path, _absent(path))
            if declaration is not None and path in functions:
                function = self._imported(declaration, functions[path])
            assert isinstance(entry.type, FuncType)
            linker.define(self.store, entry.module, entry.name or "", Func(self.store, entry.type, function))
        self.instance: Instance = linker.instantiate(self.store, compiled)
        memory = self.instance.exports(self.store)["memory"]
        assert isinstance(memory, Memory)
        self.memory = memory
        initialize = self.instance.exports(self.store).get("_initialize")
        if isinstance(initialize, Func):
            initialize(self.store)

    def call(self, name: str, *arguments: Any) -> Any:
        """Call an export with values of Python's; raise `CallError` where it fails."""
        function = self.interface[None, name]
        lowered = [
            core
            for (_, value_type), value in zip(function.params, arguments, strict=True)
            for core in self._lower(value_type, value)
        ]
        result = self.raw(name, *lowered)
        if self.failure is not None:
            message, self.failure = self.failure, None
            assert function.fallible
            assert not result
            raise CallError(message)
        return self._lift(function.results[0], result) if function.results else result

    def raw(self, name: str, *arguments: Any) -> Any:
        """Call an export with core values."""
        function = self.instance.exports(self.store)[name]
        assert isinstance(function, Func)
        return function(self.store, *arguments)

    def held(self) -> list[object]:
        """Return the objects that the guest refers to."""
        table = self.instance.exports(self.store)["externrefs"]
        assert isinstance(table, Table)
        entries = [table.get(self.store, index) for index in range(table.size(self.store))]
        return [entry for entry in entries if not isinstance(entry, Val)]

    def allocate(self, data: bytes, alignment: int) -> int:
        """Copy bytes into memory that is the guest's from here on; return their address, which is not 0."""
        address = int(self.raw("cabi_realloc", 0, 0, alignment, len(data))) & 0xFFFFFFFF
        assert address
        assert address % alignment == 0
        self.memory.write(self.store, data, address)
        return address

    def _imported(self, declaration: InterfaceFunction, function: Callable[..., Any]) -> Callable[..., Any]:
        def imported(*core: Any) -> Any:
            values = iter(core)
            arguments, written = [], []
            for _, value_type in declaration.params:
                parts = tuple(next(values) for _ in range(2 if _element(value_type) else 1))
                value = self._lift(value_type, parts if len(parts) > 1 else parts[0])
                arguments.append(value)
                inner = value_type.inner if isinstance(value_type, OptionType) else value_type
                if isinstance(inner, ListType) and inner.mutable and value is not None:
                    written.append((inner, value, parts[0]))
            try:
                result = function(*arguments)
            except CallError as failure:
                [place] = values
                message = str(failure).encode()
                assert self._read(place, 8) == bytes(8)
                words = struct.pack("<II", self.allocate(message, 1), len(message))
                self.memory.write(self.store, words, place & 0xFFFFFFFF)
                return _zero(declaration)
            for inner, value, address in written:
                packed = struct.pack(f"<{len(value)}{FORMATS[inner.element]}", *value)
                self.memory.write(self.store, packed, address & 0xFFFFFFFF)
            if not declaration.results:
                assert result is None
                return None
            [value_type] = declaration.results
            lowered = self._lower(value_type, result)
            if len(lowered) == 1:
                return lowered[0]
            address, length = lowered
            return _signed(address | length << 32, 64)

        return imported

    def _lower(self, value_type: ValueType, value: Any) -> list[Any]:
        """Turn a value into core values, text and lists into address and length."""
        if isinstance(value_type, OptionType):
            return [0, 0] if value is None else self._lower(value_type.inner, value)
        if value_type == "str":
            value = value.encode() if isinstance(value, str) else value
            return [self.allocate(value, 1), len(value)]
        if value_type == "bytes":
            return [self.allocate(value, 1), len(value)]
        if isinstance(value_type, ListType):
            packed = struct.pack(f"<{len(value)}{FORMATS[value_type.element]}", *value)
            return [self.allocate(packed, struct.calcsize(FORMATS[value_type.element])), len(value)]
        if value_type == "char" and isinstance(value, str):
            return [ord(value)]
        if value_type in RANGES:
            return [_signed(int(value), 64 if value_type == "u64" else 32)]
        return [value]

    def _lift(self, value_type: ValueType, core: Any) -> Any:
        """Make sense of one core value, or of address and length."""
        element = _element(value_type)
        if element:
            address, length = core if isinstance(core, tuple) else (core & 0xFFFFFFFF, core >> 32)
            address, length = address & 0xFFFFFFFF, length & 0xFFFFFFFF
            if address == 0:
                assert isinstance(value_type, OptionType)
                return None
            size = struct.calcsize(element)
            assert address % size == 0
            data = self._read(address, length * size)
            inner = value_type.inner if isinstance(value_type, OptionType) else value_type
            if inner == "str":
                return data.decode()
            return data if inner == "bytes" else list(struct.unpack(f"<{length}{element}", data))
        if isinstance(value_type, ResourceType):
            assert core is not None or value_type.nullable
        elif value_type == "bool":
            return {0: False, 1: True}[core]
        elif value_type == "char":
            return chr(core)
        elif isinstance(value_type, str) and value_type in RANGES:
            unsigned = core & ((1 << 64) - 1 if value_type == "u64" else 0xFFFFFFFF)
            assert unsigned < RANGES[value_type]
            return unsigned
        elif value_type in ("s8", "s16"):
            assert _signed(core, int(str(value_type)[1:])) == core
        return core

    def _read(self, address: int, length: int) -> bytes:
        start = address & 0xFFFFFFFF
        assert start + length <= self.memory.data_len(self.store)
        return ctypes.string_at(ctypes.addressof(self.memory.data_ptr(self.store).contents) + start, length)

    def _fail(self, address: int, length: int) -> None:
        self.failure = self._read(address, length).decode()

    def _panic(self, message: int, length: int, file: int, file_length: int, line: int, column: int) -> None:
        self.panics.append((self._read(message, length).decode(), self._read(file, file_length).decode(), line, column))


def interface_of(module: bytes) -> Iterable[InterfaceFunction]:
    """Return what a processed module says of its functions."""
    [section] = decode_module(module).custom_sections(INTERFACE_SECTION)
    return decode_interface(module[section.content : section.end])


def _element(value_type: ValueType) -> str:
    """Return the format of the elements of a text or list, nothing for other types."""
    if isinstance(value_type, OptionType):
        return _element(value_type.inner)
    if isinstance(value_type, ListType):
        return FORMATS[value_type.element]
    return "B" if value_type in ("str", "bytes") else ""


def _zero(declaration: InterfaceFunction) -> Any:
    if not declaration.results or isinstance(declaration.results[0], ResourceType):
        return None
    return 0


def _signed(value: int, bits: int) -> int:
    return (value + (1 << bits - 1) & (1 << bits) - 1) - (1 << bits - 1)


def _absent(path: str) -> Callable[..., Any]:
    def absent(*_: Any) -> Any:
        raise AssertionError(f"the guest calls {path}")

    return absent

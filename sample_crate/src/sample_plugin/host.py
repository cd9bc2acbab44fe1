"""The host's side of the plugin: the functions that it may call, and the calls into it.

The linker defines the functions of module ``notes`` and the drop hook, nothing else: there is no WASI, so the plugin
has no files, no clock, no network and no environment. References cross as ordinary Python objects, ``None`` is null;
texts cross as a pointer and a length in the plugin's memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeVar

from wasmtime import Engine, Func, FuncType, Linker, Memory, Module, Store, Table, Val, ValType

from sample_plugin.database import Cursor, Database, Hit, Hits, Row

T = TypeVar("T")

_U32 = 0xFFFF_FFFF


class NotAReferenceError(TypeError):
    """A call brought something else than the object that belongs there."""


@dataclass(frozen=True)
class Call:
    """One call that the plugin made, with the very objects that crossed."""

    name: str
    arguments: tuple[object, ...]
    result: object


def module_bytes() -> bytes:
    """Return the plugin's module as it was built into this package."""
    return resources.files("sample_plugin").joinpath("sample_plugin.wasm").read_bytes()


class Plugin:
    """An instance of the search plugin with a memory and a table of references of its own."""

    def __init__(
        self,
        *,
        on_call: Callable[[Call], None] | None = None,
        on_preview: Callable[[Row | None], None] | None = None,
        on_release: Callable[[object], None] | None = None,
    ) -> None:
        """Load the plugin.

        ``on_call`` is told of each call that the plugin makes, ``on_preview`` which row leads in a search (or that none
        does), ``on_release`` which object the plugin lets go of without having handed it back.
        """
        self._on_call = on_call or _ignore
        self._on_preview = on_preview or _ignore
        self._on_release = on_release or _ignore
        engine = Engine()
        self.module = Module(engine, module_bytes())
        self._store = Store(engine)
        self._instance = self._linker(engine).instantiate(self._store, self.module)
        self._memory = self._export("memory", Memory)

    def search(self, database: Database, query: str, *, hits: Hits | None = None, limit: int = 5) -> Row | None:
        """Return the row that answers the query best; ``hits`` receives up to ``limit`` more, best first."""
        return self._row("search", database, *self._write(query), hits, limit)

    def better(self, left: Row | None, right: Row | None, query: str) -> Row | None:
        """Return the one of two rows that answers the query better, or the only one; ``left`` if they are equal."""
        return self._row("better", left, right, *self._write(query))

    def next_match(self, cursor: Cursor, query: str) -> Row | None:
        """Move the cursor behind the next row that has all words of the query, and return that row."""
        return self._row("next_match", cursor, *self._write(query))

    def held(self) -> list[object]:
        """Return all that the plugin holds now: the entries of its table that are not null (wasmtime wraps null)."""
        table = self._export("externrefs", Table)
        entries = [table.get(self._store, index) for index in range(table.size(self._store))]
        return [entry for entry in entries if entry is not None and not isinstance(entry, Val)]

    def collect(self) -> None:
        """Let the engine give up the objects that nothing in the plugin refers to any more."""
        self._store.gc()

    # What the plugin may call

    def _linker(self, engine: Engine) -> Linker:
        ref, i32, i64, f64 = ValType.externref, ValType.i32, ValType.i64, ValType.f64
        linker = Linker(engine)
        for function, parameters, results in (
            (self._containing, [ref(), i32(), i32()], [ref()]),
            (self._all, [ref()], [ref()]),
            (self._next, [ref()], [ref()]),
            (self._close, [ref()], []),
            (self._id, [ref()], [i64()]),
            (self._text, [ref(), i32(), i32(), i32()], [i32()]),
            (self._preview, [ref()], []),
            (self._put, [ref(), ref(), f64()], []),
        ):
            name = function.__name__.lstrip("_")
            linker.define_func("notes", name, FuncType(parameters, results), self._observed(name, function))
        linker.define_func("notes", "released", FuncType([ref()], []), self._on_release)
        return linker

    def _observed(self, name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            result = function(*arguments)
            self._on_call(Call(name, arguments, result))
            return result

        return call

    def _containing(self, database: object, word: int, length: int) -> Cursor | None:
        return _expect(Database, database).containing(self._read(word, length))

    def _all(self, database: object) -> Cursor:
        return _expect(Database, database).all()

    def _next(self, cursor: object) -> Row | None:
        return _expect(Cursor, cursor).next()

    def _close(self, cursor: object) -> None:
        _expect(Cursor, cursor).close()

    def _id(self, row: object) -> int:
        return _expect(Row, row).id

    def _text(self, row: object, column: int, into: int, capacity: int) -> int:
        note = _expect(Row, row)
        text = (note.title, note.body)[column].encode()
        if len(text) <= capacity & _U32:
            self._memory.write(self._store, text, into & _U32)
        return len(text)

    def _preview(self, row: object) -> None:
        self._on_preview(None if row is None else _expect(Row, row))

    def _put(self, hits: object, row: object, score: float) -> None:
        _expect(Hits, hits).found.append(Hit(_expect(Row, row), score))

    # Calls into the plugin

    def _row(self, name: str, *arguments: object) -> Row | None:
        result = self._export(name, Func)(self._store, *arguments)
        return None if result is None else _expect(Row, result)

    def _export(self, name: str, kind: type[T]) -> T:
        return _expect(kind, self._instance.exports(self._store)[name])

    def _write(self, text: str) -> tuple[int, int]:
        encoded = text.encode()
        pointer = self._export("allocate", Func)(self._store, len(encoded)) & _U32
        self._memory.write(self._store, encoded, pointer)
        return pointer, len(encoded)

    def _read(self, pointer: int, length: int) -> str:
        start = pointer & _U32
        return self._memory.read(self._store, start, start + (length & _U32)).decode()


def _expect(kind: type[T], value: object) -> T:
    """Return ``value``, which has to be a ``kind``: a reference is as good as its object, a number is none."""
    if not isinstance(value, kind):
        raise NotAReferenceError(f"expected a {kind.__name__}, the call brought {value!r}")
    return value


def _ignore(_: Any) -> None:
    """Take no notice."""

"""What a plugin may reach of the system: nothing, or what its host grants."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import wasmtime

from externref_build.bindings.python.runtime.values import _shown


@dataclass(frozen=True)
class Wasi:
    """What a plugin may reach of the system. Each field grants one thing; by default there is nothing."""

    args: Sequence[str] = ()
    """Arguments of its command line, its own name first."""
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: str | os.PathLike[str] | None = None
    """A file that it reads as its standard input."""
    stdout: Callable[[bytes], object] | None = None
    """Called with what it prints, such as ``sys.stdout.buffer.write``."""
    stderr: Callable[[bytes], object] | None = None
    directories: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)
    """Folders by the names that it knows them under; it may read them."""
    writable: Mapping[str, str | os.PathLike[str]] = field(default_factory=dict)
    """Folders that it may change as well."""
    clock: bool = False
    random: bool = False
    """Randomness; without it, a Rust guest cannot make a ``HashMap``."""


def _grant(
    linker: wasmtime.Linker,
    store: wasmtime.Store,
    wasi: Wasi,
    writer: Callable[[Callable[[bytes], object]], Callable[[bytes], int | None]],
) -> None:
    """Give a guest what was granted to it of the system, and nothing else; ``writer`` makes what takes its output."""
    _check(wasi)
    config = wasmtime.WasiConfig()
    config.argv = list(wasi.args)
    config.env = list(wasi.env.items())
    if wasi.stdin is not None:
        config.stdin_file = wasi.stdin
    for name, write in (("stdout_custom", wasi.stdout), ("stderr_custom", wasi.stderr)):
        if write is not None:
            setattr(config, name, writer(write))
    for folders, mutable in ((wasi.directories, False), (wasi.writable, True)):
        for name, folder in folders.items():
            config.preopen_dir(os.fspath(folder), name, *_permissions(mutable))
    store.set_wasi(config)
    linker.define_wasi()
    i32, i64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()
    for granted, name, params in (
        (wasi.clock, "clock_time_get", [i32, i64, i32]),
        (wasi.clock, "clock_res_get", [i32, i32]),
        (wasi.clock, "poll_oneoff", [i32, i32, i32, i32]),
        (wasi.random, "random_get", [i32, i32]),
    ):
        if not granted:
            linker.define_func("wasi_snapshot_preview1", name, wasmtime.FuncType(params, [i32]), _refuse)


def _permissions(mutable: bool) -> Sequence[Any]:
    """Spell for wasmtime what a guest may do in a folder."""
    kinds: list[Any] = [getattr(wasmtime, name, None) for name in ("DirPerms", "FilePerms")]
    if None in kinds:
        return [mutable]
    return [kind.READ_WRITE if mutable else kind.READ_ONLY for kind in kinds]  # before version 47 of the package


def _check(wasi: Wasi) -> None:
    """Raise TypeError, ValueError or OSError for what cannot be granted."""
    if not isinstance(wasi, Wasi):
        raise TypeError(f"wasi is {_shown(wasi)}, expected a Wasi or None")
    for name, kinds, words in _GRANTS:
        value = getattr(wasi, name)
        if not isinstance(value, kinds) or (name == "args" and isinstance(value, str)):
            raise TypeError(f"{name} of wasi is {_shown(value)}, expected {words}")
    _check_texts("args", wasi.args)
    _check_texts("env", itertools.chain(*wasi.env.items()))
    for variable in wasi.env:
        if not variable or "=" in variable:
            raise ValueError(f"env of wasi has {_shown(variable)}, which cannot be the name of a variable")
    for name, write in (("stdout", wasi.stdout), ("stderr", wasi.stderr)):
        if write is not None and not callable(write):
            raise TypeError(f"{name} of wasi is {_shown(write)}, expected a function that takes bytes, or None")
    if wasi.stdin is not None and not Path(wasi.stdin).exists():
        raise FileNotFoundError(f"stdin of wasi is {_shown(wasi.stdin)}, where there is no file")
    for name, folders in (("directories", wasi.directories), ("writable", wasi.writable)):
        _check_texts(name, folders)
        for seen, folder in folders.items():
            if not isinstance(folder, (str, os.PathLike)):
                raise TypeError(f"{name} of wasi has {_shown(folder)} for {seen}, expected a path")
            if not Path(folder).is_dir():
                raise NotADirectoryError(f"{name} of wasi has {_shown(folder)} for {seen}, where there is no folder")


def _check_texts(name: str, texts: Iterable[object]) -> None:
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"{name} of wasi has {_shown(text)}, expected a str")
        if "\0" in text:
            raise ValueError(f"{name} of wasi has {_shown(text)}, which has a null character")
        if text != text.encode("utf-8", "replace").decode():
            raise ValueError(f"{name} of wasi has {_shown(text)}, which has a lone surrogate")


_GRANTS: Final[Sequence[tuple[str, Any, str]]] = (
    ("args", Sequence, "a sequence of texts"),
    ("env", Mapping, "a mapping of texts"),
    ("stdin", (str, os.PathLike, type(None)), "a path or None"),
    ("directories", Mapping, "a mapping of names to folders"),
    ("writable", Mapping, "a mapping of names to folders"),
    ("clock", bool, "True or False"),
    ("random", bool, "True or False"),
)
"""What the fields of a `Wasi` have to be, but for those that are called."""

_NOT_CAPABLE: Final = 76
"""WASI's error number for what was not granted."""


def _refuse(*_: int) -> int:
    return _NOT_CAPABLE

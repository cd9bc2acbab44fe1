"""What a plugin may reach of the system: nothing, or what its host grants."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import wasmtime


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
            config.preopen_dir(os.fspath(folder), name, mutable)
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


_NOT_CAPABLE: Final = 76
"""WASI's error number for what was not granted."""


def _refuse(*_: int) -> int:
    return _NOT_CAPABLE

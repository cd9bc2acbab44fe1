"""Engines and modules, which all plugins of a process share."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Final

import wasmtime
from wasmtime import _ffi

from externref_build.bindings.python.runtime.failures import PluginError

_TICK: Final = 0.01
"""In seconds: how often engines look whether a deadline has passed."""


class _Engine:
    """An engine for plugins with the same kinds of limits, and the modules that it compiled."""

    def __init__(self, fuel: bool, deadline: bool) -> None:
        with _source_lines():
            config = wasmtime.Config()
        config.consume_fuel = fuel
        config.epoch_interruption = deadline
        with contextlib.suppress(AttributeError):
            config.wasm_gc = False  # with it, a guest could turn an object of its own into a reference
        with contextlib.suppress(wasmtime.WasmtimeError):  # without a home there is no cache
            config.cache = True
        self.memory_stays = False
        """Whether a memory is where it was, however it grows."""
        with contextlib.suppress(AttributeError):
            _ffi.wasmtime_config_memory_may_move_set(config.ptr(), False)
            self.memory_stays = True
        self.engine = wasmtime.Engine(config)
        self._modules: dict[str, wasmtime.Module] = {}
        self._running = 0
        self._lock = threading.Condition()
        self._ticker: threading.Thread | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget_threads)

    def module(self, name: str, read: Callable[[], bytes]) -> wasmtime.Module:
        """Return a compiled module; it is compiled once. Raises PluginError if it is damaged."""
        if name not in self._modules:
            try:
                self._modules[name] = wasmtime.Module(self.engine, read())
            except wasmtime.WasmtimeError as error:
                raise PluginError(f"{name} is no module that wasmtime can run: {error}") from None
        return self._modules[name]

    def enter(self) -> None:
        """Let time pass: a call with a deadline begins."""
        with self._lock:
            self._running += 1
            if self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, name="plugin deadlines", daemon=True)
                self._ticker.start()
            self._lock.notify()

    def leave(self) -> None:
        """Note that a call with a deadline has ended."""
        with self._lock:
            self._running -= 1

    def _forget_threads(self) -> None:
        """Begin anew in the child of a fork, where the ticker is not, but may have held the lock."""
        self._lock = threading.Condition()
        self._ticker = None

    def _tick(self) -> None:
        done = threading.Event()
        while True:
            with self._lock:
                while not self._running:
                    self._lock.wait()
            done.wait(_TICK)
            self.engine.increment_epoch()


@contextlib.contextmanager
def _source_lines() -> Iterator[None]:
    """Have wasmtime name source lines in backtraces, unless the environment says otherwise."""
    variable = "WASMTIME_BACKTRACE_DETAILS"
    if variable in os.environ:
        yield
        return
    os.environ[variable] = "1"
    try:
        yield
    finally:
        del os.environ[variable]


_ENGINES: dict[tuple[bool, bool], _Engine] = {}
_ENGINES_LOCK = threading.Lock()


def _engine(fuel: bool, deadline: bool) -> _Engine:
    with _ENGINES_LOCK:
        if (fuel, deadline) not in _ENGINES:
            _ENGINES[fuel, deadline] = _Engine(fuel, deadline)
        return _ENGINES[fuel, deadline]


def _read_module(name: str) -> bytes:
    """Read the module that lies beside this file, in a folder or an archive."""
    if __package__:
        return resources.files(__package__).joinpath(name).read_bytes()
    return Path(__file__).with_name(name).read_bytes()

"""What a plugin can do wrong."""

from __future__ import annotations


class PluginError(Exception):
    """Root of all that a plugin itself does wrong."""


class GuestError(PluginError):
    """A function of the plugin returned an error; the text is the plugin's own. It stays usable."""


class GuestFault(PluginError):
    """The plugin broke the rules of its interface, with text that is not UTF-8 or beyond its memory, for example."""


class GuestTrap(PluginError):
    """The plugin was stopped in the middle of a call, and is closed for use."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        """The name of wasmtime's `TrapCode`, where there is one."""


class GuestPanic(GuestTrap):
    """The plugin panicked."""

    def __init__(self, message: str, file: str, line: int, column: int) -> None:
        super().__init__(f"{message} ({file}:{line}:{column})" if file else message, "UNREACHABLE")
        self.message = message
        self.file = file
        """The source file of the plugin, as its compiler named it."""
        self.line = line
        self.column = column


class LimitExceeded(GuestTrap):
    """The plugin used up the fuel or the time that a call was given, or the memory or references that it may have."""


class PluginClosedError(PluginError):
    """The plugin was closed, by its host or by what stopped it."""


class WrongThreadError(PluginError):
    """A plugin belongs to the thread that loaded it."""

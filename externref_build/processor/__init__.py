"""Bytes of a linked core module in, bytes of a module with real references out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from externref_build.processor.report import Report

__all__ = ["Processor", "Report", "process"]


class Processor:
    """Process modules, each with the same options.

    Args:
        table: The name under which the table of references is exported; None exports it under none.
        drop_hook: Module and name of a function to import, ``(externref) -> ()``, which is called with each reference
            that the guest drops.
        require_direct: Raise `AdapterRequiredError` rather than give a function an adapter.
        debug_info: What to keep of debug info: all of it, fitted to the new code; only ``names``; or nothing
            (``strip``).
        interface: Keep the guest's interface in the section ``externref.interface``.
    """

    __slots__ = ("_options", "report")

    report: Report
    """What the last call of `process` did; there is none before the first."""

    def __init__(
        self,
        table: str | None = "externrefs",
        drop_hook: tuple[str, str] | None = None,
        require_direct: bool = False,
        debug_info: Literal["keep", "names", "strip"] = "keep",
        interface: bool = True,
    ) -> None:
        from externref_build.processor.rewrite import Options

        self._options = Options(table, drop_hook, require_direct, debug_info, interface)

    def process(self, data: bytes | memoryview) -> bytes:
        """Turn the declared integers of a module into references.

        A module that declares none comes back as it is. Raises `ModuleError` for what is no linked core module or
        breaks the binary format, `MetadataError` where declarations are broken or don't fit the module,
        `AdapterRequiredError` as ``require_direct`` says, and `SeveralErrors` for more than one of these.
        """
        return b"".join(self.process_in_parts(data))

    def process_in_parts(self, data: bytes | memoryview) -> Sequence[bytes | bytearray | memoryview]:
        """Do as `process` does, but return the parts of which the module is made, to be written one after the other.

        They are slices of ``data`` and what stands between them, so that there is no copy of a large module.
        """
        from externref_build.processor.rewrite import rewrite_in_parts

        parts, self.report = rewrite_in_parts(data, self._options)
        return parts


def process(data: bytes | memoryview, **options: Any) -> bytes:
    """Process one module; ``options`` are those of `Processor`."""
    return Processor(**options).process(data)

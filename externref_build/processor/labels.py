"""What functions are called in reports and errors."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from functools import cached_property

from externref_build.errors import MalformedModuleError
from externref_build.wasm.module import FUNC, Module
from externref_build.wasm.names import decode_name_at, locate_func_names


class FuncLabels:
    """Names functions by the name section, their export, or their import, in this order."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._known: dict[int, str | None] = {}

    def describe(self, func: int) -> str:
        """Name a function; ``func[index]`` where nothing else does."""
        imported = self.module.func_imports
        if func < len(imported):
            return f"{imported[func].module}.{imported[func].name}"
        name = self._known[func] if func in self._known else self._all_names.get(func)
        return name or self._export_names.get(func) or f"func[{func}]"

    def load(self, funcs: Collection[int]) -> None:
        """Decode the names of some functions, so that describing these needs no index of all."""
        found = self._decode(funcs)
        self._known.update((func, found.get(func)) for func in funcs)

    @cached_property
    def _export_names(self) -> dict[int, str]:
        return {export.index: export.name for export in reversed(self.module.exports) if export.kind == FUNC}

    @cached_property
    def _all_names(self) -> dict[int, str]:
        return self._decode(None)

    def _decode(self, wanted: Collection[int] | None) -> dict[int, str]:
        for section in self.module.custom_sections("name"):
            content = self.module.data[section.content : section.end]
            with suppress(MalformedModuleError):
                located = locate_func_names(content, wanted)
                return {func: decode_name_at(content, offset) for func, offset in located.items()}
        return {}

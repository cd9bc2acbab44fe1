"""What functions are called in reports and errors."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from externref_build.errors import MalformedModuleError
from externref_build.wasm.module import FUNC, Module
from externref_build.wasm.names import decode_name_at, locate_func_names


@dataclass
class FuncLabels:
    """Names functions by the name section, their export, or their import, in this order."""

    module: Module

    def describe(self, func: int) -> str:
        """Name a function; ``func[index]`` where nothing else does."""
        imported = self.module.func_imports
        if func < len(imported):
            return f"{imported[func].module}.{imported[func].name}"
        return self._name(func) or self._export_names.get(func) or f"func[{func}]"

    def _name(self, func: int) -> str | None:
        section, names = self._names
        return decode_name_at(section, names[func]) if func in names else None

    @cached_property
    def _export_names(self) -> dict[int, str]:
        return {export.index: export.name for export in reversed(self.module.exports) if export.kind == FUNC}

    @cached_property
    def _names(self) -> tuple[memoryview, dict[int, int]]:
        for section in self.module.custom_sections("name"):
            content = self.module.data[section.content : section.end]
            with suppress(MalformedModuleError):
                return content, locate_func_names(content)
        return memoryview(b""), {}

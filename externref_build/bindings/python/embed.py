"""Put the modules of the runtime one behind the other, so that a generated host needs nothing of this package."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from externref_build.bindings.python.runtime import MODULES

_OURS: Final = "externref_build."
_THIRD_PARTY: Final = "wasmtime"


@dataclass(frozen=True, slots=True)
class Runtime:
    """The runtime as one piece."""

    modules: frozenset[str]
    """What it imports as a whole."""
    names: Mapping[str, frozenset[str]]
    """What it imports from which module."""
    body: str

    def imported(self) -> set[str]:
        """Return every name that the imports define."""
        return {*self.modules, *(name for names in self.names.values() for name in names)}


@cache
def runtime() -> Runtime:
    """Read the modules of the runtime, each as it is, but for its imports."""
    folder = Path(__file__).with_name("runtime")
    modules: set[str] = set()
    names: dict[str, set[str]] = {}
    bodies = []
    for name in MODULES:
        text = (folder / f"{name}.py").read_text(encoding="utf-8")
        docstring, *statements = ast.parse(text).body
        body = [statement for statement in statements if not _is_import(statement)]
        for statement in statements:
            if isinstance(statement, ast.Import):
                modules |= {alias.name for alias in statement.names}
            elif isinstance(statement, ast.ImportFrom) and not _is_ours(statement):
                names.setdefault(statement.module or "", set()).update(alias.name for alias in statement.names)
        start = min([body[0].lineno, *(decorator.lineno for decorator in getattr(body[0], "decorator_list", ()))])
        assert isinstance(docstring, ast.Expr)
        assert isinstance(docstring.value, ast.Constant)
        title = "\n".join(f"# {line}" for line in str(docstring.value.value).splitlines())
        bodies.append(f"{title}\n\n\n{''.join(text.splitlines(keepends=True)[start - 1 :]).strip()}")
    del names["__future__"]
    return Runtime(frozenset(modules), {key: frozenset(value) for key, value in names.items()}, "\n\n\n".join(bodies))


def spell_imports(modules: Iterable[str], names: Mapping[str, Iterable[str]], further: Iterable[str]) -> str:
    """Spell imports as tools sort them: the standard library's, wasmtime's, further lines."""
    lines = sorted(f"import {module}" for module in modules) + [
        f"from {module} import {', '.join(sorted(imported, key=_constants_first))}"
        for module, imported in sorted(names.items())
    ]
    third_party = [line for line in lines if line.split()[1] == _THIRD_PARTY]
    standard = [line for line in lines if line not in third_party]
    blocks = [["from __future__ import annotations"], standard, third_party, list(further)]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _is_import(statement: ast.stmt) -> bool:
    """Whether a statement is an import, or an import for type checkers alone."""
    return isinstance(statement, (ast.Import, ast.ImportFrom)) or (
        isinstance(statement, ast.If) and isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"
    )


def _is_ours(statement: ast.ImportFrom) -> bool:
    return (statement.module or "").startswith(_OURS)


def _constants_first(name: str) -> tuple[bool, str]:
    return not name.isupper(), name

"""The architecture, as far as imports show it: they point downward, and only the rim touches the world."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import externref_build

PACKAGE = Path(externref_build.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "sdk" not in path.relative_to(PACKAGE).parts)

BELOW_BUILD = {
    "guests",
    "processor",
    "bindings",
    "config",
    "metadata",
    "value_types",
    "wasm",
    "colour",
    "wording",
    "output",
    "errors",
    "_version",
}
BELOW = {
    "cli": {"wheels", "build", *BELOW_BUILD},
    "backends": {"build", "guests", "config", "output", "errors", "_version"},
    "wheels": {"build", "metadata", "value_types", "wasm", "wording", "errors"},
    "build": BELOW_BUILD,
    "guests": {"config", "metadata", "value_types", "output", "errors", "_version"},
    "bindings": {"metadata", "value_types", "wasm", "errors", "_version"},
    "config": {"errors", "_version"},
    "processor": {"metadata", "value_types", "wasm", "errors", "_version"},
    "metadata": {"value_types", "wasm", "errors"},
    "value_types": {"wasm", "errors"},
    "wasm": {"errors"},
    "output": {"errors"},
    "colour": set[str](),
    "wording": set[str](),
    "errors": set[str](),
    "_version": set[str](),
}
"""What each part may import, besides itself."""

PURE = {"wasm", "value_types", "metadata", "processor"}
WORLD = {"logging", "os", "pathlib", "shutil", "socket", "subprocess", "tempfile"}
"""What a part that is bytes in, bytes out has no use for."""


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def part(path: Path) -> str:
    """Return the part of the architecture that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every module that a file imports, at whatever depth, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno}: imports are absolute"
            module = node.module or ""
            if module == "externref_build":
                yield from ((f"externref_build.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield module, node.lineno


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent != PACKAGE or part(path) in BELOW], ids=name)
def test_imports_point_downward(path: Path) -> None:
    ours = [(module.split("."), line) for module, line in imports(path) if module.split(".")[0] == "externref_build"]
    allowed = BELOW[part(path)] | {part(path)}
    upward = [f"{name(path)}:{line}: {'.'.join(module)}" for module, line in ours if module[1] not in allowed]
    assert not upward


def test_every_part_is_in_the_table() -> None:
    assert {part(path) for path in MODULES} - {"__init__", "__main__"} <= BELOW.keys()


def test_nothing_imports_two_parts_in_a_circle() -> None:
    for upper, lower in BELOW.items():
        assert not [other for other in lower if upper in BELOW[other]]


@pytest.mark.parametrize("path", [path for path in MODULES if part(path) in PURE], ids=name)
def test_bytes_in_bytes_out(path: Path) -> None:
    worldly = [f"{name(path)}:{line}: {module}" for module, line in imports(path) if module.split(".")[0] in WORLD]
    assert not worldly


def test_one_file_runs_programs() -> None:
    assert {name(path) for path in MODULES for module, _ in imports(path) if module == "subprocess"} == {
        "guests/run.py"
    }
    calls = {"system", "popen", "execv", "execve", "execvp", "spawnv", "posix_spawn", "fork"}
    others = [
        f"{name(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in calls
    ]
    assert not others


def test_only_the_command_line_prints() -> None:
    printing = {
        part(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert printing == {"cli"}

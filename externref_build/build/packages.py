"""Find the folder of a Python package in a project, without asking its build backend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from externref_build.config import ModuleConfig, read_tool_table
from externref_build.errors import ConfigError


def package_folder(module: ModuleConfig) -> Path:
    """Return the folder of the package that receives a module.

    It is where ``[tool.setuptools]``, ``[tool.maturin]`` or ``[tool.hatch.build]`` say, else in ``src/`` or beside
    pyproject.toml. Raises ConfigError if there is none, or if it is not in the project.
    """
    candidates = list(dict.fromkeys(_candidates(module)))
    for folder in candidates:
        if folder.is_dir():
            return require_inside(folder, module)
    listed = ", ".join(str(folder.relative_to(module.project_dir)) for folder in candidates)
    raise ConfigError(
        f"package is {module.package}, and the project has no such package (looked for: {listed})",
        where=str(module.project_dir / "pyproject.toml"),
        remedy=f"make the folder {listed.partition(',')[0]} with an __init__.py, or correct the key package",
    )


def name_in_wheel(module: ModuleConfig, file_name: str) -> str:
    """Return the name that a wheel has for a file beside a module."""
    return f"{module.package.replace('.', '/')}/{file_name}"


def require_inside(folder: Path, module: ModuleConfig) -> Path:
    """Return a package's folder if it lies in the project, whatever links lead there; nothing else is written to.

    Raises ConfigError.
    """
    if folder.resolve().is_relative_to(module.project_dir.resolve()):
        return folder
    raise ConfigError(
        f"package is {module.package}, and its folder {folder.resolve()} lies outside the project, expected one inside",
        where=str(module.project_dir / "pyproject.toml"),
        remedy=f"move the package into {module.project_dir}, and see that no link leads out of it",
    )


def _candidates(module: ModuleConfig) -> Iterator[Path]:
    setuptools = read_tool_table(module.project_dir, "setuptools") or {}
    parts = module.package.split(".")
    package_dir = _mapping(setuptools.get("package-dir"))
    for split in range(len(parts), -1, -1):
        base = package_dir.get(".".join(parts[:split]))
        if isinstance(base, str):
            yield module.project_dir.joinpath(base, *parts[split:])
    find = _mapping(_mapping(setuptools.get("packages")).get("find"))
    maturin = read_tool_table(module.project_dir, "maturin") or {}
    hatch = read_tool_table(module.project_dir, "hatch") or {}
    for base in (*find.get("where", ()), *_maturin_bases(maturin), *_hatch_bases(hatch), "src", "."):
        yield module.project_dir.joinpath(base, *parts)


def _maturin_bases(table: Mapping[str, Any]) -> Iterator[str]:
    source = table.get("python-source")
    if isinstance(source, str):
        yield source


def _hatch_bases(table: Mapping[str, Any]) -> Iterator[str]:
    build = _mapping(table.get("build"))
    for target in (_mapping(_mapping(build.get("targets")).get("wheel")), build):
        yield from (str(PurePath(package).parent) for package in target.get("packages", ()))
        yield from target.get("sources", ())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

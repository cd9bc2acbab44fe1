"""Find the folder of a Python package in a project, without asking its build backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath

from externref_build.config import ModuleConfig, read_tool_table
from externref_build.config.toml import table, text, texts
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
    setuptools, maturin, hatch = (
        read_tool_table(module.project_dir, tool) for tool in ("setuptools", "maturin", "hatch")
    )
    parts = module.package.split(".")
    package_dir = table(setuptools, "package-dir")
    for split in range(len(parts), -1, -1):
        base = package_dir.get(".".join(parts[:split]))
        if isinstance(base, str):
            yield module.project_dir.joinpath(base, *parts[split:])
    source = text(maturin, "python-source")
    found = [*texts(setuptools, "packages", "find", "where"), *([source] if source else ()), *_hatch_bases(hatch)]
    for base in (*found, "src", "."):
        yield module.project_dir.joinpath(base, *parts)


def _hatch_bases(hatch: object) -> Iterator[str]:
    build = table(hatch, "build")
    for target in (table(build, "targets", "wheel"), build):
        yield from (str(PurePath(package).parent) for package in texts(target, "packages"))
        yield from (*texts(target, "sources"), *table(target, "sources"))

"""Cargo's own configuration, as far as the build has to know it before cargo runs.

Cargo takes flags for rustc from exactly one of four sources; to add flags, one has to know which one it will be.
Sources: https://doc.rust-lang.org/cargo/reference/config.html (hierarchy, ``include``, ``build.rustflags``) and the
Rust reference, "Conditional compilation", for the grammar of ``cfg(...)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from externref_build.config import toml


@dataclass(frozen=True, slots=True)
class CargoConfig:
    """The tables that cargo merges, strongest first, and the environment that overrides them."""

    tables: tuple[Mapping[str, Any], ...]
    environ: Mapping[str, str]

    def string(self, section: str, key: str) -> str | None:
        """Return a string such as ``build.target``, or ``None``; a list (several targets) yields its only element."""
        value: object = self.environ.get(f"CARGO_{section}_{key}".upper().replace("-", "_")) or None
        for table in self.tables:
            value = value or toml.table(table, section).get(key)
        if isinstance(value, list):
            value = value[0] if len(value) == 1 else None
        return value if isinstance(value, str) else None

    def has_target_flags(self, target: str, cfg: frozenset[str]) -> bool:
        """Tell whether cargo will take ``rustflags`` from a table ``[target.…]``: the triple's, or a true cfg."""
        if self.environ.get(f"CARGO_TARGET_{target.upper().replace('-', '_')}_RUSTFLAGS"):
            return True
        return any(
            entry.get("rustflags") and (name == target or (name.startswith("cfg(") and _holds(name[4:-1], cfg)))
            for table in self.tables
            for name, entry in toml.table(table, "target").items()
            if isinstance(entry, dict)
        )

    def is_text(self, *keys: str) -> bool:
        """Tell whether a value is written as one string where a list would do as well; cargo does not merge the two."""
        return any(toml.text(table, *keys) is not None for table in self.tables)

    def builds_std(self) -> bool:
        """Tell whether the standard library is compiled with the guest (``unstable.build-std``)."""
        return any(toml.table(table, "unstable").get("build-std") for table in self.tables)


def read_cargo_config(folder: Path, environ: Mapping[str, str], cargo_args: Sequence[str] = ()) -> CargoConfig:
    """Read what cargo reads when it is started in a folder: ``--config`` arguments, then the files, nearest first.

    A file that is not TOML is left out here: cargo reports it.
    """
    tables = [*_from_arguments(folder, cargo_args)]
    for path in config_paths(folder, environ):
        tables.extend(_with_includes(path))
    return CargoConfig(tuple(tables), environ)


def config_paths(folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where cargo looks for its configuration when it is started in a folder, nearest first."""
    for parent in [folder, *folder.parents]:
        yield _config_file(parent / ".cargo")
    yield _config_file(cargo_home(environ))


def cargo_home(environ: Mapping[str, str]) -> Path:
    """Return the folder where cargo keeps registries and its global configuration."""
    return Path(environ.get("CARGO_HOME") or Path.home() / ".cargo").absolute()


def _config_file(folder: Path) -> Path:
    old = folder / "config"
    return old if old.is_file() else folder / "config.toml"


def _with_includes(path: Path, depth: int = 8) -> Iterator[Mapping[str, Any]]:
    try:
        table = toml.parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    yield table
    included = table.get("include", [])
    for entry in included if isinstance(included, list) else [included]:
        name = entry.get("path") if isinstance(entry, dict) else entry
        if isinstance(name, str) and depth:
            yield from _with_includes(path.parent / name, depth - 1)


def config_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the ``--config`` arguments among arguments of cargo, each in one word."""
    words = iter(arguments)
    found = [
        word if word.startswith("--config=") else f"--config={next(words, '')}"
        for word in words
        if word.partition("=")[0] == "--config"
    ]
    return tuple(found)


def _from_arguments(folder: Path, arguments: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    for argument in reversed(config_arguments(arguments)):
        value = argument.partition("=")[2]
        try:
            yield toml.parse_toml(value)
        except ValueError:
            yield from _with_includes(folder / value)


# cfg(...)

_CFG_TOKEN = re.compile(r'\s*([\w-]+|"[^"]*"|[(),=])')


def _holds(expression: str, cfg: frozenset[str]) -> bool:
    """Evaluate the inside of ``cfg(...)`` against the lines of ``rustc --print cfg``; malformed ones do not hold."""
    tokens = _CFG_TOKEN.findall(expression)
    try:
        value = _predicate(tokens, cfg)
    except IndexError:
        return False
    return value and not tokens


def _predicate(tokens: list[str], cfg: frozenset[str]) -> bool:
    name = tokens.pop(0)
    following = tokens[0] if tokens else ""
    if following == "=":
        tokens.pop(0)
        return f"{name}={tokens.pop(0)}" in cfg
    if following != "(":
        return name == "true" or name in cfg
    tokens.pop(0)
    values = []
    while tokens[0] != ")":
        values.append(_predicate(tokens, cfg))
        if tokens[0] == ",":
            tokens.pop(0)
    tokens.pop(0)
    return {"all": all(values), "any": any(values), "not": not any(values)}.get(name, False)

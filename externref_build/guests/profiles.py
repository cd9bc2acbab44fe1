"""Cargo's profiles, as far as the build has to know them before cargo runs.

Source: https://doc.rust-lang.org/cargo/reference/profiles.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from externref_build.guests.cargo_config import CargoConfig

_PARENTS: Final = {"test": "dev", "bench": "release"}
_NONE: Final = {"false", "0", "none"}


def has_debug_info(profile: str, manifest: Mapping[str, Any], config: CargoConfig) -> bool:
    """Tell whether any crate has debug info in a profile; ``manifest`` is the Cargo.toml of the workspace's root."""
    name: str | None = profile
    known = set[str]()
    while name and name not in known:
        known.add(name)
        tables = list(_tables(name, manifest, config))
        if any(_says_yes(package) for table in tables for package in _mapping(table.get("package")).values()):
            return True
        variable = config.environ.get(f"CARGO_PROFILE_{name.upper().replace('-', '_')}_DEBUG")
        said = next(
            (value for value in (variable, *(table.get("debug") for table in tables)) if value is not None), None
        )
        if said is not None:
            return _is_some(said)
        inherited = (table["inherits"] for table in tables if isinstance(table.get("inherits"), str))
        name = next(inherited, _PARENTS.get(name))
    return "dev" in known


def _tables(name: str, manifest: Mapping[str, Any], config: CargoConfig) -> Iterator[Mapping[str, Any]]:
    """Yield the tables of a profile, strongest first."""
    for document in (*config.tables, manifest):
        yield _mapping(_mapping(document.get("profile")).get(name))


def _says_yes(package: object) -> bool:
    said = _mapping(package).get("debug")
    return said is not None and _is_some(said)


def _is_some(value: object) -> bool:
    return str(value).lower() not in _NONE


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

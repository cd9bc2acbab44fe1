"""Cargo's profiles, as far as the build has to know them before cargo runs.

Source: https://doc.rust-lang.org/cargo/reference/profiles.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from externref_build.config.toml import table, text
from externref_build.guests.cargo_config import CargoConfig

_PARENTS: Final = {"test": "dev", "bench": "release"}
_NONE: Final = {"false", "0", "none"}


def has_debug_info(profile: str, manifest: Mapping[str, Any], config: CargoConfig) -> bool:
    """Tell whether any crate has debug info in a profile; ``manifest`` is the Cargo.toml of the workspace's root."""
    name: str | None = profile
    known = set[str]()
    while name and name not in known:
        known.add(name)
        profiles = [table(document, "profile", name) for document in (*config.tables, manifest)]  # strongest first
        if any(_says_yes(package) for profile in profiles for package in table(profile, "package").values()):
            return True
        variable = config.environ.get(f"CARGO_PROFILE_{name.upper().replace('-', '_')}_DEBUG")
        said = next(
            (value for value in (variable, *(profile.get("debug") for profile in profiles)) if value is not None), None
        )
        if said is not None:
            return _is_some(said)
        inherited = filter(None, (text(profile, "inherits") for profile in profiles))
        name = next(inherited, _PARENTS.get(name))
    return "dev" in known


def _says_yes(package: object) -> bool:
    said = table(package).get("debug")
    return said is not None and _is_some(said)


def _is_some(value: object) -> bool:
    return str(value).lower() not in _NONE

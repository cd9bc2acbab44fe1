"""What all of the table's readers know: the keys, a raw value with its place, and how errors tell of them."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from externref_build.errors import ConfigError

KEYS_OF_CARGO: Final = (
    "manifest-path",
    *("features", "all-features", "no-default-features", "locked", "offline", "frozen"),
    *("vendor", "cargo-args", "toolchain"),
)
KEYS_OF_CLANG: Final = ("include-dirs", "std", "cflags", "ldflags", "compiler")


@dataclass(frozen=True, slots=True)
class Value:
    """A raw value and the words that say where it was found."""

    raw: object
    origin: str


@functools.cache
def table_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of ``[tool.externref]``, with one module or several."""
    text = Path(__file__).with_name("config.schema.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


def schema() -> dict[str, Any]:
    """Return the JSON Schema of one module's table."""
    return cast("dict[str, Any]", table_schema()["definitions"]["module"])


def unknown_key(key: str, origin: str) -> ConfigError:
    """Say that there is no such key, and which one may be meant."""
    import difflib

    known = [*schema()["properties"], "modules"]
    near = difflib.get_close_matches(key.replace("_", "-").lower(), known, n=1, cutoff=0.5)
    return ConfigError(
        f"unknown key {key}, " + (f"did you mean {near[0]}?" if near else "expected one of those below"),
        where=f"{origin}, key {key}",
        remedy=None if near else f"known keys: {', '.join(known)}",
    )


def shown(value: object) -> str:
    """Spell a value for an error, in 80 characters at most."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."

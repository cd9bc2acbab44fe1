"""Names of Rust functions, as their source has them.

Source: rustc's legacy mangling (``rustc_symbol_mangling::legacy``): a nested name as in the Itanium C++ ABI, whose last
part is a hash, with escapes for what a symbol must not hold.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = {"SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ","}
_HASH: Final = re.compile(r"h[0-9a-f]{16}")


def demangle(symbol: str) -> str:
    """Return the path that a symbol stands for, without its hash; a name that isn't mangled so comes back as it is."""
    parts = _parts(symbol)
    if len(parts) < 2 or not _HASH.fullmatch(parts[-1]):
        return symbol
    return "::".join(map(_unescape, parts[:-1]))


def _parts(symbol: str) -> list[str]:
    parts = []
    position = len("_ZN")
    while symbol.startswith("_ZN") and (length := re.compile(r"\d{1,5}").match(symbol, position)):
        position = length.end() + int(length[0])
        parts.append(symbol[length.end() : position])
    return parts if symbol[position : position + 1] == "E" else []


def _unescape(part: str) -> str:
    text = part.removeprefix("_") if part.startswith("_$") else part
    text = re.sub(r"\$u([0-9a-f]{2})\$", lambda match: chr(int(match[1], 16)), text.replace("..", "::"))
    return re.sub(r"\$([A-Z]{1,2})\$", lambda match: _ESCAPES.get(match[1], match[0]), text)

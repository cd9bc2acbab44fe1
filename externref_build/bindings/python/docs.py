"""Docstrings from the comments of guests: what a compiler of Rust reads becomes what a reader of Python expects."""

from __future__ import annotations

import re
from typing import Final

_SAFETY: Final = re.compile(r"(?ms)^# Safety\n.*?(?=^# |\Z)")
_HEADING: Final = re.compile(r"(?m)^#+ +(.+)$")
_LINK: Final = re.compile(r"\[(`[^`\]]+`)\](?:\([^)]*\))?")
_ESCAPED: Final = re.compile(r'"""|"\Z|\\|[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]')
"""What would end the string or its line early, and what cannot stand in a file."""


def docstring(*paragraphs: str) -> str:
    """Write a docstring of paragraphs that are not empty; nothing if all are.

    A section on safety is left out, which speaks to callers in Rust; links lose their target, headings become
    paragraphs.
    """
    texts = [_LINK.sub(r"\1", _HEADING.sub(r"\1:", _SAFETY.sub("", text))).strip() for text in paragraphs]
    text = _ESCAPED.sub(_escape, "\n\n".join(text for text in texts if text).replace("\r\n", "\n"))
    if not text:
        return ""
    return f'"""{text}\n"""' if "\n" in text else f'"""{text}"""'


def _escape(match: re.Match[str]) -> str:
    return "".join(f"\\{character}" if character in '"\\' else f"\\u{ord(character):04x}" for character in match[0])

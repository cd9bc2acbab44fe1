"""Docstrings from the comments of guests: what a compiler of Rust reads becomes what a reader of Python expects."""

from __future__ import annotations

import re
from typing import Final

_SAFETY: Final = re.compile(r"(?ms)^# Safety\n.*?(?=^# |\Z)")
_HEADING: Final = re.compile(r"(?m)^#+ +(.+)$")
_LINK: Final = re.compile(r"\[(`[^`\]]+`)\](?:\([^)]*\))?")


def docstring(*paragraphs: str) -> str:
    """Write a docstring of paragraphs that are not empty; nothing if all are.

    A section on safety is left out, which speaks to callers in Rust; links lose their target, headings become
    paragraphs. What would end the string early is escaped.
    """
    texts = [_LINK.sub(r"\1", _HEADING.sub(r"\1:", _SAFETY.sub("", text))).strip() for text in paragraphs]
    text = "\n\n".join(text for text in texts if text)
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').replace("\0", "\\0").replace("\r", "")
    if not text:
        return ""
    if text.endswith('"'):
        text = f'{text[:-1]}\\"'
    return f'"""{text}\n"""' if "\n" in text else f'"""{text}"""'

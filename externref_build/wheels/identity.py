"""What a wheel says of itself: in its file name, in METADATA and in WHEEL.

Source: binary distribution format, core metadata, platform compatibility tags (packaging.python.org).
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email.message import Message
from itertools import product
from typing import Final

from externref_build.wheels.archive import Wheel
from externref_build.wheels.findings import Finding, bad, good

_FILE_NAME: Final = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)(?:-(?P<build>\d[^-]*))?-(?P<python>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl"
)
_PURE_TAG: Final = "py3-none-any"
_NATIVE_SUFFIX: Final = re.compile(r"\.(?:so(?:\.[\d.]+)?|pyd|dylib|dll)$")
_NATIVE_MAGIC: Final = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
"""ELF, PE, Mach-O of 64 and 32 bits, and universal."""


def check_metadata(wheel: Wheel) -> Iterator[Finding]:
    """See that METADATA is there and says what the file name says."""
    found = wheel.dist_info("METADATA")
    name = _FILE_NAME.fullmatch(wheel.file_name)
    if name is None:
        expected = "name-version-python-abi-platform.whl"
        yield bad("METADATA", f"the file is called {wheel.file_name}, expected {expected}", None, "keep the built name")
    folders = {full.partition("/")[0] for full in wheel.files if full.partition("/")[0].endswith(".dist-info")}
    if len(folders) != 1:
        listed = ", ".join(sorted(folders)) or "none"
        yield bad("METADATA", f"there are {len(folders)} .dist-info folders ({listed}), expected one")
        return
    if found is None:
        yield bad("METADATA", f"there is none, expected {folders.pop()}/METADATA", None, "build the wheel anew")
        return
    full, content = found
    headers = _headers(content)
    problems = [f"{key} is missing" for key in ("Metadata-Version", "Name", "Version") if not headers[key]]
    if name and not problems:
        folder = full.partition("/")[0].removesuffix(".dist-info").partition("-")
        for key, told, in_folder in (("Name", name["name"], folder[0]), ("Version", name["version"], folder[2])):
            for place, other in (("file name", told), ("folder .dist-info", in_folder)):
                if _normalised(headers[key]) != _normalised(other):
                    problems.append(f"{key} is {headers[key]}, and the {place} says {other}")
    for problem in problems:
        yield bad("METADATA", problem, full, "build the wheel anew, and do not rename it")
    if name and not problems:
        yield good("METADATA", f"{headers['Name']} {headers['Version']}")


def check_tag(wheel: Wheel) -> Iterator[Finding]:
    """See that the tag fits: ``py3-none-any`` without native code, one of a platform with it."""
    found = wheel.dist_info("WHEEL")
    if found is None:
        yield bad("tag", "there is no *.dist-info/WHEEL", None, "build the wheel anew")
        return
    full, content = found
    headers = _headers(content)
    tags = sorted(map(str, headers.get_all("Tag") or ()))
    native = next((name for name, code in wheel.files.items() if _is_native(name, code)), None)
    problems = list(_wheel_problems(headers, tags, wheel.file_name))
    if native is None and tags != [_PURE_TAG]:
        problems.append(f"the tag is {' and '.join(tags) or 'missing'}, expected {_PURE_TAG}: there is no native code")
    if native is None and headers["Root-Is-Purelib"] != "true":
        problems.append(f"Root-Is-Purelib is {headers['Root-Is-Purelib']}, expected true: there is no native code")
    if native is not None and any(tag.endswith("-any") for tag in tags):
        problems.append(f"the tag is {' and '.join(tags)}, expected one of a platform: {native} is native code")
    for problem in problems:
        yield bad("tag", problem, full, "let the build backend choose the tag, and do not rename the wheel")
    if not problems:
        yield good("tag", " ".join(tags) + (f", for the native code of {native}" if native else ""))


def _wheel_problems(headers: Message, tags: list[str], file_name: str) -> Iterator[str]:
    version = headers["Wheel-Version"]
    if not version or version.partition(".")[0] != "1":
        yield f"Wheel-Version is {version or 'missing'}, expected 1.0"
    if headers["Root-Is-Purelib"] not in ("true", "false"):
        yield f"Root-Is-Purelib is {headers['Root-Is-Purelib'] or 'missing'}, expected true or false"
    name = _FILE_NAME.fullmatch(file_name)
    if name:
        parts = (name[part].split(".") for part in ("python", "abi", "platform"))
        named = sorted("-".join(tag) for tag in product(*parts))
        if named != tags:
            yield f"the file name says {' and '.join(named)}, WHEEL says {' and '.join(tags) or 'nothing'}"
        if (name["build"] or None) != (headers["Build"] or None):
            yield f"the file name says build {name['build']}, WHEEL says {headers['Build']}"


def _headers(content: bytes) -> Message:
    return email.message_from_string(content.decode(errors="replace"))


def _normalised(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _is_native(name: str, content: bytes) -> bool:
    return bool(_NATIVE_SUFFIX.search(name)) or content.startswith(_NATIVE_MAGIC)

"""The software bills of materials in a wheel: one for each module, that names what is in it.

Source: PEP 770 for the place, CycloneDX 1.6 for the content.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from externref_build.wheels.archive import Wheel
from externref_build.wheels.findings import Finding, bad, good
from externref_build.wording import plural

_PLACE: Final = re.compile(r"[^/]+\.dist-info/sboms/[^/]+\.cdx\.json")
_FORMAT: Final = "CycloneDX"
_COMPILERS: Final = frozenset({"clang", "zig"})
"""Tools that compile C and C++, of which modules consist without crates."""
_REMEDY: Final = "build the wheel anew with externref-build, without EXTERNREF_SKIP, for which it makes none"


def check_bills(wheel: Wheel, modules: Collection[str]) -> Iterator[Finding]:
    """See that each of the modules has a bill, which is of that very module and names its crates.

    Modules of C and C++ have none; their bill names the compiler.
    """
    bills = dict[str, str]()
    for name, content in wheel.files.items():
        if _PLACE.fullmatch(name):
            problem, subject = _read(content)
            if problem:
                yield bad("SBOM", problem, name, _REMEDY)
            bills.setdefault(subject, name)
    for module in modules:
        if module not in bills:
            told = f"there is none of {module}, expected one in .dist-info/sboms/*.cdx.json"
            yield bad("SBOM", told, None, _REMEDY)
            continue
        name = bills[module]
        document = json.loads(wheel.files[name])
        problems = list(_problems(document, module, wheel))
        for problem in problems:
            yield bad("SBOM", problem, name, _REMEDY)
        if not problems:
            crates = plural(len(crates_of(document)), "crate")
            told = f"consists of {crates}" if crates_of(document) else "is of C or C++, without crates"
            yield good("SBOM", f"{module} {told}")


def compare_bill(wheel: Wheel, module: str, crates: Collection[tuple[str, str]]) -> Iterator[Finding]:
    """See that the bill of a module names exactly these crates, by name and version."""
    for name, content in wheel.files.items():
        if _PLACE.fullmatch(name) and _read(content) == (None, module):
            named = crates_of(json.loads(content))
            for crate in sorted({*crates} - named):
                yield bad("SBOM", f"{' '.join(crate)} is in {module}, and its bill does not name it", name, _REMEDY)
            for crate in sorted(named - {*crates}):
                yield bad("SBOM", f"{' '.join(crate)} is in the bill of {module}, and not in it", name, _REMEDY)


def crates_of(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return name and version of each crate that a bill names."""
    components = document.get("components")
    return {
        (str(component.get("name")), str(component.get("version")))
        for component in (components if isinstance(components, list) else ())
        if isinstance(component, dict) and str(component.get("purl")).startswith("pkg:cargo/")
    }


def _tools_of(document: Mapping[str, Any]) -> set[str]:
    tools = document["metadata"].get("tools")
    components = tools.get("components") if isinstance(tools, dict) else None
    return {
        str(component.get("name"))
        for component in (components if isinstance(components, list) else ())
        if isinstance(component, dict)
    }


def _read(content: bytes) -> tuple[str | None, str]:
    """Tell what is wrong with a bill as such, and which file it is of."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        return f"it is not JSON: {error}", ""
    if not isinstance(document, dict) or document.get("bomFormat") != _FORMAT:
        found = json.dumps(document.get("bomFormat")) if isinstance(document, dict) else "missing"
        return f'bomFormat is {found}, expected "{_FORMAT}"', ""
    metadata = document.get("metadata")
    component = metadata.get("component") if isinstance(metadata, dict) else None
    return None, str(component.get("name")) if isinstance(component, dict) else ""


def _problems(document: Mapping[str, Any], module: str, wheel: Wheel) -> Iterator[str]:
    digest = hashlib.sha256(wheel.files[module]).hexdigest()
    hashes = document["metadata"]["component"].get("hashes")
    told = [entry.get("content") for entry in hashes if isinstance(entry, dict)] if isinstance(hashes, list) else []
    if digest not in told:
        yield f"it is of another {module}: that has the SHA-256 {', '.join(map(str, told)) or 'of none'}, this {digest}"
    if not crates_of(document) and not _COMPILERS & _tools_of(document):
        yield "it names no crate, expected components with a purl pkg:cargo/…"

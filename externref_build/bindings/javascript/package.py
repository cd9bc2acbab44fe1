"""The package.json that lets npm publish what was built."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from externref_build.bindings.javascript.names import MADE_BY

MARK: Final = "//"
"""The member that tells who wrote a package.json: npm leaves it to people."""

_NOT_IN_NAMES = re.compile(r"[^a-z0-9._~-]+")
_VERSION = re.compile(
    r"v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<kind>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre>\d*))?"
    r"(?:[-_.]?dev[-_.]?(?P<dev>\d*))?(?P<rest>.*)"
)
"""A version as PEP 440 lets it be written, in lower case."""


@dataclass(frozen=True, slots=True)
class Package:
    """What a project says of itself."""

    name: str
    """As in pyproject.toml."""
    version: str | None = None
    """By PEP 440, or None where the project does not know its version yet."""
    description: str | None = None
    license: str | None = None
    """An SPDX expression."""
    keywords: tuple[str, ...] = ()
    homepage: str | None = None
    issues: str | None = None
    """Where faults are reported."""
    repository: str | None = None
    """The URL of the sources, as people open it."""
    authors: tuple[Mapping[str, str], ...] = ()
    """As in pyproject.toml: ``name``, ``email`` or both of each."""


def package_json(package: Package, modules: list[str]) -> str:
    """Write the package.json of a folder with ``<module>.js``, ``.d.ts`` and ``.wasm`` for each of the modules.

    The package's main entry is the module, if it is the only one; each is also an entry of its own name. Without a
    version, the package is private, which npm refuses to publish.
    """
    entries = {f"./{module}": _entry(module) for module in modules}
    main = {".": _entry(modules[0])} if len(modules) == 1 else {}
    files = [f"{module}{suffix}" for module in modules for suffix in (".js", ".d.ts", ".wasm")]
    fields = {
        MARK: MADE_BY,
        "name": npm_name(package.name),
        "version": npm_version(package.version) if package.version else None,
        "private": None if package.version else True,
        "description": package.description,
        "keywords": list(package.keywords) or None,
        "homepage": package.homepage,
        "bugs": package.issues,
        "repository": {"type": "git", "url": _git_url(package.repository)} if package.repository else None,
        "license": package.license,
        "author": dict(package.authors[0]) if package.authors else None,
        "contributors": [dict(author) for author in package.authors[1:]] or None,
        "type": "module",
        "exports": {**main, **entries, "./*.wasm": "./*.wasm"},
        "main": f"./{modules[0]}.js" if main else None,
        "types": f"./{modules[0]}.d.ts" if main else None,
        "files": files,
        "sideEffects": False,
    }
    return json.dumps({key: value for key, value in fields.items() if value is not None}, indent=2) + "\n"


def _entry(module: str) -> dict[str, str]:
    return {"types": f"./{module}.d.ts", "default": f"./{module}.js"}


def _git_url(url: str) -> str:
    """Spell the URL of a repository as npm does, which compares it with where a package with provenance was built."""
    url = url.rstrip("/")
    return ("git+" if url.startswith("https:") else "") + url + ("" if url.endswith(".git") else ".git")


def npm_name(name: str) -> str:
    """Spell a project's name as npm allows: lower case, with what may stand in a URL."""
    return _NOT_IN_NAMES.sub("-", name.lower()).lstrip("._") or "plugin"


def npm_version(version: str) -> str:
    """Spell a version of PEP 440 as a semantic version: three numbers, then what came before the release.

    ``1.2rc1`` is ``1.2.0-rc.1``. What PEP 440 has besides, such as a fourth number, an epoch or a post-release, becomes
    build metadata, which orders nothing.
    """
    match = _VERSION.fullmatch(version.strip().lower())
    if match is None:
        return version
    numbers = [str(int(number)) for number in match["release"].split(".")]
    before = [f"{match['kind']}.{match['pre'] or 0}"] * bool(match["kind"])
    before += [f"dev.{match['dev'] or 0}"] * (match["dev"] is not None)
    beyond = [text for text in (*numbers[3:], match["epoch"], *re.split(r"[^a-z0-9]+", match["rest"])) if text]
    core = ".".join([*numbers, "0", "0"][:3])
    return core + ("-" + ".".join(before)) * bool(before) + ("+" + ".".join(beyond)) * bool(beyond)

"""Software bills of materials (PEP 770, CycloneDX 1.6): what the modules in a wheel consist of, and what made them.

The same build makes the same bytes: the serial number is derived from the content, and the time is that of
``SOURCE_DATE_EPOCH`` or left out.
"""

from __future__ import annotations

import datetime
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from externref_build._version import __version__
from externref_build.build.engine import BuildResult
from externref_build.build.packages import name_in_wheel
from externref_build.errors import ConfigError
from externref_build.guests.crates import Crate, locked_checksums
from externref_build.output import write_whole

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License
    from packageurl import PackageURL

_CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def write_sboms(
    results: Sequence[BuildResult], folder: Path, *, environ: Mapping[str, str] | None = None
) -> list[Path]:
    """Write one bill for each module that was built into a folder; return their paths.

    Raises ConfigError if ``SOURCE_DATE_EPOCH`` is no time, and OutputError.
    """
    if not results:
        return []
    time = _source_date(os.environ if environ is None else environ)
    paths = []
    for result, name in zip(results, _file_names(results), strict=True):
        paths.append(folder / name)
        write_whole(paths[-1], sbom(result, time).encode())
    return paths


def sbom(result: BuildResult, time: datetime.datetime | None = None) -> str:
    """Return the bill of one module as text."""
    from cyclonedx.output.json import JsonV1Dot6

    bom = _bom(result)
    # The library gives each bill a random number and the current time, and leaves out what is None.
    bom.serial_number = None  # type: ignore[assignment]
    bom.metadata.timestamp = time  # type: ignore[assignment]
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_OID, JsonV1Dot6(bom).output_as_string())
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    return text + "\n"


def _file_names(results: Sequence[BuildResult]) -> list[str]:
    """Name each bill after its module, and after its package as well where modules share a name."""
    stems = [result.path.stem for result in results]
    return [
        f"{stem if stems.count(stem) == 1 else f'{result.module.package}.{stem}'}.cdx.json"
        for result, stem in zip(results, stems, strict=True)
    ]


def _source_date(environ: Mapping[str, str]) -> datetime.datetime | None:
    """Return the time that https://reproducible-builds.org/specs/source-date-epoch/ has results bear, if it is set."""
    text = environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    try:
        return datetime.datetime.fromtimestamp(int(text), tz=datetime.timezone.utc)
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigError(
            f"SOURCE_DATE_EPOCH is {text!r}, expected a number of seconds since 1970",
            where="environment variable SOURCE_DATE_EPOCH",
        ) from error


def _bom(result: BuildResult) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
    from cyclonedx.model.tool import ToolRepository

    guest = result.guest
    checksums = locked_checksums(guest.workspace_root / "Cargo.lock")
    crates = {
        crate.id: _component(crate, checksums.get((crate.name, crate.version, crate.source))) for crate in guest.crates
    }
    module = _module(result)
    metadata = BomMetaData(
        component=module,
        lifecycles=[PredefinedLifecycle(LifecyclePhase.BUILD)],
        tools=ToolRepository(components=_tools(result)),
    )
    parts = list(crates.values()) or [_c_sdk()]
    bom = Bom(components=parts, metadata=metadata)
    bom.register_dependency(module, parts[:1])
    for crate in guest.crates:
        bom.register_dependency(crates[crate.id], [crates[other] for other in crate.dependencies])
    return bom


def _module(result: BuildResult) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    name = name_in_wheel(result.module, result.path.name)
    facts = {"cdx:rustc:sbom:target:triple": result.guest.target, "externref-build:profile": result.module.profile}
    return Component(
        type=ComponentType.FILE,
        bom_ref=name,
        name=name,
        version=result.guest.crates[0].version if result.guest.crates else None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=result.sha256)],
        properties=[Property(name=key, value=value) for key, value in facts.items()],
    )


def _component(crate: Crate, checksum: str | None) -> Component:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
    from cyclonedx.model.component import Component, ComponentScope, ComponentType

    purl = _purl(crate)
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        name=crate.name,
        version=crate.version,
        scope=ComponentScope.REQUIRED,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        licenses=_licenses(crate),
        purl=purl,
        external_references=[ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(crate.repository))]
        if crate.repository
        else [],
    )


def _c_sdk() -> Component:
    """Return what a guest in C or C++ is linked with beside its own sources; it has the version of this package."""
    from cyclonedx.model.component import Component, ComponentScope, ComponentType
    from cyclonedx.model.license import LicenseExpression
    from packageurl import PackageURL

    purl = PackageURL(type="pypi", name="externref-build", version=__version__, subpath="externref_build/sdk/c")
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        name="externref-build C SDK",
        version=__version__,
        scope=ComponentScope.REQUIRED,
        licenses=[LicenseExpression("MIT OR Apache-2.0")],
        purl=purl,
    )


def _purl(crate: Crate) -> PackageURL:
    """Name a crate by where it comes from; a folder by its place in the workspace, never by that on this machine."""
    from packageurl import PackageURL

    kind, _, url = (crate.source or "").partition("+")
    if crate.source is None:
        qualifiers = {"download_url": f"file://{crate.place}"}
    elif kind == "git":
        location, _, commit = url.partition("#")
        qualifiers = {"vcs_url": f"git+{location.partition('?')[0]}@{commit}"}
    else:
        qualifiers = {} if crate.source == _CRATES_IO else {"repository_url": url}
    return PackageURL(type="cargo", name=crate.name, version=crate.version, qualifiers=qualifiers)


def _licenses(crate: Crate) -> list[License]:
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from cyclonedx.spdx import is_expression, is_supported_id

    if not crate.license:
        return []
    # Cargo's older way to write a choice.
    text = crate.license.replace("/", " OR ")
    if is_supported_id(text):
        return [DisjunctiveLicense(id=text)]
    return [LicenseExpression(text) if is_expression(text) else DisjunctiveLicense(name=crate.license)]


def _tools(result: BuildResult) -> list[Component]:
    """Return what made the module, each with the version that it told."""
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    told = [*result.guest.tools, *([f"wasm-opt {result.optimizer.version}"] if result.optimizer else ())]
    own = PackageURL(type="pypi", name="externref-build", version=__version__)
    return [
        Component(type=ComponentType.APPLICATION, name="externref-build", version=__version__, purl=own),
        *map(_told_tool, told),
    ]


def _told_tool(line: str) -> Component:
    """Read a tool's first line of ``--version``, such as ``rustc 1.90.0 (1159e78c4 2025-09-14)``."""
    from cyclonedx.model.component import Component, ComponentType

    name, _, rest = line.partition(" ")
    return Component(type=ComponentType.APPLICATION, name=name, version=rest.partition(" ")[0], description=line)

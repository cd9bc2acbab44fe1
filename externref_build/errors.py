"""Every exception that externref-build raises on purpose, under one root.

An error is made of three parts, all of them for the person who reads it: a *summary* (what was found and what was
expected), *where* (file, offset, function, key, line), and a *remedy* (what to do now).
"""

from __future__ import annotations

from collections.abc import Sequence


class ExternrefBuildError(Exception):
    """Root of all errors; ``str()`` of one is the block that a user reads, without the leading ``error:``."""

    def __init__(self, summary: str, *, where: str | None = None, remedy: str | None = None) -> None:
        super().__init__(summary)
        self.summary = summary
        """What was found and what was expected, in one line, without a full stop."""
        self.where = where
        """The place: file, offset, function, configuration key, line."""
        self.remedy = remedy
        """What the reader can do about it."""

    def __str__(self) -> str:
        lines = [self.summary]
        if self.where:
            lines.append(f"  --> {self.where}")
        if self.remedy:
            lines.extend(f"  {line}" for line in self.remedy.splitlines())
        return "\n".join(lines)

    def located(self, place: str) -> ExternrefBuildError:
        """Prefix the location with a place that only the caller knows, such as a file's name; return ``self``."""
        self.where = f"{place}: {self.where}" if self.where else place
        return self


# The module's bytes


class ModuleError(ExternrefBuildError):
    """The input is not a WebAssembly module that can be processed."""


class NotAModuleError(ModuleError):
    """The input is not a WebAssembly core module at all: another file format, text, a component."""


class ComponentError(NotAModuleError):
    """The input is a component, not a core module."""


class RelocatableObjectError(ModuleError):
    """The input is a relocatable object file, which a linker has yet to turn into a module."""


class MalformedModuleError(ModuleError):
    """The bytes break a rule of the binary format (specification, chapter 5)."""

    def __init__(self, summary: str, offset: int, *, remedy: str | None = None) -> None:
        super().__init__(
            summary,
            where=f"offset {offset:#x}",
            remedy=remedy or "the file is damaged or cut off: build or download it again",
        )
        self.offset = offset
        """Absolute offset in the module, in bytes."""


class UnsupportedFeatureError(ModuleError):
    """The module uses something that this version does not know and therefore does not touch."""

    def __init__(self, summary: str, offset: int, *, remedy: str | None = None) -> None:
        super().__init__(
            summary, where=f"offset {offset:#x}", remedy=remedy or "a newer externref-build may know this feature"
        )
        self.offset = offset
        """Absolute offset in the module, in bytes."""


class DebugInfoError(UnsupportedFeatureError):
    """The module's debug info cannot be kept right: it is damaged, or of a kind that this version does not patch."""

    def __init__(self, summary: str, section: str, offset: int = 0, *, remedy: str | None = None) -> None:
        super().__init__(
            f"{section}: {summary}",
            offset,
            remedy=remedy or 'drop the debug info with debug-info = "strip", or build the guest without it',
        )
        self.where = f"{section}, offset {offset:#x} in the section"
        self.section = section
        """Name of the custom section; `offset` counts from the start of its content."""


# What the guest declared


class MetadataError(ExternrefBuildError):
    """The declarations in the module are broken, or do not fit the module."""


class MalformedMetadataError(MetadataError):
    """A record is cut off, has a length beyond its section, or a name that is not UTF-8."""


class ContradictoryMetadataError(MetadataError):
    """Records about the same function disagree."""


class MissingExportError(MetadataError):
    """A record names an export that the module does not have."""


class WrongKindError(MetadataError):
    """A record names an import or export that is not a function."""


class ArityError(MetadataError):
    """A record counts other parameters and results than the function has."""


class NotI32Error(MetadataError):
    """A record marks a value as a reference whose core type is not i32."""


class TableNameError(MetadataError):
    """The name under which the table is to be exported is taken."""


class SurrogateError(MetadataError):
    """An import has the name of a surrogate, and is no function or has another type."""


class BindingError(ExternrefBuildError):
    """A module has an interface that does not fit it, or that no typed host can be written for."""


class AdapterRequiredError(ExternrefBuildError):
    """A function needs an adapter although direct lowering was required of all."""


class InvalidResultError(ExternrefBuildError):
    """The processed module is not valid, or not what was declared: a fault of this package."""


class SeveralErrors(ExternrefBuildError):  # noqa: N818
    """Independent faults that were found in one pass, reported together."""

    def __init__(self, errors: Sequence[ExternrefBuildError]) -> None:
        super().__init__("; ".join(error.summary for error in errors))
        self.errors = tuple(errors)
        """The faults, in the order in which they were found."""

    def __str__(self) -> str:
        return "\nerror: ".join(str(error) for error in self.errors)

    def located(self, place: str) -> ExternrefBuildError:
        """Prefix the location of each; return ``self``."""
        for error in self.errors:
            error.located(place)
        return self


def raise_together(errors: Sequence[ExternrefBuildError]) -> None:
    """Raise what was found: nothing, the one error, or `SeveralErrors`."""
    if errors:
        raise errors[0] if len(errors) == 1 else SeveralErrors(errors)


# Configuration, tools, output


class ConfigError(ExternrefBuildError):
    """``[tool.externref]`` or an override of it says something that cannot be meant."""


class ToolchainError(ExternrefBuildError):
    """A tool that the build needs is missing or unusable."""


class CargoNotFoundError(ToolchainError):
    """There is no cargo where it was looked for."""


class TargetNotInstalledError(ToolchainError):
    """The Rust toolchain has no standard library for the configured target."""


class GuestBuildError(ExternrefBuildError):
    """The guest's compiler failed; its own diagnostics have been shown."""


class ArtifactError(GuestBuildError):
    """The compiler succeeded but did not leave exactly one module."""


class StaleModuleError(ExternrefBuildError):
    """A module in a package is not what a build would make now."""

    def __init__(self, module: str, reasons: Sequence[str]) -> None:
        more = f", and {len(reasons) - 3} more changes" if len(reasons) > 4 else ""
        shown = reasons[: 3 if more else 4]
        super().__init__(
            f"the module is stale: {'; '.join(shown)}{more}", where=module, remedy="build it: externref-build build"
        )
        self.reasons = tuple(reasons)
        """What has changed, in the order in which it was looked at."""


class InputError(ExternrefBuildError):
    """An input cannot be read."""


class OutputError(ExternrefBuildError):
    """The result cannot be written where it belongs."""

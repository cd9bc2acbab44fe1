"""What a check of a wheel found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from externref_build.errors import ExternrefBuildError

State: TypeAlias = Literal["ok", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    check: str
    """What was looked at."""
    state: State
    """``skipped``: it could not be looked at here, which says nothing about the wheel."""
    detail: str
    """What was found, and what was expected if that is something else."""
    where: str | None = None
    """The file in the wheel, with the line or the offset."""
    remedy: str | None = None


def good(check: str, detail: str) -> Finding:
    """Say what is right."""
    return Finding(check, "ok", detail)


def bad(check: str, detail: str, where: str | None = None, remedy: str | None = None) -> Finding:
    """Say what is wrong, where, and what to do."""
    return Finding(check, "error", detail, where, remedy)


def refused(check: str, error: ExternrefBuildError, place: str) -> Finding:
    """Make a finding of an error about a file in the wheel."""
    located = f"{place}: {error.where}" if error.where else place
    return bad(check, error.summary, located, error.remedy)

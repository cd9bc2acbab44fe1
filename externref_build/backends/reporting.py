"""How front ends end when something is wrong: with the error's own text, as packaging tools do for their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from externref_build.errors import ExternrefBuildError


@contextmanager
def errors_for_users() -> Iterator[None]:
    """Turn errors of ours, and of the system, into the end of the process, without a traceback."""
    try:
        yield
    except ExternrefBuildError as error:
        raise SystemExit(f"error: {error}") from None
    except OSError as error:
        where = str(error.filename2 or error.filename or "")
        raise SystemExit(f"error: {ExternrefBuildError(error.strerror or str(error), where=where)}") from None

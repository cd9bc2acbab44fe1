"""What declarations in ``namespace client`` mean, and whether those of several sources agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from externref_build.errors import ExternrefBuildError, GuestBuildError, raise_together
from externref_build.guests.client.syntax import Place
from externref_build.guests.client.types import Value, spelled, spelled_in_full
from externref_build.value_types import ValueType

Special = Literal["copy", "move", "copy assignment", "move assignment", "destructor"]
Kind = Literal["constructor", "method", "static", "get", "set", "global", "function"]


@dataclass(frozen=True, slots=True)
class Bound:
    """A declaration with the import that it means."""

    kind: Kind
    module: str
    """The import module."""
    class_name: str | None
    member: str
    """The host's own name; the class's for a constructor."""
    symbols: tuple[str, ...]
    """Mangled names under which C++ links to it."""
    params: tuple[Value, ...]
    """Without ``this``."""
    result: Value
    place: Place
    doc: str | None = None
    is_used: bool = True
    """Of a global: whether the source refers to it."""
    is_object: bool = False
    """Of a global: whether it is declared as an object, not as a pointer or reference to one."""
    overload: str | None = None
    """What tells it apart from others of its name: the types of its values."""

    @property
    def has_this(self) -> bool:
        """Whether it acts on an object, which is then the first parameter of the import."""
        return self.kind in ("method", "get", "set")

    @property
    def import_name(self) -> str:
        """The conventional name, with what tells it apart where there are several of that name."""
        path = self.member if self.kind in ("global", "constructor") else f"{self.class_name}.{self.member}"
        base = self.member if self.kind == "function" else f"[{self.kind}]{path}"
        return base if self.overload is None else f"{base}#{self.overload}"

    @property
    def types(self) -> tuple[ValueType | None, ...]:
        """The types of parameters and result."""
        return (*(param.type for param in self.params), self.result.type)

    def __str__(self) -> str:
        return "::".join(filter(None, ("client", self.class_name, self.member)))


@dataclass(frozen=True, slots=True)
class ClientClass:
    """A class of the host, as one source declares it."""

    name: str
    module: str
    base: str | None
    place: Place
    end: int
    """Offset of its closing brace in the preprocessed source, in bytes."""
    end_place: Place
    has_constructor: bool
    special: frozenset[Special]
    """Special members that the user declares."""
    destructors: tuple[str, ...]
    """Symbols of a destructor that the user declares."""
    members: tuple[tuple[str, str], ...]
    """Name and type of each member."""


@dataclass(frozen=True, slots=True)
class Client:
    """All that one source declares in ``namespace client``."""

    classes: tuple[ClientClass, ...] = ()
    bound: tuple[Bound, ...] = ()


def merge(clients: Iterable[Client]) -> Client:
    """Put the declarations of all sources together; raise GuestBuildError where two of them disagree."""
    classes: dict[str, ClientClass] = {}
    bound: dict[str, Bound] = {}
    errors: list[ExternrefBuildError] = []
    for client in clients:
        for declared in client.classes:
            known = classes.setdefault(declared.name, declared)
            errors += _differences_of_classes(known, declared)
        for entry in client.bound:
            known_entry = bound.setdefault(entry.symbols[0], entry)
            bound[entry.symbols[0]] = replace(known_entry, is_used=known_entry.is_used or entry.is_used)
            if not entry.class_name and (entry.kind, entry.types) != (known_entry.kind, known_entry.types):
                errors.append(fault(f"{entry} is declared otherwise at {known_entry.place}", entry.place, _ONCE))
    raise_together(errors)
    return Client(tuple(classes.values()), tuple(_mark_overloads(bound.values())))


_ONCE = "declare it once, in a header that all sources include"


def _differences_of_classes(known: ClientClass, declared: ClientClass) -> Iterator[GuestBuildError]:
    name = f"client::{declared.name}"
    if known.module != declared.module:
        yield fault(
            f"{name} is a class of {declared.module}, and of {known.module} at {known.place}",
            declared.place,
            "name one of them otherwise: a name stands for one class of the host",
        )
    elif known.base != declared.base:
        bases = (f"derives from {entry.base}" if entry.base else "has no base" for entry in (declared, known))
        yield fault("{} {}, and {} at {}".format(name, *bases, known.place), declared.place, _ONCE)
    else:
        for entry, other, verb in ((declared, known, "has"), (known, declared, "lacks")):
            for member, type_ in entry.members:
                if (member, type_) not in other.members:
                    yield fault(f"{name} {verb} {member}, {type_}, unlike at {known.place}", declared.place, _ONCE)


def _mark_overloads(bound: Iterable[Bound]) -> list[Bound]:
    """Tell those that share a name apart by their types: in brief, and in full where that is not enough."""
    known = [replace(entry, overload=None) for entry in bound]
    for spell in (_in_brief, _in_full):
        types: dict[tuple[str, str], set[tuple[ValueType | None, ...]]] = {}
        for entry in known:
            types.setdefault((entry.module, entry.import_name), set()).add(entry.types)
        known = [
            replace(entry, overload=spell(entry)) if len(types[entry.module, entry.import_name]) > 1 else entry
            for entry in known
        ]
    return known


def _in_brief(entry: Bound) -> str:
    return ",".join(map(spelled, entry.params))


def _in_full(entry: Bound) -> str:
    result = f"->{spelled_in_full(entry.result)}" if entry.result.type else ""
    return ",".join(map(spelled_in_full, entry.params)) + result


def fault(problem: str, place: Place, remedy: str) -> GuestBuildError:
    """Make the error of a declaration."""
    return GuestBuildError(problem, where=str(place), remedy=remedy)

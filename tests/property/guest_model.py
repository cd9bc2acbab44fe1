"""What random guests are made of: decisions, signatures, the module around the bodies."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from externref_build.metadata import Record

Kind = Literal["ref", "i32", "i64"]
State = Literal["number", "ref", "either"]
_T = TypeVar("_T")

SLOT_COUNT = 4
"""Slots that the guest's `setup` fills, so that constants below it name references."""

FRAME = 64
"""Bytes of memory that each call of a function has for itself."""


class Choices(Protocol):
    """Where the generator gets its decisions from."""

    def below(self, count: int) -> int:
        """Choose a number from 0 to ``count - 1``; 0 is the simplest."""


class SeededChoices:
    """Decisions by a random number generator."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, count: int) -> int:
        return self._random.randrange(count)


class Chooser:
    """Decisions of the kinds that a generator takes."""

    def __init__(self, choices: Choices) -> None:
        self.below = choices.below

    def pick(self, options: list[_T]) -> _T:
        """Choose one of several."""
        return options[self.below(len(options))]

    def chance(self, often: int, of: int) -> bool:
        """Say yes ``often`` times ``of`` so many; the simplest answer is no."""
        return self.below(of) >= of - often


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and returns."""

    params: tuple[Kind, ...] = ()
    results: tuple[Kind, ...] = ()

    @property
    def has_refs(self) -> bool:
        return "ref" in self.params or "ref" in self.results

    def record(self, module: str | None, name: str) -> Record:
        return Record(module, name, tuple(kind == "ref" for kind in self.params + self.results))


@dataclass(frozen=True, slots=True)
class Guest:
    """A module as text, and what a host has to know of it."""

    text: str
    imports: dict[str, Signature]
    """Functions of the module ``host``."""
    exports: dict[str, Signature]
    funcs: range
    """The indices of the functions that are not imported."""


@dataclass(slots=True)
class Func:
    """A function that is not imported."""

    name: str
    signature: Signature
    exports: tuple[str, ...] = ()
    is_opaque: bool = False
    """Whether references are only passed through, so that numbers would do as well."""


@dataclass(slots=True)
class Program:
    """Everything that bodies can name."""

    is_plain: bool
    surrogates: dict[str, list[str]] = field(default_factory=dict)
    """Names of the imports of each surrogate."""
    imports: dict[str, Signature] = field(default_factory=dict)
    funcs: list[Func] = field(default_factory=list)
    tags: dict[str, tuple[Kind, ...]] = field(default_factory=dict)
    elements: list[tuple[str, Signature]] = field(default_factory=list)
    """Functions in the table, with their types."""

    def callables(self, caller: Func | None = None) -> list[tuple[str, Signature]]:
        """Names and signatures of all that a function may call but the surrogates.

        Inner functions of plain guests may call themselves but not each other in turn: that may take adapters.
        """
        funcs = self.funcs
        if self.is_plain and caller and not caller.exports:
            funcs = [func for func in funcs if func.exports] + funcs[funcs.index(caller) :]
        return [*self.imports.items(), *((func.name, func.signature) for func in funcs)]


def val_type(kind: Kind) -> str:
    return "i64" if kind == "i64" else "i32"


def spell(params: tuple[Kind, ...], results: tuple[Kind, ...]) -> str:
    parts = [f"(param {' '.join(map(val_type, params))})"] if params else []
    parts += [f"(result {' '.join(map(val_type, results))})"] if results else []
    return " ".join(parts)


def type_name(signature: Signature) -> str:
    """Name a function type after what it takes and returns."""
    return "t_" + "_".join([*map(val_type, signature.params), "to", *map(val_type, signature.results)])

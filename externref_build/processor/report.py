"""What the processor did, as values for people and tools to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Declaration:
    """An import or export that the guest declared, and which of its values are references."""

    kind: Literal["import", "export"]
    module: str | None
    """The module of an import; None for an export."""
    name: str
    params: tuple[bool, ...]
    results: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class FunctionLowering:
    """How one function that touches references was rewritten."""

    index: int
    """The function's index, which processing does not change."""
    name: str
    """The name from the name section, of an export, or ``func[index]``."""
    lowering: Literal["direct", "adapter"]
    reason: str | None
    """What forced an adapter; None for direct lowering."""
    offset: int | None
    """Offset in the input of the instruction that forced it, in bytes."""
    source: str | None = None
    """File and line of that instruction, where debug info tells."""


@dataclass(frozen=True, slots=True)
class SurrogateUse:
    """An imported surrogate and the number of instructions that call it."""

    name: str
    calls: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of processing."""

    name: str
    count: int
    """How many things the step handled."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in a module and what was done to it."""

    changed: bool
    """False where the module has nothing to process and came back byte for byte."""
    imports: tuple[Declaration, ...]
    exports: tuple[Declaration, ...]
    functions: tuple[FunctionLowering, ...]
    """Each local function that touches references, in the order of indices."""
    surrogates: tuple[SurrogateUse, ...]
    table: str | None
    """The name under which the table of references is exported; None where it is not."""
    drop_hook: tuple[str, str] | None
    input_size: int
    """In bytes."""
    output_size: int
    """In bytes."""
    steps: tuple[Step, ...]

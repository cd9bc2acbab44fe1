"""What the processor did, as values for people and tools to read."""

from typing import Literal, NamedTuple


class Declaration(NamedTuple):
    """An import or export that the guest declared, and which of its values are references."""

    kind: Literal["import", "export"]
    """Which of them it is."""
    module: str | None
    """The module of an import; None for an export."""
    name: str
    """Its name, without the module."""
    params: tuple[bool, ...]
    """Which parameters are references, in order."""
    results: tuple[bool, ...]
    """Which results are references, in order."""


class FunctionLowering(NamedTuple):
    """How one function that touches references was rewritten."""

    index: int  # type: ignore[assignment]  # instead of the method of a tuple
    """The function's index, which processing does not change."""
    name: str
    """The name from the name section, of an export, or ``func[index]``."""
    lowering: Literal["direct", "adapter"]
    """Whether it holds references itself, or an adapter holds them for it."""
    reason: str | None
    """What forced an adapter; None for direct lowering."""
    offset: int | None
    """Offset in the input of the instruction that forced it, in bytes."""
    source: str | None = None
    """File and line of that instruction, where debug info tells."""


class SurrogateUse(NamedTuple):
    """An imported surrogate and the number of instructions that call it."""

    name: str
    """What it is imported as."""
    calls: int
    """How many instructions call it."""


class Step(NamedTuple):
    """One step of processing."""

    name: str
    """What the step counts."""
    count: int  # type: ignore[assignment]  # instead of the method of a tuple
    """How many things the step handled."""
    seconds: float
    """How long it took."""


class Report(NamedTuple):
    """What was found in a module and what was done to it."""

    changed: bool
    """False where the module has nothing to process and came back byte for byte."""
    imports: tuple[Declaration, ...]
    """The imports that the guest declared."""
    exports: tuple[Declaration, ...]
    """The exports that the guest declared."""
    functions: tuple[FunctionLowering, ...]
    """Each local function that touches references, in the order of indices."""
    surrogates: tuple[SurrogateUse, ...]
    """Each surrogate that the module imported."""
    table: str | None
    """The name under which the table of references is exported; None where it is not."""
    drop_hook: tuple[str, str] | None
    """Module and name of the import that is called with what is dropped; None where there is none."""
    input_size: int
    """In bytes."""
    output_size: int
    """In bytes."""
    steps: tuple[Step, ...]
    """The steps of processing, in order."""

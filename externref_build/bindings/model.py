"""A processed module as its host sees it: the functions at its border, with names and types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from externref_build.errors import BindingError
from externref_build.metadata import function_label
from externref_build.value_types import ResourceType, ValueType
from externref_build.wasm.types import FuncType, ValType

HOST_MODULE: Final = "externref.host"
"""Import module of `fail` and `panic`, through which a guest reports its own errors."""

WASI_MODULE: Final = "wasi_snapshot_preview1"
MEMORY_EXPORT: Final = "memory"
ALLOCATOR: Final = "cabi_realloc"
INITIALIZER: Final = "_initialize"
FUNCTION_TABLE: Final = "__indirect_function_table"

ANY_REFERENCE: Final = ResourceType("", owned=False, nullable=True)
"""A reference of which nothing is known: to any object, or null."""

MemberKind: TypeAlias = Literal["constructor", "method", "static", "get", "set", "global"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as the guest declares it."""

    name: str
    """In the guest's own spelling: it may be a keyword of the host's language."""
    type: ValueType
    core: tuple[ValType, ...]
    """Its types in the core function: two for what lies in memory, pointer and length."""


@dataclass(frozen=True, slots=True)
class Function:
    """One import or export."""

    module: str | None
    """The module of an import; None for an export."""
    name: str
    params: tuple[Parameter, ...]
    results: tuple[ValueType, ...]
    """At most one, unless the guest was made by other means than our SDKs."""
    fallible: bool
    """It may fail with a message; an import then has one more core parameter, where the host puts the message."""
    doc: str | None
    core: FuncType
    """Its type in the module, references being ``externref``."""
    declared: bool
    """Whether the module's interface says what its values mean."""

    @property
    def label(self) -> str:
        """The function as errors name it."""
        return function_label(self.module, self.name)


@dataclass(frozen=True, slots=True)
class Member:
    """An import that acts on a host object, by the conventional form of its name."""

    kind: MemberKind
    resource: str | None
    """The class; None for a global."""
    name: str
    """The host's own name of the member; the class's for a constructor."""
    function: Function
    """`this` is the first parameter of a method, get or set."""


@dataclass(frozen=True, slots=True)
class ImportModule:
    """Functions that a host provides under one name."""

    name: str
    functions: tuple[Function, ...]
    """Those with ordinary names, in the order of the names."""
    members: tuple[Member, ...]
    """Those that act on host objects, in the order of the names; overloads are members of the same name."""

    @property
    def every_function(self) -> tuple[Function, ...]:
        """The imports themselves, whether or not they act on host objects."""
        return (*self.functions, *(member.function for member in self.members))

    @property
    def namespaces(self) -> frozenset[str]:
        """Resources of which the guest uses static members alone: any object with these will do, such as a module."""
        kinds: dict[str, set[str]] = {}
        for member in self.members:
            kinds.setdefault(member.resource or "", set()).add(member.kind)
        return frozenset(resource for resource, used in kinds.items() if used == {"static"})


@dataclass(frozen=True, slots=True)
class Model:
    """A processed module as its host sees it. All is in an order that does not depend on the linker."""

    imports: tuple[ImportModule, ...]
    """Without `externref.host` and WASI."""
    exports: tuple[Function, ...]
    """The plugin's own, in the order of the names."""
    resources: tuple[str, ...]
    """Names of resource types, sorted. One name is one type throughout the module; `any` is none."""
    reference_tables: tuple[str, ...]
    """Names of exported tables of references."""
    has_memory: bool
    has_allocator: bool
    """Whether `cabi_realloc` is exported."""
    has_function_table: bool
    uses_wasi: bool
    host_functions: frozenset[str]
    """Which of `fail` and `panic` are imported from `externref.host`."""
    has_initializer: bool
    """Whether `_initialize` is exported, which the host calls once before anything else."""

    def check_resources(self, named: Iterable[str], option: str) -> None:
        """Raise BindingError for a resource type that an option names and the module does not have."""
        for resource in named:
            if resource not in self.resources:
                known = ", ".join(self.resources) or "none"
                raise BindingError(
                    f"{option} names a resource type {resource} that the module does not have",
                    remedy=f"resource types of the module: {known}",
                )

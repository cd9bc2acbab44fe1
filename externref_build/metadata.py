"""What a guest and the processor agree on: the surrogates, and two custom sections that the guest's SDK emits.

``__externrefs`` says which parameters and results are references, byte for byte as the crate ``externref`` does; a
linker concatenates the records of all object files. ``__externrefs_interface`` says what the values mean, one JSON
object a line; processed modules keep it as one section, ``externref.interface``.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from externref_build.errors import ContradictoryMetadataError, MalformedMetadataError, raise_together
from externref_build.wasm.types import I32, FuncType

if TYPE_CHECKING:
    from externref_build.value_types import ValueType
    from externref_build.wasm.module import Import, Module

SURROGATE_MODULE = "externref"
"""Import module of the functions that work on numbers in place of references."""

SURROGATE_TYPES = {
    "insert": FuncType((I32,), (I32,)),
    "get": FuncType((I32,), (I32,)),
    "drop": FuncType((I32,)),
    "take": FuncType((I32,), (I32,)),
    "guard": FuncType(),
}

RECORDS_SECTION = "__externrefs"
GUEST_INTERFACE_SECTION = "__externrefs_interface"
INTERFACE_SECTION = "externref.interface"
INTERFACE_VERSION = 1

_EXPORT = 0xFFFFFFFF
_SHOWN = 8
"""How many of the things that contradict each other an error spells."""
_AGREE = "parts of the guest declare the same function differently: make them agree, and rebuild the guest"
_REBUILD = "the guest was built with another version of its SDK, or the file is damaged: rebuild the guest"


def is_surrogate(entry: "Import") -> bool:
    """Say whether an import has the name of a surrogate; others of its module are the host's own."""
    return entry.module == SURROGATE_MODULE and entry.name in SURROGATE_TYPES


def function_label(module: str | None, name: str) -> str:
    """Name a function as errors do: an import from a module or, where that is None, an export."""
    return f"export `{name}`" if module is None else f"import `{module}.{name}`"


# Records of references


class Record(NamedTuple):
    """Which values of one import or export are references."""

    module: str | None
    """The module of an import; None for an export."""
    name: str
    references: tuple[bool, ...]
    """One entry a value, parameters first, then results."""
    offset: int = 0
    """Absolute offset of the record in the module, in bytes."""

    @property
    def label(self) -> str:
        """The function as errors name it."""
        return function_label(self.module, self.name)


def decode_records(section: bytes | memoryview, offset: int = 0) -> list[Record]:
    """Decode the records of one ``__externrefs`` section, which lies at ``offset`` in its module.

    Raises `MalformedMetadataError` where a record is cut off or a name is not UTF-8.
    """
    records = []
    position = 0

    def fail(problem: str) -> MalformedMetadataError:
        where = f"`{RECORDS_SECTION}` section, metadata record at offset {offset + start:#x}"
        return MalformedMetadataError(problem, where=where, remedy=_REBUILD)

    def take(size: int, what: str) -> bytes:
        nonlocal position
        left = len(section) - position
        if size > left:
            raise fail(f"{what} takes {size} bytes where {left} are left")
        position += size
        return bytes(section[position - size : position])

    def name(size: int, what: str) -> str:
        try:
            return take(size, what).decode()
        except UnicodeDecodeError:
            raise fail(f"{what} is not UTF-8") from None

    while position < len(section):
        start = position
        kind = int.from_bytes(take(4, "the kind of a record"), "little")
        module = None if kind == _EXPORT else name(kind, "the module name of an import")
        function = name(int.from_bytes(take(4, "the length of a name"), "little"), "the name of a function")
        bits = int.from_bytes(take(4, "the number of values"), "little")
        mask = take((bits + 7) // 8, "the mask of references")
        marks = tuple(bool(byte >> bit & 1) for byte in mask for bit in range(8))
        if any(marks[bits:]):
            raise fail(f"the mask marks values beyond the {bits} that it announces")
        records.append(Record(module, function, marks[:bits], offset + start))
    return records


def encode_record(record: Record) -> bytes:
    """Encode one record as `decode_records` reads it."""
    module = b"" if record.module is None else record.module.encode()
    name = record.name.encode()
    mask = sum(1 << bit for bit, is_reference in enumerate(record.references) if is_reference)
    return b"".join(
        (
            (_EXPORT if record.module is None else len(module)).to_bytes(4, "little"),
            module,
            len(name).to_bytes(4, "little"),
            name,
            len(record.references).to_bytes(4, "little"),
            mask.to_bytes((len(record.references) + 7) // 8, "little"),
        )
    )


def group_records(records: Iterable[Record]) -> list[list[Record]]:
    """Drop repeated records; those of one function that are left in one list contradict each other."""
    return _group(records, lambda record: (record.module, record.name), lambda record: record.references)


def contradiction_of_records(records: Sequence[Record], function: str | None) -> ContradictoryMetadataError:
    """Say how records of one function disagree, and what that ``function`` is if the module has it."""
    return ContradictoryMetadataError(
        f"records of {records[0].label} disagree: {_first(map(_spell, records), '; ')}",
        where=_place("metadata records", records, function),
        remedy=_AGREE,
    )


def _spell(record: Record) -> str:
    positions = (position for position, is_reference in enumerate(record.references, 1) if is_reference)
    return f"{len(record.references)} values with references at {_first(positions, ', ') or 'none'}"


# The interface


class InterfaceFunction(NamedTuple):
    """One import or export with the names and types that its declaration gave it."""

    kind: Literal["import", "export"]
    module: str | None
    name: str
    params: tuple[tuple[str, "ValueType"], ...]
    results: tuple["ValueType", ...]
    doc: str | None
    line: bytes
    """The JSON object as the guest wrote it."""
    offset: int = 0
    """Absolute offset of the line in the module, in bytes."""
    fallible: bool = False
    """It may fail with a message. An import then has one more core parameter, the place where the host puts it."""

    @property
    def label(self) -> str:
        """The function as errors name it."""
        return function_label(self.module, self.name)

    def __str__(self) -> str:
        params = ", ".join(f"{name}: {value_type}" for name, value_type in self.params)
        results = ", ".join(map(str, self.results))
        if self.fallible:
            results = f"result<{results or '_'}, str>"
        return f"({params})" + (f" -> {results}" if results else "")


def decode_interface(section: bytes | memoryview, offset: int = 0) -> list[InterfaceFunction]:
    """Decode an interface section, which lies at ``offset`` in its module.

    Raises `MalformedMetadataError` for a line that is not what wire format 1 describes, `SeveralErrors` for several.
    """
    functions: list[InterfaceFunction] = []
    errors: list[MalformedMetadataError] = []
    position = 0
    for line in bytes(section).split(b"\n"):
        if line.strip(b"\0 \r"):
            try:
                functions.append(_decode_interface_line(line, offset + position))
            except MalformedMetadataError as error:
                errors.append(error)
        position += len(line) + 1
    raise_together(errors)
    return functions


def interface_of(module: "Module", *sections: str) -> list[InterfaceFunction]:
    """Decode all interface sections of a module that have one of these names. Raises what `decode_interface` does."""
    return [
        function
        for name in sections
        for section in module.custom_sections(name)
        for function in decode_interface(module.data[section.content : section.end], section.content)
    ]


def _decode_interface_line(line: bytes, offset: int) -> InterfaceFunction:
    import json

    from externref_build.value_types import ValueTypeDecoder, shown

    def fail(problem: str, remedy: str = _REBUILD) -> MalformedMetadataError:
        return MalformedMetadataError(problem, where=f"interface record at offset {offset:#x}", remedy=remedy)

    try:
        entry = json.loads(line.strip(b"\0 \r").decode())
    except (ValueError, RecursionError) as error:
        raise fail(f"an interface record is not JSON: {error}") from None
    if not isinstance(entry, dict):
        raise fail("an interface record is not a JSON object")
    if entry.get("v") != INTERFACE_VERSION:
        found = shown(entry.get("v"))
        raise fail(f"interface version {found}, where {INTERFACE_VERSION} is known", "use a newer externref-build")
    kind, module, name = entry.get("kind"), entry.get("module"), entry.get("name")
    if kind not in ("import", "export") or not isinstance(name, str):
        raise fail("an interface record without `kind` or `name`")
    if not isinstance(module, str if kind == "import" else type(None)):
        raise fail("an interface record of an import names its `module`, one of an export does not")
    params, results, doc = entry.get("params", []), entry.get("results", []), entry.get("doc")
    if not (
        isinstance(params, list)
        and isinstance(results, list)
        and all(isinstance(param, list) and len(param) == 2 and isinstance(param[0], str) for param in params)
        and isinstance(doc, (str, type(None)))
    ):
        raise fail("an interface record with malformed `params`, `results` or `doc`")
    failure = entry.get("error")
    if failure not in (None, "str"):
        raise fail(f'errors of type {shown(failure)}, where only "str" is known')
    value_types = ValueTypeDecoder(fail)
    return InterfaceFunction(
        kind,
        module,
        name,
        tuple((param, value_types.decode(value, argument=kind == "import")) for param, value in params),
        tuple(value_types.decode(value) for value in results),
        doc,
        line,
        offset,
        fallible=failure is not None,
    )


def group_interface(functions: Iterable[InterfaceFunction]) -> list[list[InterfaceFunction]]:
    """Drop repeated declarations; those of one function that are left in one list contradict each other."""
    return _group(functions, lambda function: (function.kind, function.module, function.name), _types)


def contradiction_of_interfaces(
    functions: Sequence[InterfaceFunction], function: str | None = None
) -> ContradictoryMetadataError:
    """Say how declarations of one function disagree, and what that ``function`` is if the module has it."""
    return ContradictoryMetadataError(
        f"declarations of {functions[0].label} disagree: {_first(functions, '; ')}",
        where=_place("interface records", functions, function),
        remedy=_AGREE,
    )


def merge_interface(functions: Iterable[InterfaceFunction]) -> list[InterfaceFunction]:
    """Drop repeated declarations.

    Raises `ContradictoryMetadataError` where declarations of one function disagree, `SeveralErrors` for more than one
    such function.
    """
    groups = group_interface(functions)
    raise_together([contradiction_of_interfaces(group) for group in groups if len(group) > 1])
    return [group[0] for group in groups]


def _types(function: InterfaceFunction) -> Hashable:
    return tuple(value for _, value in function.params), function.results, function.fallible


def encode_interface(functions: Iterable[InterfaceFunction]) -> bytes:
    """Encode the consolidated interface section of a processed module, in an order that builds agree on."""
    ordered = sorted(functions, key=lambda function: (function.kind, function.module or "", function.name))
    return b"".join(function.line.strip(b"\0 \r") + b"\n" for function in ordered)


# What both have in common


_T = TypeVar("_T")


def _group(items: Iterable[_T], name: Callable[[_T], Hashable], content: Callable[[_T], Hashable]) -> list[list[_T]]:
    groups: dict[Hashable, dict[Hashable, _T]] = {}
    for item in items:
        groups.setdefault(name(item), {}).setdefault(content(item), item)
    return [list(group.values()) for group in groups.values()]


def _place(what: str, declared: Sequence[Record | InterfaceFunction], function: str | None) -> str:
    place = f"{what} at offsets {_first((hex(entry.offset) for entry in declared), ', ')}"
    return place if function is None else f"{function}; {place}"


def _first(items: Iterable[object], separator: str) -> str:
    """Spell the first few items, and tell where there are more."""
    shown = [str(item) for item in islice(items, _SHOWN + 1)]
    return separator.join([*shown[:_SHOWN], "..."] if len(shown) > _SHOWN else shown)

"""The steps of processing, in order; each is explained in the module that it calls.

1. Read the index spaces and the guest's metadata, and match the two (`signatures`).
2. Decide which functions hold references as references, and which as integers (`inference`, `dataflow`).
3. Give indices to what is new (`layout`, `intrinsics`), edit the functions that name it (`code`) and the sections
   around them (`border`).
4. Bring names, debug info and other custom sections in line (`relocation`, `custom`).
"""

from collections.abc import Callable, Sequence
from functools import cache
from time import perf_counter
from typing import Literal, NamedTuple, TypeVar

from externref_build.errors import (
    AdapterRequiredError,
    ExternrefBuildError,
    MetadataError,
    SeveralErrors,
    raise_together,
)
from externref_build.metadata import (
    GUEST_INTERFACE_SECTION,
    INTERFACE_SECTION,
    RECORDS_SECTION,
    InterfaceFunction,
    decode_interface,
    decode_records,
    encode_interface,
    group_interface,
    group_records,
    is_surrogate,
)
from externref_build.processor import border, custom
from externref_build.processor.code import CodeEditor
from externref_build.processor.imports import edit_imports
from externref_build.processor.inference import Lowering, infer_lowering
from externref_build.processor.labels import FuncLabels
from externref_build.processor.layout import Layout, move_imports
from externref_build.processor.relocation import locate_sources, move_code_metadata, move_debug_info, rename
from externref_build.processor.report import FunctionLowering, Report, Step, SurrogateUse
from externref_build.processor.scan import NamingIndex
from externref_build.processor.signatures import Signatures, match_signatures
from externref_build.wasm.decoding import decode_module
from externref_build.wasm.edits import Part, Revision
from externref_build.wasm.module import Module
from externref_build.wasm.sections import Section

DebugInfo = Literal["keep", "names", "strip"]
_T = TypeVar("_T")


class Options(NamedTuple):
    """How a module is to be processed; `Processor` explains each option."""

    table: str | None = "externrefs"
    drop_hook: tuple[str, str] | None = None
    require_direct: bool = False
    debug_info: DebugInfo = "keep"
    interface: bool = True
    demoted: frozenset[int] = frozenset()
    """Functions that take adapters whatever they do, for tests of the adapters."""


class _Clock:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.started = perf_counter()

    def step(self, name: str, count: int) -> None:
        now = perf_counter()
        self.steps.append(Step(name, count, now - self.started))
        self.started = now


def rewrite(data: bytes | memoryview, options: Options) -> tuple[bytes, Report]:
    """Process a module; return its bytes and what was done."""
    parts, report = rewrite_in_parts(data, options)
    return b"".join(parts), report


def rewrite_in_parts(data: bytes | memoryview, options: Options) -> tuple[Sequence[Part], Report]:
    """Process a module; return the parts that make the new one, and what was done."""
    clock = _Clock()
    module = decode_module(data)
    clock.step("functions indexed", module.func_count)
    faults: list[ExternrefBuildError] = []
    records = group_records(_decode_all(module, RECORDS_SECTION, decode_records, faults))
    functions = group_interface(_decode_all(module, GUEST_INTERFACE_SECTION, decode_interface, faults))
    raise_together(faults)
    is_guest = bool(module.custom_sections(RECORDS_SECTION)) or any(map(is_surrogate, module.imports))
    signatures = match_signatures(module, records, functions, options.table if is_guest else None)
    clock.step("declarations read", len(records))

    labels = FuncLabels(module)
    lowering = None
    uses: tuple[SurrogateUse, ...] = ()
    lowerings: tuple[FunctionLowering, ...] = ()
    revision = Revision(module)
    hook = options.drop_hook if "drop" in signatures.surrogates.values() else None
    if is_guest:
        namings = NamingIndex(module)
        namings.search(_named_anew(module, signatures))
        uses = tuple(SurrogateUse(name, namings.count_calls(func)) for func, name in signatures.surrogates.items())
        clock.step("surrogate calls found", sum(use.calls for use in uses))
        lowering = infer_lowering(module, signatures, namings, describe=labels.describe, demoted=options.demoted)
        clock.step("functions analysed", len(lowering.flows) + len(lowering.escapes))
        labels.load(lowering.flows.keys() | lowering.escapes.keys())
        lowerings = _report_functions(module, lowering, labels)
        if options.require_direct and lowering.escapes:
            raise_together(_adapters_required(lowerings))
        editor = _revise(revision, signatures, lowering, namings, labels.describe, hook, options.table)
        clock.step("function bodies edited", editor.edited)
        _revise_custom_sections(revision, editor, options.debug_info)
        clock.step("custom sections edited", len(revision.custom) + len(revision.new_custom))
    _consolidate_interface(revision, [group[0] for group in functions], keep=options.interface)
    _strip(revision, options.debug_info)

    is_changed = bool(revision.edits or revision.new_sections or revision.custom or revision.new_custom)
    parts: Sequence[Part] = revision.apply() if is_changed else (data,)
    output_size = sum(map(len, parts))
    clock.step("bytes put together", output_size)
    report = Report(
        changed=is_changed,
        imports=signatures.report_imports,
        exports=signatures.report_exports,
        functions=lowerings,
        surrogates=uses,
        table=options.table if lowering else None,
        drop_hook=hook,
        input_size=len(data),
        output_size=output_size,
        steps=tuple(clock.steps),
    )
    return parts, report


def _decode_all(
    module: Module, name: str, decode: Callable[[memoryview, int], list[_T]], faults: list[ExternrefBuildError]
) -> list[_T]:
    """Decode all sections of a name; add what is wrong with them to ``faults``."""
    decoded: list[_T] = []
    for section in module.custom_sections(name):
        try:
            decoded += decode(module.data[section.content : section.end], section.content)
        except SeveralErrors as several:
            faults += several.errors
        except MetadataError as fault:
            faults.append(fault)
    return decoded


def _named_anew(module: Module, signatures: Signatures) -> set[int]:
    """Collect the functions that take references, and the imports that move because of them: one search finds all."""
    moved = move_imports(len(module.func_imports), signatures.surrogates)
    return {*signatures.surrogates, *signatures.imports, *signatures.exported, *moved}


def _adapters_required(functions: Sequence[FunctionLowering]) -> list[AdapterRequiredError]:
    errors = []
    for function in functions:
        if function.lowering == "adapter":
            source = f", {function.source}" if function.source else ""
            errors.append(
                AdapterRequiredError(
                    f"function `{function.name}` needs an adapter: {function.reason}",
                    where=f"offset {function.offset:#x} (function {function.index}{source})",
                    remedy="keep the reference in arguments, results and local variables, or allow adapters",
                )
            )
    return errors


def _revise(
    revision: Revision,
    signatures: Signatures,
    lowering: Lowering,
    namings: NamingIndex,
    describe: Callable[[int], str],
    hook: tuple[str, str] | None,
    table: str | None,
) -> CodeEditor:
    """Edit everything but custom sections. Types come last, for every other step may ask for a new one."""
    module = revision.module

    @cache
    def read_locals(func: int) -> frozenset[int]:
        return frozenset(lowering.events_of(func).indices("local.get"))

    layout = Layout(module, signatures, lowering.refs, hook, describe, read_locals)
    editor = CodeEditor(layout, lowering, namings, revision)
    hidden = border.edit_exports(layout, revision, table)
    editor.edit(hidden)
    border.edit_indices(layout, revision)
    edit_imports(layout, revision)
    border.edit_functions(layout, revision, lowering)
    border.add_tables_and_globals(layout, revision)
    border.declare_values(layout, revision, editor.values, hidden)
    border.add_types(layout, revision)
    return editor


def _revise_custom_sections(revision: Revision, editor: CodeEditor, debug_info: DebugInfo) -> None:
    module = revision.module
    for section in module.custom_sections(RECORDS_SECTION):
        revision.custom[section.start] = None
    for name, add in (
        (custom.TARGET_FEATURES, custom.add_target_feature),
        (custom.PRODUCERS, custom.add_producer),
    ):
        found: Sequence[Section] = module.custom_sections(name)
        if found:
            with custom.located(found[0]):
                revision.custom[found[0].start] = [add(module.data[found[0].content : found[0].end])]
        else:
            revision.new_custom.append((name, add(b"")))
    if debug_info != "strip":
        sections = module.custom_sections("name")
        for section, content in zip(sections, rename(sections, editor), strict=True):
            revision.custom[section.start] = content
    if debug_info == "keep":
        move_debug_info(revision, editor)
    move_code_metadata(revision, editor.layout)


def _consolidate_interface(revision: Revision, functions: list[InterfaceFunction], *, keep: bool) -> None:
    """Replace the guest's interface sections by one for hosts, without imports that the linker has removed."""
    there = {(entry.module, entry.name) for entry in revision.module.func_imports}
    functions = [entry for entry in functions if entry.kind == "export" or (entry.module, entry.name) in there]
    for section in revision.module.custom_sections(GUEST_INTERFACE_SECTION):
        revision.custom[section.start] = None
    if functions and keep:
        revision.new_custom.append((INTERFACE_SECTION, encode_interface(functions)))


def _strip(revision: Revision, debug_info: DebugInfo) -> None:
    """Remove the custom sections that are not to be kept."""
    if debug_info == "keep":
        return
    for section in revision.module.sections:
        name = section.name or ""
        if custom.is_debug_section(name) or name == custom.SOURCE_MAP or (name == "name" and debug_info == "strip"):
            revision.custom[section.start] = None


def _report_functions(module: Module, lowering: Lowering, labels: FuncLabels) -> tuple[FunctionLowering, ...]:
    sources = locate_sources(module, [escape.offset for escape in lowering.escapes.values()])
    found = [FunctionLowering(func, labels.describe(func), "direct", None, None) for func in lowering.flows]
    for func, escape in lowering.escapes.items():
        source = sources.get(escape.offset)
        found.append(FunctionLowering(func, labels.describe(func), "adapter", escape.reason, escape.offset, source))
    return tuple(sorted(found, key=lambda function: function.index))

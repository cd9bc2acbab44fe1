"""Edits of function bodies: direct lowering in place, and calls of whatever has another index now."""

from __future__ import annotations

from collections.abc import Iterable

from externref_build.processor.dataflow import BlockTypeEdit, BytesEdit, CallEdit, Flow, FuncEdit, LocalEdit
from externref_build.processor.inference import Lowering
from externref_build.processor.layout import Layout
from externref_build.processor.scan import REF_FUNC, RETURN_CALL, Naming, NamingIndex
from externref_build.processor.signatures import NO_REFS, Refs
from externref_build.wasm.body import Body, decode_body
from externref_build.wasm.edits import Revision
from externref_build.wasm.leb128 import decode_unsigned, encode_signed, encode_unsigned
from externref_build.wasm.types import EXTERNREF, I32, FuncType

_NOP, _RETURN = b"\x01", b"\x0f"


class CodeEditor:
    """Edits the bodies of one module."""

    def __init__(self, layout: Layout, lowering: Lowering, namings: NamingIndex, revision: Revision) -> None:
        self.layout = layout
        self.lowering = lowering
        self.namings = namings
        self.revision = revision
        self.twins: dict[int, dict[int, int]] = {}
        """For each function with direct lowering: the new local for each old one that has a twin."""
        self.values: set[int] = set()
        """The new indices of the functions that code uses as values, by ``ref.func``."""
        self.edited = 0
        """The number of bodies that were edited."""

    def edit(self, hidden: Iterable[int]) -> None:
        """Edit every body that has to change. ``hidden`` are functions that are no longer exported."""
        for func in sorted(self.lowering.flows):
            self._lower_directly(func, self.lowering.flows[func])
        named = self.layout.changed.union(hidden)
        self.namings.search(named)
        edited = set(self.lowering.flows)
        for func in sorted(named):
            for naming in self.namings.namings(func):
                if naming.caller not in self.lowering.flows:
                    edited.add(naming.caller)
                    self._rename(naming)
        self.edited = len(edited)

    def _rename(self, naming: Naming) -> None:
        """Let an instruction, in a body that holds references as integers, name a function in its integer form."""
        layout = self.layout
        if naming.opcode == REF_FUNC:
            self.values.add(layout.integer_form(naming.func))
        elif layout.signatures.surrogates.get(naming.func) == "guard":
            self._delete_guard(naming.start, naming.end)
            return
        if naming.func in layout.changed:
            self.revision.replace_index(naming.start + 1, naming.end, layout.integer_form(naming.func))

    def _delete_guard(self, start: int, end: int) -> None:
        is_tail = self.layout.module.data[start] == RETURN_CALL
        self.revision.replace(start, end, (_RETURN if is_tail else _NOP) + _NOP * (end - start - 1))

    def _lower_directly(self, func: int, flow: Flow) -> None:
        module, layout, revision = self.layout.module, self.layout, self.revision
        start, end = module.body(func)
        body = decode_body(module.data, start, end)
        twins = self._assign_twins(func, flow, body)
        for edit in flow.edits:
            if isinstance(edit, BytesEdit):
                revision.replace(edit.start, edit.end, edit.data)
            elif isinstance(edit, LocalEdit):
                revision.replace_index(edit.start, edit.end, twins[edit.local])
            elif isinstance(edit, BlockTypeEdit):
                revision.replace(edit.start, edit.end, self._block_type(edit.func_type))
            elif isinstance(edit, FuncEdit):
                index = layout.integer_form(edit.func)
                self.values.add(index)
                if index != edit.func:
                    revision.replace_index(edit.start, edit.end, index)
            else:
                self._edit_call(edit)

    def _edit_call(self, edit: CallEdit) -> None:
        layout = self.layout
        surrogate = layout.signatures.surrogates.get(edit.func)
        if surrogate == "guard":
            self._delete_guard(edit.start - 1, edit.end)
            return
        if surrogate:
            index = layout.surrogate_form(surrogate)
        else:
            index = layout.reference_form(edit.func, self._refs_of(edit.func))
        if index != edit.func:
            self.revision.replace_index(edit.start, edit.end, index)

    def _refs_of(self, func: int) -> Refs:
        """Tell which values of a function are references for a caller that has them as such."""
        signatures = self.layout.signatures
        if func < len(self.layout.module.func_imports):
            return signatures.imports.get(func, NO_REFS)
        return signatures.exported.get(func) or self.lowering.refs.get(func, NO_REFS)

    def _assign_twins(self, func: int, flow: Flow, body: Body) -> dict[int, int]:
        """Declare a twin of each local that holds both references and numbers in the course of the function."""
        module = self.layout.module
        func_type = module.func_type(func)
        used = sorted({edit.local for edit in flow.edits if isinstance(edit, LocalEdit)})
        if not used:
            return {}
        params = self.lowering.refs.get(func, NO_REFS).params
        to_numbers = [local for local in used if local < len(func_type.params) and params >> local & 1]
        to_refs = sorted(set(used) - set(to_numbers))
        groups = [(len(to_refs), EXTERNREF), (len(to_numbers), I32)]
        encoded = [encode_unsigned(count) + val_type for count, val_type in groups if count]
        count_end = decode_unsigned(module.data, body.start)[1]
        self.revision.replace_index(body.start, count_end, len(body.groups) + len(encoded))
        self.revision.replace(body.locals_end, body.locals_end, b"".join(encoded))
        first = len(func_type.params) + body.local_count
        self.twins[func] = {local: first + position for position, local in enumerate(to_refs + to_numbers)}
        return self.twins[func]

    def _block_type(self, func_type: FuncType) -> bytes:
        if not func_type.params and len(func_type.results) == 1:
            return func_type.results[0]
        return encode_signed(self.layout.type_index(func_type))

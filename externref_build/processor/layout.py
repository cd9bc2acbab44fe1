"""Where everything new goes, so that nothing old has to move.

The imports of surrogates leave holes in the index space of functions. As many generated functions are put first among
the local ones, so that no local function changes its index; the import of a drop hook takes one of the holes. Of the
imports that stay, the last ones move into the holes before them, so that few change their index. Types, tables, globals
and further functions are appended.

A function can be asked for in two forms. In its *integer form* it has the type that the module gave it, with i32 for
references; in its *reference form*, externref stands in their place. One of them is the function itself (or the
import), the other one is an adapter, made when it is first asked for.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

from externref_build.processor.intrinsics import DEPENDENCIES, INTRINSICS
from externref_build.processor.signatures import NO_REFS, Refs, Signatures
from externref_build.wasm.assembler import assemble
from externref_build.wasm.module import GLOBAL, TABLE, Module
from externref_build.wasm.types import EXTERNREF, FuncType, ValType

DROP_HOOK_TYPE = FuncType((EXTERNREF,))


class NewFunction(NamedTuple):
    """A function that the module didn't have."""

    name: str
    type_index: int
    body: bytes


def move_imports(count: int, removed: Collection[int]) -> dict[int, int]:
    """Move the last of ``count`` imports to the places of those that are removed; return the new index of each."""
    left = count - len(removed)
    moving = [func for func in range(left, count) if func not in removed]
    return dict(zip(moving, sorted(func for func in removed if func < left), strict=True))


class Layout:
    """Assigns indices to what is new; the only place that knows old and new function indices.

    Args:
        module: The module.
        signatures: What its border declares.
        refs: Local functions whose own type takes references.
        drop_hook: Module and name of the import to call with what is dropped.
        describe: Names a function.
        read_locals: Tells which parameters and locals the body of a local function reads.
    """

    def __init__(
        self,
        module: Module,
        signatures: Signatures,
        refs: dict[int, Refs],
        drop_hook: tuple[str, str] | None,
        describe: Callable[[int], str],
        read_locals: Callable[[int], frozenset[int]],
    ) -> None:
        self.module = module
        self.signatures = signatures
        self.refs = refs
        self.drop_hook = drop_hook
        self.describe = describe
        self.read_locals = read_locals
        self.new_types: dict[FuncType, int] = {}
        """The function types that are appended, in order, with their indices."""
        self.new_funcs: list[NewFunction | None] = []
        self.tables: list[str] = []
        self.globals: list[str] = []
        self.moved_imports = move_imports(len(module.func_imports), signatures.surrogates)
        """The new indices of those imported functions that move."""
        self.changed = frozenset((*signatures.surrogates, *signatures.imports, *self.moved_imports, *refs))
        """The functions that code which treats references as integers can't go on naming as it does."""
        self._indices: dict[object, int] = {}

    @property
    def hole_count(self) -> int:
        """How many generated functions stand before the module's own."""
        return len(self.signatures.surrogates) - (self.drop_hook is not None)

    @property
    def drop_hook_index(self) -> int:
        """The index of the drop hook, which is imported last."""
        return len(self.module.func_imports) - len(self.signatures.surrogates)

    # Types, tables and globals

    def type_index(self, func_type: FuncType) -> int:
        """Find or append a function type."""
        known = self.module.plain_types.get(func_type)
        if known is not None:
            return known
        return self.new_types.setdefault(func_type, len(self.module.types) + len(self.new_types))

    def table_index(self, name: str) -> int:
        """Find or append one of our tables."""
        if name not in self.tables:
            self.tables.append(name)
        return self.module.count(TABLE) + self.tables.index(name)

    def _global_index(self, name: str) -> int:
        if name not in self.globals:
            self.globals.append(name)
        return self.module.count(GLOBAL) + self.globals.index(name)

    # Functions

    def fill_holes(self) -> None:
        """Put empty functions where fewer functions were generated than surrogates were imported."""
        left = self.hole_count - len(self.new_funcs)
        if left > 0:
            filler = NewFunction("externref.filler", self.type_index(FuncType()), assemble(""))
            self.new_funcs += [filler] * left

    def import_index(self, func: int) -> int:
        """Tell the new index of an imported function that stays."""
        return self.moved_imports.get(func, func)

    def integer_form(self, func: int) -> int:
        """Tell the index of a function in its integer form."""
        surrogate = self.signatures.surrogates.get(func)
        if surrogate:
            name = "externref.guard" if surrogate == "guard" else self._adapted(surrogate)
            return self._surrogate(name, self.module.func_type_index(func))
        if self._own_refs(func) != NO_REFS:
            return self._lowered(func)
        return self._own_index(func)

    def reference_form(self, func: int, refs: Refs) -> int:
        """Tell the index of a function in its reference form."""
        if refs == self._own_refs(func) and func not in self.signatures.surrogates:
            return self._own_index(func)
        return self._lifted(func, refs)

    def surrogate_form(self, surrogate: str) -> int:
        """Tell the index of the intrinsic that does a surrogate's work on references."""
        return self._surrogate("externref.drop with hook" if self._needs_hook(surrogate) else f"externref.{surrogate}")

    def _needs_hook(self, surrogate: str) -> bool:
        return surrogate == "drop" and self.drop_hook is not None

    def _adapted(self, surrogate: str) -> str:
        if surrogate == "drop":
            return "externref.drop with hook" if self.drop_hook else "externref.drop"
        return f"adapter: externref.{surrogate}"

    def _own_refs(self, func: int) -> Refs:
        if func < len(self.module.func_imports):
            return self.signatures.imports.get(func, NO_REFS)
        return self.refs.get(func, NO_REFS)

    def _own_index(self, func: int) -> int:
        return self.import_index(func) if func < len(self.module.func_imports) else func

    def _add(self, key: object, name: str, type_index: int, build: Callable[[], bytes]) -> int:
        """Reserve an index before the body is built, which may ask for further functions."""
        if key not in self._indices:
            position = len(self.new_funcs)
            self.new_funcs.append(None)
            first_hole = len(self.module.func_imports) - self.hole_count
            behind = self.module.func_count + position - self.hole_count
            self._indices[key] = first_hole + position if position < self.hole_count else behind
            self.new_funcs[position] = NewFunction(name, type_index, build())
        return self._indices[key]

    def _surrogate(self, name: str, type_index: int | None = None) -> int:
        """Tell the index of an intrinsic, of a given type where it stands in for a function of that type."""
        intrinsic = INTRINSICS[name]
        if type_index is None:
            type_index = self.type_index(intrinsic.func_type)

        def build() -> bytes:
            names = {f"${other}": self._surrogate(other) for other in DEPENDENCIES.get(name, ())}
            for table in ("slots", "transit"):
                if f"${table}" in intrinsic.text:
                    names[f"${table}"] = self.table_index(table)
            for variable in ("cursor", "top"):
                if f"${variable}" in intrinsic.text:
                    names[f"${variable}"] = self._global_index(variable)
            return intrinsic.assemble({**names, "$drop-hook": self.drop_hook_index})

        return self._add((name, type_index), name.removesuffix(" with hook"), type_index, build)

    def _lifted(self, func: int, refs: Refs) -> int:
        """Give a function of integers its reference form: parameters go into transit, results come out."""
        func_type = self.module.func_type(func)
        name = f"adapter: export {self.describe(func)}"

        def read(position: int) -> str:
            if refs.params >> position & 1:
                if func >= len(self.module.func_imports) and position not in self.read_locals(func):
                    return "i32.const -1"
                return f"local.get {position}\n call $push"
            return f"local.get {position}"

        def build() -> bytes:
            return self._bridge(self.integer_form(func), func_type, read, func_type.results, refs.results, "$pop")

        return self._add(("lifted", func, refs), name, self.type_index(refs.retype(func_type)), build)

    def _lowered(self, func: int) -> int:
        """Give a function of references its integer form: parameters come out of transit, results go in."""
        refs = self._own_refs(func)
        func_type = self.module.func_type(func)
        is_import = func < len(self.module.func_imports)
        name = f"adapter: {'import ' if is_import else ''}{self.describe(func)}"

        def read(position: int) -> str:
            return f"local.get {position}" + ("\n call $pop" if refs.params >> position & 1 else "")

        def build() -> bytes:
            results = refs.retype(func_type).results
            return self._bridge(self._own_index(func), func_type, read, results, refs.results, "$push")

        return self._add(("lowered", func), name, self.module.func_type_index(func), build)

    def _bridge(
        self,
        callee: int,
        func_type: FuncType,
        read: Callable[[int], str],
        results: tuple[ValType, ...],
        ref_results: int,
        convert: str,
    ) -> bytes:
        """Build a body that converts parameters, calls, and converts results, of which ``results`` are the types."""
        lines = [read(position) for position in range(len(func_type.params))]
        lines.append("call $callee")
        first = len(func_type.params)
        locals_: tuple[ValType, ...] = ()
        if ref_results and len(results) > 1:
            locals_ = results
            lines += [f"local.set {first + position}" for position in reversed(range(len(results)))]
        for position in range(len(results)):
            if locals_:
                lines.append(f"local.get {first + position}")
            if ref_results >> position & 1:
                lines.append(f"call {convert}")
        text = "\n".join(lines)
        names = {"$callee": callee}
        for name in ("push", "pop"):
            if f"${name}" in text:
                names[f"${name}"] = self._surrogate(f"externref.transit.{name}")
        return assemble(text, names, locals_)

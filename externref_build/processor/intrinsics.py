"""The functions that take the place of the surrogates, and the allocator of slots.

**Slots** are indices into the table of references. Two globals keep allocation O(1), amortised, and nothing of it lies
in linear memory:

- ``cursor``: where the search for a free slot goes on. Everything that was freed behind it waits for the next sweep.
- ``free``: how many slots are empty, as far as the guest's own operations tell.

Invariant: a slot is handed out only while the table holds null there. A sweep begins at 0 only if at least a quarter
of the slots is free, so that a sweep over n slots hands out n/4 of them; otherwise the table grows by a quarter.

The table may be exported, so that a host can write to it, and a guest can drop a slot twice: neither ``cursor`` nor
``free`` is trusted for termination. ``free`` saturates at 0, and one search wraps at most once before it grows the
table.

**Transit slots** are indices into a second table that is never exported. It is a stack of references on their way
between the host and functions that hold them as integers; entries are consumed in any order, and the stack steps back
over empty ones. In both, null is -1.
"""

from __future__ import annotations

from dataclasses import dataclass

from externref_build.wasm.assembler import assemble
from externref_build.wasm.types import EXTERNREF, I32, FuncType, ValType


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """One generated function."""

    func_type: FuncType
    text: str
    """Instructions, as `assemble` reads them."""
    locals_: tuple[ValType, ...] = ()

    def assemble(self, names: dict[str, int]) -> bytes:
        """Encode the body with the indices of the tables, globals and functions that it names."""
        return assemble(self.text, names, self.locals_)


_RETURN_IF_NO_SLOT = """
    local.get 0
    i32.const -1
    i32.eq
    if
      {nothing}
      return
    end
"""

_RETURN_IF_NULL_REF = """
    local.get 0
    ref.is_null
    if
      i32.const -1
      return
    end
"""

_EMPTY_SLOT = """
    local.get 0
    ref.null extern
    table.set $slots
    global.get $free
    i32.const 1
    i32.add
    global.set $free
    local.get 0
    i32.const 1
    i32.add
    global.get $cursor
    i32.eq
    if                          ;; the slot just under the cursor is the next to be handed out
      local.get 0
      global.set $cursor
    end
"""

_INSERT = (
    _RETURN_IF_NULL_REF
    + """
    global.get $cursor
    local.set 1                 ;; slot
    table.size $slots
    local.set 2                 ;; size
    block
      loop
        local.get 1
        local.get 2
        i32.lt_u
        if
          local.get 1
          table.get $slots
          ref.is_null
          br_if 2               ;; found
          local.get 1
          i32.const 1
          i32.add
          local.set 1
          br 1
        end
        local.get 3             ;; has this search wrapped?
        i32.eqz
        global.get $free
        local.get 2
        i32.const 3
        i32.add
        i32.const 2
        i32.shr_u
        i32.ge_u
        i32.and
        if
          i32.const 1
          local.set 3
          i32.const 0
          local.set 1
          br 1
        end
      end
      ref.null extern
      local.get 2
      i32.const 2
      i32.shr_u
      i32.const 1
      i32.add
      local.tee 3               ;; from here on: the number of new slots
      table.grow $slots
      local.tee 1
      i32.const -1
      i32.ne
      if
        global.get $free
        local.get 3
        i32.add
        global.set $free
        br 1                    ;; found
      end
      i32.const 0
      local.set 1
      loop                      ;; the host refuses to grow the table: is any slot free at all?
        local.get 1
        local.get 2
        i32.ge_u
        if
          unreachable
        end
        local.get 1
        table.get $slots
        ref.is_null
        br_if 1                 ;; found
        local.get 1
        i32.const 1
        i32.add
        local.set 1
        br 0
      end
    end
    local.get 1
    local.get 0
    table.set $slots
    local.get 1
    i32.const 1
    i32.add
    global.set $cursor
    global.get $free
    global.get $free
    i32.const 0
    i32.ne
    i32.sub
    global.set $free
    local.get 1
"""
)

_GET = (
    _RETURN_IF_NO_SLOT.format(nothing="ref.null extern")
    + """
    local.get 0
    table.get $slots
"""
)

_TAKE = (
    _RETURN_IF_NO_SLOT.format(nothing="ref.null extern")
    + """
    local.get 0
    table.get $slots
    local.tee 1
    ref.is_null
    if
      ref.null extern
      return
    end
"""
    + _EMPTY_SLOT
    + "local.get 1"
)

_RETURN_IF_EMPTY = """
    local.get 0
    table.get $slots
    ref.is_null
    if
      return
    end
"""

_DROP = _RETURN_IF_NO_SLOT.format(nothing="nop") + _RETURN_IF_EMPTY + _EMPTY_SLOT

_DROP_WITH_HOOK = (
    _RETURN_IF_NO_SLOT.format(nothing="nop")
    + _RETURN_IF_EMPTY
    + """
    local.get 0
    table.get $slots
    call $drop-hook
"""
    + _RETURN_IF_EMPTY  # the hook may have called the guest, which dropped the same slot
    + _EMPTY_SLOT
)

_PUSH = (
    _RETURN_IF_NULL_REF
    + """
    global.get $top
    table.size $transit
    i32.eq
    if
      ref.null extern
      table.size $transit
      i32.const 2
      i32.shr_u
      i32.const 1
      i32.add
      table.grow $transit
      i32.const -1
      i32.eq
      if
        unreachable
      end
    end
    global.get $top
    local.get 0
    table.set $transit
    global.get $top
    global.get $top
    i32.const 1
    i32.add
    global.set $top
"""
)

_POP = (
    _RETURN_IF_NO_SLOT.format(nothing="ref.null extern")
    + """
    local.get 0
    table.get $transit
    local.tee 1
    ref.is_null
    if                          ;; consumed before, or not a reference at all
      unreachable
    end
    local.get 0
    ref.null extern
    table.set $transit
    block
      loop
        global.get $top
        i32.eqz
        br_if 1
        global.get $top
        i32.const 1
        i32.sub
        table.get $transit
        ref.is_null
        i32.eqz
        br_if 1
        global.get $top
        i32.const 1
        i32.sub
        global.set $top
        br 0
      end
    end
    local.get 1
"""
)

INTRINSICS = {
    "externref.insert": Intrinsic(FuncType((EXTERNREF,), (I32,)), _INSERT, (I32, I32, I32)),
    "externref.get": Intrinsic(FuncType((I32,), (EXTERNREF,)), _GET),
    "externref.take": Intrinsic(FuncType((I32,), (EXTERNREF,)), _TAKE, (EXTERNREF,)),
    "externref.drop": Intrinsic(FuncType((I32,)), _DROP),
    "externref.drop with hook": Intrinsic(FuncType((I32,)), _DROP_WITH_HOOK),
    "externref.guard": Intrinsic(FuncType(), ""),
    "externref.transit.push": Intrinsic(FuncType((EXTERNREF,), (I32,)), _PUSH),
    "externref.transit.pop": Intrinsic(FuncType((I32,), (EXTERNREF,)), _POP, (EXTERNREF,)),
    "adapter: externref.insert": Intrinsic(
        FuncType((I32,), (I32,)), "local.get 0\n call $externref.transit.pop\n call $externref.insert"
    ),
    "adapter: externref.get": Intrinsic(
        FuncType((I32,), (I32,)), "local.get 0\n call $externref.get\n call $externref.transit.push"
    ),
    "adapter: externref.take": Intrinsic(
        FuncType((I32,), (I32,)), "local.get 0\n call $externref.take\n call $externref.transit.push"
    ),
}
"""Every generated function that isn't made for one function of the module, by its name."""

DEPENDENCIES = {
    "adapter: externref.insert": ("externref.insert", "externref.transit.pop"),
    "adapter: externref.get": ("externref.get", "externref.transit.push"),
    "adapter: externref.take": ("externref.take", "externref.transit.push"),
}
"""The intrinsics that an intrinsic calls."""

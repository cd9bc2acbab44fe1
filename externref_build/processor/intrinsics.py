"""The functions that take the place of the surrogates, and the allocator of slots.

**Slots** are indices into the table of references. One global, the ``cursor``, keeps allocation O(1), amortised, and
nothing of it lies in linear memory. The search for an empty slot goes on at the cursor; what was emptied behind it
waits for the next sweep.

Invariant: a slot is handed out only while the table holds null there. Where a search comes to the end of the table, it
counts the empty slots. If they are at least a quarter of all, the next sweep begins at the first of them; otherwise the
table grows by a quarter. Either way, looking twice at n slots is followed by handing out n/4 of them, and the table
stays below 5/3 of what it held at a time.

The table may be exported, so that a host can write to it, and a guest can drop a slot twice. What is counted is the
table itself: a slot that the host emptied is as good as one that the guest dropped, and no number has to be trusted.

Where the host refuses to grow the table, less is asked for, down to one slot. Then any empty slot will do; where there
is none, the guest traps (``unreachable``), and the table is as it was.

**Transit slots** are indices into a second table that is never exported. It is a stack of references on their way
between the host and functions that hold them as integers; entries are consumed in any order, and the stack steps back
over empty ones. In both, null is -1.
"""

from typing import NamedTuple

from externref_build.wasm.assembler import assemble
from externref_build.wasm.types import EXTERNREF, I32, FuncType, ValType


class Intrinsic(NamedTuple):
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

_GROW = """
      table.size {table}
      i32.const 2
      i32.shr_u
      i32.const 1
      i32.add
      local.set {count}
      loop
        ref.null extern
        local.get {count}
        table.grow {table}
        local.tee {start}
        i32.const -1
        i32.ne
        br_if 1                 ;; out of the block around
        local.get {count}
        i32.const 1
        i32.shr_u
        local.tee {count}
        br_if 0                 ;; the host refuses so many: try half of them
      end
"""

_INSERT = (
    _RETURN_IF_NULL_REF
    + """
    global.get $cursor
    local.set 1                 ;; slot
    table.size $slots
    local.set 2                 ;; size
    block                       ;; until a slot is found
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
      end
      loop                      ;; count the empty slots, in local 3, up to a quarter
        local.get 4
        local.get 2
        i32.lt_u
        if
          local.get 4
          table.get $slots
          ref.is_null
          if
            local.get 1
            local.get 4
            local.get 3
            select
            local.set 1         ;; the first of them
            local.get 3
            i32.const 1
            i32.add
            local.tee 3
            i32.const 2
            i32.shl
            local.get 2
            i32.ge_u
            br_if 3             ;; found
          end
          local.get 4
          i32.const 1
          i32.add
          local.set 4
          br 1
        end
      end
      block
"""
    + _GROW.format(table="$slots", count=4, start=5)
    + """
        local.get 3
        br_if 1                 ;; found
        unreachable
      end
      local.get 5
      local.set 1
    end
    local.get 1
    local.get 0
    table.set $slots
    local.get 1
    i32.const 1
    i32.add
    global.set $cursor
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
      block
"""
    + _GROW.format(table="$transit", count=1, start=2)
    + """
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
    "externref.insert": Intrinsic(FuncType((EXTERNREF,), (I32,)), _INSERT, (I32,) * 5),
    "externref.get": Intrinsic(FuncType((I32,), (EXTERNREF,)), _GET),
    "externref.take": Intrinsic(FuncType((I32,), (EXTERNREF,)), _TAKE, (EXTERNREF,)),
    "externref.drop": Intrinsic(FuncType((I32,)), _DROP),
    "externref.drop with hook": Intrinsic(FuncType((I32,)), _DROP_WITH_HOOK),
    "externref.guard": Intrinsic(FuncType(), ""),
    "externref.transit.push": Intrinsic(FuncType((EXTERNREF,), (I32,)), _PUSH, (I32, I32)),
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

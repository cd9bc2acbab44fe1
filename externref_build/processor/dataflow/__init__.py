"""Follow references through one function: the proof behind direct lowering.

The body is interpreted with the stacks of the specification's validation algorithm (appendix, "Validation Algorithm"),
over two kinds of values: raw surrogates, which are to become references, and everything else. Rules:

1. Only few operands are references, so that the operand stack is a height and the list of heights at which one lies.
2. Which locals hold references is a pair of bit sets: *maybe* and *surely*. A local in the first and not in the second
   holds a reference on one path and a number on another; that is no fault until somebody reads it.
3. Loops start with what enters them, and the whole body is read again until no branch back adds anything. Both
   sets only ever move in one direction, and WebAssembly's control flow is reducible, so that takes few passes.
4. Code that can't be reached is passed over and deleted: it may not type-check once locals have other types.
5. A raw surrogate is used up by the call that gets it. Compilers know that the local which held it is dead from there
   on, and may let it join one with a number and copy the result about. Where that stands in the way, the body is read
   once more, and such a local holds a number from the call on.
6. The first use of a reference as a number, or of a number as a reference, is an `Escape`: the function needs an
   adapter.

What the last pass did is returned as a list of edits, in which only indices of functions, types and new locals are
open.
"""

from __future__ import annotations

from externref_build.processor.dataflow.flow import (
    BlockTypeEdit,
    BytesEdit,
    CallEdit,
    Callee,
    Escape,
    Flow,
    FuncEdit,
    LocalEdit,
)
from externref_build.processor.dataflow.interpreter import Interpreter

__all__ = [
    "BlockTypeEdit",
    "BytesEdit",
    "CallEdit",
    "Callee",
    "Escape",
    "Flow",
    "FuncEdit",
    "Interpreter",
    "LocalEdit",
]

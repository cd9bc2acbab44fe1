"""Function bodies (specification 5.5.13): where they are, their locals, where their instructions start."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from itertools import repeat
from typing import NamedTuple, NoReturn

from externref_build.errors import MalformedModuleError
from externref_build.wasm.reader import Reader
from externref_build.wasm.types import F32, F64, I32, I64, ValType, decode_val_type

_NUMBER_TYPES = frozenset(b"".join((I32, I64, F32, F64)))


def index_bodies(reader: Reader) -> Sequence[int]:
    """Read the sizes in a code section; return the offset of each, and the offset behind the last body."""
    count = reader.count("function bodies", 3)
    data, offset, end = reader.data, reader.offset, reader.end
    bounds = array("I", (offset,))
    append = bounds.append
    with suppress(IndexError):  # Whatever ends behind the section is found below, once and for all bodies.
        for _ in repeat(None, count):
            size = data[offset]
            if size < 0x80:
                offset += size + 1
            elif (high := data[offset + 1]) < 0x80:
                offset += (high << 7) + size - 0x7E
            else:
                reader.offset = offset
                if offset >= end or (size := reader.u32("the size of a function body")) > end:
                    break
                offset = reader.offset + size
            append(offset)
    if offset > end or len(bounds) <= count:
        _refuse_size(reader, bounds[bisect_right(bounds, end) - 1])
    reader.offset = offset
    reader.finish("the function bodies")
    return bounds


def _refuse_size(reader: Reader, offset: int) -> NoReturn:
    reader.offset = offset
    size = reader.u32("the size of a function body")
    raise MalformedModuleError(f"a function body of {size} bytes where {reader.end - reader.offset} are left", offset)


class Body(NamedTuple):
    """The frame of a function body (specification 5.5.13): its locals, and where its instructions are."""

    start: int
    """Offset of the number of local groups."""
    locals_end: int
    """Offset of the first instruction."""
    end: int
    groups: tuple[tuple[int, ValType], ...]

    @property
    def local_count(self) -> int:
        """The number of locals, parameters not included."""
        return sum(count for count, _ in self.groups)


def skip_locals(data: bytes | memoryview, start: int, end: int) -> int:
    """Find the first instruction of a function body, where `decode_body` would tell too much."""
    groups = data[start] if start < end else 0
    offset = start + 1
    if offset + 2 * groups <= end and groups < 0x80:
        for _ in range(groups):
            if data[offset] >= 0x80 or data[offset + 1] not in _NUMBER_TYPES:
                break
            offset += 2
        else:
            return offset
    return decode_body(data, start, end).locals_end


def decode_body(data: bytes | memoryview, start: int, end: int) -> Body:
    """Decode the locals of a function body."""
    reader = Reader(data, start, end)
    groups = []
    for _ in range(reader.count("groups of locals", 2)):
        count = reader.u32("the number of locals")
        groups.append((count, decode_val_type(reader)))
    if sum(count for count, _ in groups) >= 1 << 32:
        raise MalformedModuleError("more than 4294967295 locals", start)
    return Body(start, reader.offset, end, tuple(groups))

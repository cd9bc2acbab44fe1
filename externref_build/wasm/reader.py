"""A cursor over the bytes of a module that never reads beyond its range and knows the absolute offset of each fault."""

from __future__ import annotations

from externref_build.errors import MalformedModuleError


class Reader:
    """Read the primitive values of the binary format (specification 5.2) from ``data[offset:end]``."""

    __slots__ = ("data", "end", "offset")

    def __init__(self, data: bytes | memoryview, offset: int = 0, end: int | None = None) -> None:
        self.data = data
        self.offset = offset
        self.end = len(data) if end is None else end

    def at_end(self) -> bool:
        """Tell whether everything was read."""
        return self.offset >= self.end

    def finish(self, what: str) -> None:
        """Raise `MalformedModuleError` unless everything was read; ``what`` was the last of it."""
        if not self.at_end():
            raise MalformedModuleError(f"{self.end - self.offset} bytes are left over behind {what}", self.offset)

    def byte(self, what: str = "a byte") -> int:
        """Read one byte."""
        if self.offset >= self.end:
            raise MalformedModuleError(f"unexpected end: expected {what}", self.offset)
        value = self.data[self.offset]
        self.offset += 1
        return value

    def u32(self, what: str = "an integer") -> int:
        """Read an unsigned LEB128 of at most 32 bits."""
        data, offset, end = self.data, self.offset, self.end
        if offset < end:
            first = data[offset]
            if first < 0x80:
                self.offset = offset + 1
                return first
            if offset + 1 < end and (second := data[offset + 1]) < 0x80:
                self.offset = offset + 2
                return first & 0x7F | second << 7
            if offset + 2 < end and (third := data[offset + 2]) < 0x80:
                self.offset = offset + 3
                return first & 0x7F | (second & 0x7F) << 7 | third << 14
        return self._unsigned(32, what)

    def u64(self, what: str = "an integer") -> int:
        """Read an unsigned LEB128 of at most 64 bits."""
        return self._unsigned(64, what)

    def s33(self, what: str = "a type") -> int:
        """Read a signed LEB128 of at most 33 bits, as block types and heap types are (specification 5.3.3, 5.4.1)."""
        return self._signed(33, what)

    def s64(self, what: str = "an integer") -> int:
        """Read a signed LEB128 of at most 64 bits."""
        return self._signed(64, what)

    def count(self, what: str, minimum_size: int = 1) -> int:
        """Read the length of a vector whose items take at least ``minimum_size`` bytes each, and bound it by that."""
        start = self.offset
        count = self.u32(f"the number of {what}")
        if count * minimum_size > self.end - self.offset:
            left = self.end - self.offset
            raise MalformedModuleError(f"{count} {what} are announced where {left} bytes are left", start)
        return count

    def take(self, size: int, what: str = "data") -> bytes:
        """Read ``size`` bytes."""
        self.skip(size, what)
        return bytes(self.data[self.offset - size : self.offset])

    def skip(self, size: int, what: str = "data") -> None:
        """Pass over ``size`` bytes."""
        if size > self.end - self.offset:
            raise MalformedModuleError(
                f"{what} of {size} bytes where {max(self.end - self.offset, 0)} bytes are left", self.offset
            )
        self.offset += size

    def name(self, what: str = "a name") -> str:
        """Read a name: a length, then UTF-8 (specification 5.2.4)."""
        size = self.u32(f"the length of {what}")
        start = self.offset
        try:
            return self.take(size, what).decode()
        except UnicodeDecodeError as error:
            raise MalformedModuleError(f"{what} is not UTF-8", start + error.start) from None

    def _unsigned(self, bits: int, what: str) -> int:
        start = self.offset
        value, _ = self._leb128(bits, what)
        if value >> bits:
            raise MalformedModuleError(f"{what} takes more than {bits} bits", start)
        return value

    def _signed(self, bits: int, what: str) -> int:
        start = self.offset
        value, width = self._leb128(bits, what)
        if value >> (width - 1):
            value -= 1 << width
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise MalformedModuleError(f"{what} takes more than {bits} bits", start)
        return value

    def _leb128(self, bits: int, what: str) -> tuple[int, int]:
        """Read groups of seven bits; return what they add up to, and how many bits they are."""
        start, value, width = self.offset, 0, 0
        while True:
            byte = self.byte(what)
            value |= (byte & 0x7F) << width
            width += 7
            if byte < 0x80:
                return value, width
            if width >= bits:
                raise MalformedModuleError(f"{what} takes more than {(bits + 6) // 7} bytes", start)

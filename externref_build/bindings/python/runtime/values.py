"""How values pass between Python and a guest."""

from __future__ import annotations

import array
import contextlib
import struct
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from externref_build.bindings.python.runtime.failures import GuestFault

if TYPE_CHECKING:
    from externref_build.bindings.python.runtime.guests import _Guest


class _Type:
    """How one value passes: its core values, and what it is made of on either side."""

    name: str = ""
    letters: str = ""
    """A letter of `struct` for each core value as the host writes it; ``r`` is a reference."""
    lifted: str = ""
    """The letters as the host reads them."""
    is_plain = False
    """Whether the core value is the value itself, and `struct` checks it."""
    is_lent = False
    """Whether the host has a view of the guest's memory for the time of a call."""

    def prepare(self, value: Any) -> Any:
        """Check a value for the guest, and encode it. Raises TypeError, OverflowError or ValueError."""
        raise NotImplementedError

    def lower(self, guest: _Guest, prepared: Any) -> tuple[Any, ...]:  # noqa: ARG002
        """Return the core values of what was prepared; texts and lists are copied into the guest's memory."""
        return (prepared,)

    def lift(self, guest: _Guest, *core: Any) -> Any:  # noqa: ARG002
        """Make a value of the guest's core values. Raises GuestFault."""
        return core[0]

    def release(self, value: Any) -> None:
        """Take back what was lent for the time of a call."""


class _Integer(_Type):
    def __init__(self, name: str, letter: str, lifted: str, low: int, high: int) -> None:
        self.name, self.letters, self.lifted = name, letter, lifted
        self.low, self.high = low, high
        self.is_plain = letter == lifted

    def prepare(self, value: Any) -> Any:
        if not hasattr(type(value), "__index__"):
            raise TypeError(f"{_shown(value)}, expected an int")
        number = value.__index__()
        if not self.low <= number <= self.high:
            raise OverflowError(f"{_shown(number)}, expected {self.low} to {self.high} ({self.name})")
        return number


class _Opaque(_Integer):
    """A number of which the module tells no sign: either is taken, and signed ones come back."""

    def __init__(self, bits: int) -> None:
        letter = "i" if bits == 32 else "q"
        super().__init__(f"i{bits}", letter, letter, -(1 << bits - 1), (1 << bits) - 1)
        self.bits = bits
        self.is_plain = False

    def prepare(self, value: Any) -> Any:
        number = super().prepare(value)
        return number - (1 << self.bits) if number >> (self.bits - 1) == 1 else number


class _Float(_Type):
    is_plain = True

    def __init__(self, name: str, letter: str) -> None:
        self.name, self.letters, self.lifted = name, letter, letter

    def prepare(self, value: Any) -> Any:
        kind = type(value)
        if not (hasattr(kind, "__float__") or hasattr(kind, "__index__")):
            raise TypeError(f"{_shown(value)}, expected a float")
        try:
            number = float(value)
            struct.pack(f"<{self.letters}", number)
        except OverflowError:
            raise OverflowError(f"{_shown(value)}, which is beyond the range of {self.name}") from None
        return number


class _Bool(_Type):
    name, letters, lifted = "bool", "I", "I"

    def prepare(self, value: Any) -> Any:
        if value is True or value is False:
            return int(value)
        raise TypeError(f"{_shown(value)}, expected True or False")

    def lift(self, guest: _Guest, *core: Any) -> Any:  # noqa: ARG002
        return core[0] != 0


class _Char(_Type):
    name, letters, lifted = "char", "I", "I"

    def prepare(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"{_shown(value)}, expected a str of one character")
        if len(value) != 1 or 0xD800 <= ord(value) <= 0xDFFF:
            raise ValueError(f"{_shown(value)}, expected one character that is no surrogate")
        return ord(value)

    def lift(self, guest: _Guest, *core: Any) -> Any:  # noqa: ARG002
        if core[0] > 0x10FFFF or 0xD800 <= core[0] <= 0xDFFF:
            raise GuestFault(f"{core[0]:#x}, which is no character")
        return chr(core[0])


class _Reference(_Type):
    """A reference to an object of the host, of a class if that is known."""

    letters = lifted = "r"

    def __init__(self, name: str, kind: Any, null: bool = False) -> None:
        self.name, self.null = name, null
        self.kind: Any = kind if isinstance(kind, type) else object
        self.accepted = (self.kind, type(None)) if null else self.kind
        self.refuses_null = not null and self.kind is object
        self.is_checked = self.kind is not object
        self.one = f"{'an' if name[:1] in 'AEIO' else 'a'} {name}" if name else "a reference"
        if self.is_checked and self.kind.__name__ != name:
            self.one += f" ({self.kind.__module__}.{self.kind.__qualname__})"

    def prepare(self, value: Any) -> Any:
        if value is None and not self.null:
            raise TypeError(f"None, expected {self.one}")
        if not isinstance(value, self.accepted):
            raise TypeError(f"{_shown(value)}, expected {self.one}{' or None' * self.null}")
        return value

    def lift(self, guest: _Guest, *core: Any) -> Any:  # noqa: ARG002
        try:
            return self.prepare(core[0])
        except TypeError as error:
            raise GuestFault(*error.args) from None


class _Buffer(_Type):
    """What lies in the guest's memory: a pointer and a number of elements."""

    letters = lifted = "II"
    size = 1
    """Of one element, in bytes."""

    def lower(self, guest: _Guest, prepared: Any) -> tuple[Any, ...]:
        return guest.give(prepared, self.size), len(prepared) // self.size

    def view(self, guest: _Guest, pointer: int, count: int) -> memoryview:
        """Return the guest's bytes. Raises GuestFault where they lie beyond its memory."""
        end = pointer + count * self.size
        memory = guest.seen
        if end > len(memory) or not guest.memory_stays:
            memory = guest.memory()
            if end > len(memory):
                raise GuestFault(f"{count} elements at {pointer:#x}, beyond the end of its memory at {len(memory):#x}")
        return memory[pointer:end]


class _Text(_Buffer):
    name = "str"

    def prepare(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"{_shown(value)}, expected a str")
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{_shown(value)}, which has a lone surrogate at {error.start}") from None

    def lift(self, guest: _Guest, *core: Any) -> Any:
        pointer, count = core
        end = pointer + count
        memory = guest.seen
        try:
            if end > len(memory) or not guest.memory_stays:
                return str(self.view(guest, pointer, count), "utf-8")
            return str(memory[pointer:end], "utf-8")
        except UnicodeDecodeError as error:
            raise GuestFault(f"text that is not UTF-8: {error.reason} at byte {error.start}") from None


class _Bytes(_Buffer):
    name = "bytes"

    def prepare(self, value: Any) -> Any:
        try:
            view = memoryview(value)
        except (TypeError, ValueError, BufferError):
            raise TypeError(f"{_shown(value)}, expected bytes") from None
        if view.itemsize != 1:
            raise TypeError(f"{_shown(value)}, expected bytes")
        return bytes(view)

    def lift(self, guest: _Guest, *core: Any) -> Any:
        return bytes(self.view(guest, *core))


class _List(_Buffer):
    """Numbers: lent to the host as a `memoryview`, given to it as an `array.array`, taken as either or a sequence."""

    def __init__(self, name: str, code: str, lent: bool = False, mutable: bool = False) -> None:
        self.name, self.code, self.is_lent, self.mutable = f"list of {name}", code, lent, mutable
        self.size = array.array(code).itemsize

    def prepare(self, value: Any) -> Any:
        try:
            view = memoryview(value)
        except TypeError:
            return self._pack(value)
        except (ValueError, BufferError):
            raise TypeError(f"{_shown(value)}, expected a {self.name}") from None
        if _array_code(view.format, view.itemsize) != self.code or view.itemsize != self.size:
            raise TypeError(f"a buffer of format {view.format!r}, expected {self.code!r} ({self.name})")
        return view.tobytes()

    def _pack(self, value: Any) -> bytes:
        if isinstance(value, str):
            raise TypeError(f"{_shown(value)}, expected a {self.name}")
        try:
            if self.code == "f":  # of which an array makes infinities where numbers are too large
                numbers = array.array("d", value)
                return struct.pack(f"={len(numbers)}f", *numbers)
            return array.array(self.code, value).tobytes()
        except (TypeError, OverflowError) as error:
            raise self._misfit(value, type(error)) from None

    def _misfit(self, value: Any, kind: type[Exception]) -> Exception:
        """Say what is wrong with what is no list of such numbers."""
        if isinstance(value, Sequence):
            for index, number in enumerate(value):
                try:
                    _NUMBERS[self.code].prepare(number)
                except (TypeError, OverflowError) as error:
                    return type(error)(f"{_shown(value)}, item {index} of which is {error}")
        return kind(f"{_shown(value)}, expected a {self.name}")

    def lift(self, guest: _Guest, *core: Any) -> Any:
        view = self.view(guest, *core)
        if not self.is_lent:
            return array.array(self.code, view.tobytes())
        lent: memoryview = guest.window(core[0], len(view)).cast(self.code)  # type: ignore[call-overload]
        return lent if self.mutable else lent.toreadonly()

    def release(self, value: Any) -> None:
        window = weakref.ref(value.obj)
        with contextlib.suppress(BufferError):
            value.release()
        if window() is not None:
            raise BufferError(
                f"the host kept a view of a {self.name} that it was lent for the time of a call: copy it instead"
            )


def _array_code(form: str, size: int) -> str:
    """Return the code of `array` for numbers in a buffer; a ``long`` of C has 4 bytes on Windows, 8 elsewhere."""
    code = form.lstrip("@=<")
    return {"l": "i" if size == 4 else "q", "L": "I" if size == 4 else "Q", "c": "B"}.get(code, code)


class _Option(_Buffer):
    def __init__(self, inner: _Buffer) -> None:
        self.inner, self.name, self.is_lent = inner, f"{inner.name} or None", inner.is_lent

    def prepare(self, value: Any) -> Any:
        return None if value is None else self.inner.prepare(value)

    def lower(self, guest: _Guest, prepared: Any) -> tuple[Any, ...]:
        return (0, 0) if prepared is None else self.inner.lower(guest, prepared)

    def lift(self, guest: _Guest, *core: Any) -> Any:
        return self.inner.lift(guest, *core) if core[0] else None

    def release(self, value: Any) -> None:
        if value is not None:
            self.inner.release(value)


class _Callback(_Type):
    """A function of the guest, which the host may call as long as the plugin is open."""

    name, letters, lifted = "function", "I", "I"

    def __init__(
        self, params: Sequence[_Type], result: _Type | None, via: str | None = None, null: bool = False
    ) -> None:
        self.params, self.result, self.via, self.null = params, result, via, null

    def lift(self, guest: _Guest, *core: Any) -> Any:
        return None if self.null and not core[0] else guest.callback(core[0], self)


_U8, _U16 = _Integer("u8", "B", "B", 0, 0xFF), _Integer("u16", "H", "H", 0, 0xFFFF)
_U32, _U64 = _Integer("u32", "I", "I", 0, 0xFFFF_FFFF), _Integer("u64", "Q", "Q", 0, (1 << 64) - 1)
_S8, _S16 = _Integer("s8", "i", "b", -0x80, 0x7F), _Integer("s16", "i", "h", -0x8000, 0x7FFF)
_S32 = _Integer("s32", "i", "i", -0x8000_0000, 0x7FFF_FFFF)
_S64 = _Integer("s64", "q", "q", -(1 << 63), (1 << 63) - 1)
_I32, _I64 = _Opaque(32), _Opaque(64)
_F32, _F64 = _Float("f32", "f"), _Float("f64", "d")
_NUMBERS = {type_.lifted: type_ for type_ in (_U8, _U16, _U32, _U64, _S8, _S16, _S32, _S64, _F32, _F64)}
_BOOL, _CHAR, _TEXT, _BYTES = _Bool(), _Char(), _Text(), _Bytes()


def _shown(value: object) -> str:
    """Spell a value for an error, in few words."""
    try:
        text = f"<{type(value).__name__}>" if isinstance(value, (list, dict, set, tuple)) else repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 60 else f"{text[:57]}..."

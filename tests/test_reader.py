from __future__ import annotations

import pytest

from externref_build.errors import MalformedModuleError
from externref_build.wasm.reader import Reader


@pytest.mark.parametrize(
    ("read", "encoded", "value"),
    [
        (Reader.byte, "ff", 0xFF),
        (Reader.u32, "ff ff ff ff 0f", 0xFFFFFFFF),
        (Reader.u32, "83 80 80 80 00", 3),
        (Reader.u64, "ff ff ff ff ff ff ff ff ff 01", 0xFFFFFFFFFFFFFFFF),
        (Reader.u64, "80 80 80 80 80 80 80 80 80 00", 0),
        (Reader.s33, "ff ff ff ff 0f", 0xFFFFFFFF),
        (Reader.s33, "80 80 80 80 70", -0x100000000),
        (Reader.s33, "6f", -17),
        (Reader.s33, "ef ff ff ff 7f", -17),
        (Reader.name, "03 e2 82 ac", "€"),
    ],
)
def test_read(read: object, encoded: str, value: object) -> None:
    data = bytes.fromhex(encoded)
    reader = Reader(b"\0\0" + data + b"\0", 2, 2 + len(data))
    assert callable(read)
    assert read(reader) == value
    assert reader.at_end()


@pytest.mark.parametrize(
    ("read", "encoded", "message", "offset"),
    [
        (Reader.byte, "", "unexpected end: expected a byte", 4),
        (Reader.u32, "80 80", "unexpected end: expected an integer", 6),
        (Reader.u32, "80 80 80 80 80 00", "an integer takes more than 5 bytes", 4),
        (Reader.u32, "ff ff ff ff 1f", "an integer takes more than 32 bits", 4),
        (Reader.u64, "ff ff ff ff ff ff ff ff ff 02", "an integer takes more than 64 bits", 4),
        (Reader.s33, "ff ff ff ff 1f", "a type takes more than 33 bits", 4),
        (Reader.s33, "80 80 80 80 60", "a type takes more than 33 bits", 4),
        (Reader.name, "05 61 62", "a name of 5 bytes where 2 bytes are left", 5),
        (Reader.name, "03 61 62 ff", "a name is not UTF-8", 7),
        (Reader.name, "02 c3 28", "a name is not UTF-8", 5),
    ],
)
def test_malformed(read: object, encoded: str, message: str, offset: int) -> None:
    data = bytes.fromhex(encoded)
    reader = Reader(b"\0" * 4 + data + b"\0\0", 4, 4 + len(data))
    assert callable(read)
    with pytest.raises(MalformedModuleError) as caught:
        read(reader)
    assert caught.value.summary == message
    assert caught.value.offset == offset


def test_a_count_is_bounded_by_what_is_left() -> None:
    assert Reader(b"\x03abc").count("items") == 3
    assert Reader(b"\x01abc").count("items", 3) == 1
    for data, size in ((b"\x04abc", 1), (b"\x02abc", 2), (b"\xff\xff\xff\xff\x0fabc", 1)):
        with pytest.raises(MalformedModuleError, match=r"items are announced where 3 bytes are left"):
            Reader(data).count("items", size)


def test_reading_never_leaves_the_range() -> None:
    reader = Reader(b"abcdef", 1, 3)
    assert reader.take(2) == b"bc"
    for read in (reader.take, reader.skip):
        with pytest.raises(MalformedModuleError, match="the rest of 1 bytes where 0 bytes are left"):
            read(1, "the rest")

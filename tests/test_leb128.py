from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from externref_build.wasm.leb128 import decode_unsigned, encode_signed, encode_unsigned
from externref_build.wasm.reader import Reader

UNSIGNED = [
    (0, "00"),
    (1, "01"),
    (0x7F, "7f"),
    (0x80, "80 01"),
    (0x3FFF, "ff 7f"),
    (0x4000, "80 80 01"),
    (624485, "e5 8e 26"),
    (0xFFFFFFFF, "ff ff ff ff 0f"),
    (0xFFFFFFFFFFFFFFFF, "ff ff ff ff ff ff ff ff ff 01"),
]

SIGNED = [
    (0, "00"),
    (-1, "7f"),
    (63, "3f"),
    (64, "c0 00"),
    (-64, "40"),
    (-65, "bf 7f"),
    (-123456, "c0 bb 78"),
    (0x7FFFFFFF, "ff ff ff ff 07"),
    (-0x80000000, "80 80 80 80 78"),
    (-0x8000000000000000, "80 80 80 80 80 80 80 80 80 7f"),
]


@pytest.mark.parametrize(("value", "encoded"), UNSIGNED)
def test_unsigned(value: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encode_unsigned(value) == data
    assert decode_unsigned(b"\xff" + data + b"\xff", 1) == (value, 1 + len(data))


@pytest.mark.parametrize(("value", "encoded"), SIGNED)
def test_signed(value: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encode_signed(value) == data
    assert Reader(data).s64() == value


@pytest.mark.parametrize(
    ("value", "width", "encoded"),
    [
        (0, 5, "80 80 80 80 00"),
        (3, 2, "83 00"),
        (0x80, 2, "80 01"),
        (0x80, 3, "80 81 00"),
        (0x4000, 2, "80 80 01"),
    ],
)
def test_width_is_a_minimum(value: int, width: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encode_unsigned(value, width) == data
    assert decode_unsigned(data, 0) == (value, len(data))


@given(st.integers(0, (1 << 64) - 1), st.integers(1, 12))
def test_unsigned_round_trip(value: int, width: int) -> None:
    encoded = encode_unsigned(value, width)
    assert len(encoded) >= width
    assert decode_unsigned(encoded, 0) == (value, len(encoded))


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_signed_round_trip(value: int) -> None:
    reader = Reader(encode_signed(value))
    assert reader.s64() == value
    assert reader.at_end()

"""LEB128, the variable-length integers of the binary format (specification 5.2.2), and names, which begin with one.

Linkers pad these integers to their full width so that they can patch them later. What is rewritten in place therefore
keeps the width it was found with wherever the new value fits.
"""

from __future__ import annotations


def encode_unsigned(value: int, width: int = 1) -> bytes:
    """Encode an unsigned integer into at least ``width`` bytes; more where the value does not fit."""
    encoded = bytearray()
    while value >= 0x80 or len(encoded) + 1 < width:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_name(name: str) -> bytes:
    """Encode a name (specification 5.2.4): the length of its UTF-8, and that."""
    encoded = name.encode()
    return encode_unsigned(len(encoded)) + encoded


def encode_signed(value: int) -> bytes:
    """Encode a signed integer into as few bytes as possible."""
    encoded = bytearray()
    while not -0x40 <= value < 0x40:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value & 0x7F)
    return bytes(encoded)


def decode_unsigned(data: bytes | memoryview, offset: int) -> tuple[int, int]:
    """Decode an unsigned integer that is known to be well-formed; return it with the offset behind it."""
    byte = data[offset]
    offset += 1
    if byte < 0x80:
        return byte, offset
    value, shift = byte & 0x7F, 7
    byte = data[offset]
    if byte < 0x80:
        return value | byte << 7, offset + 1
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7

"""Attributes and their forms (DWARF 5, sections 7.5.4 to 7.5.6), as far as a patch of code offsets tells them apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto


class Role(IntEnum):
    """What an attribute means to the patch."""

    NONE = auto()
    LOW_PC = auto()
    HIGH_PC = auto()
    ENTRY_PC = auto()
    CODE = auto()
    """Any other address of code."""
    RANGES = auto()
    LOCATIONS = auto()
    """An attribute that may refer to a list of locations."""
    LINES = auto()
    ADDRESS_BASE = auto()
    RANGES_BASE = auto()
    LOCATIONS_BASE = auto()
    MACROS = auto()
    VIEWS = auto()
    """A reference into the section of location lists that nothing else follows."""
    SPLIT = auto()
    """The unit's debug info lies in another file."""


class Kind(IntEnum):
    """What a value is: the classes of DWARF 5, section 7.5.5, as far as the patch tells them apart."""

    NONE = auto()
    ADDRESS = auto()
    CONSTANT = auto()
    """A constant of a fixed size."""
    UNSIGNED = auto()
    """A constant as unsigned LEB128."""
    SIGNED = auto()
    """A constant as signed LEB128."""
    IMPLICIT = auto()
    """A constant that stands in the abbreviation."""
    INDEX = auto()
    """An index into `.debug_addr`."""
    INDEX_OFFSET = auto()
    """An index into `.debug_addr`, and 4 bytes that are added to the address."""
    OFFSET = auto()
    """An offset into another section."""
    LIST_INDEX = auto()
    EXPRESSION = auto()
    """A location expression; the number is its length."""


NUMBER, LEB, BLOCK, STRING, IN_ABBREVIATION, LEB_AND_4_BYTES, INDIRECT = range(7)
"""How a value is read: a number of `size` bytes; a LEB128; a length of `size` bytes (0: LEB128) and as many bytes;
up to a zero byte; not at all, for it is `size`; as the name says; by a form before it, for the attribute `size`."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """What the header of a unit says about the sizes in it."""

    version: int
    offset_size: int
    address_size: int
    has_twins: bool = False
    """Whether expressions matter, for they may name locals that have twins now."""


_ROLES = {
    0x02: Role.LOCATIONS,  # DW_AT_location
    0x10: Role.LINES,  # DW_AT_stmt_list
    0x11: Role.LOW_PC,
    0x12: Role.HIGH_PC,
    0x19: Role.LOCATIONS,  # DW_AT_string_length
    0x2A: Role.LOCATIONS,  # DW_AT_return_addr
    0x38: Role.LOCATIONS,  # DW_AT_data_member_location
    0x40: Role.LOCATIONS,  # DW_AT_frame_base
    0x46: Role.LOCATIONS,  # DW_AT_segment
    0x48: Role.LOCATIONS,  # DW_AT_static_link
    0x4A: Role.LOCATIONS,  # DW_AT_use_location
    0x4D: Role.LOCATIONS,  # DW_AT_vtable_elem_location
    0x52: Role.ENTRY_PC,
    0x55: Role.RANGES,
    0x56: Role.CODE,  # DW_AT_trampoline
    0x2C: Role.RANGES,  # DW_AT_start_scope
    0x73: Role.ADDRESS_BASE,
    0x74: Role.RANGES_BASE,
    0x76: Role.SPLIT,  # DW_AT_dwo_name
    0x79: Role.MACROS,
    0x7D: Role.CODE,  # DW_AT_call_return_pc
    0x81: Role.CODE,  # DW_AT_call_pc
    0x8C: Role.LOCATIONS_BASE,
    0x2119: Role.MACROS,  # DW_AT_GNU_macros
    0x2130: Role.SPLIT,  # DW_AT_GNU_dwo_name
    0x2137: Role.VIEWS,  # DW_AT_GNU_locviews
}

_CODE_ROLES = frozenset({Role.LOW_PC, Role.HIGH_PC, Role.ENTRY_PC, Role.CODE})
_OFFSET_ROLES = frozenset(
    {
        Role.RANGES,
        Role.LOCATIONS,
        Role.LINES,
        Role.ADDRESS_BASE,
        Role.RANGES_BASE,
        Role.LOCATIONS_BASE,
        Role.MACROS,
        Role.VIEWS,
    }
)

_DATA_MEMBER_LOCATION = 0x38

_ADDR, _DATA2, _DATA4, _DATA8, _DATA1, _SDATA, _UDATA = 0x01, 0x05, 0x06, 0x07, 0x0B, 0x0D, 0x0F
_REF_ADDR, _INDIRECT, _SEC_OFFSET, _ADDRX, IMPLICIT_CONST = 0x10, 0x16, 0x17, 0x1B, 0x21
_LOCLISTX, _RNGLISTX = 0x22, 0x23
_ADDRX1, _ADDRX2, _ADDRX3, _ADDRX4, _GNU_ADDR_INDEX, _LLVM_ADDRX_OFFSET = 0x29, 0x2A, 0x2B, 0x2C, 0x1F01, 0x2001

_FIXED = {
    _DATA1: 1,
    _DATA2: 2,
    _DATA4: 4,
    _DATA8: 8,
    0x0C: 1,  # flag
    0x11: 1,  # ref1
    0x12: 2,  # ref2
    0x13: 4,  # ref4
    0x14: 8,  # ref8
    0x19: 0,  # flag_present
    0x1C: 4,  # ref_sup4
    0x1E: 16,  # data16
    0x20: 8,  # ref_sig8
    0x24: 8,  # ref_sup8
    0x25: 1,  # strx1
    0x26: 2,  # strx2
    0x27: 3,  # strx3
    0x28: 4,  # strx4
    _ADDRX1: 1,
    _ADDRX2: 2,
    _ADDRX3: 3,
    _ADDRX4: 4,
}
_OFFSETS = frozenset({0x0E, _SEC_OFFSET, 0x1D, 0x1F, 0x1F20, 0x1F21})
"""Also strp, strp_sup, line_strp, GNU_ref_alt, GNU_strp_alt."""
_VARIABLE = {
    0x03: (BLOCK, 2),
    0x04: (BLOCK, 4),
    0x08: (STRING, 0),
    0x09: (BLOCK, 0),
    0x0A: (BLOCK, 1),
    _SDATA: (LEB, 0),
    _UDATA: (LEB, 0),
    0x15: (LEB, 0),  # ref_udata
    0x18: (BLOCK, 0),  # exprloc
    0x1A: (LEB, 0),  # strx
    _ADDRX: (LEB, 0),
    _LOCLISTX: (LEB, 0),
    _RNGLISTX: (LEB, 0),
    _GNU_ADDR_INDEX: (LEB, 0),
    0x1F02: (LEB, 0),  # GNU_str_index
    _LLVM_ADDRX_OFFSET: (LEB_AND_4_BYTES, 0),
}
_CODE_KINDS = {
    _ADDR: Kind.ADDRESS,
    _DATA1: Kind.CONSTANT,
    _DATA2: Kind.CONSTANT,
    _DATA4: Kind.CONSTANT,
    _DATA8: Kind.CONSTANT,
    _UDATA: Kind.UNSIGNED,
    _SDATA: Kind.SIGNED,
    IMPLICIT_CONST: Kind.IMPLICIT,
    _ADDRX: Kind.INDEX,
    _ADDRX1: Kind.INDEX,
    _ADDRX2: Kind.INDEX,
    _ADDRX3: Kind.INDEX,
    _ADDRX4: Kind.INDEX,
    _GNU_ADDR_INDEX: Kind.INDEX,
    _LLVM_ADDRX_OFFSET: Kind.INDEX_OFFSET,
}


def value_step(attribute: int, form: int, implicit: int, encoding: Encoding) -> tuple[int, int, Role, Kind]:
    """Say how to read an attribute's value, its size, what it means and what it is; raise KeyError for a new form."""
    role = _ROLES.get(attribute, Role.NONE)
    if role is Role.SPLIT:
        return NUMBER, 0, role, Kind.NONE
    if form == _INDIRECT:
        return INDIRECT, attribute, role, Kind.NONE
    read, size = _reading(form, implicit, encoding)
    if role in _CODE_ROLES and form in _CODE_KINDS:
        return read, size, role, _CODE_KINDS[form]
    if role in _OFFSET_ROLES and _is_section_offset(attribute, form, encoding.version):
        return read, size, role, Kind.OFFSET
    if role in (Role.RANGES, Role.LOCATIONS) and form in (_LOCLISTX, _RNGLISTX) and encoding.version >= 5:
        return read, size, role, Kind.LIST_INDEX
    if role is Role.LOCATIONS and read == BLOCK and encoding.has_twins:
        return read, size, role, Kind.EXPRESSION
    if role in _CODE_ROLES and read == BLOCK:
        return read, size, role, Kind.NONE
    return read, size, Role.NONE, Kind.NONE


def _is_section_offset(attribute: int, form: int, version: int) -> bool:
    """Before DWARF 4, offsets into other sections shared their forms with constants."""
    if form == _SEC_OFFSET:
        return True
    return version < 4 and form in (_DATA4, _DATA8) and attribute != _DATA_MEMBER_LOCATION


def _reading(form: int, implicit: int, encoding: Encoding) -> tuple[int, int]:
    if form in _FIXED:
        return NUMBER, _FIXED[form]
    if form in _OFFSETS:
        return NUMBER, encoding.offset_size
    if form == _ADDR:
        return NUMBER, encoding.address_size
    if form == _REF_ADDR:
        return NUMBER, encoding.address_size if encoding.version == 2 else encoding.offset_size
    if form == IMPLICIT_CONST:
        return IN_ABBREVIATION, implicit
    return _VARIABLE[form]

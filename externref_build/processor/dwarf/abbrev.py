"""Abbreviations (DWARF 5, section 7.5.3) compiled to plans: which bytes of an entry matter to a patch of code offsets.

Most entries hold nothing that matters and have a fixed size; their plan is that size alone, so that the walk over
`.debug_info` is one addition for each of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, auto

from externref_build.processor.dwarf.section import UnreadableError, uleb


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
    """How a value is encoded: the forms of DWARF 5, section 7.5.6, as far as the patch tells them apart."""

    FIXED = auto()
    """`size` bytes of no interest."""
    ULEB = auto()
    STRING = auto()
    BLOCK = auto()
    """A length of `size` bytes (0: LEB128), and as many bytes."""
    INDIRECT = auto()
    ADDRESS = auto()
    CONSTANT = auto()
    """A number of `size` bytes."""
    SIGNED = auto()
    IMPLICIT = auto()
    """The value stands in the abbreviation: `size`."""
    INDEX = auto()
    """An index of `size` bytes (0: LEB128) into `.debug_addr`."""
    INDEX_OFFSET = auto()
    """A LEB128 index into `.debug_addr` and 4 bytes that are added to the address."""
    OFFSET = auto()
    """An offset into another section."""
    LIST_INDEX = auto()


@dataclass(frozen=True, slots=True)
class Encoding:
    """What the header of a unit says about the sizes in it."""

    version: int
    offset_size: int
    address_size: int


Step = tuple[int, Role, Kind, int]
"""Bytes to skip, then what the next value means, how it is encoded, and its `size`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to walk over an entry of which something matters, or whose size varies."""

    steps: tuple[Step, ...]
    tail: int
    """Bytes behind the last step."""


Plans = dict[int, "int | Plan"]
"""Plans by abbreviation code; a number is the size of an entry without its code."""

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
_DATA4, _DATA8, _INDIRECT, _IMPLICIT_CONST, _EXPRLOC = 0x06, 0x07, 0x16, 0x21, 0x18
_REF_ADDR = 0x10

_FIXED = {
    0x05: 2,  # data2
    0x06: 4,  # data4
    0x07: 8,  # data8
    0x0B: 1,  # data1
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
}
_CONSTANTS = frozenset({0x05, 0x06, 0x07, 0x0B})
_OFFSETS = frozenset({0x0E, 0x17, 0x1D, 0x1F, 0x1F20, 0x1F21})  # strp, sec_offset, strp_sup, line_strp, GNU's two
_SEC_OFFSET = 0x17
_INDICES = {0x1B: 0, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4, 0x1F01: 0}  # addrx, addrx1 to 4, GNU_addr_index
_LEBS = frozenset({0x0D, 0x0F, 0x15, 0x1A, 0x1F02})  # sdata, udata, ref_udata, strx, GNU_str_index
_BLOCKS = {0x03: 2, 0x04: 4, 0x09: 0, 0x0A: 1, _EXPRLOC: 0}


def value_step(attribute: int, form: int, implicit: int, encoding: Encoding) -> tuple[Role, Kind, int]:
    """Say what an attribute's value means and how it is encoded; raise KeyError for an unknown form."""
    role = _ROLES.get(attribute, Role.NONE)
    code = role in _CODE_ROLES
    if role is Role.SPLIT:
        return role, Kind.FIXED, 0
    if form == 0x01:
        return (role, Kind.ADDRESS, 0) if code else (Role.NONE, Kind.FIXED, encoding.address_size)
    if form in _INDICES:
        size = _INDICES[form]
        if code:
            return role, Kind.INDEX, size
        return Role.NONE, (Kind.FIXED if size else Kind.ULEB), size
    if form == 0x2001:  # LLVM_addrx_offset
        return (role if code else Role.NONE), Kind.INDEX_OFFSET, 0
    if form == _IMPLICIT_CONST:
        return (role, Kind.IMPLICIT, implicit) if code else (Role.NONE, Kind.FIXED, 0)
    if form == _INDIRECT:
        return role, Kind.INDIRECT, attribute
    if role in _OFFSET_ROLES and _is_section_offset(attribute, form, encoding.version):
        return role, Kind.OFFSET, _FIXED.get(form, encoding.offset_size)
    if form in (0x22, 0x23):  # loclistx, rnglistx
        listed = role in (Role.RANGES, Role.LOCATIONS)
        return (role, Kind.LIST_INDEX, 0) if listed else (Role.NONE, Kind.ULEB, 0)
    if code and form in _CONSTANTS:
        return role, Kind.CONSTANT, _FIXED[form]
    if code and form in (0x0D, 0x0F):
        return role, (Kind.SIGNED if form == 0x0D else Kind.ULEB), 0
    return (role if code and form in _BLOCKS else Role.NONE), *_plain(form, encoding)


def _is_section_offset(attribute: int, form: int, version: int) -> bool:
    """Before DWARF 4, offsets into other sections shared their forms with constants."""
    if form == _SEC_OFFSET:
        return True
    return version < 4 and form in (_DATA4, _DATA8) and attribute != _DATA_MEMBER_LOCATION


def _plain(form: int, encoding: Encoding) -> tuple[Kind, int]:
    if form in _FIXED:
        return Kind.FIXED, _FIXED[form]
    if form in _OFFSETS:
        return Kind.FIXED, encoding.offset_size
    if form == _REF_ADDR:
        return Kind.FIXED, encoding.address_size if encoding.version == 2 else encoding.offset_size
    if form in _LEBS:
        return Kind.ULEB, 0
    if form == 0x08:
        return Kind.STRING, 0
    return Kind.BLOCK, _BLOCKS[form]


_LEB = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_DECLARATION = re.compile(
    rb"(?s)(%(leb)s)(%(leb)s[\x00\x01](?:(?!\x00\x00)%(leb)s(?:\x21%(leb)s|(?!\x21)%(leb)s))*\x00\x00)" % {b"leb": _LEB}
)
"""Code; tag, children, and pairs of attribute and form, of which one form is followed by its value."""


class Abbreviations:
    """The tables of `.debug_abbrev`, compiled when a unit asks for one.

    Every unit of a linked module has a table of its own, but the same declarations recur in all of them: each is
    compiled once. Tables that overlap, as only a forged section has them, are refused before they cost time.
    """

    __slots__ = ("_budget", "_data", "_declarations", "_tables")

    def __init__(self, data: memoryview, budget: int) -> None:
        self._data = data
        self._tables: dict[tuple[int, Encoding], Plans] = {}
        self._declarations: dict[tuple[bytes, Encoding], int | Plan] = {}
        self._budget = budget

    def table(self, offset: int, encoding: Encoding) -> Plans:
        """Return the plans of the table at `offset`; raise UnreadableError where it is malformed."""
        key = offset, encoding
        plans = self._tables.get(key)
        if plans is None:
            if len(self._tables) >= _TABLES_KEPT:
                self._tables.clear()
            plans = self._tables[key] = self._compile(offset, encoding)
        return plans

    def _compile(self, offset: int, encoding: Encoding) -> Plans:
        data, declarations = self._data, self._declarations
        plans: Plans = {}
        position = offset
        while data[position]:
            match = _DECLARATION.match(data, position)
            if match is None:
                raise UnreadableError("a malformed abbreviation", position)
            self._budget -= match.end() - position
            if self._budget < 0:
                raise UnreadableError("abbreviation tables overlap", offset)
            key = match[2], encoding
            plan = declarations.get(key)
            if plan is None:
                plan = declarations[key] = _plan(memoryview(match[2]), encoding, match.start(2))
            plans[uleb(data, position)[0]] = plan
            position = match.end()
        return plans


_TABLES_KEPT = 64


def _plan(declaration: memoryview, encoding: Encoding, offset: int) -> int | Plan:
    """Compile a declaration, which starts with its tag and stands at `offset` in the section."""
    steps: list[Step] = []
    gap = 0
    _, position = uleb(declaration, 0)
    position += 1
    while position < len(declaration) - 2:
        attribute, form_position = uleb(declaration, position)
        form, position = uleb(declaration, form_position)
        implicit = 0
        if form == _IMPLICIT_CONST:
            implicit, position = uleb(declaration, position)
        try:
            role, kind, size = value_step(attribute, form, implicit, encoding)
        except KeyError:
            summary = f"unknown form {form:#x} of attribute {attribute:#x}"
            raise UnreadableError(summary, offset + form_position) from None
        if kind is Kind.FIXED and role is Role.NONE:
            gap += size
        else:
            steps.append((gap, role, kind, size))
            gap = 0
    return Plan(tuple(steps), gap) if steps else gap

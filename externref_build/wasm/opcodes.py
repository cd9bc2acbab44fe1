"""The one table of instructions (specification 5.4 and 7.4, and the proposals that toolchains emit today).

Each row names the first opcode, the immediates, how many operands the instructions take from the stack and put on it,
and the mnemonics of consecutive opcodes. Arity ``*`` depends on immediates.
Decoder, encoder, regular expressions and dataflow all derive from it.
"""

from typing import NamedTuple

_TABLE = """
00    -                 *    unreachable
01    -                 0>0  nop
02    blocktype         *    block loop if
05    -                 *    else
06    blocktype         *    try
07    tag               *    catch throw
09    label             *    rethrow
0a    -                 *    throw_ref
0b    -                 *    end
0c    label             *    br br_if
0e    labels            *    br_table
0f    -                 *    return
10    func              *    call
11    type,table        *    call_indirect
12    func              *    return_call
13    type,table        *    return_call_indirect
14    type              *    call_ref return_call_ref
18    label             *    delegate
19    -                 *    catch_all
1a    -                 *    drop
1b    -                 *    select
1c    valtypes          *    select
1f    blocktype,catches *    try_table
20    local             *    local.get local.set local.tee
23    global            0>1  global.get
24    global            1>0  global.set
25    table             1>1  table.get
26    table             2>0  table.set
28    memarg            1>1  i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u \
i64.load8_s i64.load8_u i64.load16_s i64.load16_u i64.load32_s i64.load32_u
36    memarg            2>0  i32.store i64.store f32.store f64.store i32.store8 i32.store16 i64.store8 i64.store16 \
i64.store32
3f    memory            0>1  memory.size
40    memory            1>1  memory.grow
41    s32               0>1  i32.const
42    s64               0>1  i64.const
43    f32               0>1  f32.const
44    f64               0>1  f64.const
45    -                 1>1  i32.eqz
46    -                 2>1  i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u
50    -                 1>1  i64.eqz
51    -                 2>1  i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u \
f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt f64.gt f64.le f64.ge
67    -                 1>1  i32.clz i32.ctz i32.popcnt
6a    -                 2>1  i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor \
i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr
79    -                 1>1  i64.clz i64.ctz i64.popcnt
7c    -                 2>1  i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor \
i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr
8b    -                 1>1  f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt
92    -                 2>1  f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign
99    -                 1>1  f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt
a0    -                 2>1  f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign
a7    -                 1>1  i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u \
i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u f32.convert_i32_s \
f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64 f64.convert_i32_s f64.convert_i32_u \
f64.convert_i64_s f64.convert_i64_u f64.promote_f32 i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 \
f64.reinterpret_i64 i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s
d0    heaptype          0>1  ref.null
d1    -                 1>1  ref.is_null
d2    func              *    ref.func
d3    -                 2>1  ref.eq
d4    -                 1>1  ref.as_non_null
d5    label             *    br_on_null br_on_non_null

fb00  type              *    struct.new struct.new_default
fb02  type,field        1>1  struct.get struct.get_s struct.get_u
fb05  type,field        2>0  struct.set
fb06  type              2>1  array.new
fb07  type              1>1  array.new_default
fb08  type,length       *    array.new_fixed
fb09  type,data         2>1  array.new_data
fb0a  type,elem         2>1  array.new_elem
fb0b  type              2>1  array.get array.get_s array.get_u
fb0e  type              3>0  array.set
fb0f  -                 1>1  array.len
fb10  type              4>0  array.fill
fb11  type,type         5>0  array.copy
fb12  type,data         4>0  array.init_data
fb13  type,elem         4>0  array.init_elem
fb14  heaptype          1>1  ref.test ref.test_null ref.cast ref.cast_null
fb18  castflags,label,heaptype,heaptype * br_on_cast br_on_cast_fail
fb1a  -                 1>1  any.convert_extern extern.convert_any ref.i31 i31.get_s i31.get_u
fb20  type              *    struct.new_desc
fb21  type              1>1  struct.new_default_desc
fb22  type              1>1  ref.get_desc
fb23  heaptype          2>1  ref.cast_desc_eq ref.cast_desc_eq_null
fb25  castflags,label,heaptype,heaptype * br_on_cast_desc_eq br_on_cast_desc_eq_fail

fc00  -                 1>1  i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u \
i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u
fc08  data,memory       3>0  memory.init
fc09  data              0>0  data.drop
fc0a  memory,memory     3>0  memory.copy
fc0b  memory            3>0  memory.fill
fc0c  elem,table        3>0  table.init
fc0d  elem              0>0  elem.drop
fc0e  table,table       3>0  table.copy
fc0f  table             2>1  table.grow
fc10  table             0>1  table.size
fc11  table             3>0  table.fill
fc13  -                 4>2  i64.add128 i64.sub128
fc15  -                 2>2  i64.mul_wide_s i64.mul_wide_u

fd00  memarg            1>1  v128.load v128.load8x8_s v128.load8x8_u v128.load16x4_s v128.load16x4_u v128.load32x2_s \
v128.load32x2_u v128.load8_splat v128.load16_splat v128.load32_splat v128.load64_splat
fd0b  memarg            2>0  v128.store
fd0c  bytes16           0>1  v128.const
fd0d  bytes16           2>1  i8x16.shuffle
fd0e  -                 2>1  i8x16.swizzle
fd0f  -                 1>1  i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat
fd15  lane              1>1  i8x16.extract_lane_s i8x16.extract_lane_u
fd17  lane              2>1  i8x16.replace_lane
fd18  lane              1>1  i16x8.extract_lane_s i16x8.extract_lane_u
fd1a  lane              2>1  i16x8.replace_lane
fd1b  lane              1>1  i32x4.extract_lane
fd1c  lane              2>1  i32x4.replace_lane
fd1d  lane              1>1  i64x2.extract_lane
fd1e  lane              2>1  i64x2.replace_lane
fd1f  lane              1>1  f32x4.extract_lane
fd20  lane              2>1  f32x4.replace_lane
fd21  lane              1>1  f64x2.extract_lane
fd22  lane              2>1  f64x2.replace_lane
fd23  -                 2>1  i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u \
i8x16.ge_s i8x16.ge_u i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u i16x8.le_s i16x8.le_u i16x8.ge_s \
i16x8.ge_u i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u \
f32x4.eq f32x4.ne f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le f64x2.ge
fd4d  -                 1>1  v128.not
fd4e  -                 2>1  v128.and v128.andnot v128.or v128.xor
fd52  -                 3>1  v128.bitselect
fd53  -                 1>1  v128.any_true
fd54  memarg,lane       2>1  v128.load8_lane v128.load16_lane v128.load32_lane v128.load64_lane
fd58  memarg,lane       2>0  v128.store8_lane v128.store16_lane v128.store32_lane v128.store64_lane
fd5c  memarg            1>1  v128.load32_zero v128.load64_zero
fd5e  -                 1>1  f32x4.demote_f64x2_zero f64x2.promote_low_f32x4 i8x16.abs i8x16.neg i8x16.popcnt \
i8x16.all_true i8x16.bitmask
fd65  -                 2>1  i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u
fd67  -                 1>1  f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest
fd6b  -                 2>1  i8x16.shl i8x16.shr_s i8x16.shr_u i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub \
i8x16.sub_sat_s i8x16.sub_sat_u
fd74  -                 1>1  f64x2.ceil f64x2.floor
fd76  -                 2>1  i8x16.min_s i8x16.min_u i8x16.max_s i8x16.max_u
fd7a  -                 1>1  f64x2.trunc
fd7b  -                 2>1  i8x16.avgr_u
fd7c  -                 1>1  i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u \
i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u i16x8.abs i16x8.neg
fd82  -                 2>1  i16x8.q15mulr_sat_s
fd83  -                 1>1  i16x8.all_true i16x8.bitmask
fd85  -                 2>1  i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u
fd87  -                 1>1  i16x8.extend_low_i8x16_s i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u \
i16x8.extend_high_i8x16_u
fd8b  -                 2>1  i16x8.shl i16x8.shr_s i16x8.shr_u i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub \
i16x8.sub_sat_s i16x8.sub_sat_u
fd94  -                 1>1  f64x2.nearest
fd95  -                 2>1  i16x8.mul i16x8.min_s i16x8.min_u i16x8.max_s i16x8.max_u
fd9b  -                 2>1  i16x8.avgr_u i16x8.extmul_low_i8x16_s i16x8.extmul_high_i8x16_s \
i16x8.extmul_low_i8x16_u i16x8.extmul_high_i8x16_u
fda0  -                 1>1  i32x4.abs i32x4.neg
fda3  -                 1>1  i32x4.all_true i32x4.bitmask
fda7  -                 1>1  i32x4.extend_low_i16x8_s i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u \
i32x4.extend_high_i16x8_u
fdab  -                 2>1  i32x4.shl i32x4.shr_s i32x4.shr_u i32x4.add
fdb1  -                 2>1  i32x4.sub
fdb5  -                 2>1  i32x4.mul i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s
fdbc  -                 2>1  i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u \
i32x4.extmul_high_i16x8_u
fdc0  -                 1>1  i64x2.abs i64x2.neg
fdc3  -                 1>1  i64x2.all_true i64x2.bitmask
fdc7  -                 1>1  i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u \
i64x2.extend_high_i32x4_u
fdcb  -                 2>1  i64x2.shl i64x2.shr_s i64x2.shr_u i64x2.add
fdd1  -                 2>1  i64x2.sub
fdd5  -                 2>1  i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s \
i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u i64x2.extmul_high_i32x4_u
fde0  -                 1>1  f32x4.abs f32x4.neg
fde3  -                 1>1  f32x4.sqrt
fde4  -                 2>1  f32x4.add f32x4.sub f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax
fdec  -                 1>1  f64x2.abs f64x2.neg
fdef  -                 1>1  f64x2.sqrt
fdf0  -                 2>1  f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin f64x2.pmax
fdf8  -                 1>1  i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s \
f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s \
f64x2.convert_low_i32x4_u
fd100 -                 2>1  i8x16.relaxed_swizzle
fd101 -                 1>1  i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u \
i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero
fd105 -                 3>1  f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd \
i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect
fd10d -                 2>1  f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min f64x2.relaxed_max \
i16x8.relaxed_q15mulr_s i16x8.relaxed_dot_i8x16_i7x16_s
fd113 -                 3>1  i32x4.relaxed_dot_i8x16_i7x16_add_s

fe00  memarg            2>1  memory.atomic.notify
fe01  memarg            3>1  memory.atomic.wait32 memory.atomic.wait64
fe03  lane              0>0  atomic.fence
fe10  memarg            1>1  i32.atomic.load i64.atomic.load i32.atomic.load8_u i32.atomic.load16_u \
i64.atomic.load8_u i64.atomic.load16_u i64.atomic.load32_u
fe17  memarg            2>0  i32.atomic.store i64.atomic.store i32.atomic.store8 i32.atomic.store16 \
i64.atomic.store8 i64.atomic.store16 i64.atomic.store32
fe1e  memarg            2>1  i32.atomic.rmw.add i64.atomic.rmw.add i32.atomic.rmw8.add_u i32.atomic.rmw16.add_u \
i64.atomic.rmw8.add_u i64.atomic.rmw16.add_u i64.atomic.rmw32.add_u \
i32.atomic.rmw.sub i64.atomic.rmw.sub i32.atomic.rmw8.sub_u i32.atomic.rmw16.sub_u \
i64.atomic.rmw8.sub_u i64.atomic.rmw16.sub_u i64.atomic.rmw32.sub_u \
i32.atomic.rmw.and i64.atomic.rmw.and i32.atomic.rmw8.and_u i32.atomic.rmw16.and_u \
i64.atomic.rmw8.and_u i64.atomic.rmw16.and_u i64.atomic.rmw32.and_u \
i32.atomic.rmw.or i64.atomic.rmw.or i32.atomic.rmw8.or_u i32.atomic.rmw16.or_u \
i64.atomic.rmw8.or_u i64.atomic.rmw16.or_u i64.atomic.rmw32.or_u \
i32.atomic.rmw.xor i64.atomic.rmw.xor i32.atomic.rmw8.xor_u i32.atomic.rmw16.xor_u \
i64.atomic.rmw8.xor_u i64.atomic.rmw16.xor_u i64.atomic.rmw32.xor_u \
i32.atomic.rmw.xchg i64.atomic.rmw.xchg i32.atomic.rmw8.xchg_u i32.atomic.rmw16.xchg_u \
i64.atomic.rmw8.xchg_u i64.atomic.rmw16.xchg_u i64.atomic.rmw32.xchg_u
fe48  memarg            3>1  i32.atomic.rmw.cmpxchg i64.atomic.rmw.cmpxchg i32.atomic.rmw8.cmpxchg_u \
i32.atomic.rmw16.cmpxchg_u i64.atomic.rmw8.cmpxchg_u i64.atomic.rmw16.cmpxchg_u i64.atomic.rmw32.cmpxchg_u
"""

PREFIXES = frozenset({0xFB, 0xFC, 0xFD, 0xFE})
"""First bytes behind which the opcode goes on as an unsigned LEB128."""


class Opcode(NamedTuple):
    """One row of the table."""

    prefix: int | None
    """0xfb to 0xfe, or None for an opcode of one byte."""
    code: int
    """The opcode, without its prefix."""
    mnemonic: str
    immediates: tuple[str, ...]
    """The kinds of the immediates, in order."""
    arity: tuple[int, int] | None
    """Operands taken from the stack and put on it; None where that depends on immediates."""


def _parse_table(table: str) -> dict[int, Opcode]:
    opcodes: dict[int, Opcode] = {}
    for row in table.splitlines():
        if not row:
            continue
        first, immediates, arity, *mnemonics = row.split()
        prefix = int(first[:2], 16) if len(first) > 2 else None
        kinds = () if immediates == "-" else tuple(immediates.split(","))
        pops, _, pushes = arity.partition(">")
        effect = None if arity == "*" else (int(pops), int(pushes))
        for code, mnemonic in enumerate(mnemonics, int(first[2:] if prefix else first, 16)):
            opcodes[code if prefix is None else prefix << 12 | code] = Opcode(prefix, code, mnemonic, kinds, effect)
    return opcodes


OPCODES = _parse_table(_TABLE)
"""Every known opcode by its code; behind a prefix, by ``prefix << 12 | code``."""

BY_MNEMONIC = {opcode.mnemonic: opcode for opcode in reversed(OPCODES.values())}
"""Every known opcode by its mnemonic; the untyped one of the two forms of ``select``."""

"""Debug info in DWARF, versions 2 to 5: code offsets follow the code that moved.

In WebAssembly, DWARF gives an address of code as an offset from the start of the code section's content
(https://yurydelendik.github.io/webassembly-dwarf/). Steps, in the order in which they depend on each other:

1. `lines`: programs of `.debug_line`, of which those of rewritten bodies may change their length;
2. `info`: entries of `.debug_info` and `.debug_types`, read with `abbrev`; addresses in place, or in the pool
   (`addresses`); the lists that they refer to (`lists`), which may change their length too;
3. references into sections whose layout changed;
4. `addresses`: `.debug_aranges`.

Addresses that linkers write for code that they dropped lie outside the code section and stay as they are. Addresses in
expressions (`DW_OP_addr`) are those of data and do not move.
"""

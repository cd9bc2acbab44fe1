//! The functions that stand in for instructions on references until externref-build has processed the module.
//!
//! A *raw* value stands for a reference itself and is consumed exactly once; a *slot* is the index of a reference in
//! the table, -1 for null. Both are plain `i32`s, so that they stay in locals of the code that calls these functions.

#[link(wasm_import_module = "externref")]
extern "C" {
    /// Stores a reference in a free slot of the table; null is slot -1.
    pub fn insert(raw: u32) -> u32;

    /// Reads the reference in a slot, which keeps it.
    pub fn get(slot: u32) -> u32;

    /// Reads the reference in a slot and empties the slot, without the drop hook: the host is the owner from here on.
    pub fn take(slot: u32) -> u32;

    /// Empties a slot, after the drop hook was called with its content.
    pub fn drop(slot: u32);
}

//! Loops that do nothing but handle references: the small module of the benchmarks, and its run time.

use std::sync::Mutex;

#[cfg(feature = "externref")]
use externref::{externref, Resource};
#[cfg(feature = "externref-guest")]
use externref_guest::{externref, Resource};

pub struct Item;

#[externref]
#[link(wasm_import_module = "host")]
extern "C" {
    fn make() -> Resource<Item>;
    fn touch(item: &Resource<Item>);
}

static LIVE: Mutex<Vec<Resource<Item>>> = Mutex::new(Vec::new());

/// Get a reference and pass it to the host, so many times.
#[externref]
#[export_name = "get_and_call"]
pub extern "C" fn get_and_call(item: &Resource<Item>, count: u32) {
    for _ in 0..count {
        unsafe { touch(item) };
    }
}

/// Keep so many more references.
#[export_name = "fill"]
pub extern "C" fn fill(count: u32) {
    LIVE.lock().unwrap().extend((0..count).map(|_| unsafe { make() }));
}

/// Drop a reference chosen at random and keep another one instead, so many times.
#[export_name = "replace"]
pub extern "C" fn replace(count: u32) {
    let mut live = LIVE.lock().unwrap();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let index = (state % live.len() as u64) as usize;
        drop(live.swap_remove(index));
        live.push(unsafe { make() });
    }
}

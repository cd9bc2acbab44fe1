//! A program rather than a library: the linker wraps each of its exports in a function that starts and ends the program.

use std::cell::RefCell;

use externref_guest::{externref, Resource};

pub struct Thing;

#[externref]
#[link(wasm_import_module = "host")]
extern "C" {
    fn make() -> Resource<Thing>;
    fn show(thing: &Resource<Thing>) -> u32;
}

thread_local! {
    static KEPT: RefCell<Vec<Resource<Thing>>> = const { RefCell::new(Vec::new()) };
}

fn main() {
    let thing = unsafe { make() };
    unsafe { show(&thing) };
    KEPT.with_borrow_mut(|kept| kept.push(thing));
}

#[externref]
#[export_name = "pass"]
pub extern "C" fn pass(thing: Resource<Thing>, shown: u32) -> Option<Resource<Thing>> {
    for _ in 0..shown {
        unsafe { show(&thing) };
    }
    (shown > 0).then_some(thing)
}

#[externref]
#[export_name = "kept"]
pub extern "C" fn kept(index: usize) -> Option<Resource<Thing>> {
    KEPT.with_borrow_mut(|kept| (index < kept.len()).then(|| kept.swap_remove(index)))
}

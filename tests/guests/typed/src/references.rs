//! References to objects of the host, lent, handed over and kept, alone and between other values.

use std::cell::RefCell;

use externref_guest::{Resource, externref};

/// Anything that the host keeps in a box.
pub enum Item {}
/// Where items come from.
pub enum Shelf {}

#[externref]
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Returns the item of this name, if there is one.
    safe fn find(shelf: &Resource<Shelf>, name: &str) -> Option<Resource<Item>>;
    /// Makes an item.
    safe fn make(name: &str, bytes: &[u8]) -> Resource<Item>;
    /// Returns the name of an item.
    safe fn name_of(item: &Resource<Item>) -> String;
    /// Takes an item back.
    safe fn put_back(shelf: &mut Resource<Shelf>, item: Resource<Item>, note: Option<&str>);
    /// Is told of an item, or of none.
    safe fn look(item: Option<&Resource<Item>>) -> bool;
    /// Returns what it is given: an object of any kind.
    safe fn echo_any(any: Option<Resource>) -> Option<Resource>;
}

thread_local! {
    static KEPT: RefCell<Vec<Resource<Item>>> = const { RefCell::new(Vec::new()) };
}

/// Returns the item of this name, and makes one if there is none.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn fetch(shelf: &Resource<Shelf>, name: &str) -> Resource<Item> {
    find(shelf, name).unwrap_or_else(|| make(name, name.as_bytes()))
}

/// Returns the item with the longer name, or the one that is there.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn longer(
    left: Option<Resource<Item>>,
    right: Option<Resource<Item>>,
) -> Option<Resource<Item>> {
    match (left, right) {
        (Some(left), Some(right)) => {
            Some(if name_of(&right).len() > name_of(&left).len() { right } else { left })
        }
        (left, right) => left.or(right),
    }
}

/// Returns the name of an item, between brackets.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn label(before: &str, item: &Resource<Item>, after: &str) -> String {
    format!("{before}{}{after}", name_of(item))
}

/// Puts an item back, with a note or without.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn give_back(shelf: &mut Resource<Shelf>, item: Resource<Item>, note: Option<&str>) {
    put_back(shelf, item, note);
}

/// Has the host look at an item, or at none.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn show(item: Option<&Resource<Item>>) -> bool {
    look(item)
}

/// Returns what it is given, by way of the host.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn through_any(any: Option<Resource>) -> Option<Resource> {
    echo_any(any)
}

/// Keeps an item until `release`; returns how many are kept.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn keep(item: Resource<Item>) -> u32 {
    KEPT.with_borrow_mut(|kept| {
        kept.push(item);
        kept.len() as u32
    })
}

/// Lets go of all items that were kept.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn release() {
    KEPT.take();
}

/// Keeps items until the table of references is full, or the host has enough.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn hoard(count: u32) {
    for _ in 0..count {
        keep(make("", &[]));
    }
}

//! Names that only exist on the host's side, functions without references beside those with, unsafe and private ones.

use externref_guest::{externref as with_references, Resource};

#[with_references(crate = ::externref_guest)]
#[link(wasm_import_module = "odd names: é \"x\"")]
extern "C" {
    #[link_name = "[method]thing.do it"]
    fn do_it(thing: &Resource<str>) -> i32;
    fn plain(number: i32) -> i32;
}

#[with_references(crate = ::externref_guest)]
#[export_name = "do it: ü"]
unsafe extern "C" fn exported(thing: &Resource<str>) -> i32 {
    plain(do_it(thing))
}

#[with_references(crate = ::externref_guest)]
#[no_mangle]
pub extern "C" fn wide(
    a: Resource<u8>,
    b: Resource<u8>,
    c: Resource<u8>,
    d: Resource<u8>,
    e: Resource<u8>,
    f: Resource<u8>,
    g: Resource<u8>,
    h: Resource<u8>,
    index: usize,
) -> Option<Resource<u8>> {
    let mut all = vec![a, b, c, d, e, f, g, h];
    (index < all.len()).then(|| all.swap_remove(index))
}

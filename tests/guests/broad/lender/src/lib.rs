//! A dependency with imports of its own, called directly, through a generic and through an inlined function.

use externref_guest::{externref, Resource};

pub struct Book;

#[externref]
#[link(wasm_import_module = "library")]
extern "C" {
    pub fn borrow_book(number: u32) -> Option<Resource<Book>>;
    pub fn return_book(book: Resource<Book>, late: f32);
    fn pages(book: &Resource<Book>) -> u64;
    fn read(book: &mut Resource<Book>, pages: u64) -> u64;
}

#[inline(always)]
pub fn thick(book: &Resource<Book>) -> bool {
    unsafe { pages(book) > 300 }
}

pub fn read_some<N: Into<u64>>(book: &mut Resource<Book>, count: N) -> u64 {
    unsafe { read(book, count.into()) }
}

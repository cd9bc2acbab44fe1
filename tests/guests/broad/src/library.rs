//! Imports of a dependency.

use externref_guest::{externref, Resource};
use lender::Book;

#[externref]
#[no_mangle]
pub extern "C" fn visit(first: u32, last: u32) -> Option<Resource<Book>> {
    let mut favourite = None;
    for number in first..last {
        let Some(mut book) = (unsafe { lender::borrow_book(number) }) else { continue };
        let read = lender::read_some(&mut book, 10_u32);
        if lender::thick(&book) && favourite.is_none() {
            favourite = Some(book);
        } else {
            unsafe { lender::return_book(book, read as f32 / 4.0) };
        }
    }
    favourite
}

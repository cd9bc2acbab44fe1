//! The memory that the host allocates, and the memory that is lent to it for longer than a call.

use alloc::alloc::{alloc, dealloc, handle_alloc_error, realloc};
use alloc::vec::Vec;
use core::alloc::Layout;
use core::cell::Cell;
use core::mem::ManuallyDrop;
use core::ptr;

/// Allocates, moves and frees memory for the host, as `realloc` of the component model's canonical ABI.
///
/// # Safety
///
/// Where `old_size` isn't 0, the host owns as much memory at the old address, with the same alignment.
#[no_mangle]
pub unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, alignment: usize, new_size: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(new_size, alignment) else {
        panic!("host asked for {new_size} bytes of memory, aligned to {alignment}")
    };
    let new = match (old_size, new_size) {
        (0, 0) => return alignment as *mut u8,
        (_, 0) => {
            dealloc(old, Layout::from_size_align_unchecked(old_size, alignment));
            return alignment as *mut u8;
        }
        (0, _) => alloc(layout),
        _ => realloc(old, Layout::from_size_align_unchecked(old_size, alignment), new_size),
    };
    if new.is_null() {
        handle_alloc_error(layout);
    }
    new
}

/// The memory of the latest result of an export: the host copies it after the guest has returned.
struct Kept {
    address: Cell<*mut u8>,
    layout: Cell<Layout>,
}

// SAFETY: with threads each has an instance of its own; `keep` says what they have to heed.
unsafe impl Sync for Kept {}

static KEPT: Kept = Kept { address: Cell::new(ptr::null_mut()), layout: Cell::new(Layout::new::<()>()) };

/// Keeps the memory of a list until the next call, which frees it.
///
/// Threads share the place where it is kept: their hosts have to call exports that return such values in turn.
pub fn keep<T>(list: Vec<T>) {
    let mut list = ManuallyDrop::new(list);
    let size = list.capacity() * core::mem::size_of::<T>();
    // SAFETY: the list has memory of that layout.
    let layout = unsafe { Layout::from_size_align_unchecked(size, core::mem::align_of::<T>()) };
    let address = KEPT.address.replace(list.as_mut_ptr().cast());
    let layout = KEPT.layout.replace(layout);
    if layout.size() > 0 {
        // SAFETY: it was a list's memory, which nobody else has freed.
        unsafe { dealloc(address, layout) };
    }
}

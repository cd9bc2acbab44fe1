//! What the guest tells its host besides values: why a function failed, and why the guest gave up.

#[cfg(feature = "alloc")]
use alloc::string::String;
#[cfg(feature = "alloc")]
use core::ptr;

#[cfg(feature = "alloc")]
use crate::buffer::Receive;

#[cfg(feature = "alloc")]
mod imported {
    #[link(wasm_import_module = "externref.host")]
    extern "C" {
        pub fn fail(message: *const u8, length: usize);
        #[cfg(feature = "std")]
        pub fn panic(message: *const u8, length: usize, file: *const u8, length: usize, line: u32, column: u32);
    }
}

/// Makes the export that returns next fail with a message.
#[cfg(feature = "alloc")]
pub fn fail(message: String) {
    // SAFETY: the host reads the message within the call.
    unsafe { imported::fail(message.as_ptr(), message.len()) };
}

/// Where the host puts the message if an import fails.
#[cfg(feature = "alloc")]
#[derive(Debug)]
#[repr(C)]
pub struct Failure {
    address: *mut u8,
    length: usize,
}

#[cfg(feature = "alloc")]
impl Failure {
    /// No failure.
    #[inline(always)]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Failure { address: ptr::null_mut(), length: 0 }
    }

    /// The message, if the host put one here.
    ///
    /// # Safety
    ///
    /// As for [`Receive::receive`].
    #[inline(always)]
    #[track_caller]
    pub unsafe fn message(self, place: &'static str) -> Option<String> {
        Option::receive(self.address, self.length, place)
    }
}

/// Sees that the host learns of panics, from the first call of an export on.
#[cfg(feature = "std")]
pub fn report_panics() {
    use std::panic;
    use std::sync::Once;

    static SET: Once = Once::new();
    SET.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(std::boxed::Box::new(move |info| {
            previous(info);
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
            let (file, line, column) =
                info.location().map_or(("", 0, 0), |place| (place.file(), place.line(), place.column()));
            // SAFETY: the host reads both texts within the call.
            unsafe { imported::panic(message.as_ptr(), message.len(), file.as_ptr(), file.len(), line, column) };
        }));
    });
}

/// Panics are the business of whoever has them handled.
#[cfg(not(feature = "std"))]
#[inline(always)]
pub fn report_panics() {}

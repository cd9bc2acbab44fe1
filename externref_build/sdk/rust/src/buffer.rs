//! How text, bytes and lists pass between guest and host: an address and a length.
//!
//! As parameters they are two values, as a result one: the address in the lower and the length in the upper half.
//! Address 0 is `None`. What the guest passes is lent, what the host passes was allocated with `cabi_realloc` and is the
//! guest's own. Called by generated code only.

#[cfg(feature = "alloc")]
use alloc::{string::String, vec::Vec};
use core::ptr;

#[cfg(feature = "alloc")]
use crate::memory;

/// What a list may hold: numbers that look the same in memory on both sides.
pub trait Number: Copy + 'static {}

macro_rules! numbers {
    ($($number:ty)*) => {$(impl Number for $number {})*};
}

numbers!(i8 u8 i16 u16 i32 u32 i64 u64 f32 f64);

/// A value that the guest lends to the host for the time of a call.
pub trait Lend {
    /// Its address and its length, in elements.
    fn parts(&mut self) -> (*mut u8, usize);
}

impl Lend for &str {
    #[inline(always)]
    fn parts(&mut self) -> (*mut u8, usize) {
        (self.as_ptr().cast_mut(), self.len())
    }
}

impl<T: Number> Lend for &[T] {
    #[inline(always)]
    fn parts(&mut self) -> (*mut u8, usize) {
        (self.as_ptr().cast_mut().cast(), self.len())
    }
}

impl<T: Number> Lend for &mut [T] {
    #[inline(always)]
    fn parts(&mut self) -> (*mut u8, usize) {
        (self.as_mut_ptr().cast(), self.len())
    }
}

#[cfg(feature = "alloc")]
impl Lend for String {
    #[inline(always)]
    fn parts(&mut self) -> (*mut u8, usize) {
        (self.as_mut_ptr(), self.len())
    }
}

#[cfg(feature = "alloc")]
impl<T: Number> Lend for Vec<T> {
    #[inline(always)]
    fn parts(&mut self) -> (*mut u8, usize) {
        (self.as_mut_ptr().cast(), self.len())
    }
}

impl<B: Lend> Lend for Option<B> {
    #[inline(always)]
    fn parts(&mut self) -> (*mut u8, usize) {
        self.as_mut().map_or((ptr::null_mut(), 0), Lend::parts)
    }
}

/// A value that an export can return.
pub trait Return {
    /// Address and length as one number; what they refer to stays until the next call of this function.
    fn packed(self) -> u64;
}

/// A value that stays in memory for good, so that it can be returned as it is.
#[derive(Debug)]
pub struct Still<B>(pub B);

impl<B: Lend> Return for Still<B> {
    #[inline(always)]
    fn packed(mut self) -> u64 {
        pack(self.0.parts())
    }
}

#[cfg(feature = "alloc")]
impl Return for String {
    fn packed(self) -> u64 {
        self.into_bytes().packed()
    }
}

#[cfg(feature = "alloc")]
impl Return for &str {
    fn packed(self) -> u64 {
        self.as_bytes().packed()
    }
}

#[cfg(feature = "alloc")]
impl<T: Number> Return for Vec<T> {
    fn packed(mut self) -> u64 {
        let packed = pack(self.parts());
        memory::keep(self);
        packed
    }
}

#[cfg(feature = "alloc")]
impl<T: Number> Return for &[T] {
    fn packed(self) -> u64 {
        self.to_vec().packed()
    }
}

#[cfg(feature = "alloc")]
impl<B: Return> Return for Option<B> {
    #[inline(always)]
    fn packed(self) -> u64 {
        self.map_or(0, Return::packed)
    }
}

#[inline(always)]
fn pack((address, length): (*mut u8, usize)) -> u64 {
    address as u64 | (length as u64) << 32
}

/// A value that the guest can own of what the host allocated.
#[cfg(feature = "alloc")]
pub trait Receive: Sized {
    /// Takes over what lies at the address; panics where it is none, and where text is not UTF-8.
    ///
    /// # Safety
    ///
    /// The host allocated room for so many elements with `cabi_realloc`, and nobody else frees it.
    unsafe fn receive(address: *mut u8, length: usize, place: &'static str) -> Self;

    /// The same for both in one number.
    ///
    /// # Safety
    ///
    /// As for [`receive`](Receive::receive).
    #[inline(always)]
    #[track_caller]
    unsafe fn unpack(packed: u64, place: &'static str) -> Self {
        Self::receive(packed as u32 as *mut u8, (packed >> 32) as usize, place)
    }
}

#[cfg(feature = "alloc")]
impl<T: Number> Receive for Vec<T> {
    #[inline]
    #[track_caller]
    unsafe fn receive(address: *mut u8, length: usize, place: &'static str) -> Self {
        if address.is_null() {
            refuse_nothing(place);
        }
        if length == 0 {
            return Vec::new();
        }
        Vec::from_raw_parts(address.cast(), length, length)
    }
}

#[cfg(feature = "alloc")]
impl Receive for String {
    #[inline]
    #[track_caller]
    unsafe fn receive(address: *mut u8, length: usize, place: &'static str) -> Self {
        match String::from_utf8(Vec::receive(address, length, place)) {
            Ok(text) => text,
            Err(error) => refuse_bytes(error.utf8_error().valid_up_to(), place),
        }
    }
}

#[cfg(feature = "alloc")]
impl<B: Receive> Receive for Option<B> {
    #[inline(always)]
    #[track_caller]
    unsafe fn receive(address: *mut u8, length: usize, place: &'static str) -> Self {
        if address.is_null() {
            None
        } else {
            Some(B::receive(address, length, place))
        }
    }
}

#[cfg(feature = "alloc")]
#[cold]
#[inline(never)]
#[track_caller]
fn refuse_nothing(place: &'static str) -> ! {
    panic!("host {place} nothing, at address 0 (declare it as `Option` to accept that)")
}

#[cfg(feature = "alloc")]
#[cold]
#[inline(never)]
#[track_caller]
fn refuse_bytes(valid: usize, place: &'static str) -> ! {
    panic!("host {place} text that is not UTF-8 from byte {valid} on")
}

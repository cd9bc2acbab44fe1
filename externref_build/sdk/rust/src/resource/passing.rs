//! How each type passes between guest and host; called by generated code only.
//!
//! Functions that handle a raw value are `inline(always)`: a raw value stays an operand of the function that the macro
//! generated, also where nothing is optimised.

use core::num::NonZeroU32;

use super::{Resource, ResourceCopy};
use crate::surrogate;

const NULL: u32 = u32::MAX;

/// A type that the guest can pass to the host.
pub trait ToHost {
    /// The raw value, to be consumed at once.
    fn to_host(self) -> u32;
}

/// A type that the guest can own of what the host passes.
pub trait FromHost: Sized {
    /// Makes sense of a slot that the reference was inserted in; panics with the message where null has no meaning.
    fn from_host(slot: u32, null: &'static str) -> Self;
}

#[inline(always)]
fn lend(slot: u32) -> u32 {
    // SAFETY: any slot can be read; the caller consumes the raw value.
    unsafe { surrogate::get(slot) }
}

#[inline(always)]
fn give(slot: u32) -> u32 {
    // SAFETY: the caller owned the slot and forgets it; it consumes the raw value.
    unsafe { surrogate::take(slot) }
}

impl<T: ?Sized> ToHost for Resource<T> {
    #[inline(always)]
    fn to_host(self) -> u32 {
        give(!self.into_word().get())
    }
}

impl<T: ?Sized> ToHost for Option<Resource<T>> {
    #[inline(always)]
    fn to_host(self) -> u32 {
        give(match self {
            Some(resource) => !resource.into_word().get(),
            None => NULL,
        })
    }
}

impl<T: ?Sized> ToHost for ResourceCopy<T> {
    #[inline(always)]
    fn to_host(self) -> u32 {
        lend(self.slot())
    }
}

impl<T: ?Sized> ToHost for Option<ResourceCopy<T>> {
    #[inline(always)]
    fn to_host(self) -> u32 {
        lend(match self {
            Some(resource) => resource.slot(),
            None => NULL,
        })
    }
}

macro_rules! borrowed {
    ($([$($reference:tt)*] $name:ident),*) => {$(
        impl<T: ?Sized> ToHost for $($reference)* $name<T> {
            #[inline(always)]
            fn to_host(self) -> u32 {
                lend(self.slot())
            }
        }

        impl<T: ?Sized> ToHost for Option<$($reference)* $name<T>> {
            #[inline(always)]
            fn to_host(self) -> u32 {
                lend(match self {
                    Some(resource) => resource.slot(),
                    None => NULL,
                })
            }
        }
    )*};
}

borrowed!([&] Resource, [&mut] Resource, [&] ResourceCopy, [&mut] ResourceCopy);

macro_rules! received {
    ($($name:ident),*) => {$(
        impl<T: ?Sized> FromHost for $name<T> {
            #[inline(always)]
            #[track_caller]
            fn from_host(slot: u32, null: &'static str) -> Self {
                match NonZeroU32::new(!slot) {
                    Some(word) => $name::from_word(word),
                    None => refuse_null(null),
                }
            }
        }

        impl<T: ?Sized> FromHost for Option<$name<T>> {
            #[inline(always)]
            fn from_host(slot: u32, _: &'static str) -> Self {
                NonZeroU32::new(!slot).map($name::from_word)
            }
        }
    )*};
}

received!(Resource, ResourceCopy);

#[cold]
#[inline(never)]
#[track_caller]
fn refuse_null(message: &'static str) -> ! {
    panic!("{}", message)
}

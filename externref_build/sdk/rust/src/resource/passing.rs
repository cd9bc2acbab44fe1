//! How each type passes between guest and host; called by generated code only.
//!
//! Functions that handle a raw value are `inline(always)`: a raw value stays an operand of the function that the macro
//! generated, also where nothing is optimised.

use core::num::NonZeroU32;

use super::{Resource, ResourceCopy};
use crate::surrogate;

/// The slot of the null reference.
pub const NULL: u32 = u32::MAX;

/// A type that the guest can pass to the host.
///
/// It passes in two steps: the slot first, and the raw value only where it is consumed.
pub trait ToHost {
    /// The slot of the reference, which no longer belongs to the guest if the type owned it.
    fn into_slot(self) -> u32;

    /// The raw value, to be consumed at once.
    fn raw(slot: u32) -> u32;
}

/// A type that the guest can own of what the host passes.
pub trait FromHost: Sized {
    /// Makes sense of a slot that the reference was inserted in; panics with the message where null has no meaning.
    fn from_host(slot: u32, null: &'static str) -> Self;
}

macro_rules! to_host {
    ($($surrogate:ident: $type:ty, |$value:ident| $slot:expr;)*) => {$(
        impl<T: ?Sized> ToHost for $type {
            #[inline(always)]
            fn into_slot(self) -> u32 {
                let $value = self;
                $slot
            }

            #[inline(always)]
            fn raw(slot: u32) -> u32 {
                // SAFETY: the slot comes from `into_slot`, and the caller consumes the raw value.
                unsafe { surrogate::$surrogate(slot) }
            }
        }
    )*};
}

to_host! {
    take: Resource<T>, |owned| !owned.into_word().get();
    get: &Resource<T>, |lent| lent.slot();
    get: &mut Resource<T>, |lent| lent.slot();
    get: ResourceCopy<T>, |copy| copy.slot();
    get: &ResourceCopy<T>, |copy| copy.slot();
    get: &mut ResourceCopy<T>, |copy| copy.slot();
}

impl<R: ToHost> ToHost for Option<R> {
    #[inline(always)]
    fn into_slot(self) -> u32 {
        match self {
            Some(value) => value.into_slot(),
            None => NULL,
        }
    }

    #[inline(always)]
    fn raw(slot: u32) -> u32 {
        R::raw(slot)
    }
}

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
    )*};
}

received!(Resource, ResourceCopy);

impl<R: FromHost> FromHost for Option<R> {
    #[inline(always)]
    #[track_caller]
    fn from_host(slot: u32, null: &'static str) -> Self {
        if slot == NULL {
            None
        } else {
            Some(R::from_host(slot, null))
        }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse_null(message: &'static str) -> ! {
    panic!("{}", message)
}

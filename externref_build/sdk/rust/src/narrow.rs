//! Values that a 32-bit number of the host's may be out of range for; called by generated code only.

/// A type that takes less than the whole range of its core type.
pub trait Narrow: Sized {
    /// Makes sense of what the host passed: integers wrap, what is no `bool` or no `char` panics.
    fn narrow(value: u32, place: &'static str) -> Self;

    /// The number that the host gets.
    fn widen(self) -> u32;
}

macro_rules! wrap {
    ($($integer:ty)*) => {$(
        impl Narrow for $integer {
            #[inline(always)]
            fn narrow(value: u32, _: &'static str) -> Self {
                value as $integer
            }

            #[inline(always)]
            fn widen(self) -> u32 {
                i32::from(self) as u32
            }
        }
    )*};
}

wrap!(i8 u8 i16 u16);

impl Narrow for bool {
    #[inline(always)]
    #[track_caller]
    fn narrow(value: u32, place: &'static str) -> Self {
        match value {
            0 => false,
            1 => true,
            _ => refuse(value, "bool", place),
        }
    }

    #[inline(always)]
    fn widen(self) -> u32 {
        u32::from(self)
    }
}

impl Narrow for char {
    #[inline(always)]
    #[track_caller]
    fn narrow(value: u32, place: &'static str) -> Self {
        match char::from_u32(value) {
            Some(character) => character,
            None => refuse(value, "char", place),
        }
    }

    #[inline(always)]
    fn widen(self) -> u32 {
        u32::from(self)
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse(value: u32, expected: &'static str, place: &'static str) -> ! {
    panic!("host {place} the number {value}, which is no `{expected}`")
}

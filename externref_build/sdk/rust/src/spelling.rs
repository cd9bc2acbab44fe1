//! Finds out about a type what its spelling doesn't say: whether it is a reference, and whether it is one value; for
//! generated code only.

use core::marker::PhantomData;
use core::mem::{align_of, size_of};

use crate::{Resource, ResourceCopy};

/// A type that passes as a reference.
pub trait IsReference {}

impl<T: ?Sized> IsReference for Resource<T> {}
impl<T: ?Sized> IsReference for ResourceCopy<T> {}
impl<R: IsReference> IsReference for &R {}
impl<R: IsReference> IsReference for &mut R {}
impl<R: IsReference> IsReference for Option<R> {}

/// The type that a spelling stands for. Its own constant is preferred to that of [`Unmarked`].
#[derive(Debug)]
pub struct Spelling<T>(PhantomData<fn() -> T>);

/// Leads from a type to its [`Spelling`]. Of a type that there is not, the compiler then says no more than at its place
/// in the signature, and once; as the argument of `Spelling` it would say more.
pub trait Spelt {
    /// What is known of the type.
    type Spelling;
}

impl<T> Spelt for T {
    type Spelling = Spelling<T>;
}

impl<R: IsReference> Spelling<R> {
    /// The type is a reference.
    pub const IS_REFERENCE: bool = true;
}

impl<T> Spelling<T> {
    /// The type looks like one core value: a number, a pointer, or a vector, which are as large as they are aligned. On
    /// some machines without WebAssembly, numbers of 8 bytes are aligned to less.
    pub const IS_ONE_VALUE: bool = match size_of::<T>() {
        8 => align_of::<T>() >= align_of::<u64>(),
        size => size <= 16 && size == align_of::<T>(),
    };
}

impl<T> Spelling<&T> {
    /// There is nothing to point to.
    pub const IS_EMPTY: bool = size_of::<T>() == 0;
}

impl<T> Spelling<&mut T> {
    /// There is nothing to point to.
    pub const IS_EMPTY: bool = size_of::<T>() == 0;
}

/// What holds for types that are no references.
pub trait Unmarked {
    /// The type is no reference.
    const IS_REFERENCE: bool = false;
    /// There is nothing to pass.
    const IS_EMPTY: bool;
}

impl<T> Unmarked for Spelling<T> {
    const IS_EMPTY: bool = size_of::<T>() == 0;
}

#[cfg(test)]
mod tests {
    use super::*;

    type Alias = Resource<u8>;

    #[test]
    fn aliases_are_found_out() {
        assert!(Spelling::<Alias>::IS_REFERENCE);
        assert!(Spelling::<Option<&mut Alias>>::IS_REFERENCE);
        assert!(!Spelling::<Option<&u32>>::IS_REFERENCE);
        assert!(!Spelling::<*const Alias>::IS_REFERENCE);
    }

    #[test]
    fn only_single_values_pass() {
        enum Named {}
        assert!(Spelling::<Named>::IS_EMPTY && Spelling::<&Named>::IS_EMPTY && Spelling::<&mut Named>::IS_EMPTY);
        assert!(!Spelling::<u8>::IS_EMPTY && !Spelling::<&u8>::IS_EMPTY && !Spelling::<&str>::IS_EMPTY);
        assert!(Spelling::<Option<&u8>>::IS_ONE_VALUE && Spelling::<fn()>::IS_ONE_VALUE);
        assert!(Spelling::<Option<()>>::IS_ONE_VALUE && Spelling::<std::num::Wrapping<u64>>::IS_ONE_VALUE);
        assert!(!Spelling::<[u8; 16]>::IS_ONE_VALUE && !Spelling::<std::string::String>::IS_ONE_VALUE);
        assert!(!Spelling::<Result<u32, std::fmt::Error>>::IS_ONE_VALUE && !Spelling::<[u8; 4]>::IS_ONE_VALUE);
    }
}

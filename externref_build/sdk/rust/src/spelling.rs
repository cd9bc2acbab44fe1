//! Finds out about a type what its spelling doesn't say: whether it is a reference; for generated code only.

use core::marker::PhantomData;

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

impl<R: IsReference> Spelling<R> {
    /// The type is a reference.
    pub const IS_REFERENCE: bool = true;
}

/// What holds for types that are no references.
pub trait Unmarked {
    /// The type is no reference.
    const IS_REFERENCE: bool = false;
}

impl<T> Unmarked for Spelling<T> {}

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
}

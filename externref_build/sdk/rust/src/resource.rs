//! The two types that stand for a host reference in guest code.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::mem;
use core::num::NonZeroU32;

/// What binds a resource to its type parameter and, where it matters, to its thread.
///
/// A function that returns a `T` owns none: a resource is `Send` and `Sync` whatever its kind. With threads each has an
/// instance, and thus a table, of its own, in which a slot of another thread means nothing.
#[cfg(not(all(target_family = "wasm", target_feature = "atomics")))]
type Marker<T> = PhantomData<fn() -> *const T>;
#[cfg(all(target_family = "wasm", target_feature = "atomics"))]
type Marker<T> = PhantomData<(fn() -> *const T, *const ())>;

/// A reference to an object of the host, owned by the guest.
///
/// It is one word, the slot in the module's table of references, so it can be kept anywhere: in a struct, a `Vec`, a
/// map, a static. `Option<Resource<T>>` is the same word; `None` is the null reference. When it is dropped, its slot is
/// emptied and the host may release the object; where the module was built with a drop hook, the host is told.
///
/// The type parameter tells kinds of objects apart and can be any type, sized or not; it is never looked at. `()`, the
/// default, is an object of unknown kind.
///
/// # Passing it
///
/// In functions marked with [`#[externref]`](macro@crate::externref):
///
/// | type | argument of an import, result of an export | parameter of an export, result of an import |
/// |---|---|---|
/// | `Resource<T>` | moves to the host; the slot is emptied, without the drop hook | the guest owns a slot of its own |
/// | `&Resource<T>`, `&mut Resource<T>` | lent to the host; the guest keeps it | parameters only: dropped after the call |
/// | `Option<_>` of these | `None` is null | null is `None` |
///
/// # Equality
///
/// Equality and hash are those of the slot. Each reference that comes from the host gets a slot of its own, so two
/// resources are never equal, even if the host passed the same object twice; only the host knows.
///
/// # Threads
///
/// In a module with threads each thread has a table of its own, and a resource must stay on its thread. It is neither
/// `Send` nor `Sync` where the compiler lets crates know of threads (`target_feature = "atomics"`, which takes a nightly
/// compiler), and both everywhere else, so that it can be kept in a static.
#[repr(transparent)]
pub struct Resource<T: ?Sized = ()> {
    /// The slot's complement, so that slot -1, the null reference, is the niche.
    word: NonZeroU32,
    marker: Marker<T>,
}

/// A reference to an object of the host that can be copied and is never dropped.
///
/// Made by [`Resource::leak`], or received from the host as it is. Its slot stays in use until one of the copies is
/// made a [`Resource`] again with [`take`](ResourceCopy::take); in a module that lives for one task that may never
/// be. As an argument of an import it is lent to the host.
///
/// A copy whose slot has been emptied refers to nothing, or to whatever was stored there since.
#[repr(transparent)]
pub struct ResourceCopy<T: ?Sized = ()> {
    word: NonZeroU32,
    marker: Marker<T>,
}

impl<T: ?Sized> Resource<T> {
    /// Gives up ownership: the slot is not emptied when the result goes out of scope.
    ///
    /// Like [`mem::forget`] this is safe, and can fill the table.
    #[inline]
    #[must_use = "nothing refers to the slot any more"]
    pub fn leak(self) -> ResourceCopy<T> {
        ResourceCopy::from_word(self.into_word())
    }

    /// Forgets which kind of object this is.
    #[inline]
    #[must_use]
    pub fn upcast(self) -> Resource<()> {
        Resource::from_word(self.into_word())
    }

    /// Lends the resource as one of unknown kind.
    #[inline]
    #[must_use]
    pub fn upcast_ref(&self) -> &Resource<()> {
        // SAFETY: the parameter is a marker; all resources are transparent wrappers of the same word.
        unsafe { &*(self as *const Self).cast() }
    }

    /// The index in the module's table of references, which hosts see if the table is exported.
    #[inline]
    #[must_use]
    pub fn slot(&self) -> u32 {
        !self.word.get()
    }

    #[inline(always)]
    const fn from_word(word: NonZeroU32) -> Self {
        Resource { word, marker: PhantomData }
    }

    #[inline(always)]
    fn into_word(self) -> NonZeroU32 {
        let word = self.word;
        mem::forget(self);
        word
    }
}

impl Resource<()> {
    /// Says which kind of object this is.
    ///
    /// # Safety
    ///
    /// Nothing checks the kind; the host may, or may not, when the reference comes back to it. Ask the host first,
    /// through an import that takes a `&Resource<()>` and returns the kind.
    #[inline]
    #[must_use]
    pub unsafe fn downcast_unchecked<T: ?Sized>(self) -> Resource<T> {
        Resource::from_word(self.into_word())
    }

    /// Lends the resource as one of a known kind.
    ///
    /// # Safety
    ///
    /// As for [`downcast_unchecked`](Self::downcast_unchecked).
    #[inline]
    #[must_use]
    pub unsafe fn downcast_ref_unchecked<T: ?Sized>(&self) -> &Resource<T> {
        &*(self as *const Self).cast()
    }
}

impl<T: ?Sized> ResourceCopy<T> {
    /// Takes ownership again: the slot is emptied when the result is dropped.
    ///
    /// # Safety
    ///
    /// No other copy of this resource may be used afterwards, or taken a second time: its slot can hold another
    /// reference by then.
    #[inline]
    #[must_use = "dropping the result empties the slot"]
    pub unsafe fn take(self) -> Resource<T> {
        Resource::from_word(self.word)
    }

    /// Forgets which kind of object this is.
    #[inline]
    #[must_use]
    pub fn upcast(self) -> ResourceCopy<()> {
        ResourceCopy::from_word(self.word)
    }

    /// The index in the module's table of references, which hosts see if the table is exported.
    #[inline]
    #[must_use]
    pub fn slot(self) -> u32 {
        !self.word.get()
    }

    #[inline(always)]
    const fn from_word(word: NonZeroU32) -> Self {
        ResourceCopy { word, marker: PhantomData }
    }
}

impl ResourceCopy<()> {
    /// Says which kind of object this is.
    ///
    /// # Safety
    ///
    /// As for [`Resource::downcast_unchecked`].
    #[inline]
    #[must_use]
    pub unsafe fn downcast_unchecked<T: ?Sized>(self) -> ResourceCopy<T> {
        ResourceCopy::from_word(self.word)
    }
}

impl<T: ?Sized> Drop for Resource<T> {
    #[inline(always)]
    fn drop(&mut self) {
        #[cfg(target_family = "wasm")]
        // SAFETY: a resource owns its slot.
        unsafe {
            crate::surrogate::drop(self.slot());
        }
    }
}

impl<T: ?Sized> Clone for ResourceCopy<T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for ResourceCopy<T> {}

macro_rules! identity {
    ($name:ident) => {
        impl<T: ?Sized> PartialEq for $name<T> {
            #[inline]
            fn eq(&self, other: &Self) -> bool {
                self.word == other.word
            }
        }

        impl<T: ?Sized> Eq for $name<T> {}

        impl<T: ?Sized> Hash for $name<T> {
            #[inline]
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.word.hash(state);
            }
        }

        impl<T: ?Sized> fmt::Debug for $name<T> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.debug_tuple(stringify!($name)).field(&self.slot()).finish()
            }
        }
    };
}

identity!(Resource);
identity!(ResourceCopy);

#[cfg(target_family = "wasm")]
pub mod passing;

#[cfg(not(target_family = "wasm"))]
impl<T: ?Sized> Resource<T> {
    /// Makes a resource out of nothing, for unit tests of guest code; it exists outside WebAssembly only.
    ///
    /// The number stands for the slot: it is what equality, hash and [`slot`](Self::slot) see.
    ///
    /// # Panics
    ///
    /// If `slot` is `u32::MAX`, which is null.
    #[must_use]
    #[track_caller]
    pub fn fake(slot: u32) -> Self {
        Resource::from_word(NonZeroU32::new(!slot).expect("slot u32::MAX is null: use `None`"))
    }
}

//! Types of the guest's own for objects of the host.

use core::mem::{transmute_copy, ManuallyDrop};

use crate::Resource;

/// A type that was declared with `type` in a block under [`#[externref]`](macro@crate::externref).
///
/// It owns its object as a [`Resource`] does, and can become one and be made from one, here and with `From`.
///
/// ```
/// # use externref_guest::{externref, HostObject, Resource};
/// #[externref]
/// extern "C" {
///     type Vector3;
/// }
///
/// # #[cfg(not(target_family = "wasm"))] {
/// let vector = Vector3::from(Resource::fake(3)); // as in a unit test
/// assert_eq!(vector.as_resource().slot(), 3);
/// let resource: Resource<Vector3> = vector.into();
/// # drop(resource) }
/// ```
///
/// # Safety
///
/// The type is a transparent wrapper of `Resource<Self>`. The attribute implements it, nobody else needs to.
pub unsafe trait HostObject: Sized {
    /// The object in a resource.
    #[inline]
    #[must_use]
    fn from_resource(resource: Resource<Self>) -> Self {
        let resource = ManuallyDrop::new(resource);
        // SAFETY: the types have the same layout, and only the result is dropped.
        unsafe { transmute_copy(&resource) }
    }

    /// The object's resource.
    #[inline]
    #[must_use]
    fn into_resource(self) -> Resource<Self> {
        let object = ManuallyDrop::new(self);
        // SAFETY: the types have the same layout, and only the result is dropped.
        unsafe { transmute_copy(&object) }
    }

    /// Lends the object's resource.
    #[inline]
    #[must_use]
    fn as_resource(&self) -> &Resource<Self> {
        // SAFETY: the types have the same layout.
        unsafe { &*(self as *const Self).cast() }
    }
}

/// Lends an object as one of the type that its own extends.
#[inline(always)]
pub fn upcast_ref<T: HostObject, Base: HostObject>(object: &T) -> &Base {
    // SAFETY: both are transparent wrappers of resources, and those of the same word.
    unsafe { &*(object as *const T).cast() }
}

/// Makes an object one of the type that its own extends.
#[inline(always)]
pub fn upcast<T: HostObject, Base: HostObject>(object: T) -> Base {
    let object = ManuallyDrop::new(object);
    // SAFETY: as above, and only the result is dropped.
    unsafe { transmute_copy(&object) }
}

/// What a type of host objects can do; for generated code only.
#[doc(hidden)]
#[macro_export]
macro_rules! __host_object {
    ($name:ident) => {
        // SAFETY: it was declared so just now.
        unsafe impl $crate::HostObject for $name {}

        impl $crate::__private::IsReference for $name {}

        impl ::core::convert::From<$crate::Resource<$name>> for $name {
            #[inline]
            fn from(resource: $crate::Resource<$name>) -> Self {
                $crate::HostObject::from_resource(resource)
            }
        }

        impl ::core::convert::From<$name> for $crate::Resource<$name> {
            #[inline]
            fn from(object: $name) -> Self {
                $crate::HostObject::into_resource(object)
            }
        }

        impl ::core::convert::AsRef<$crate::Resource<$name>> for $name {
            #[inline]
            fn as_ref(&self) -> &$crate::Resource<$name> {
                $crate::HostObject::as_resource(self)
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let slot = $crate::HostObject::as_resource(self).slot();
                formatter.debug_tuple(::core::stringify!($name)).field(&slot).finish()
            }
        }

        #[cfg(target_family = "wasm")]
        const _: () = {
            use $crate::__private::{FromHost, ToHost};
            use $crate::{HostObject, Resource};

            impl ToHost for $name {
                #[inline(always)]
                fn into_slot(self) -> u32 {
                    self.into_resource().into_slot()
                }

                #[inline(always)]
                fn raw(slot: u32) -> u32 {
                    <Resource<$name> as ToHost>::raw(slot)
                }
            }

            impl ToHost for &$name {
                #[inline(always)]
                fn into_slot(self) -> u32 {
                    self.as_resource().into_slot()
                }

                #[inline(always)]
                fn raw(slot: u32) -> u32 {
                    <&Resource<$name> as ToHost>::raw(slot)
                }
            }

            impl ToHost for &mut $name {
                #[inline(always)]
                fn into_slot(self) -> u32 {
                    self.as_resource().into_slot()
                }

                #[inline(always)]
                fn raw(slot: u32) -> u32 {
                    <&Resource<$name> as ToHost>::raw(slot)
                }
            }

            impl FromHost for $name {
                #[inline(always)]
                #[track_caller]
                fn from_host(slot: u32, null: &'static str) -> Self {
                    HostObject::from_resource(Resource::from_host(slot, null))
                }
            }
        };
    };
    ($name:ident extends $base:path) => {
        impl ::core::convert::AsRef<$base> for $name {
            #[inline]
            fn as_ref(&self) -> &$base {
                $crate::__private::upcast_ref(self)
            }
        }

        impl ::core::convert::From<$name> for $base {
            #[inline]
            fn from(object: $name) -> Self {
                $crate::__private::upcast(object)
            }
        }
    };
    ($name:ident derefs to $base:path) => {
        impl ::core::ops::Deref for $name {
            type Target = $base;

            #[inline]
            fn deref(&self) -> &$base {
                $crate::__private::upcast_ref(self)
            }
        }

        $crate::__host_object!($name extends $base);
    };
}

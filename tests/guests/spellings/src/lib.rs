//! Each way to declare a function that the attribute knows, in the edition in which most of them need `unsafe`.

#![deny(warnings, future_incompatible, missing_debug_implementations, rust_2018_idioms, unsafe_op_in_unsafe_fn)]

use std::marker::PhantomData;
use std::num::NonZeroU32;

use externref_guest::{Resource, ResourceCopy, externref};

#[derive(Debug)]
pub struct Arena<'a>(PhantomData<&'a ()>);
#[derive(Debug)]
pub enum Bytes {}
#[derive(Debug)]
pub enum r#Type {}
pub type Lent = Resource<Bytes>;

#[derive(Debug)]
#[repr(transparent)]
pub struct Plain<'a>(&'a u8);

pub mod path {
    pub use externref_guest as to_sdk;
}

#[externref]
#[link(wasm_import_module = "values \"quoted\"")]
unsafe extern "C" {
    /// Every number, by the component model's name.
    ///
    /// With a "quoted" \ line, and more than ASCII: ✓.
    fn numbers(a: bool, b: i8, c: i16, d: i32, e: i64, f: u8, g: u16, h: u32, i: u64, j: f32, k: f64) -> i64;
    fn others(l: usize, m: isize, n: *const u8, o: *mut u8, p: &u64, q: Option<NonZeroU32>, r#r: core::primitive::u8);
    #[link_name = "näme with \"quotes\"\n"]
    safe fn named() -> Option<Resource<Bytes>>;
    unsafe fn lifetimes<'a, 'b>(arena: &'b mut Resource<Arena<'a>>, _: Plain<'b>) -> Resource<crate::r#Type>
    where
        'a: 'b;
    fn copies(a: ResourceCopy<Bytes>, b: Option<&ResourceCopy<Bytes>>) -> Option<ResourceCopy<dyn Fn()>>;
    fn paths(a: externref_guest::Resource, b: Option<&mut crate::Resource<Bytes>>, c: Option<Resource<[u8]>>) -> ();
    #[resource]
    fn marked(#[resource] a: &Lent, #[resource] b: Option<Lent>, #[resource = false] c: usize, arg4: u8, _: u8)
    -> Lent;
    #[cfg(target_arch = "x86_64")]
    fn elsewhere(bytes: &NoSuchType);
    fn nine(a: &Resource, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32, h: i32, i: &Resource) -> Resource;
    /** Leaves.

    For `good`:

        for good
    */
    fn leave() -> !;
}

#[externref(crate = path::to_sdk)]
unsafe extern "C" {
    /**
     * In the module that C takes,
     *   where nothing is said.
     *
     * * a list
     */
    fn in_env(any: &Resource<()>);
}

macro_rules! getters {
    ($prefix:literal: $($function:ident -> $kind:ty),*) => {$(
        #[doc = concat!("The ", stringify!($kind), "\tof \"this\".")]
        #[externref]
        #[unsafe(export_name = concat!($prefix, "-", stringify!($function)))]
        pub extern "C" fn $function(any: $kind, _: u32) -> $kind {
            any
        }
    )*};
}

getters!("get": owned -> Resource<Bytes>, nullable -> Option<Resource<Bytes>>, number -> i64);

#[externref]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn borrowed<'a>(
    first: &'a Resource<Bytes>,
    mut second: Option<&mut Resource<Bytes>>,
    &third: &u32,
    arg2: u8,
) -> Option<&'a Resource<Bytes>> {
    second.take().filter(|_| arg2 == 0)?;
    (third > 0).then_some(first)
}

#[externref]
#[unsafe(no_mangle)]
extern "C" fn r#type(r#type: ResourceCopy<Bytes>) -> ResourceCopy<Bytes> {
    r#type
}

macro_rules! sinks {
    ($module:literal: $($function:ident($any:ident: $kind:ty) = $name:expr;)*) => {
        #[externref]
        #[link(wasm_import_module = $module)]
        unsafe extern "C" {$(
            #[link_name = $name]
            safe fn $function($any: $kind);
        )*}
    };
}

sinks!("sinks": first(any: Resource) = "one"; second(any: Option<&Resource<Bytes>>) = concat!("t", "wo"););

/// Calls every import.
#[externref]
#[cfg_attr(target_family = "wasm", unsafe(no_mangle))]
pub extern "C" fn use_all(arena: &mut Resource<Arena<'_>>, mut bytes: Resource<Bytes>) -> usize {
    #[externref]
    #[link(wasm_import_module = "inner")]
    unsafe extern "C" {
        safe fn local(local: &Resource<Bytes>) -> bool;
    }
    local(&bytes);
    second(named().as_ref());
    named().map(Resource::upcast).map(first);
    let mut byte = 0;
    unsafe {
        numbers(true, -8, -16, -32, -64, 8, 16, 32, 64, 0.5, 0.25);
        others(1, -1, &byte, &raw mut byte, &9, NonZeroU32::new(3), 4);
        let typed = lifetimes(arena, Plain(&5));
        copies(typed.upcast().downcast_unchecked::<Bytes>().leak(), None);
        paths(named().map_or_else(|| leave(), Resource::upcast), Some(&mut bytes), None);
        let lent = marked(&bytes, named(), 1, 2, 3);
        nine(lent.upcast_ref(), 1, 2, 3, 4, 5, 6, 7, arena.upcast_ref());
        in_env(lent.upcast_ref());
    }
    0
}

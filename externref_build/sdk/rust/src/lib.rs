//! Host references in WebAssembly guests written in Rust.
//!
//! A host reference (an `externref`) lets a module hold an object of its host: a database, a file, a button, any
//! object of a Python or JavaScript program. The module can keep it, pass it on, give it back, and do nothing else; it
//! cannot forge one, or look inside. That makes it a capability: a plugin reaches what it was handed, nothing more.
//!
//! Rust has no such type, because references cannot lie in memory. This crate has [`Resource`], the slot of a
//! reference in a table of the module, and [`#[externref]`](macro@externref), which marks functions of the boundary.
//! *externref-build* (a Python package, and a command) then rewrites the compiled module so that the marked parameters
//! and results are references in the types that the host sees:
//!
//! ```sh
//! cargo build --release --target wasm32-unknown-unknown
//! externref-build process target/wasm32-unknown-unknown/release/plugin.wasm -o plugin.wasm
//! ```
//!
//! # Example
//!
//! A plugin that searches notes for its host:
//!
//! ```
//! use externref_guest::{externref, Resource};
//!
//! /// Kinds of host objects; they are never constructed, only named.
//! pub enum Database {}
//! pub enum Row {}
//!
//! #[externref(fake = fake)] // `fake` stands in for the host in unit tests
//! #[link(wasm_import_module = "notes")]
//! extern "C" {
//!     /// For the host, a function from (externref, i32) to externref, which may be null.
//!     fn row(database: &Resource<Database>, index: u32) -> Option<Resource<Row>>;
//!     fn score(row: &Resource<Row>) -> f64;
//!     /// Tells the host that this row isn't needed again.
//!     fn discard(row: Resource<Row>);
//! }
//!
//! /// Returns the row with the highest score.
//! #[externref]
//! #[no_mangle]
//! pub extern "C" fn best(database: &Resource<Database>) -> Option<Resource<Row>> {
//!     let mut best: Option<(f64, Resource<Row>)> = None;
//!     for index in 0.. {
//!         let Some(row) = (unsafe { row(database, index) }) else { break };
//!         let score = unsafe { score(&row) };
//!         match &best {
//!             Some((highest, _)) if *highest >= score => unsafe { discard(row) },
//!             _ => best = Some((score, row)),
//!         }
//!     }
//!     best.map(|(_, row)| row) // the host gets the row; all others that were kept meanwhile are dropped
//! }
//!
//! #[cfg(not(target_family = "wasm"))]
//! mod fake {
//!     use super::*;
//!
//!     pub fn row(_: &Resource<Database>, index: u32) -> Option<Resource<Row>> {
//!         (index < 5).then(|| Resource::fake(index))
//!     }
//!     pub fn score(row: &Resource<Row>) -> f64 {
//!         [1.0, 3.0, 9.0, 2.0, 4.0][row.slot() as usize]
//!     }
//!     pub fn discard(_: Resource<Row>) {}
//! }
//!
//! # fn main() {
//! // In a unit test, on any machine:
//! assert_eq!(best(&Resource::fake(100)), Some(Resource::fake(2)));
//! # }
//! ```
//!
//! # Unit tests
//!
//! The crate compiles for every target. Where that isn't WebAssembly, exports are ordinary functions, resources are
//! made with [`Resource::fake`], and an import calls its namesake in the module named by `#[externref(fake = ...)]`,
//! or panics if there is none. So `cargo test` runs a guest's own logic without a host.
//!
//! # Features
//!
//! None is on unless asked for, and none adds a dependency.
//!
//! - `alloc`: text and lists that guest and host allocate for one another, that is `String`, `Vec<T>`, parameters of
//!   exports, results of imports, and functions that fail. The guest exports `cabi_realloc`, with which the host
//!   allocates, and needs a global allocator.
//! - `std` (with `alloc`): the host learns the message and the place of a panic, through an import
//!   `externref.host.panic` that a panic hook calls. Whatever hook was there before is called first.
//!
//! # Cost
//!
//! A [`Resource`] is one word and `Option<Resource<T>>` is the same word. Passing a reference is an access to a table,
//! inlined wherever the optimiser likes; a call of an import adds one load of a byte, which ties the metadata to the
//! code. Without features nothing is allocated, and the crate needs neither `std` nor `alloc`.

#![no_std]
#![warn(missing_docs, missing_debug_implementations)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(target_family = "wasm")]
mod buffer;
#[cfg(target_family = "wasm")]
mod host;
#[cfg(all(target_family = "wasm", feature = "alloc"))]
mod memory;
#[cfg(target_family = "wasm")]
mod narrow;
mod object;
mod record;
mod resource;
mod spelling;
#[cfg(target_family = "wasm")]
mod surrogate;

/// Marks functions of the boundary between guest and host, so that their [`Resource`]s pass as references.
///
/// # Imports
///
/// On an `extern "C"` block, each function becomes a Rust function that calls the import. `#[link(wasm_import_module =
/// "...")]` names the module, `env` if it is absent, and `#[link_name = "..."]` the import, if not by its own name.
/// As without the attribute, functions are `unsafe` to call; in `unsafe extern` blocks of Rust 1.82 and later, those
/// marked `safe` are not.
///
/// ```
/// # use externref_guest::{externref, Resource};
/// # pub enum Arena {} pub enum Bytes {}
/// #[externref]
/// #[link(wasm_import_module = "arena")]
/// extern "C" {
///     fn alloc(arena: &Resource<Arena>, size: usize) -> Option<Resource<Bytes>>;
///     #[link_name = "copy-into"]
///     fn copy_into(from: &Resource<Bytes>, into: &mut Resource<Bytes>, at: usize) -> bool;
/// }
/// ```
///
/// # Exports
///
/// On an `extern "C"` function with `#[no_mangle]` or `#[export_name = "..."]` (also as `#[unsafe(...)]`), the function
/// is what the host calls under that name. In Rust it stays an ordinary function with the signature that it shows.
///
/// ```
/// # use externref_guest::{externref, Resource};
/// # pub enum Bytes {}
/// #[externref]
/// #[no_mangle]
/// pub extern "C" fn longer(a: Resource<Bytes>, b: Option<Resource<Bytes>>) -> Resource<Bytes> {
///     b.unwrap_or(a)
/// }
/// ```
///
/// # Values
///
/// What is a reference is told by the spelling of the type: a path that ends in `Resource` or `ResourceCopy`, behind
/// `&` or `&mut` or not, in an `Option` or not. [`Resource`] says who owns what. A parameter of an export that is
/// borrowed, `&Resource<T>`, has a slot for the time of the call; then it is dropped, and a drop hook is called as for
/// any other resource. Where the host passes null and no `Option` is declared, the guest panics with the name of the
/// parameter.
///
/// An alias needs a word: `#[resource]` on the parameter, or on the function for its result, marks a reference, and
/// `#[resource = false]` marks what only looks like one. It stands below `#[externref]`. The host knows the object by
/// the alias's name, as it does otherwise by that of the type parameter: the name that is spelled, not what it stands for.
///
/// ```
/// # use externref_guest::{externref, Resource};
/// # pub enum Row {}
/// type Entry = Resource<Row>;
///
/// #[externref]
/// #[resource]
/// #[no_mangle]
/// pub extern "C" fn first(#[resource] a: Entry, #[resource] _b: Option<&Entry>) -> Entry {
///     a
/// }
/// ```
///
/// A reference whose type hides behind an alias, or was declared in another block, is a compile error without its mark.
///
/// Text and lists pass as well, alone or in an `Option`. `N` is an integer of 8 to 64 bits, `f32` or `f64`:
///
/// | type | argument of an import | parameter of an export | result of an import | result of an export |
/// |---|---|---|---|---|
/// | `&str`, `&[N]` | lent for the call | lent for the call * | no | copied by the host * (`&'static` as it is) |
/// | `&mut [N]` | lent for the call, and the host may change it | no | no | no |
/// | `String`, `Vec<N>` | lent, then dropped * | the guest's own * | the guest's own * | copied by the host, then dropped * |
///
/// What is marked * needs the feature `alloc`. Text from the host that isn't UTF-8 makes the guest panic.
///
/// A function that returns `Result<T, String>` can fail (feature `alloc`): an import returns the host's message as the
/// error, and the error of an export is raised in the host.
///
#[cfg_attr(feature = "alloc", doc = "```")]
#[cfg_attr(not(feature = "alloc"), doc = "```ignore")]
/// # use externref_guest::{externref, Resource};
/// # pub enum File {}
/// #[externref]
/// #[link(wasm_import_module = "files")]
/// extern "C" {
///     fn read(file: &Resource<File>, name: Option<&str>) -> Result<String, String>;
/// }
///
/// #[externref]
/// #[no_mangle]
/// pub extern "C" fn lengths(file: &Resource<File>, weights: &[f64]) -> Result<Vec<u32>, String> {
///     let text = unsafe { read(file, None) }?;
///     if weights.is_empty() {
///         return Err("there is nothing to weigh".to_owned());
///     }
///     Ok(text.lines().map(|line| line.len() as u32).collect())
/// }
/// ```
///
/// All other values pass as in any `extern "C"` function, and must be one value each: numbers, `bool`, `char`,
/// pointers. What is larger, or holds nothing, is a compile error. A `bool` or `char` from the host that is none makes
/// the guest panic; integers of 8 and 16 bits wrap.
///
/// # Objects of the host
///
/// A block can declare types of the host's objects, and their members. The import module is then `client`, unless
/// `#[link(wasm_import_module = "...")]` names another.
///
/// ```
/// # use externref_guest::externref;
/// #[externref]
/// extern "C" {
///     pub type Vector3;
///
///     #[externref(constructor)]
///     pub fn new(x: f64) -> Vector3;
///     #[externref(static_method = Vector3)]
///     pub fn origin() -> Vector3;
///     #[externref(method)]
///     pub fn add(this: &Vector3, other: &Vector3) -> Vector3;
///     #[externref(method, overload = "f64")]
///     #[link_name = "add"]
///     pub fn add_scalar(this: &Vector3, scalar: f64) -> Vector3;
///     #[externref(getter)]
///     pub fn x(this: &Vector3) -> f64;
///     #[externref(setter)]
///     pub fn set_x(this: &Vector3, x: f64);
///
///     pub type Object3D;
///     #[externref(setter)]
///     pub fn set_position(this: &Object3D, position: Vector3);
///
///     #[externref(extends = Object3D)]
///     pub type Mesh;
///     #[externref(global)]
///     pub fn selected() -> Option<Mesh>;
/// }
///
/// #[externref]
/// #[no_mangle]
/// pub extern "C" fn centre() {
///     if let Some(mesh) = selected() {
///         mesh.set_position(Vector3::origin().add_scalar(1.0)); // a `Mesh` is an `Object3D` as well
///     }
/// }
/// ```
///
/// Such a type owns its object as a [`Resource`] does, and is [`HostObject`]; `extends` adds `Deref`, `AsRef` and
/// `From`. In functions outside of the block, mark it with `#[resource]`. Members are safe to call unless they are
/// declared `unsafe`. `#[link_name = "..."]` is the host's name of a member, if it has another one in Rust;
/// `overload` tells apart functions that have the same name there. With `fake = path`, the stand-in of a member is a
/// function of a type of the same name in that module, `path::Vector3::add`, whose first parameter is the object.
///
/// # Arguments
///
/// - `crate = path`: where this crate is found, for crates that re-export it or have another name for it.
/// - `fake = path`, on blocks: a module with a function for each import, with the same name and parameters, that is
///   called in its place where the target isn't WebAssembly. The module may be missing where it is.
///
/// # Metadata
///
/// Each function leaves a record of its reference parameters in the custom section `__externrefs`, and its interface,
/// doc comment included, in `__externrefs_interface`. externref-build consumes the former.
pub use externref_guest_macro::externref;
pub use object::HostObject;
pub use resource::{Resource, ResourceCopy};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// For generated code; no part of the interface.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "alloc")]
    pub use alloc::{string::String, vec::Vec};

    #[cfg(all(target_family = "wasm", feature = "alloc"))]
    pub use crate::buffer::Receive;
    #[cfg(target_family = "wasm")]
    pub use crate::buffer::{Lend, Return, Still};
    #[cfg(target_family = "wasm")]
    pub use crate::host::report_panics;
    #[cfg(all(target_family = "wasm", feature = "alloc"))]
    pub use crate::host::{fail, Failure};
    #[cfg(target_family = "wasm")]
    pub use crate::narrow::Narrow;
    pub use crate::object::{upcast, upcast_ref};
    pub use crate::record::{concat, json, json_length, length, u32_le, Anchor};
    #[cfg(target_family = "wasm")]
    pub use crate::resource::passing::{FromHost, ToHost, NULL};
    pub use crate::spelling::{IsReference, Spelling, Spelt, Unmarked};
    #[cfg(target_family = "wasm")]
    pub use crate::surrogate::insert;
}

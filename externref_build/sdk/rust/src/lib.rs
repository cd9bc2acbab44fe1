//! Host references in WebAssembly guests.
//!
//! docs to follow
#![no_std]
#![warn(missing_docs, missing_debug_implementations)]

#[cfg(test)]
extern crate std;

mod record;
mod resource;
#[cfg(target_family = "wasm")]
mod surrogate;

pub use externref_guest_macro::externref;
pub use resource::{Resource, ResourceCopy};

/// For generated code; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::record::{concat, json, json_length, length, u32_le, Anchor};
    #[cfg(target_family = "wasm")]
    pub use crate::resource::passing::{FromHost, ToHost};
    #[cfg(target_family = "wasm")]
    pub use crate::surrogate::insert;
}

//! What all guests do alike, with the published crate `externref` 0.3, and what only that version has.

use externref::{externref, Resource};

mod copies;

include!("../../common/calls.rs");

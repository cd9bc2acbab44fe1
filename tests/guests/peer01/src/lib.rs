//! The calls that all guests share, with the published crate `externref` 0.1.

use externref::{externref, Resource};

include!("../../common/calls.rs");

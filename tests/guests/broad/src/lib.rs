//! All that `externref-guest` offers, in shapes that compilers treat differently.

mod indirect;
mod kinds;
mod library;
mod spelling;

/// The calls that all guests share.
mod calls {
    use externref_guest::{externref, Resource};

    include!("../../common/calls.rs");
}

//! All faults of one item, so that a user mends them in one go.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Faults in the order in which they were found.
#[derive(Default)]
pub struct Errors(Vec<syn::Error>);

impl Errors {
    /// Adds a fault at the place of these tokens.
    pub fn push(&mut self, place: impl ToTokens, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new_spanned(place, message));
    }

    /// Adds a fault that the parser found.
    pub fn add(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// How many faults there are so far.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// One `compile_error!` for each fault.
    pub fn into_compile_errors(self) -> TokenStream {
        self.0.into_iter().map(syn::Error::into_compile_error).collect()
    }
}

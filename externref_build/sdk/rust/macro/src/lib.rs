//! The attribute `#[externref]`, which the crate `externref-guest` re-exports and documents.
//!
//! An item passes through three steps: `signature` reads what crosses the boundary (`values` says how a type does,
//! `buffers` how text and lists do), `import` or `export` writes the function that converts, on top of what `linkage`
//! says that the linker sees, and `record` the metadata that tells externref-build and the host's bindings. Blocks also
//! declare `objects` and their `members`. All faults of an item are collected in `errors` and reported at their places.

mod arguments;
mod attributes;
mod buffers;
mod errors;
mod export;
mod import;
mod linkage;
mod members;
mod objects;
mod record;
mod signature;
mod values;

use proc_macro::TokenStream;
use quote::ToTokens;
use syn::Item;

use crate::arguments::Arguments;
use crate::errors::Errors;

const NOT_THIS_ITEM: &str =
    "`#[externref]` belongs on an `extern \"C\"` block (imports) or on an `extern \"C\"` function \
                             (an export)";

#[allow(missing_docs)] // documented where it is re-exported
#[proc_macro_attribute]
pub fn externref(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let arguments = Arguments::parse(arguments.into(), &mut errors);
    let item = syn::parse_macro_input!(item as Item);
    let mut output = match item {
        Item::ForeignMod(block) => import::expand(block, &arguments, &mut errors),
        Item::Fn(function) => export::expand(function, &arguments, &mut errors),
        other => {
            errors.push(keyword(&other), NOT_THIS_ITEM);
            other.into_token_stream()
        }
    };
    output.extend(errors.into_compile_errors());
    output.into()
}

/// The item's own first token, past attributes and visibility, which is where a reader looks.
fn keyword(item: &Item) -> proc_macro2::TokenStream {
    match item {
        Item::Struct(item) => item.struct_token.to_token_stream(),
        Item::Enum(item) => item.enum_token.to_token_stream(),
        Item::Union(item) => item.union_token.to_token_stream(),
        Item::Trait(item) => item.trait_token.to_token_stream(),
        Item::Impl(item) => item.impl_token.to_token_stream(),
        Item::Mod(item) => item.mod_token.to_token_stream(),
        Item::Static(item) => item.static_token.to_token_stream(),
        Item::Const(item) => item.const_token.to_token_stream(),
        Item::Type(item) => item.type_token.to_token_stream(),
        other => other.to_token_stream(),
    }
}

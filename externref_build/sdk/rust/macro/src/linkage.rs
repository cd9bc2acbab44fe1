//! A function's values as the linker sees them, until externref-build has processed the module.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned, ToTokens};
use syn::spanned::Spanned;
use syn::{Path, Type};

use crate::signature::{Crossing, Outcome, Param};
use crate::values::{Plain, Value};

/// Parameters, each with its comma: references and small numbers are an `i32`, text and lists are an address and a
/// length.
pub fn params(crossing: &Crossing) -> TokenStream {
    let params = crossing.params.iter().map(|Param { ident, ty, value, .. }| match value {
        Value::Reference(_) | Value::Narrow(_) => quote!(#ident: u32,),
        Value::Buffer(_) => {
            let length = length(ident);
            quote!(#ident: *mut u8, #length: usize,)
        }
        Value::Plain(_) => quote!(#ident: #ty,),
    });
    quote!(#(#params)*)
}

/// The type of the result, with its arrow. If the function fails, it is zero, whatever that means for the type.
pub fn output(crossing: &Crossing) -> TokenStream {
    match &crossing.result {
        None => TokenStream::new(),
        Some(Outcome { value: Value::Reference(_) | Value::Narrow(_), .. }) => quote!(-> u32),
        Some(Outcome { value: Value::Buffer(_), .. }) => quote!(-> u64),
        Some(Outcome { ty, value }) if crossing.fallible && may_lack_zero(value) => {
            quote!(-> ::core::mem::MaybeUninit<#ty>)
        }
        Some(Outcome { ty, .. }) => quote!(-> #ty),
    }
}

/// What compilers shall not say of functions with these parameters: lifetimes lose their references.
pub fn lints() -> TokenStream {
    quote!(#[allow(single_use_lifetimes, unused_lifetimes, clippy::extra_unused_lifetimes, clippy::needless_lifetimes)])
}

/// Whether a value's type may be one that cannot be zero.
pub fn may_lack_zero(value: &Value) -> bool {
    matches!(value, Value::Plain(Plain { name: "ptr" | "opaque", .. }))
}

/// The name of the parameter that is the length of what lies at another one.
pub fn length(ident: &Ident) -> Ident {
    format_ident!("__externref_length_of_{}", ident)
}

/// Has the compiler refuse types that turn out to be references, although neither spelling nor mark says so, and those
/// that are no single value.
pub fn refuse_unmarked(crossing: &Crossing, krate: &Path) -> TokenStream {
    let values = crossing.params.iter().map(|param| (&param.ty, &param.value));
    let values = values.chain(crossing.result.iter().map(|outcome| (&outcome.ty, &outcome.value)));
    let unproven = values.filter(|(_, value)| matches!(value, Value::Plain(Plain { unproven: true, .. })));
    let asserted = unproven.filter_map(|(ty, value)| {
        let general = for_all_lifetimes(ty)?;
        let spelled = readable(ty);
        let message = format!(
            "`{spelled}` passes as a reference: mark it with `#[resource]`, the parameter or, for the result, the function"
        );
        let (does, meant) = match value {
            Value::Plain(Plain { name: "ptr", .. }) => ("points to", "&Resource<T>"),
            _ => ("holds", "Resource<T>"),
        };
        let empty = format!("`{spelled}` {does} nothing: an object of the host is a `Resource`, as in `{meant}`");
        let large = format!("`{spelled}` is more than one value: expected a number, a pointer, a text, or a list");
        Some(quote_spanned! {ty.span()=>
            const _: () = {
                #[allow(unused_imports)]
                use #krate::__private::Unmarked as _;
                ::core::assert!(!<#general as #krate::__private::Spelt>::Spelling::IS_REFERENCE, #message);
                ::core::assert!(!<#general as #krate::__private::Spelt>::Spelling::IS_EMPTY, #empty);
                ::core::assert!(<#general as #krate::__private::Spelt>::Spelling::IS_ONE_VALUE, #large);
            };
        })
    });
    quote!(#(#asserted)*)
}

/// The type as its author would write it.
fn readable(ty: &Type) -> String {
    let mut spelled = ty.to_token_stream().to_string();
    for (spaced, close) in [(" :: ", "::"), (" < ", "<"), (" >", ">"), (" ,", ","), ("& ", "&"), (":: ", "::")] {
        spelled = spelled.replace(spaced, close);
    }
    spelled
}

/// The type with `'static` for each lifetime, so that it can stand in a constant; none if it binds lifetimes itself.
fn for_all_lifetimes(ty: &Type) -> Option<TokenStream> {
    use proc_macro2::{Group, TokenTree};

    fn replace(tokens: TokenStream) -> Option<TokenStream> {
        let mut replaced = TokenStream::new();
        let mut after_quote = false;
        for token in tokens {
            let lifetime = after_quote;
            after_quote = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
            replaced.extend([match token {
                TokenTree::Ident(ident) if lifetime => TokenTree::Ident(Ident::new("static", ident.span())),
                TokenTree::Ident(ident) if ident == "for" => return None,
                TokenTree::Group(group) => {
                    let mut inner = Group::new(group.delimiter(), replace(group.stream())?);
                    inner.set_span(group.span());
                    TokenTree::Group(inner)
                }
                other => other,
            }]);
        }
        Some(replaced)
    }
    replace(ty.to_token_stream())
}

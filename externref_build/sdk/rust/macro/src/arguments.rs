//! The arguments of the attribute itself: `#[externref(crate = path, fake = path)]`.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{parse_quote, LitStr, Path};

use crate::errors::Errors;
use crate::members::is_kind;

/// What the attribute's user chose.
pub struct Arguments {
    /// Where generated code finds the crate `externref-guest`.
    pub krate: Path,
    /// The module whose functions stand in for imports where the target is not WebAssembly.
    pub fake: Option<Path>,
}

impl Arguments {
    /// Reads the tokens between the attribute's parentheses.
    pub fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut arguments = Arguments { krate: parse_quote!(::externref_guest), fake: None };
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("crate") {
                arguments.krate = path(&meta)?;
            } else if meta.path.is_ident("fake") {
                arguments.fake = Some(path(&meta)?);
            } else if is_kind(&meta.path) {
                return Err(meta.error("this belongs on a function in an `extern \"C\"` block: members are the host's"));
            } else {
                return Err(meta.error("unknown argument of `#[externref]`: expected `crate = path` or `fake = path`"));
            }
            Ok(())
        });
        if let Err(error) = parser.parse2(tokens) {
            errors.add(error);
        }
        arguments
    }
}

/// A path, bare or in quotes.
fn path(meta: &ParseNestedMeta) -> syn::Result<Path> {
    let value = meta.value()?;
    let path = if value.peek(LitStr) {
        value.parse::<LitStr>()?.parse_with(Path::parse_mod_style)
    } else {
        value.call(Path::parse_mod_style)
    };
    path.map_err(|error| syn::Error::new(error.span(), "expected a path, such as `crate::host`"))
}

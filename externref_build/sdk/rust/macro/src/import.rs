//! `extern "C"` blocks: each function becomes a Rust function that converts its references and calls the import.
//!
//! That function only turns references into slots, and is inlined, so that references to resources do not force them
//! into memory. A second one inside it does the rest, out of everybody's reach: all calls of the import hold on to the
//! metadata that stands there too (see `record`).

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned, ToTokens};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{parse_quote, Attribute, Expr, ForeignItem, ItemForeignMod, Signature, Token, Visibility};

use crate::arguments::Arguments;
use crate::attributes;
use crate::errors::Errors;
use crate::record::{self, Declaration};
use crate::signature::{check_abi, Crossing, Outcome, Param, Role};
use crate::values::Value;

/// The module that imports belong to where nothing is said, as in C.
const DEFAULT_MODULE: &str = "env";

/// Everything that a block is made of.
pub fn expand(block: ItemForeignMod, arguments: &Arguments, errors: &mut Errors) -> TokenStream {
    check_abi(Some(&block.abi), &block.abi, errors);
    let link = block.attrs.iter().find(|attribute| attribute.path().is_ident("link"));
    let module =
        link.and_then(|link| attributes::import_module(link, errors)).unwrap_or_else(|| DEFAULT_MODULE.to_owned());
    let context = Context {
        arguments,
        link: link.cloned().unwrap_or_else(|| parse_quote!(#[link(wasm_import_module = #DEFAULT_MODULE)])),
        module,
        attributes: block.attrs.iter().filter(|attribute| attributes::is_inherited(attribute)).cloned().collect(),
    };
    let mut functions = TokenStream::new();
    for item in block.items {
        if let Some(function) = foreign_function(item, errors) {
            functions.extend(context.wrapper(function, errors));
        }
    }
    functions
}

/// What the functions of a block have in common.
struct Context<'a> {
    arguments: &'a Arguments,
    link: Attribute,
    module: String,
    attributes: Vec<Attribute>,
}

/// A function in an `extern` block, with `unsafe`, `safe` or neither before it.
struct ForeignFunction {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    safe: bool,
    signature: Signature,
}

impl Parse for ForeignFunction {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        syn::custom_keyword!(safe);
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let safe = input.parse::<Option<safe>>()?.is_some();
        let signature = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(ForeignFunction { attributes, visibility, safe, signature })
    }
}

fn foreign_function(item: ForeignItem, errors: &mut Errors) -> Option<ForeignFunction> {
    match item {
        ForeignItem::Fn(function) => Some(ForeignFunction {
            attributes: function.attrs,
            visibility: function.vis,
            safe: false,
            signature: function.sig,
        }),
        // syn knows no `safe fn`.
        ForeignItem::Verbatim(tokens) => match syn::parse2(tokens) {
            Ok(function) => Some(function),
            Err(error) => {
                errors.add(error);
                None
            }
        },
        other => {
            errors.push(other, "only functions can be imported in a block under `#[externref]`");
            None
        }
    }
}

impl Context<'_> {
    fn wrapper(&self, mut function: ForeignFunction, errors: &mut Errors) -> TokenStream {
        let faults = errors.count();
        attributes::refuse_hidden(&function.attributes, errors);
        let link_name = attributes::take_link_name(&mut function.attributes, errors);
        let mark = attributes::take_resource(&mut function.attributes, errors);
        let crossing = Crossing::read(Role::Import, &mut function.signature, mark, errors);
        for (input, param) in function.signature.inputs.iter_mut().zip(&crossing.params) {
            if let syn::FnArg::Typed(input) = input {
                let ident = &param.ident;
                *input.pat = parse_quote!(#ident);
            }
        }
        if !function.safe {
            function.signature.unsafety = Some(parse_quote!(unsafe));
        }
        let body = if errors.count() == faults {
            self.body(&function, link_name, &crossing)
        } else {
            // Callers shall not be told that the function doesn't exist.
            function.signature.variadic = None;
            function.attributes.push(parse_quote!(#[allow(unused_attributes, unused_variables)]));
            quote!(::core::unreachable!())
        };
        let (inherited, own) = (&self.attributes, &function.attributes);
        let (visibility, signature) = (&function.visibility, &function.signature);
        quote! {
            #(#inherited)*
            #(#own)*
            #[allow(unused_unsafe, clippy::missing_safety_doc, clippy::too_many_arguments)]
            #[inline(always)]
            #visibility #signature {
                #body
            }
        }
    }

    fn body(&self, function: &ForeignFunction, link_name: Option<Expr>, crossing: &Crossing) -> TokenStream {
        let ident = &function.signature.ident;
        let name = link_name.unwrap_or_else(|| {
            let ident = ident.unraw().to_string();
            parse_quote!(#ident)
        });
        let krate = &self.arguments.krate;
        let records = record::statics(
            &Declaration {
                module: Some(&self.module),
                name: &name,
                crossing,
                documentation: &attributes::documentation(&function.attributes),
            },
            krate,
        );
        let import = self.import(function, &name, crossing);
        let call = self.call(function, crossing);
        let generics = &function.signature.generics;
        let (output, where_clause) = (&function.signature.output, &generics.where_clause);
        let params = surrogate_params(crossing);
        let slots = crossing.params.iter().map(|Param { ident, ty, value, .. }| match value {
            Value::Plain(_) => ident.to_token_stream(),
            Value::Reference(_) => quote_spanned!(ty.span()=> #krate::__private::ToHost::into_slot(#ident)),
        });
        let elsewhere = self.elsewhere(function, crossing);
        quote! {
            #[cfg(target_family = "wasm")]
            {
                unsafe fn __externref_call #generics (#params) #output #where_clause {
                    #import
                    #records
                    static ANCHOR: #krate::__private::Anchor = #krate::__private::Anchor::new();
                    ANCHOR.hold();
                    unsafe { #call }
                }
                unsafe { __externref_call(#(#slots),*) }
            }
            #[cfg(not(target_family = "wasm"))]
            {
                #elsewhere
            }
        }
    }

    /// The import as the linker sees it.
    fn import(&self, function: &ForeignFunction, name: &Expr, crossing: &Crossing) -> TokenStream {
        let link = &self.link;
        let generics = &function.signature.generics;
        let where_clause = &generics.where_clause;
        let params = surrogate_params(crossing);
        let output = match &crossing.result {
            Some(Outcome { value: Value::Reference(_), .. }) => quote!(-> u32),
            _ => function.signature.output.to_token_stream(),
        };
        quote! {
            #link
            extern "C" {
                #[link_name = #name]
                fn __externref_import #generics (#params) #output #where_clause;
            }
        }
    }

    /// From slots to raw values, through the import, and back to a slot: each raw value is an operand, nothing else.
    fn call(&self, function: &ForeignFunction, crossing: &Crossing) -> TokenStream {
        let krate = &self.arguments.krate;
        let arguments = crossing.params.iter().map(|Param { ident, value, ty, .. }| match value {
            Value::Plain(_) => ident.to_token_stream(),
            Value::Reference(_) => quote_spanned!(ty.span()=> <#ty as #krate::__private::ToHost>::raw(#ident)),
        });
        let call = quote!(__externref_import(#(#arguments),*));
        match &crossing.result {
            Some(Outcome { value: Value::Reference(reference), .. }) => {
                let message = format!(
                    "host returned null from import `{}` of module `{}` (declare the result as `Option` to accept null)",
                    function.signature.ident.unraw(),
                    self.module,
                );
                quote_spanned! {reference.target.span()=>
                    <#reference as #krate::__private::FromHost>::from_host(#krate::__private::insert(#call), #message)
                }
            }
            _ => call,
        }
    }

    /// What stands in for the import where there is no host.
    fn elsewhere(&self, function: &ForeignFunction, crossing: &Crossing) -> TokenStream {
        let ident = &function.signature.ident;
        let idents = crossing.params.iter().map(|param| &param.ident);
        if let Some(fake) = &self.arguments.fake {
            return quote!(unsafe { #fake::#ident(#(#idents),*) });
        }
        let message = format!(
            "`{}` is imported from module `{}` of a WebAssembly host, and this program runs without one; name a module \
             of stand-ins for its tests: `#[externref(fake = path::to::module)]`",
            ident.unraw(),
            self.module,
        );
        quote! {
            let _ = (#(#idents,)*);
            ::core::panic!("{}", #message)
        }
    }
}

/// Parameters as the linker sees them: a reference is an `i32` until externref-build has processed the module.
pub fn surrogate_params(crossing: &Crossing) -> TokenStream {
    let params = crossing.params.iter().map(|Param { ident, ty, value, .. }| match value {
        Value::Reference(_) => quote!(#ident: u32),
        Value::Plain(_) => quote!(#ident: #ty),
    });
    quote!(#(#params),*)
}

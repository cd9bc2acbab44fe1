//! `extern "C"` functions: the function stays an ordinary Rust function, and a second one, which the host calls,
//! converts the references.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned, ToTokens};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ItemFn, LitStr, Path};

use crate::arguments::Arguments;
use crate::attributes;
use crate::errors::Errors;
use crate::import::surrogate_params;
use crate::record::{self, Declaration};
use crate::signature::{check_abi, Crossing, Outcome, Param, Role};
use crate::values::{Passing, Reference, Value};

/// Everything that an exported function is made of.
pub fn expand(mut function: ItemFn, arguments: &Arguments, errors: &mut Errors) -> TokenStream {
    let faults = errors.count();
    check_abi(function.sig.abi.as_ref(), function.sig.fn_token, errors);
    if let Some(fake) = &arguments.fake {
        errors.push(fake, "`fake` stands in for imports: it belongs on an `extern \"C\"` block");
    }
    let ident = LitStr::new(&function.sig.ident.unraw().to_string(), function.sig.ident.span());
    let faults_of_names = errors.count();
    let export = attributes::take_export_name(&mut function.attrs, &ident, errors);
    if export.is_none() && errors.count() == faults_of_names {
        errors.push(
            &function.sig.ident,
            "the host cannot see this function: add `#[no_mangle]` or `#[export_name = \"...\"]`",
        );
    }
    let mark = attributes::take_resource(&mut function.attrs, errors);
    let crossing = Crossing::read(Role::Export, &mut function.sig, mark, errors);
    function.sig.abi = None;
    let Some((export_name, name)) = export.filter(|_| errors.count() == faults) else {
        function.sig.variadic = None;
        return function.into_token_stream();
    };
    let entry = entry(&function, &export_name, &crossing, &arguments.krate);
    let records = records(&function, &name, &crossing, &arguments.krate);
    let shared = function.attrs.iter().filter(|attribute| attributes::is_shared(attribute));
    quote! {
        #[allow(clippy::must_use_candidate)]
        #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
        #function
        #(#shared)*
        #[cfg(target_family = "wasm")]
        const _: () = {
            #entry
            #records
        };
    }
}

fn records(function: &ItemFn, name: &Expr, crossing: &Crossing, krate: &Path) -> TokenStream {
    let documentation = attributes::documentation(&function.attrs);
    record::statics(&Declaration { module: None, name, crossing, documentation: &documentation }, krate)
}

/// The function that the host calls.
fn entry(function: &ItemFn, export_name: &Attribute, crossing: &Crossing, krate: &Path) -> TokenStream {
    let ident = &function.sig.ident;
    let generics = &function.sig.generics;
    let where_clause = &generics.where_clause;
    let params = surrogate_params(crossing);
    let receive = crossing.params.iter().filter_map(|param| match &param.value {
        Value::Reference(reference) => Some(receive(param, reference, ident, krate)),
        Value::Plain(_) => None,
    });
    let arguments = crossing.params.iter().map(argument);
    let call = quote!(unsafe { #ident(#(#arguments),*) });
    let (output, call) = match &crossing.result {
        Some(Outcome { ty, value: Value::Reference(_) }) => (
            quote!(-> u32),
            quote_spanned! {ty.span()=>
                let result = #krate::__private::ToHost::into_slot(#call);
                <#ty as #krate::__private::ToHost>::raw(result)
            },
        ),
        _ => (function.sig.output.to_token_stream(), call),
    };
    quote! {
        #export_name
        #[allow(unused_unsafe, unused_mut, clippy::too_many_arguments)]
        unsafe extern "C" fn __externref_export #generics (#params) #output #where_clause {
            #(#receive)*
            #call
        }
    }
}

/// Stores a reference that the host passed, in a slot of its own.
fn receive(param: &Param, reference: &Reference, function: &syn::Ident, krate: &Path) -> TokenStream {
    let ident = &param.ident;
    let message = format!(
        "host passed null as parameter `{}` of export `{}` (declare it as `Option` to accept null)",
        param.name,
        function.unraw(),
    );
    // Lints about unsafe code are not for the user's type, at which a failing conversion is reported.
    let slot = quote!(unsafe { #krate::__private::insert(#ident) });
    quote_spanned! {reference.target.span()=>
        let mut #ident = <#reference as #krate::__private::FromHost>::from_host(#slot, #message);
    }
}

/// What the user's function gets: the value, or a borrow of what was received.
fn argument(Param { ident, value, .. }: &Param) -> TokenStream {
    match value {
        Value::Reference(Reference { passing: Passing::Shared, nullable: false, .. }) => quote!(&#ident),
        Value::Reference(Reference { passing: Passing::Mutable, nullable: false, .. }) => quote!(&mut #ident),
        Value::Reference(Reference { passing: Passing::Shared, nullable: true, .. }) => quote!(#ident.as_ref()),
        Value::Reference(Reference { passing: Passing::Mutable, nullable: true, .. }) => quote!(#ident.as_mut()),
        Value::Reference(Reference { passing: Passing::Owned, .. }) | Value::Plain(_) => ident.to_token_stream(),
    }
}

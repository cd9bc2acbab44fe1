//! `extern "C"` functions: the function stays an ordinary Rust function, and a second one, which the host calls,
//! converts the references.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned, ToTokens};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, ItemFn, Lit, LitStr, Path};

use crate::arguments::Arguments;
use crate::attributes::{self, ungrouped};
use crate::errors::Errors;
use crate::linkage;
use crate::record::{self, Declaration};
use crate::signature::{check_abi, place_of_result, Crossing, Outcome, Param, Role};
use crate::values::{Passing, Reference, Spelling, Value};

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
    if let Some((_, name)) = &export {
        refuse_taken(name, errors);
    }
    let mark = attributes::take_resource(&mut function.attrs, errors);
    attributes::allow_what_is_expected(&mut function.attrs);
    let crossing = Crossing::read(Role::Export, Spelling { objects: &[] }, &mut function.sig, mark, errors);
    function.sig.abi = None;
    let Some((export_name, name)) = export.filter(|_| errors.count() == faults) else {
        function.sig.variadic = None;
        return function.into_token_stream();
    };
    let entry = entry(&function, &export_name, &crossing, &arguments.krate);
    let records = records(&function, &name, &crossing, &arguments.krate);
    let shared: Vec<_> = function.attrs.iter().filter(|attribute| attributes::is_shared(attribute)).collect();
    let refuse_unmarked = linkage::refuse_unmarked(&crossing, &arguments.krate);
    // Clippy asks nothing of that kind of functions with C's calling convention.
    quote! {
        #[allow(
            clippy::missing_const_for_fn,
            clippy::must_use_candidate,
            clippy::needless_pass_by_value,
            clippy::too_many_arguments,
            clippy::unnecessary_wraps
        )]
        #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
        #function
        #(#shared)*
        const _: () = { #refuse_unmarked };
        #(#shared)*
        #[cfg(target_family = "wasm")]
        const _: () = {
            #entry
            #records
        };
    }
}

/// Refuses names under which the linker, or the crate, exports something else.
fn refuse_taken(name: &Expr, errors: &mut Errors) {
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = ungrouped(name) else { return };
    if ["memory", "__indirect_function_table", "cabi_realloc"].contains(&text.value().as_str()) {
        errors.push(text, format!("modules export something else as `{}`: choose another name", text.value()));
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
    let params = linkage::params(crossing);
    let output = match crossing.result {
        None if !crossing.fallible => function.sig.output.to_token_stream(),
        _ => linkage::output(crossing),
    };
    let receive = crossing.params.iter().map(|param| receive(param, ident, krate));
    let arguments = crossing.params.iter().map(argument);
    // Where the function returns another type than meant, as with an alias of `Result`, that is the place to show.
    let mut called = ident.clone();
    let place = place_of_result(&function.sig);
    called.set_span(ident.span().located_at(place));
    let call = quote_spanned!(place=> #called(#(#arguments),*));
    let call = quote!(unsafe { #call });
    let result = result(function, crossing, &call, krate);
    let linkage_lints = linkage::lints();
    quote! {
        #export_name
        #[allow(deprecated, unused_mut, unused_qualifications, unused_unsafe, clippy::too_many_arguments)]
        #linkage_lints
        unsafe extern "C" fn __externref_export #generics (#params) #output #where_clause {
            #krate::__private::report_panics();
            #(#receive)*
            #result
        }
    }
}

/// Takes over what the host passed: a reference gets a slot of its own, text and lists are the guest's from here on.
fn receive(param: &Param, function: &Ident, krate: &Path) -> TokenStream {
    let (ident, ty) = (&param.ident, &param.ty);
    let place = format!("passed as parameter `{}` of export `{}`", param.name, function.unraw());
    match &param.value {
        Value::Reference(reference) => {
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
        Value::Buffer(buffer) => {
            let (owner, length) = (buffer.owner(krate), linkage::length(ident));
            let receive = quote_spanned!(ty.span()=> <#owner as #krate::__private::Receive>::receive);
            quote!(let #ident = unsafe { #receive(#ident, #length, #place) };)
        }
        Value::Narrow(_) => {
            quote_spanned!(ty.span()=> let #ident = <#ty as #krate::__private::Narrow>::narrow(#ident, #place);)
        }
        Value::Plain(_) => TokenStream::new(),
    }
}

/// What the user's function gets: the value, or a borrow of what was received.
fn argument(Param { ident, value, .. }: &Param) -> TokenStream {
    let (passing, nullable) = match value {
        Value::Reference(Reference { passing, nullable, .. }) => (*passing, *nullable),
        Value::Buffer(buffer) if buffer.passing == Passing::Shared && buffer.nullable => {
            return quote!(#ident.as_deref())
        }
        Value::Buffer(buffer) => (buffer.passing, buffer.nullable),
        Value::Narrow(_) | Value::Plain(_) => (Passing::Owned, false),
    };
    match (passing, nullable) {
        (Passing::Shared, false) => quote!(&#ident),
        (Passing::Mutable, false) => quote!(&mut #ident),
        (Passing::Shared, true) => quote!(#ident.as_ref()),
        (Passing::Mutable, true) => quote!(#ident.as_mut()),
        (Passing::Owned, _) => ident.to_token_stream(),
    }
}

/// What the host gets: the result, or zero after it was told of the failure.
fn result(function: &ItemFn, crossing: &Crossing, call: &TokenStream, krate: &Path) -> TokenStream {
    let value = if crossing.fallible {
        succeeded_or_zero(function, crossing.result.as_ref(), call, krate)
    } else {
        crossing.result.as_ref().map_or_else(|| call.clone(), |outcome| converted(outcome, call, krate))
    };
    match &crossing.result {
        Some(Outcome { ty, value: Value::Reference(_) }) => {
            let slot = Ident::new("slot", Span::mixed_site());
            quote_spanned! {ty.span()=>
                let #slot = #value;
                <#ty as #krate::__private::ToHost>::raw(#slot)
            }
        }
        _ => value,
    }
}

fn succeeded_or_zero(function: &ItemFn, outcome: Option<&Outcome>, call: &TokenStream, krate: &Path) -> TokenStream {
    let returned = Ident::new("returned", Span::mixed_site());
    let (success, zero) = match outcome {
        None => (quote!(#returned), quote!(())),
        Some(outcome) => {
            let success = converted(outcome, &quote!(#returned), krate);
            match &outcome.value {
                Value::Reference(_) => (success, quote!(#krate::__private::NULL)),
                Value::Buffer(_) | Value::Narrow(_) => (success, quote!(0)),
                value if linkage::may_lack_zero(value) => {
                    (quote!(::core::mem::MaybeUninit::new(#success)), quote!(::core::mem::MaybeUninit::zeroed()))
                }
                Value::Plain(_) => (success, quote!(::core::default::Default::default())),
            }
        }
    };
    quote_spanned! {place_of_result(&function.sig)=>
        match { let returned: ::core::result::Result<_, #krate::__private::String> = #call; returned } {
            ::core::result::Result::Ok(#returned) => #success,
            ::core::result::Result::Err(message) => {
                #krate::__private::fail(message);
                #zero
            }
        }
    }
}

/// The slot of a reference, one number for a text or list, 32 bits for a smaller one, any other value as it is.
fn converted(outcome: &Outcome, value: &TokenStream, krate: &Path) -> TokenStream {
    match &outcome.value {
        Value::Reference(_) => {
            quote_spanned!(outcome.ty.span()=> #krate::__private::ToHost::into_slot(#value))
        }
        Value::Buffer(buffer) => buffer.packed(value, krate),
        Value::Narrow(_) => quote_spanned!(outcome.ty.span()=> #krate::__private::Narrow::widen(#value)),
        Value::Plain(_) => value.clone(),
    }
}

//! `type Name;` in a block: a type of the guest's own for objects of the host.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, ForeignItemType, Meta, Path};

use crate::attributes;
use crate::errors::Errors;
use crate::members::is_member;

/// The type and what it can do. `inherited` are the attributes of the block.
pub fn expand(mut item: ForeignItemType, inherited: &[Attribute], krate: &Path, errors: &mut Errors) -> TokenStream {
    let bases = take_bases(&mut item.attrs, errors);
    attributes::refuse_hidden(&item.attrs, errors);
    if !item.generics.params.is_empty() {
        errors.push(&item.generics, "a type of host objects has no parameters: what it holds is the host's business");
    }
    if let Some(name) = attributes::take_link_name(&mut item.attrs, errors) {
        errors.push(name, "a type has no other name than that of its declaration");
    }
    let ForeignItemType { attrs, vis, ident, .. } = &item;
    let shared: Vec<&Attribute> =
        inherited.iter().chain(attrs).filter(|attribute| attributes::is_shared(attribute)).collect();
    let bases = bases.iter().enumerate().map(|(index, base)| {
        let relation = if index == 0 { quote!(derefs to) } else { quote!(extends) };
        quote!(#(#shared)* #krate::__host_object!(#ident #relation #base);)
    });
    quote! {
        #(#inherited)*
        #(#attrs)*
        #[allow(dead_code)]
        #[repr(transparent)]
        #vis struct #ident {
            resource: #krate::Resource<#ident>,
        }
        #(#shared)*
        #krate::__host_object!(#ident);
        #(#bases)*
    }
}

const EXPECTED: &str = "expected `extends = Type`, which is all that can be said about a type";

/// Removes `#[externref(extends = Type)]` and returns the types.
fn take_bases(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Vec<Path> {
    let (taken, rest): (Vec<_>, _) = std::mem::take(attributes).into_iter().partition(is_member);
    *attributes = rest;
    let mut bases = Vec::new();
    for attribute in taken {
        if matches!(attribute.meta, Meta::Path(_)) {
            errors.push(attribute, EXPECTED);
            continue;
        }
        let parsed = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("extends") {
                return Err(meta.error(EXPECTED));
            }
            bases.push(meta.value()?.parse()?);
            Ok(())
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    bases
}

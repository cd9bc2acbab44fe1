//! The attributes that the macro reads on blocks, functions and parameters, and those that it hands on.

use syn::punctuated::Punctuated;
use syn::{parse_quote, Attribute, Expr, ExprLit, Lit, LitBool, LitStr, Meta, Token};

use crate::errors::Errors;

/// Removes `#[resource]`, `#[resource = bool]` or `#[resource(bool)]` and returns its word.
pub fn take_resource(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<bool> {
    const USAGE: &str = "expected `#[resource]` or `#[resource = false]`";
    let mut word = None;
    for attribute in take(attributes, |attribute| attribute.path().is_ident("resource")) {
        let this = match &attribute.meta {
            Meta::Path(_) => Some(true),
            Meta::List(list) => list.parse_args::<LitBool>().ok().map(|literal| literal.value),
            Meta::NameValue(pair) => match ungrouped(&pair.value) {
                Expr::Lit(ExprLit { lit: Lit::Bool(literal), .. }) => Some(literal.value),
                _ => None,
            },
        };
        match (this, word) {
            (None, _) => errors.push(&attribute, USAGE),
            (Some(_), Some(_)) => errors.push(&attribute, "`#[resource]` was said before"),
            (Some(_), None) => word = this,
        }
    }
    word
}

/// Removes `#[link_name = ...]` and returns its value.
pub fn take_link_name(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Expr> {
    take(attributes, |attribute| attribute.path().is_ident("link_name"))
        .iter()
        .filter_map(|attribute| value(&attribute.meta, errors))
        .last()
}

/// Removes the attributes that make a function an export; returns the one that names it, and the name.
pub fn take_export_name(
    attributes: &mut Vec<Attribute>,
    ident: &LitStr,
    errors: &mut Errors,
) -> Option<(Attribute, Expr)> {
    let mut named = None;
    for attribute in take(attributes, |attribute| is_export_attribute(&effective(attribute))) {
        let meta = effective(&attribute);
        if meta.path().is_ident("export_name") {
            named = value(&meta, errors).map(|name| (attribute, name));
        } else if named.is_none() {
            named = Some((renamed(&attribute, ident), parse_quote!(#ident)));
        }
    }
    named
}

/// `#[export_name = ...]` in place of a `#[no_mangle]`, with the same edition and the same `unsafe(..)` around it.
fn renamed(no_mangle: &Attribute, name: &LitStr) -> Attribute {
    let span = no_mangle.path().segments[0].ident.span();
    let export_name = syn::Ident::new("export_name", span);
    if no_mangle.path().is_ident("unsafe") {
        let keyword = &no_mangle.path().segments[0].ident;
        parse_quote!(#[#keyword(#export_name = #name)])
    } else {
        parse_quote!(#[#export_name = #name])
    }
}

/// The import module that `#[link(wasm_import_module = "...")]` names, among the attributes of a block.
pub fn import_module(link: &Attribute, errors: &mut Errors) -> Option<String> {
    let pairs = link.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
    let module = pairs.iter().find_map(|pair| match pair {
        Meta::NameValue(pair) if pair.path.is_ident("wasm_import_module") => Some(ungrouped(&pair.value)),
        _ => None,
    });
    match module {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(name), .. })) => return Some(name.value()),
        Some(other) => errors.push(other, "the name of the import module must be a string"),
        None => errors.push(link, "expected `#[link(wasm_import_module = \"...\")]`"),
    }
    None
}

/// Refuses a `cfg_attr` that would add an attribute which the macro must see. Of the item that carries `#[externref]`
/// the compiler resolves them first; of functions inside a block it does not.
pub fn refuse_hidden(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("cfg_attr")) {
        let Meta::List(list) = &attribute.meta else { continue };
        let Ok(parts) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else { continue };
        for part in parts.iter().skip(1) {
            if ["link_name", "resource", "externref"].iter().any(|name| part.path().is_ident(name)) {
                errors.push(
                    part,
                    "`#[externref]` cannot see through this `cfg_attr`: write the function twice, each under its `cfg`",
                );
            }
        }
    }
}

/// Attributes of a block that must stand on everything that is made of it.
pub fn is_inherited(attribute: &Attribute) -> bool {
    !attribute.path().is_ident("doc") && !attribute.path().is_ident("link")
}

/// Attributes of a function that also hold for what is generated beside it.
pub fn is_shared(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") || attribute.path().is_ident("allow")
}

/// Makes each `expect` an `allow`: what it expects may occur in what is generated beside the function, and only on
/// some targets, such as the unsafe attribute of an export.
pub fn allow_what_is_expected(attributes: &mut [Attribute]) {
    for attribute in attributes.iter_mut().filter(|attribute| attribute.path().is_ident("expect")) {
        if let Meta::List(list) = &mut attribute.meta {
            list.path = parse_quote!(allow);
        }
    }
}

/// The text of doc comments, a line or `#[doc = ...]` each.
pub fn documentation(attributes: &[Attribute]) -> Vec<Expr> {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    lines.filter_map(|attribute| attribute.meta.require_name_value().ok().map(|pair| pair.value.clone())).collect()
}

/// The expression without the invisible groups that macros by example leave.
pub fn ungrouped(expression: &Expr) -> &Expr {
    match expression {
        Expr::Group(group) => ungrouped(&group.expr),
        other => other,
    }
}

fn take(attributes: &mut Vec<Attribute>, wanted: impl Fn(&Attribute) -> bool) -> Vec<Attribute> {
    let (taken, rest) = std::mem::take(attributes).into_iter().partition(wanted);
    *attributes = rest;
    taken
}

fn value(meta: &Meta, errors: &mut Errors) -> Option<Expr> {
    if let Meta::NameValue(pair) = meta {
        return Some(pair.value.clone());
    }
    errors.push(meta, "expected a name: `= \"...\"`");
    None
}

fn is_export_attribute(meta: &Meta) -> bool {
    meta.path().is_ident("no_mangle") || meta.path().is_ident("export_name")
}

/// What an attribute says, within `unsafe(...)` if it is wrapped.
fn effective(attribute: &Attribute) -> Meta {
    without_unsafe(&attribute.meta)
}

fn without_unsafe(meta: &Meta) -> Meta {
    match meta {
        Meta::List(list) if list.path.is_ident("unsafe") => list.parse_args().unwrap_or_else(|_| meta.clone()),
        other => other.clone(),
    }
}

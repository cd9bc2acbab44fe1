//! Members of host objects: functions of a block with `#[externref(method)]` or one of its kin.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{parse_quote, Attribute, Expr, ExprLit, FnArg, Lit, LitStr, Meta, Pat, Path, ReturnType, Signature, Type};

use crate::attributes::ungrouped;
use crate::errors::Errors;
use crate::signature::Crossing;
use crate::values::{bare, is_resource, primitive, Reference, Value};

/// What `#[externref(...)]` says about a function of a block.
pub struct Member {
    kind: Kind,
    /// What tells this one apart from others of the same name.
    overload: Option<LitStr>,
}

enum Kind {
    Constructor,
    Method,
    Getter,
    Setter,
    StaticMethod(Path),
    Global,
}

/// Where a function of a block belongs, on either side.
pub struct Import {
    /// The name in the module's list of imports: a constant expression.
    pub name: Expr,
    /// The type that the function is a member of.
    pub owner: Option<Owner>,
    /// It is called on an object.
    pub has_this: bool,
}

/// A type of host objects.
pub struct Owner {
    pub ty: Type,
    pub ident: Ident,
}

impl Import {
    /// A function that is nobody's member.
    pub fn free(signature: &Signature, link_name: Option<Expr>) -> Self {
        Import { name: link_name.unwrap_or_else(|| own_name(signature)), owner: None, has_this: false }
    }
}

/// Whether this is a word of [`Member`]'s attribute.
pub fn is_kind(word: &Path) -> bool {
    KINDS.iter().any(|(name, _)| word.is_ident(name)) || word.is_ident("static_method") || word.is_ident("overload")
}

/// Whether an attribute says that a function is a member.
pub fn is_member(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "externref")
}

/// Removes `#[externref(...)]` and returns what it says.
pub fn take(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Option<Member> {
    let (taken, rest) = std::mem::take(attributes).into_iter().partition(is_member);
    *attributes = rest;
    let taken: Vec<Attribute> = taken;
    let (mut kind, mut overload) = (None, None);
    for attribute in &taken {
        if matches!(attribute.meta, Meta::Path(_)) {
            continue;
        }
        let parsed = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("overload") {
                overload = Some(meta.value()?.parse::<LitStr>()?);
                return Ok(());
            }
            let this = Kind::parse(&meta)?;
            if kind.replace(this).is_some() {
                return Err(meta.error("a function is a member of one kind: this is the second one"));
            }
            Ok(())
        });
        if let Err(error) = parsed {
            errors.add(error);
            return None;
        }
    }
    match (kind, taken.first()) {
        (Some(kind), _) => Some(Member { kind, overload }),
        (None, Some(attribute)) => {
            errors.push(attribute, format!("what kind of member is this? {EXPECTED}"));
            None
        }
        (None, None) => None,
    }
}

const EXPECTED: &str = "expected `constructor`, `method`, `static_method = Type`, `getter`, `setter` or `global`";

const OTHER_NAME: &str = "the host's name of a member, if it has another one, is `#[link_name = \"...\"]`";

const KINDS: [(&str, Kind); 5] = [
    ("constructor", Kind::Constructor),
    ("method", Kind::Method),
    ("getter", Kind::Getter),
    ("setter", Kind::Setter),
    ("global", Kind::Global),
];

impl Kind {
    fn parse(meta: &ParseNestedMeta) -> syn::Result<Self> {
        if meta.path.is_ident("static_method") {
            let owner = meta.value().and_then(|value| value.parse());
            return owner
                .map(Kind::StaticMethod)
                .map_err(|_| meta.error("expected the type that the method belongs to: `static_method = Type`"));
        }
        KINDS
            .into_iter()
            .find_map(|(name, kind)| meta.path.is_ident(name).then_some(kind))
            .ok_or_else(|| meta.error(format!("{EXPECTED}, and perhaps `overload = \"...\"`; {OTHER_NAME}")))
    }

    fn has_this(&self) -> bool {
        matches!(self, Kind::Method | Kind::Getter | Kind::Setter)
    }
}

impl Member {
    /// Sees that `this` and what a constructor returns are read as references, whatever they are called; returns
    /// the mark of the result.
    pub fn mark(&self, signature: &mut Signature, mark: Option<bool>, errors: &mut Errors) -> Option<bool> {
        if self.kind.has_this() {
            match signature.inputs.first_mut() {
                Some(FnArg::Typed(this)) if is_this(&this.pat, &this.ty) => {
                    if !this.attrs.iter().any(|attribute| attribute.path().is_ident("resource")) {
                        this.attrs.push(parse_quote!(#[resource]));
                    }
                }
                Some(FnArg::Receiver(_)) => {} // refused with all others
                Some(other) => errors.push(other, THIS),
                None => errors.push(&signature.ident, THIS),
            }
        }
        if !matches!(self.kind, Kind::Constructor) {
            return mark;
        }
        match &signature.output {
            ReturnType::Type(_, ty) if primitive(bare(ty)).is_none() => return mark.or(Some(true)),
            ReturnType::Type(_, ty) => errors.push(ty, CONSTRUCTED),
            ReturnType::Default => errors.push(&signature.ident, CONSTRUCTED),
        }
        None
    }

    /// Where the member belongs, if its signature is one for its kind.
    pub fn import(
        &self,
        signature: &Signature,
        crossing: &Crossing,
        link_name: Option<Expr>,
        errors: &mut Errors,
    ) -> Option<Import> {
        let (params, has_result) = (crossing.params.len(), crossing.result.is_some());
        let fault = match self.kind {
            Kind::Getter if params != 1 || !has_result => "a getter takes `this` alone, and returns the property",
            Kind::Setter if params != 2 || has_result => "a setter takes `this` and the value, and returns nothing",
            Kind::Global if params != 0 || !has_result => "a global is a function that takes nothing and returns it",
            _ => "",
        };
        if !fault.is_empty() {
            errors.push(&signature.ident, fault);
            return None;
        }
        let owner = match &self.kind {
            Kind::Global => None,
            Kind::StaticMethod(path) => Some(Type::Path(syn::TypePath { qself: None, path: path.clone() })),
            Kind::Constructor => Some(reference(&crossing.result.as_ref()?.value)?.target.clone()),
            Kind::Method | Kind::Getter | Kind::Setter => {
                Some(reference(&crossing.params.first()?.value)?.target.clone())
            }
        };
        let owner = match owner {
            Some(ty) => Some(Owner::new(ty, errors)?),
            None => None,
        };
        let name = self.name(signature, owner.as_ref(), link_name, errors)?;
        Some(Import { name, owner, has_this: self.kind.has_this() })
    }

    fn name(
        &self,
        signature: &Signature,
        owner: Option<&Owner>,
        link_name: Option<Expr>,
        errors: &mut Errors,
    ) -> Option<Expr> {
        let kind = match self.kind {
            Kind::Constructor => "constructor",
            Kind::Method => "method",
            Kind::Getter => "get",
            Kind::Setter => "set",
            Kind::StaticMethod(_) => "static",
            Kind::Global => "global",
        };
        let owner = owner.map_or(String::new(), |owner| owner.ident.unraw().to_string());
        let member = match (&self.kind, link_name) {
            (Kind::Constructor, Some(name)) => {
                errors.push(name, "a constructor has no other name than its type's");
                return None;
            }
            (Kind::Constructor, None) => parse_quote!(""),
            (_, Some(name)) => name,
            (Kind::Setter, None) => property(signature, errors)?,
            (_, None) => own_name(signature),
        };
        if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = ungrouped(&member) {
            if text.value().contains('#') {
                errors.push(text, "a member's name holds no `#`: tell overloads apart with `overload = \"...\"`");
                return None;
            }
        }
        let dot = if matches!(self.kind, Kind::Constructor | Kind::Global) { "" } else { "." };
        let prefix = format!("[{kind}]{owner}{dot}");
        let suffix = self.overload.as_ref().map_or(String::new(), |overload| format!("#{}", overload.value()));
        Some(parse_quote!(::core::concat!(#prefix, #member, #suffix)))
    }
}

const THIS: &str = "the first parameter is the object, borrowed: `this: &Type`";
const CONSTRUCTED: &str = "a constructor returns what it makes: a type that was declared with `type Type;`";

impl Owner {
    fn new(ty: Type, errors: &mut Errors) -> Option<Self> {
        match &ty {
            Type::Path(path) if !is_resource(&ty) && primitive(&ty).is_none() => {
                let ident = path.path.segments.last()?.ident.clone();
                Some(Owner { ty, ident })
            }
            _ => {
                errors.push(ty, "members belong to a type that was declared with `type Type;`");
                None
            }
        }
    }
}

/// Makes `this` the receiver; returns what gives it its name back.
pub fn take_this(signature: &mut Signature) -> TokenStream {
    let Some(FnArg::Typed(this)) = signature.inputs.first() else { return TokenStream::new() };
    let name = &this.pat;
    let Type::Reference(borrow) = bare(&this.ty) else { return TokenStream::new() };
    let (lifetime, mutability) = (&borrow.lifetime, &borrow.mutability);
    let renamed = quote!(let #name = self;);
    signature.inputs[0] = parse_quote!(& #lifetime #mutability self);
    renamed
}

fn is_this(pattern: &Pat, ty: &Type) -> bool {
    let is_named = matches!(pattern, Pat::Ident(pattern) if pattern.ident == "this");
    is_named
        && match bare(ty) {
            Type::Reference(borrow) => matches!(bare(&borrow.elem), Type::Path(_)) && primitive(&borrow.elem).is_none(),
            _ => false,
        }
}

fn reference(value: &Value) -> Option<&Reference> {
    match value {
        Value::Reference(reference) => Some(reference),
        _ => None,
    }
}

/// The property that a function `set_...` sets.
fn property(signature: &Signature, errors: &mut Errors) -> Option<Expr> {
    let ident = signature.ident.unraw().to_string();
    match ident.strip_prefix("set_").filter(|property| !property.is_empty()) {
        Some(property) => Some(parse_quote!(#property)),
        None => {
            errors.push(
                &signature.ident,
                format!(
                    "which property? Call the function `{}`, or name the property with `#[link_name = \"...\"]`",
                    format_ident!("set_{}", signature.ident.unraw()),
                ),
            );
            None
        }
    }
}

fn own_name(signature: &Signature) -> Expr {
    let name = LitStr::new(&signature.ident.unraw().to_string(), signature.ident.span());
    parse_quote!(#name)
}

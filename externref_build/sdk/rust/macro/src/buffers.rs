//! Text, bytes and lists, as far as their spelling tells: what is two parameters, or one result of twice the size.

use proc_macro2::TokenStream;
use quote::{quote, ToTokens};
use syn::{Path, Type};

use crate::errors::Errors;
use crate::signature::Role;
use crate::values::{bare, last_is, option, primitive, type_arguments, Passing};

/// A text or a list, as the source spells it.
pub struct Buffer {
    pub content: Content,
    pub passing: Passing,
    /// It stands in an `Option`.
    pub nullable: bool,
    /// It is borrowed for good.
    still: bool,
}

pub enum Content {
    Text,
    /// Elements, with their name in the interface.
    List(Type, &'static str),
}

/// The text or list that a type is; or why it is one that cannot cross.
pub fn buffer(ty: &Type) -> Result<Option<Buffer>, &'static str> {
    let (nullable, inner) = match option(ty) {
        Some(inner) => (true, bare(inner)),
        None => (false, ty),
    };
    let (passing, still, target) = match inner {
        Type::Reference(borrow) => (
            if borrow.mutability.is_some() { Passing::Mutable } else { Passing::Shared },
            borrow.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static"),
            bare(&borrow.elem),
        ),
        owned => (Passing::Owned, false, owned),
    };
    let content = match (target, passing) {
        (Type::Path(path), Passing::Shared) if path.path.is_ident("str") => Content::Text,
        (Type::Path(path), Passing::Mutable) if path.path.is_ident("str") => {
            return Err("the host cannot change text in its place: lend it as `&str`")
        }
        (Type::Path(path), Passing::Owned) if last_is(&path.path, &["String"]) => Content::Text,
        (Type::Path(path), Passing::Owned) if last_is(&path.path, &["Vec"]) => {
            list(path.path.segments.last().and_then(|last| type_arguments(&last.arguments).next()))?
        }
        (Type::Path(path), _) if last_is(&path.path, &["String", "Vec"]) => {
            return Err("lend text as `&str` and lists as `&[T]`")
        }
        (Type::Path(path), _) if last_is(&path.path, &["CStr", "CString"]) => {
            return Err("pass text as `&str` or `String`, which know their length")
        }
        (Type::Slice(slice), Passing::Shared | Passing::Mutable) => list(Some(&slice.elem))?,
        (Type::Array(_), Passing::Owned) => return Err("an array is several values: pass a slice or a `Vec`"),
        _ => return Ok(None),
    };
    Ok(Some(Buffer { content, passing, nullable, still }))
}

fn list(element: Option<&Type>) -> Result<Content, &'static str> {
    const NUMBERS: [&str; 10] = ["s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64"];
    let element = element.map(bare);
    match element.and_then(primitive).filter(|name| NUMBERS.contains(name)) {
        Some(name) => Ok(Content::List(element.cloned().expect("it has a name"), name)),
        None => Err("a list that crosses the boundary holds integers of 8 to 64 bits, `f32` or `f64`"),
    }
}

impl Buffer {
    /// Refuses what has no meaning in its place, and what needs a feature that isn't there.
    pub fn check(&self, role: Role, is_result: bool, ty: &Type, errors: &mut Errors) {
        match (role, is_result, self.passing) {
            (Role::Export, false, Passing::Mutable) => {
                errors.push(ty, "nobody would see the changes: an export takes `&[T]` or `Vec<T>`");
            }
            (Role::Export, true, Passing::Mutable) => {
                errors.push(ty, "the host copies what an export returns: return `&[T]` or `Vec<T>`");
            }
            (Role::Import, true, Passing::Shared | Passing::Mutable) => errors.push(
                ty,
                "an import cannot lend: what the host returns is the guest's own; return a `String` or `Vec<T>`",
            ),
            _ if self.needs_alloc(role, is_result) => require_alloc(ty, errors),
            _ => {}
        }
    }

    fn needs_alloc(&self, role: Role, is_result: bool) -> bool {
        let lent = self.passing != Passing::Owned && matches!((role, is_result), (Role::Import, false));
        !lent && !(is_result && self.still)
    }

    /// The expression that is the value of a result of an export, from the expression that the function returned.
    pub fn packed(&self, value: &TokenStream, krate: &Path) -> TokenStream {
        if self.still {
            quote!(#krate::__private::Return::packed(#krate::__private::Still(#value)))
        } else {
            quote!(#krate::__private::Return::packed(#value))
        }
    }

    /// The type that owns what the host passed.
    pub fn owner(&self, krate: &Path) -> TokenStream {
        let owner = match &self.content {
            Content::Text => quote!(#krate::__private::String),
            Content::List(element, _) => quote!(#krate::__private::Vec<#element>),
        };
        if self.nullable {
            quote!(::core::option::Option<#owner>)
        } else {
            owner
        }
    }

    /// The value type of the interface.
    pub fn interface(&self) -> String {
        let inner = match &self.content {
            Content::Text => r#""str""#.to_owned(),
            Content::List(_, name) if self.passing == Passing::Mutable => format!(r#"{{"list":"{name}","mut":true}}"#),
            Content::List(_, "u8") => r#""bytes""#.to_owned(),
            Content::List(_, name) => format!(r#"{{"list":"{name}"}}"#),
        };
        if self.nullable {
            format!(r#"{{"option":{inner}}}"#)
        } else {
            inner
        }
    }
}

/// Refuses what only the feature `alloc` makes possible, where that is off.
pub fn require_alloc(place: impl ToTokens, errors: &mut Errors) {
    if !cfg!(feature = "alloc") {
        errors.push(
            place,
            "this needs memory that guest and host allocate for one another: switch on the feature `alloc` of \
             externref-guest (lending `&str` and slices to an import does without)",
        );
    }
}

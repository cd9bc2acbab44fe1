//! How a type of the guest's source passes the boundary, as far as its syntax tells.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{GenericArgument, Ident, Path, PathArguments, Type, TypePath};

use crate::buffers::{buffer, Buffer};
use crate::errors::Errors;

/// One value in the list of parameters or results.
pub enum Value {
    /// A host reference.
    Reference(Reference),
    /// A text or a list.
    Buffer(Buffer),
    /// A number of 32 bits whose range is smaller, by its name in the interface.
    Narrow(&'static str),
    /// Anything else that fits one core value.
    Plain(Plain),
}

/// A value that passes as it is.
pub struct Plain {
    /// Its name in the interface.
    pub name: &'static str,
    /// Its type may be an alias of a reference: the compiler will know.
    pub unproven: bool,
}

/// A host reference, as the source spells it.
pub struct Reference {
    /// Who owns it.
    pub passing: Passing,
    /// It stands in an `Option`.
    pub nullable: bool,
    /// It is a `ResourceCopy`, which is never dropped.
    pub copied: bool,
    /// The kind of the object, for the interface.
    pub resource: String,
    /// The type without `&` and `Option`.
    pub target: Type,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    Owned,
    Shared,
    Mutable,
}

/// How types pass in a block where some names are known to be host objects.
#[derive(Clone, Copy)]
pub struct Spelling<'a> {
    /// The types that the block declares.
    pub objects: &'a [Ident],
}

impl Spelling<'_> {
    /// Says how a type passes; `mark` is the word of a `#[resource]` attribute. Faults come with a harmless answer.
    pub fn classify(self, ty: &Type, mark: Option<bool>, errors: &mut Errors) -> Value {
        let ty = bare(ty);
        if mark != Some(false) && !names_self(ty) {
            if let Some(reference) = self.reference(ty, mark == Some(true)) {
                return Value::Reference(reference);
            }
        }
        let value = if names_self(ty) {
            Err("`Self` is no type here: write the name of the type".to_owned())
        } else if mark == Some(true) {
            Err(NO_RESOURCE.to_owned())
        } else if let Some(message) = self.nested(ty).filter(|_| mark.is_none()) {
            Err(message)
        } else {
            match buffer(ty) {
                Ok(Some(buffer)) => Ok(Value::Buffer(buffer)),
                Ok(None) => plain(ty, mark).map_err(str::to_owned),
                Err(message) => Err(message.to_owned()),
            }
        };
        value.unwrap_or_else(|message| {
            errors.push(ty, message);
            Value::Plain(Plain { name: "opaque", unproven: false })
        })
    }

    /// A host reference, if the type is spelled like one, or marked and able to be one.
    fn reference(self, ty: &Type, marked: bool) -> Option<Reference> {
        let (nullable, inner) = match option(ty) {
            Some(inner) => (true, bare(inner)),
            None => (false, ty),
        };
        let (passing, target) = match inner {
            Type::Reference(borrow) if borrow.mutability.is_some() => (Passing::Mutable, bare(&borrow.elem)),
            Type::Reference(borrow) => (Passing::Shared, bare(&borrow.elem)),
            owned => (Passing::Owned, owned),
        };
        if !(self.is_reference(target) || marked && primitive(target).is_none()) {
            return None;
        }
        Some(Reference {
            passing,
            nullable,
            copied: matches!(target, Type::Path(path) if last_is(&path.path, &["ResourceCopy"])),
            resource: kind(target)?,
            target: target.clone(),
        })
    }

    fn is_reference(self, ty: &Type) -> bool {
        is_resource(ty)
            || matches!(ty, Type::Path(path) if self.objects.iter().any(|object| path.path.is_ident(object)))
    }

    /// What is wrong with a type that is no host reference and has one inside.
    fn nested(self, ty: &Type) -> Option<String> {
        if !self.holds_reference(ty) {
            return None;
        }
        let holder = match ty {
            Type::Reference(borrow) => return self.nested(bare(&borrow.elem)).or_else(|| Some(LAYERS.to_owned())),
            Type::Path(path) => {
                if let Some(inner) = option(ty) {
                    return self.nested(bare(inner)).or_else(|| Some(LAYERS.to_owned()));
                }
                if self.is_reference(ty) {
                    return None;
                }
                format!("`{}`", path.path.segments.last()?.ident)
            }
            Type::Tuple(_) => "a tuple".to_owned(),
            Type::Slice(_) => "a slice".to_owned(),
            Type::Array(_) => "an array".to_owned(),
            _ => "a pointer".to_owned(),
        };
        Some(format!("a host reference cannot cross inside {holder}: pass each `Resource` as a value of its own"))
    }

    fn holds_reference(self, ty: &Type) -> bool {
        let within = |inner: &Type| self.holds_reference(bare(inner));
        match ty {
            Type::Tuple(tuple) => tuple.elems.iter().any(within),
            Type::Slice(slice) => within(&slice.elem),
            Type::Array(array) => within(&array.elem),
            Type::Ptr(pointer) => within(&pointer.elem),
            Type::Reference(borrow) => within(&borrow.elem),
            Type::Path(path) => {
                self.is_reference(ty)
                    || path.path.segments.last().is_some_and(|last| type_arguments(&last.arguments).any(within))
            }
            _ => false,
        }
    }
}

/// The name of the kind of object: the type parameter's, or the alias's own; none for what cannot be a resource.
fn kind(target: &Type) -> Option<String> {
    let Type::Path(path) = target else { return None };
    let last = path.path.segments.last()?;
    if !is_resource(target) {
        return Some(last.ident.unraw().to_string());
    }
    let parameter = type_arguments(&last.arguments).next().map(bare);
    Some(match parameter {
        Some(Type::Path(path)) => path.path.segments.last()?.ident.unraw().to_string(),
        _ => "any".to_owned(),
    })
}

pub fn is_resource(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if last_is(&path.path, &["Resource", "ResourceCopy"]))
}

const NO_RESOURCE: &str =
    "`#[resource]` marks an alias of `Resource<T>`, by itself, behind `&` or `&mut`, and in an `Option`; this type \
     cannot be one";

const LAYERS: &str =
    "this nesting cannot cross: expected `Resource<T>`, `&Resource<T>` or `&mut Resource<T>`, or one of \
                      them in an `Option`";

/// How a type passes that is neither a reference nor a text or list, or why it cannot.
fn plain(ty: &Type, mark: Option<bool>) -> Result<Value, &'static str> {
    const NARROW: [&str; 6] = ["bool", "char", "s8", "u8", "s16", "u16"];
    const FAT: &str = "this pointer is two values: pass a thin pointer, and a length where there is one";
    let unproven = mark.is_none() && matches!(ty, Type::Path(_) | Type::Reference(_));
    let name = match ty {
        Type::Ptr(pointer) if is_unsized(bare(&pointer.elem)) => return Err(FAT),
        Type::Reference(borrow) if is_unsized(bare(&borrow.elem)) => return Err(FAT),
        Type::Ptr(_) | Type::Reference(_) => "ptr",
        Type::Tuple(tuple) if tuple.elems.is_empty() => return Err("`()` is no value: leave the parameter out"),
        Type::Tuple(_) => return Err("a tuple is several values: pass each as a parameter of its own"),
        Type::ImplTrait(_) => return Err("`impl Trait` is a generic type, and the boundary needs a concrete one"),
        Type::Path(path) if last_is(&path.path, &["i128", "u128"]) => {
            return Err("WebAssembly has no integer of 128 bits: pass two `u64`")
        }
        Type::Path(_) if option(ty).is_some_and(|inner| primitive(bare(inner)).is_some()) => {
            return Err(
                "a number in an `Option` is two values: pass a `bool` besides, or a number that stands for none",
            )
        }
        Type::Path(path)
            if is_result(path) || matches!(option(ty).map(bare), Some(Type::Path(path)) if is_result(path)) =>
        {
            return Err("a `Result` cannot be a value: only a function as a whole can fail")
        }
        _ => match primitive(ty) {
            Some(name) if NARROW.contains(&name) => return Ok(Value::Narrow(name)),
            Some(name) => return Ok(Value::Plain(Plain { name, unproven: false })),
            None => "opaque",
        },
    };
    Ok(Value::Plain(Plain { name, unproven }))
}

/// Names of the component model for Rust's primitive types.
pub fn primitive(ty: &Type) -> Option<&'static str> {
    const NAMES: [(&str, &str); 14] = [
        ("bool", "bool"),
        ("char", "char"),
        ("f32", "f32"),
        ("f64", "f64"),
        ("i8", "s8"),
        ("i16", "s16"),
        ("i32", "s32"),
        ("i64", "s64"),
        ("u8", "u8"),
        ("u16", "u16"),
        ("u32", "u32"),
        ("u64", "u64"),
        ("isize", "isize"),
        ("usize", "usize"),
    ];
    let Type::Path(path) = ty else { return None };
    let path: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let spelled = match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [name] | ["core" | "std", "primitive", name] => name,
        _ => return None,
    };
    NAMES.iter().find(|(rust, _)| *rust == spelled).map(|(_, name)| *name)
}

fn is_result(path: &TypePath) -> bool {
    last_is(&path.path, &["Result"])
}

/// Whether a type is `Self`, borrowed or not, in an `Option` or not.
fn names_self(ty: &Type) -> bool {
    match bare(option(ty).unwrap_or(ty)) {
        Type::Reference(borrow) => names_self(&borrow.elem),
        Type::Path(path) => path.path.is_ident("Self"),
        _ => false,
    }
}

/// What is wrong with a text or list that is not behind a `&`.
pub fn unsized_fault(ty: &Type) -> Option<&'static str> {
    match bare(ty) {
        Type::Path(path) if path.path.is_ident("str") => Some("text passes as `&str` or `String`"),
        Type::Slice(_) => Some("a list passes as `&[T]` or `Vec<T>`"),
        _ => None,
    }
}

fn is_unsized(ty: &Type) -> bool {
    matches!(ty, Type::Slice(_) | Type::TraitObject(_)) || matches!(ty, Type::Path(path) if path.path.is_ident("str"))
}

pub fn last_is(path: &Path, names: &[&str]) -> bool {
    path.segments.last().is_some_and(|last| names.iter().any(|name| last.ident == name))
}

/// The type in an `Option`.
pub fn option(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    type_arguments(&last.arguments).next()
}

pub fn type_arguments(arguments: &PathArguments) -> impl Iterator<Item = &Type> {
    let arguments = match arguments {
        PathArguments::AngleBracketed(list) => Some(list.args.iter()),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The type without parentheses and without the invisible groups that macros by example leave.
pub fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => bare(&inner.elem),
        Type::Group(inner) => bare(&inner.elem),
        other => other,
    }
}

impl Value {
    pub fn is_reference(&self) -> bool {
        matches!(self, Value::Reference(_))
    }
}

impl ToTokens for Reference {
    /// The type that owns what the host passed.
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let target = &self.target;
        tokens.extend(if self.nullable {
            quote::quote!(::core::option::Option<#target>)
        } else {
            quote::quote!(#target)
        });
    }
}

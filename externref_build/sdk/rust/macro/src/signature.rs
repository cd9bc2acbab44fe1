//! What crosses the boundary at a function: its parameters and result, with the rules that hold for all of them.

use proc_macro2::Span;
use quote::{format_ident, ToTokens};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{parse_quote, Abi, FnArg, GenericParam, Ident, Pat, ReturnType, Signature, Type};

use crate::attributes;
use crate::buffers::require_alloc;
use crate::errors::Errors;
use crate::values::{bare, last_is, type_arguments, unsized_fault, Passing, Spelling, Value};

/// From whose side the guest's function is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Import,
    Export,
}

/// The values that cross at one function.
pub struct Crossing {
    pub params: Vec<Param>,
    pub result: Option<Outcome>,
    /// It returns a `Result`, and fails with a message.
    pub fallible: bool,
}

/// A parameter.
pub struct Param {
    /// What generated code calls it.
    pub ident: Ident,
    /// What the interface calls it.
    pub name: String,
    pub ty: Type,
    pub value: Value,
}

/// What a function returns, unless it is `()` or `!`; of a `Result`, what it returns if it does not fail.
pub struct Outcome {
    pub ty: Type,
    pub value: Value,
}

impl Crossing {
    /// Reads a signature; takes the `#[resource]` attributes off its parameters. `mark` is the function's own.
    pub fn read(
        role: Role,
        spelling: Spelling,
        signature: &mut Signature,
        mark: Option<bool>,
        errors: &mut Errors,
    ) -> Self {
        refuse_qualifiers(signature, errors);
        let mut names = Vec::new();
        for input in &signature.inputs {
            if let FnArg::Typed(parameter) = input {
                names.extend(own_name(&parameter.pat).map(|ident| ident.unraw().to_string()));
            }
        }
        let mut params = Vec::new();
        for (index, input) in signature.inputs.iter_mut().enumerate() {
            let parameter = match input {
                FnArg::Receiver(receiver) => {
                    errors.push(receiver, if role == Role::Import { THIS_IS_NO_SELF } else { NO_METHOD });
                    continue;
                }
                FnArg::Typed(parameter) => parameter,
            };
            let refused = refuse_unsized(&mut parameter.ty, errors);
            for attribute in
                parameter.attrs.iter().filter(|it| it.path().is_ident("cfg") || it.path().is_ident("cfg_attr"))
            {
                errors.push(
                    attribute,
                    "a parameter cannot be conditional here: put the `cfg` on the function and write it twice",
                );
            }
            let mark = attributes::take_resource(&mut parameter.attrs, errors);
            let value = spelling.classify(&parameter.ty, mark, errors);
            refuse_leaking_parameter(role, &value, &parameter.ty, errors);
            if let (Value::Buffer(buffer), false) = (&value, refused) {
                buffer.check(role, false, &parameter.ty, errors);
            }
            let mut ident = own_name(&parameter.pat).cloned().unwrap_or_else(|| invented_name(index, &names));
            // A parameter may have the name of the function that generated code calls.
            ident.set_span(Span::mixed_site().located_at(ident.span()));
            params.push(Param { name: ident.unraw().to_string(), ident, ty: (*parameter.ty).clone(), value });
        }
        let refused = match &mut signature.output {
            ReturnType::Type(_, returned) => refuse_unsized(returned, errors),
            ReturnType::Default => false,
        };
        let (result, fallible) = if refused { (None, false) } else { outcome(role, spelling, signature, mark, errors) };
        Crossing { params, result, fallible }
    }

    /// One flag for each core parameter and result: whether it is a host reference.
    pub fn references(&self, role: Role) -> Vec<bool> {
        let mut flags = Vec::new();
        for param in &self.params {
            flags.push(param.value.is_reference());
            flags.extend(matches!(param.value, Value::Buffer(_)).then_some(false));
        }
        flags.extend((self.fallible && role == Role::Import).then_some(false));
        flags.extend(self.result.iter().map(|result| result.value.is_reference()));
        flags
    }
}

/// Where a reader looks for what a function returns.
pub fn place_of_result(signature: &Signature) -> Span {
    match &signature.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => signature.ident.span(),
    }
}

const NO_METHOD: &str = "a method cannot cross the boundary: only a free function has all its values in its parameters";
const THIS_IS_NO_SELF: &str =
    "nothing says here which type `self` is: the object of a member is its first parameter, `this: &Type`";

/// Refuses text and lists that no `&` stands before, and puts one there, so that the compiler has nothing to add.
fn refuse_unsized(ty: &mut Type, errors: &mut Errors) -> bool {
    let Some(message) = unsized_fault(ty) else { return false };
    errors.push(&ty, message);
    *ty = parse_quote!(&'static #ty);
    true
}

/// Refuses another calling convention than C's.
pub fn check_abi(abi: Option<&Abi>, place: impl ToTokens, errors: &mut Errors) {
    match abi {
        None => errors.push(place, "expected `extern \"C\"`: the boundary is made of C functions"),
        Some(Abi { name: Some(name), .. }) if name.value() != "C" => {
            errors.push(name, format!("expected `extern \"C\"`, found `extern \"{}\"`", name.value()));
        }
        Some(_) => {}
    }
}

fn refuse_qualifiers(signature: &Signature, errors: &mut Errors) {
    if let Some(keyword) = &signature.asyncness {
        errors.push(
            keyword,
            "an `async` function cannot cross the boundary: its caller is the host, which knows no futures",
        );
    }
    if let Some(keyword) = &signature.constness {
        errors.push(keyword, "a `const` function cannot cross the boundary");
    }
    for parameter in &signature.generics.params {
        match parameter {
            GenericParam::Lifetime(_) => {}
            GenericParam::Type(_) | GenericParam::Const(_) => {
                errors
                    .push(parameter, "a generic function cannot cross the boundary: only lifetimes may be parameters");
            }
        }
    }
    if let Some(variadic) = &signature.variadic {
        errors.push(variadic, "a function with a variable number of arguments cannot cross the boundary");
    }
}

/// Refuses what would use up a slot at each call, with nobody left who could empty it.
fn refuse_leaking_parameter(role: Role, value: &Value, ty: &Type, errors: &mut Errors) {
    if let (Role::Export, Value::Reference(reference)) = (role, value) {
        if reference.copied && reference.passing != Passing::Owned {
            errors.push(ty, "an export cannot borrow a `ResourceCopy`, its slot would leak at each call: borrow a `Resource`, or take the `ResourceCopy` by value");
        }
    }
}

fn outcome(
    role: Role,
    spelling: Spelling,
    signature: &Signature,
    mark: Option<bool>,
    errors: &mut Errors,
) -> (Option<Outcome>, bool) {
    const NOTHING_TO_MARK: &str = "`#[resource]` on a function marks its result, and this one returns nothing";
    let ReturnType::Type(_, returned) = &signature.output else {
        if mark.is_some() {
            errors.push(&signature.ident, NOTHING_TO_MARK);
        }
        return (None, false);
    };
    let success = success(bare(returned), errors);
    let (ty, fallible) = (bare(success.unwrap_or(returned)), success.is_some());
    if fallible {
        require_alloc(returned, errors);
    }
    if matches!(ty, Type::Never(_)) || matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty()) {
        return (None, fallible);
    }
    let value = spelling.classify(ty, mark, errors);
    match &value {
        Value::Reference(reference) if role == Role::Import && reference.passing != Passing::Owned => {
            errors.push(ty, "an import cannot lend: what the host returns is the guest's own; return a `Resource<T>`");
        }
        Value::Buffer(buffer) => buffer.check(role, true, ty, errors),
        _ => {}
    }
    (Some(Outcome { ty: ty.clone(), value }), fallible)
}

/// What a `Result` holds in case of success; its error has to be a `String`, unless an alias hides it.
fn success<'a>(ty: &'a Type, errors: &mut Errors) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let mut arguments = type_arguments(&last.arguments);
    let success = arguments.next()?;
    if let Some(error) = arguments.next() {
        if !matches!(bare(error), Type::Path(path) if last_is(&path.path, &["String"])) {
            errors.push(error, "a function of the boundary fails with a message: make the error a `String`");
        }
    }
    Some(success)
}

fn own_name(pattern: &Pat) -> Option<&Ident> {
    match pattern {
        Pat::Ident(pattern) => Some(&pattern.ident),
        _ => None,
    }
}

/// `argN` for a parameter without a name, with underscores until it is unlike the others.
fn invented_name(index: usize, others: &[String]) -> Ident {
    let mut ident = format_ident!("arg{index}");
    while others.iter().any(|name| ident == name) {
        ident = format_ident!("{ident}_");
    }
    ident
}

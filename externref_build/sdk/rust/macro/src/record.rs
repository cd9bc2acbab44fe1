//! The metadata of one function: statics in the custom sections `__externrefs` and `__externrefs_interface`.
//!
//! Of a dependency, a linker takes only object files that define a symbol in use, and a record defines none. So the
//! statics stand inside a function that isn't generic, which everything passes through. For an export, whose symbol the
//! linker looks for, that is enough. The function that calls an import may be inlined, or moved into another object by
//! thin-local LTO, the default in release; each copy of it holds on to an anchor that stands beside the records.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::{Expr, ExprLit, Lit, Path};

use crate::attributes::ungrouped;
use crate::signature::{Crossing, Outcome, Param, Role};
use crate::values::{Passing, Plain, Reference, Value};

/// Who declares what.
pub struct Declaration<'a> {
    /// The import module; `None` for an export.
    pub module: Option<&'a str>,
    /// The name in the module's list of imports or exports: a constant expression.
    pub name: &'a Expr,
    pub crossing: &'a Crossing,
    /// Doc comments, a line or a constant expression each.
    pub documentation: &'a [Expr],
}

impl Declaration<'_> {
    fn role(&self) -> Role {
        if self.module.is_some() {
            Role::Import
        } else {
            Role::Export
        }
    }
}

/// The statics, as items that can stand in any function.
pub fn statics(declaration: &Declaration, krate: &Path) -> TokenStream {
    let name = declaration.name;
    let interface = custom_section("__externrefs_interface", &interface(declaration, krate), krate);
    let marks = declaration.crossing.references(declaration.role());
    let references =
        marks.contains(&true).then(|| custom_section("__externrefs", &references(declaration, &marks, krate), krate));
    quote! {
        const _: () = {
            const NAME: &str = #name;
            #references
            #interface
        };
    }
}

fn custom_section(section: &str, parts: &TokenStream, krate: &Path) -> TokenStream {
    quote! {
        const _: () = {
            const PARTS: &[&[u8]] = &[#parts];
            #[link_section = #section]
            static RECORD: [u8; #krate::__private::length(PARTS)] = #krate::__private::concat(PARTS);
        };
    }
}

/// The parts of a record of `__externrefs`: kind and module, name, bit count and mask.
fn references(declaration: &Declaration, marks: &[bool], krate: &Path) -> TokenStream {
    let mut head = Vec::new();
    match declaration.module {
        Some(module) => {
            head.extend(u32::try_from(module.len()).unwrap_or(u32::MAX).to_le_bytes());
            head.extend(module.bytes());
        }
        None => head.extend(u32::MAX.to_le_bytes()),
    }
    let mut tail = u32::try_from(marks.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    tail.extend(
        marks.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |mask, (bit, &set)| mask | u8::from(set) << bit)),
    );
    let (head, tail) = (Literal::byte_string(&head), Literal::byte_string(&tail));
    quote!(#head, &#krate::__private::u32_le(NAME.len()), NAME.as_bytes(), #tail)
}

/// The parts of a line of `__externrefs_interface`.
fn interface(declaration: &Declaration, krate: &Path) -> TokenStream {
    let head = match declaration.module {
        Some(module) => format!(r#"{{"v":1,"kind":"import","module":{},"name":""#, json(module)),
        None => r#"{"v":1,"kind":"export","name":""#.to_owned(),
    };
    let (crossing, role) = (declaration.crossing, declaration.role());
    let params: Vec<String> = crossing
        .params
        .iter()
        .map(|Param { name, value, .. }| format!("[{},{}]", json(name), value_type(value, role, false)))
        .collect();
    let result = crossing.result.as_ref().map_or(String::new(), |Outcome { value, .. }| value_type(value, role, true));
    let error = if crossing.fallible { r#","error":"str""# } else { "" };
    let middle = format!(r#"","params":[{}],"results":[{result}]{error}"#, params.join(","));
    let (head, middle) = (byte_string(&head), byte_string(&middle));
    let name = json_part(&quote!(NAME), krate);
    let documentation = documentation(declaration.documentation, krate);
    quote!(#head, #name, #middle, #documentation b"}\n")
}

fn value_type(value: &Value, role: Role, is_result: bool) -> String {
    match value {
        Value::Reference(reference) => reference_type(reference, is_owned(reference, role, is_result)),
        Value::Buffer(buffer) => buffer.interface(),
        Value::Narrow(name) | Value::Plain(Plain { name, .. }) => json(name),
    }
}

/// The guest keeps what it lends; what it receives by value is its own.
fn is_owned(reference: &Reference, role: Role, is_result: bool) -> bool {
    match (role, is_result) {
        (Role::Import, true) => true,
        (Role::Import, false) | (Role::Export, true) => reference.passing == Passing::Owned && !reference.copied,
        (Role::Export, false) => reference.passing == Passing::Owned,
    }
}

fn reference_type(reference: &Reference, owned: bool) -> String {
    let ownership = if owned { "own" } else { "ref" };
    let null = if reference.nullable { r#","null":true"# } else { "" };
    format!(r#"{{"{ownership}":{}{null}}}"#, json(&reference.resource))
}

/// The parts of the member `doc`, with the comma that they need in the list of parts; nothing where there are no docs.
fn documentation(lines: &[Expr], krate: &Path) -> TokenStream {
    if lines.is_empty() {
        return TokenStream::new();
    }
    let lines = lines.iter().enumerate().map(|(index, line)| {
        let separator = byte_string(if index == 0 { "" } else { "\\n" });
        let text = match ungrouped(line) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => byte_string(&escaped(&comment(&text.value()))),
            expression => json_part(&quote!(#expression), krate),
        };
        quote!(#separator, #text,)
    });
    quote!(b",\"doc\":\"", #(#lines)* b"\"",)
}

/// The text of a doc comment without its margin: the space of a line, the stars and the indentation of a block.
fn comment(text: &str) -> String {
    let Some((first, rest)) = text.split_once('\n') else {
        return text.strip_prefix(' ').unwrap_or(text).to_owned();
    };
    let mut lines: Vec<&str> = rest.lines().collect();
    if lines.iter().all(|line| line.trim().is_empty() || line.starts_with(' ') && line.trim().starts_with('*')) {
        lines = lines.iter().map(|line| line.trim_start().strip_prefix('*').unwrap_or_default()).collect();
    }
    let indentation = |line: &&str| line.len() - line.trim_start().len();
    let margin = lines.iter().filter(|line| !line.trim().is_empty()).map(indentation).min().unwrap_or(0);
    let lines = lines.iter().map(|line| line.get(margin..).unwrap_or_default());
    let whole: Vec<&str> = std::iter::once(first.trim_start()).chain(lines).collect();
    whole.join("\n").trim_matches('\n').trim_end().to_owned()
}

/// A constant `&str`, escaped by the compiler.
fn json_part(text: &TokenStream, krate: &Path) -> TokenStream {
    quote!(&#krate::__private::json::<{ #krate::__private::json_length(#text) }>(#text))
}

fn byte_string(text: &str) -> TokenStream {
    let literal = Literal::byte_string(text.as_bytes());
    quote!(#literal)
}

/// A JSON string, quotes included (RFC 8259, section 7).
fn json(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '"' | '\\' => escaped.extend(['\\', character]),
            '\0'..='\x1f' => escaped.extend(format!("\\u{:04x}", u32::from(character)).chars()),
            other => escaped.push(other),
        }
    }
    escaped
}

//! `extern "C"` blocks: each function becomes a Rust function that converts its references and calls the import.
//!
//! That function only turns references into slots, and is inlined, so that references to resources do not force them
//! into memory. A second one inside it does the rest, out of everybody's reach: all calls of the import hold on to the
//! metadata that stands there too (see `record`).

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned, ToTokens};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    parse_quote, Attribute, FnArg, ForeignItem, ForeignItemType, ItemForeignMod, Path, Signature, Token, Visibility,
};

use crate::arguments::Arguments;
use crate::attributes;
use crate::errors::Errors;
use crate::linkage;
use crate::members::{self, Import, Owner};
use crate::objects;
use crate::record::{self, Declaration};
use crate::signature::{check_abi, place_of_result, Crossing, Outcome, Param, Role};
use crate::values::{Spelling, Value};

/// The module that imports belong to where nothing is said, as in C.
const DEFAULT_MODULE: &str = "env";

/// The same for blocks that declare types of host objects, or members of them.
const DEFAULT_MODULE_OF_OBJECTS: &str = "client";

/// Everything that a block is made of.
pub fn expand(block: ItemForeignMod, arguments: &Arguments, errors: &mut Errors) -> TokenStream {
    check_abi(Some(&block.abi), &block.abi, errors);
    let link = block.attrs.iter().find(|attribute| attribute.path().is_ident("link"));
    let mut items: Vec<Item> = block.items.into_iter().filter_map(|item| Item::read(item, errors)).collect();
    refuse_doubles(&mut items, errors);
    let module = link.and_then(|link| attributes::import_module(link, errors)).unwrap_or_else(|| {
        if items.iter().any(Item::is_of_objects) { DEFAULT_MODULE_OF_OBJECTS } else { DEFAULT_MODULE }.to_owned()
    });
    let objects: Vec<Ident> = items.iter().filter_map(Item::object).cloned().collect();
    let context = Context {
        arguments,
        link: link.cloned().unwrap_or_else(|| parse_quote!(#[link(wasm_import_module = #module)])),
        module,
        objects: &objects,
        attributes: block.attrs.iter().filter(|attribute| attributes::is_inherited(attribute)).cloned().collect(),
    };
    items
        .into_iter()
        .map(|item| match item {
            Item::Type(item) => objects::expand(item, &context.attributes, &arguments.krate, errors),
            Item::Function(function) => context.wrapper(function, errors),
        })
        .collect()
}

/// Refuses types that are declared a second time, whose every trait the compiler would report.
fn refuse_doubles(items: &mut Vec<Item>, errors: &mut Errors) {
    let mut names: Vec<Ident> = Vec::new();
    items.retain(|item| match item.object() {
        Some(name) if names.contains(name) => {
            errors.push(name, "this type is declared before");
            false
        }
        name => {
            names.extend(name.cloned());
            true
        }
    });
}

/// What the functions of a block have in common.
struct Context<'a> {
    arguments: &'a Arguments,
    link: Attribute,
    module: String,
    /// The types of host objects that the block declares.
    objects: &'a [Ident],
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

/// An item of a block.
enum Item {
    Type(ForeignItemType),
    Function(ForeignFunction),
}

impl Item {
    fn read(item: ForeignItem, errors: &mut Errors) -> Option<Self> {
        match item {
            ForeignItem::Type(item) => Some(Item::Type(item)),
            ForeignItem::Fn(function) => Some(Item::Function(ForeignFunction {
                attributes: function.attrs,
                visibility: function.vis,
                safe: false,
                signature: function.sig,
            })),
            // syn knows no `safe fn`.
            ForeignItem::Verbatim(tokens) => match syn::parse2(tokens) {
                Ok(function) => Some(Item::Function(function)),
                Err(error) => {
                    errors.add(error);
                    None
                }
            },
            other => {
                errors.push(other, "expected a function, or `type Name;`: nothing else can be imported here");
                None
            }
        }
    }

    /// Whether it declares a type of host objects, or a member of one.
    fn is_of_objects(&self) -> bool {
        match self {
            Item::Type(_) => true,
            Item::Function(function) => function.attributes.iter().any(members::is_member),
        }
    }

    /// The type that it declares.
    fn object(&self) -> Option<&Ident> {
        match self {
            Item::Type(item) => Some(&item.ident),
            Item::Function(_) => None,
        }
    }
}

impl Context<'_> {
    fn wrapper(&self, mut function: ForeignFunction, errors: &mut Errors) -> TokenStream {
        let faults = errors.count();
        attributes::refuse_hidden(&function.attributes, errors);
        let link_name = attributes::take_link_name(&mut function.attributes, errors);
        let mark = attributes::take_resource(&mut function.attributes, errors);
        let member = members::take(&mut function.attributes, errors);
        let mark = match &member {
            Some(member) => member.mark(&mut function.signature, mark, errors),
            None => mark,
        };
        let spelling = Spelling { objects: self.objects };
        let crossing = Crossing::read(Role::Import, spelling, &mut function.signature, mark, errors);
        for (input, param) in function.signature.inputs.iter_mut().zip(&crossing.params) {
            if let FnArg::Typed(input) = input {
                let ident = &param.ident;
                *input.pat = parse_quote!(#ident);
            }
        }
        if !function.safe && member.is_none() {
            function.signature.unsafety = Some(parse_quote!(unsafe));
        }
        let import = match &member {
            Some(member) => member.import(&function.signature, &crossing, link_name, errors),
            None => Some(Import::free(&function.signature, link_name)),
        };
        match import.filter(|_| errors.count() == faults) {
            Some(import) => self.function(function, &import, &crossing),
            None if member.is_some() => TokenStream::new(),
            None => self.unreachable(function),
        }
    }

    /// Callers shall not be told that a faulty function doesn't exist.
    fn unreachable(&self, mut function: ForeignFunction) -> TokenStream {
        function.signature.variadic = None;
        let (inherited, own) = (&self.attributes, &function.attributes);
        let (visibility, signature) = (&function.visibility, &function.signature);
        quote! {
            #(#inherited)*
            #(#own)*
            #[allow(unused_attributes, unused_variables, dead_code)]
            #visibility #signature {
                ::core::unreachable!()
            }
        }
    }

    fn function(&self, mut function: ForeignFunction, import: &Import, crossing: &Crossing) -> TokenStream {
        let body = self.body(&function, import, crossing);
        let this = import.has_this.then(|| members::take_this(&mut function.signature));
        let (inherited, own) = (&self.attributes, &function.attributes);
        let (visibility, signature) = (&function.visibility, &function.signature);
        let wrapper = quote! {
            #(#own)*
            #[allow(unused_unsafe, clippy::missing_safety_doc, clippy::too_many_arguments)]
            #[inline(always)]
            #visibility #signature {
                #this
                #body
            }
        };
        match &import.owner {
            Some(Owner { ty, .. }) => quote!(#(#inherited)* impl #ty { #wrapper }),
            None => quote!(#(#inherited)* #wrapper),
        }
    }

    fn body(&self, function: &ForeignFunction, import: &Import, crossing: &Crossing) -> TokenStream {
        let krate = &self.arguments.krate;
        let records = record::statics(
            &Declaration {
                module: Some(&self.module),
                name: &import.name,
                crossing,
                documentation: &attributes::documentation(&function.attributes),
            },
            krate,
        );
        let raw = self.raw(function, import, crossing);
        let call = self.call(function, crossing);
        let generics = &function.signature.generics;
        let (output, where_clause) = (&function.signature.output, &generics.where_clause);
        let params = linkage::params(crossing);
        let lend = crossing.params.iter().map(|param| lend(param, krate));
        let arguments = crossing.params.iter().map(|Param { ident, value, .. }| match value {
            Value::Buffer(_) => {
                let length = linkage::length(ident);
                quote!(#ident, #length)
            }
            _ => ident.to_token_stream(),
        });
        let elsewhere = self.elsewhere(function, import, crossing);
        let refuse_unmarked = linkage::refuse_unmarked(crossing, krate);
        let linkage_lints = linkage::lints();
        quote! {
            #refuse_unmarked
            #[cfg(target_family = "wasm")]
            {
                #[allow(unused_qualifications, clippy::option_if_let_else)]
                #linkage_lints
                unsafe fn __externref_call #generics (#params) #output #where_clause {
                    #raw
                    #records
                    static ANCHOR: #krate::__private::Anchor = #krate::__private::Anchor::new();
                    ANCHOR.hold();
                    unsafe { #call }
                }
                #(#lend)*
                unsafe { __externref_call(#(#arguments),*) }
            }
            #[cfg(not(target_family = "wasm"))]
            {
                #elsewhere
            }
        }
    }

    /// The import as the linker sees it.
    fn raw(&self, function: &ForeignFunction, import: &Import, crossing: &Crossing) -> TokenStream {
        let (link, name, krate) = (&self.link, &import.name, &self.arguments.krate);
        let generics = &function.signature.generics;
        let where_clause = &generics.where_clause;
        let params = linkage::params(crossing);
        let failure = crossing.fallible.then(|| quote!(failure: &mut #krate::__private::Failure));
        let output = match crossing.result {
            None if !crossing.fallible => function.signature.output.to_token_stream(),
            _ => linkage::output(crossing),
        };
        quote! {
            #link
            extern "C" {
                #[link_name = #name]
                fn __externref_import #generics (#params #failure) #output #where_clause;
            }
        }
    }

    /// From slots to raw values, through the import, and back to a slot: each raw value is an operand, nothing else.
    fn call(&self, function: &ForeignFunction, crossing: &Crossing) -> TokenStream {
        let krate = &self.arguments.krate;
        let arguments = crossing.params.iter().map(|Param { ident, value, ty, .. }| match value {
            Value::Reference(_) => quote_spanned!(ty.span()=> <#ty as #krate::__private::ToHost>::raw(#ident)),
            Value::Buffer(_) => {
                let length = linkage::length(ident);
                quote!(#ident, #length)
            }
            Value::Narrow(_) | Value::Plain(_) => ident.to_token_stream(),
        });
        let ident = function.signature.ident.unraw();
        let place = format!("returned from import `{ident}` of module `{}`", self.module);
        // Unlike any parameter, which is still to be passed.
        let failure = Ident::new("__externref_failure", Span::mixed_site());
        let place_of_failure = crossing.fallible.then(|| quote!(&mut #failure));
        let mut raw = quote!(__externref_import(#(#arguments,)* #place_of_failure));
        if matches!(&crossing.result, Some(Outcome { value: Value::Reference(_), .. })) {
            raw = quote!(#krate::__private::insert(#raw));
        }
        if !crossing.fallible {
            return self.convert(function, crossing, &raw, &place);
        }
        let returned = Ident::new("returned", Span::mixed_site());
        let (binding, success) = match crossing.result {
            Some(_) => {
                let success = self.convert(function, crossing, &returned.to_token_stream(), &place);
                (quote!(let #returned =), success)
            }
            None => (TokenStream::new(), quote!(())),
        };
        quote_spanned! {place_of_result(&function.signature)=>
            let mut #failure = #krate::__private::Failure::new();
            #binding #raw;
            match #failure.message(#place) {
                ::core::option::Option::Some(message) => ::core::result::Result::Err(message),
                ::core::option::Option::None => ::core::result::Result::Ok(#success),
            }
        }
    }

    /// The guest's value of what the import returned.
    fn convert(
        &self,
        function: &ForeignFunction,
        crossing: &Crossing,
        returned: &TokenStream,
        place: &str,
    ) -> TokenStream {
        let krate = &self.arguments.krate;
        let Some(Outcome { ty, value }) = &crossing.result else { return returned.clone() };
        match value {
            Value::Reference(reference) => {
                let message = format!(
                    "host returned null from import `{}` of module `{}` (declare the result as `Option` to accept null)",
                    function.signature.ident.unraw(),
                    self.module,
                );
                quote_spanned! {reference.target.span()=>
                    <#reference as #krate::__private::FromHost>::from_host(#returned, #message)
                }
            }
            Value::Buffer(_) => {
                quote_spanned!(ty.span()=> <#ty as #krate::__private::Receive>::unpack(#returned, #place))
            }
            Value::Narrow(_) => {
                quote_spanned!(ty.span()=> <#ty as #krate::__private::Narrow>::narrow(#returned, #place))
            }
            Value::Plain(_) if crossing.fallible && linkage::may_lack_zero(value) => quote!(#returned.assume_init()),
            Value::Plain(_) => returned.clone(),
        }
    }

    /// What stands in for the import where there is no host.
    fn elsewhere(&self, function: &ForeignFunction, import: &Import, crossing: &Crossing) -> TokenStream {
        let ident = &function.signature.ident;
        let idents = crossing.params.iter().map(|param| &param.ident);
        if let Some(fake) = &self.arguments.fake {
            let owner = import.owner.iter().map(|owner| &owner.ident);
            return quote!(unsafe { #fake::#(#owner::)*#ident(#(#idents),*) });
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

/// What an argument is on its way to the import: the slot of a reference, the place of a text or list.
fn lend(Param { ident, ty, value, .. }: &Param, krate: &Path) -> TokenStream {
    match value {
        Value::Reference(_) => {
            quote_spanned!(ty.span()=> let #ident = <#ty as #krate::__private::ToHost>::into_slot(#ident);)
        }
        Value::Buffer(_) => {
            let length = linkage::length(ident);
            quote_spanned! {ty.span()=>
                let mut #ident = #ident;
                let (#ident, #length) = #krate::__private::Lend::parts(&mut #ident);
            }
        }
        Value::Narrow(_) => quote_spanned!(ty.span()=> let #ident = #krate::__private::Narrow::widen(#ident);),
        Value::Plain(_) => TokenStream::new(),
    }
}

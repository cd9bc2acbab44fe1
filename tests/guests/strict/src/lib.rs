//! A guest whose author has the compiler say all that it can, and calls the SDK by another name.

#![deny(
    warnings,
    absolute_paths_not_starting_with_crate,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    future_incompatible,
    keyword_idents,
    let_underscore,
    missing_debug_implementations,
    missing_docs,
    nonstandard_style,
    redundant_imports,
    redundant_lifetimes,
    rust_2018_idioms,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unreachable_pub,
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences
)]

use guest::{Resource, externref};

/// Something of the host's.
#[derive(Clone, Copy, Debug)]
pub enum Thing {}

#[externref(crate = guest)]
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Does nothing, or fails.
    safe fn check() -> Result<(), String>;
    /// Returns the time, or fails.
    safe fn now() -> Result<f64, String>;
    /// Returns a thing, or fails.
    safe fn find() -> Result<Option<Resource<Thing>>, String>;
    /// Returns a name, or fails.
    safe fn name(thing: &Resource<Thing>, short: bool) -> Result<String, String>;
    /// Writes a line, or fails.
    safe fn log(failure: &str, returned: u32, slot: &Resource<Thing>, message: bool) -> Result<u32, String>;
    /// Leaves a note.
    #[deprecated]
    safe fn note(thing: &mut Resource<Thing>, text: &str, numbers: &[f64], letter: char);
}

#[externref(crate = guest)]
unsafe extern "C" {
    /// A point.
    type Point;
    /// Makes a point.
    #[externref(constructor)]
    fn new(x: f64) -> Point;
    /// Returns the distance of another.
    #[externref(method)]
    fn distance(this: &Point, other: &Point) -> Result<f64, String>;
}

/// Returns the name of the thing that there is.
#[externref(crate = guest)]
#[expect(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn name_of_any() -> Result<Option<String>, String> {
    check()?;
    let Some(thing) = find()? else { return Ok(None) };
    let lines = log("found", 1, &thing, true)?;
    Ok(Some(format!("{} {lines}", name(&thing, true)?)))
}

/// Returns how far away it is.
#[externref(crate = guest)]
#[allow(unsafe_code)]
#[deprecated = "distances mean nothing"]
#[unsafe(no_mangle)]
pub extern "C" fn distance_from(mut thing: Resource<Thing>, x: f64, unit: char) -> Result<f64, String> {
    #[allow(deprecated)]
    note(&mut thing, "asked", &[x], unit);
    Point::new(now()?).distance(&Point::new(x))
}

/// Returns the thing, unless the text is empty.
#[externref(crate = guest)]
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn same<'a>(thing: &'a Resource<Thing>, text: &'a str) -> Result<Option<&'a Resource<Thing>>, String> {
    Ok(first_word(text)?.starts_with('s').then_some(thing))
}

/// Returns the first word, if there is one.
#[externref(crate = guest)]
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
pub extern "C" fn first_word(text: &str) -> Result<&str, String> {
    text.split_whitespace().next().ok_or_else(|| "there is no word".to_owned())
}

//! Functions that can fail, and a guest that gives up.

use externref_guest::{Resource, externref};

use crate::references::Item;

#[externref]
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Returns the number that a text spells.
    safe fn parse(text: &str) -> Result<i32, String>;
    /// Does nothing, or fails with this message.
    safe fn fail_with(message: Option<&str>) -> Result<(), String>;
    /// Returns an item, or fails.
    safe fn obtain(name: &str) -> Result<Resource<Item>, String>;
    /// Returns an item or none, or fails.
    safe fn seek(name: &str) -> Result<Option<Resource<Item>>, String>;
    /// Returns a text, or fails.
    safe fn read(name: &str) -> Result<String, String>;
    /// Returns whether there is such a file, or fails.
    safe fn exists(name: &str) -> Result<bool, String>;
}

/// Returns twice the number that the host finds in a text, or the host's failure.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn parse_twice(text: &str) -> Result<i32, String> {
    Ok(parse(text)? * 2)
}

/// Fails with the host's message, if it has one.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn maybe_fail(message: Option<&str>) -> Result<(), String> {
    fail_with(message)
}

/// Returns the host's failure as a text.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn failure_of(message: Option<&str>) -> Option<String> {
    fail_with(message).err()
}

/// Returns an item, or the host's failure with a word of its own.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn obtained(name: &str) -> Result<Resource<Item>, String> {
    obtain(name).map_err(|message| format!("not obtained: {message}"))
}

/// Returns an item or none, or the host's failure.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn sought(name: &str) -> Result<Option<Resource<Item>>, String> {
    seek(name)
}

/// Returns a text in capital letters, or the host's failure.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn read_loudly(name: &str) -> Result<String, String> {
    read(name).map(|text| text.to_uppercase())
}

/// Returns the host's answer.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn is_there(name: &str) -> Result<bool, String> {
    exists(name)
}

/// Divides; zero is a failure.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn divide(dividend: i64, divisor: i64) -> Result<i64, String> {
    dividend.checked_div(divisor).ok_or_else(|| "no quotient".to_owned())
}

/// Fails with an empty message.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn fail_silently() -> Result<Option<Vec<u8>>, String> {
    Err(String::new())
}

/// Panics with this message.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn give_up(message: &str) {
    panic!("{message}");
}

/// Panics as the standard library does.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn element(list: &[u32], index: usize) -> u32 {
    list[index]
}

/// Traps without a word.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn trap() {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable()
}

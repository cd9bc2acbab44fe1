//! Numbers, text, bytes and lists.

use externref_guest::externref;

/// For each type an import `host.echo_...`, and an export `through_...` that passes its argument on to the import, and
/// what the import returns to its own caller.
macro_rules! through {
    ($($name:literal: $given:ty => $returned:ty;)*) => {$(
        const _: () = {
            #[externref]
            #[link(wasm_import_module = "host")]
            unsafe extern "C" {
                #[doc = concat!("Returns its argument: ", $name, ".")]
                #[link_name = concat!("echo_", $name)]
                safe fn echo(value: $given) -> $returned;
            }

            #[doc = concat!("Passes on what it is given to the host, and returns what it gets back: ", $name, ".")]
            #[externref]
            #[unsafe(export_name = concat!("through_", $name))]
            pub extern "C" fn through(value: $given) -> $returned {
                echo(value)
            }
        };
    )*};
}

through! {
    "bool": bool => bool;
    "s8": i8 => i8;
    "u8": u8 => u8;
    "s16": i16 => i16;
    "u16": u16 => u16;
    "s32": i32 => i32;
    "u32": u32 => u32;
    "s64": i64 => i64;
    "u64": u64 => u64;
    "f32": f32 => f32;
    "f64": f64 => f64;
    "char": char => char;
    "usize": usize => usize;
    "isize": isize => isize;
    "ptr": *const u8 => *const u8;
    "str": &str => String;
    "string": String => String;
    "bytes": &[u8] => Vec<u8>;
    "byte_vec": Vec<u8> => Vec<u8>;
    "list_s8": &[i8] => Vec<i8>;
    "list_s16": &[i16] => Vec<i16>;
    "list_u16": &[u16] => Vec<u16>;
    "list_s32": &[i32] => Vec<i32>;
    "list_u32": &[u32] => Vec<u32>;
    "list_s64": &[i64] => Vec<i64>;
    "list_u64": &[u64] => Vec<u64>;
    "list_f32": &[f32] => Vec<f32>;
    "list_f64": &[f64] => Vec<f64>;
    "vec_f64": Vec<f64> => Vec<f64>;
    "option_str": Option<&str> => Option<String>;
    "option_string": Option<String> => Option<String>;
    "option_bytes": Option<&[u8]> => Option<Vec<u8>>;
    "option_list_f64": Option<&[f64]> => Option<Vec<f64>>;
    "option_vec_u32": Option<Vec<u32>> => Option<Vec<u32>>;
}

#[externref]
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Takes several values, of one and of two parts.
    safe fn mixed(flag: bool, text: &str, wide: u64, list: &[f32], letter: char, bytes: Option<&[u8]>) -> String;
    /// Doubles each number in its place.
    safe fn double(numbers: &mut [f64]);
    /// Fills what it is given, if anything, and returns how much that was.
    safe fn fill(bytes: Option<&mut [u8]>, value: u8) -> usize;
    /// Takes nothing and returns nothing.
    safe fn tick();
    /// Calls the guest's export `sum_of_words` with this text before it returns its length in bytes.
    safe fn reenter(text: &str) -> u32;
}

/// Passes on several values to `host.mixed`.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn mix(flag: bool, text: &str, wide: u64, list: &[f32], letter: char, bytes: Option<&[u8]>) -> String {
    mixed(flag, text, wide, list, letter, bytes)
}

/// Doubles numbers with the host's help.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn doubled(mut numbers: Vec<f64>) -> Vec<f64> {
    double(&mut numbers);
    numbers
}

/// Has the host fill so many bytes, or none at all.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn filled(length: Option<&[u8]>, value: u8) -> Option<Vec<u8>> {
    let mut bytes = length.map(<[u8]>::to_vec);
    let count = fill(bytes.as_deref_mut(), value);
    assert_eq!(count, bytes.as_ref().map_or(0, Vec::len), "the host filled another number of bytes");
    bytes
}

/// Returns what lies in the guest for good.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn greeting() -> &'static str {
    "grüezi 🐻"
}

/// Returns a part of its argument, which is freed when it returns.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn first_word(text: &str) -> Option<&str> {
    text.split_whitespace().next()
}

/// Returns a text of this many letters `x`, so that memory has to grow.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn long_text(length: u32) -> String {
    "x".repeat(length as usize)
}

/// Returns how many bytes the words of a text have.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn sum_of_words(text: &str) -> u32 {
    text.split_whitespace().map(|word| word.len() as u32).sum()
}

/// Has the host call `sum_of_words`; returns the text as it was, with what the host returned.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn reentered(text: &str) -> String {
    let length = reenter(text);
    format!("{text}:{length}")
}

/// Calls the host so many times, with nothing.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn ticks(count: u32) {
    (0..count).for_each(|_| tick());
}

/// Never returns.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn spin() {
    loop {
        std::hint::black_box(());
    }
}

/// Takes memory until there is none left.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn devour() -> u32 {
    let mut taken = Vec::new();
    loop {
        taken.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

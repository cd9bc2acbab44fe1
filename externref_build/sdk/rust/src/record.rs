//! Bytes of metadata records, put together by the compiler, and what ties them to code; for generated code only.

use core::cell::UnsafeCell;

/// Ties records to the code that needs them.
///
/// Of a dependency, linkers take only object files that define a symbol in use, and a record defines none. An anchor
/// stands beside the records, hence in the same object file, and the function that they describe holds on to it. So
/// does each copy of that function: the optimiser may inline it into another object file, or import it there.
#[derive(Debug)]
pub struct Anchor(UnsafeCell<u8>);

// SAFETY: the cell is only ever read; it is a cell so that the compiler does not copy its content into other places.
unsafe impl Sync for Anchor {}

impl Anchor {
    /// An anchor, to be a static.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Anchor(UnsafeCell::new(0))
    }

    /// Refers to the anchor in a way that no optimiser removes: one load of a byte, which nothing waits for.
    #[inline(always)]
    pub fn hold(&self) {
        // SAFETY: the pointer is valid, and nobody writes.
        unsafe { self.0.get().read_volatile() };
    }
}

/// The number of bytes in all parts together.
#[must_use]
pub const fn length(parts: &[&[u8]]) -> usize {
    let mut sum = 0;
    let mut part = 0;
    while part < parts.len() {
        sum += parts[part].len();
        part += 1;
    }
    sum
}

/// The parts, one after the other; `N` is their [`length`].
#[must_use]
pub const fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut end = 0;
    let mut part = 0;
    while part < parts.len() {
        let mut at = 0;
        while at < parts[part].len() {
            bytes[end] = parts[part][at];
            end += 1;
            at += 1;
        }
        part += 1;
    }
    bytes
}

/// A length as the records spell it.
#[must_use]
pub const fn u32_le(value: usize) -> [u8; 4] {
    (value as u32).to_le_bytes()
}

/// The number of bytes of [`json`] of the same text.
#[must_use]
pub const fn json_length(text: &str) -> usize {
    let text = text.as_bytes();
    let mut sum = 0;
    let mut at = 0;
    while at < text.len() {
        sum += match text[at] {
            b'"' | b'\\' => 2,
            0..=0x1f => 6,
            _ => 1,
        };
        at += 1;
    }
    sum
}

/// The text as it stands between the quotes of a JSON string (RFC 8259, section 7); `N` is its [`json_length`].
#[must_use]
pub const fn json<const N: usize>(text: &str) -> [u8; N] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let text = text.as_bytes();
    let mut bytes = [0; N];
    let mut end = 0;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        match byte {
            b'"' | b'\\' => {
                bytes[end] = b'\\';
                bytes[end + 1] = byte;
                end += 2;
            }
            0..=0x1f => {
                bytes[end] = b'\\';
                bytes[end + 1] = b'u';
                bytes[end + 2] = b'0';
                bytes[end + 3] = b'0';
                bytes[end + 4] = DIGITS[(byte >> 4) as usize];
                bytes[end + 5] = DIGITS[(byte & 15) as usize];
                end += 6;
            }
            _ => {
                bytes[end] = byte;
                end += 1;
            }
        }
        at += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_one_after_the_other() {
        const PARTS: &[&[u8]] = &[b"ab", b"", &u32_le(0x0102), b"c"];
        const BYTES: [u8; length(PARTS)] = concat(PARTS);
        assert_eq!(&BYTES, b"ab\x02\x01\0\0c");
    }

    #[test]
    fn json_escapes_what_it_must_and_nothing_else() {
        const TEXT: &str = "a\"b\\c\n\u{1f}é/";
        const BYTES: [u8; json_length(TEXT)] = json(TEXT);
        assert_eq!(core::str::from_utf8(&BYTES), Ok(r#"a\"b\\c\u000a\u001fé/"#));
    }
}

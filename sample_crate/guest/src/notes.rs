//! What the host offers under the module name `notes`, and the safe Rust face of it.
//!
//! The host's objects arrive as references: the guest can pass them on and let go of them, and nothing else.

use externref_guest::{externref, Resource};

/// A database that the host opened; to hold one is to be allowed to read it.
pub struct Database;
/// A position in the notes that a question to the database brought up.
pub struct Cursor;
/// One note.
pub struct Row;
/// A list in which the host collects notes.
pub struct Hits;

#[cfg(not(target_family = "wasm"))]
pub mod fake;

mod host {
    #[cfg(not(target_family = "wasm"))]
    use super::fake;
    use super::{externref, Cursor, Database, Hits, Resource, Row};

    #[externref(fake = fake)]
    #[link(wasm_import_module = "notes")]
    extern "C" {
        pub fn containing(database: &Resource<Database>, word: *const u8, length: usize) -> Option<Resource<Cursor>>;
        pub fn all(database: &Resource<Database>) -> Resource<Cursor>;
        pub fn next(cursor: &mut Resource<Cursor>) -> Option<Resource<Row>>;
        pub fn close(cursor: Resource<Cursor>);
        pub fn id(row: &Resource<Row>) -> i64;
        pub fn text(row: &Resource<Row>, column: u32, into: *mut u8, capacity: usize) -> usize;
        pub fn preview(row: Option<&Resource<Row>>);
        pub fn put(hits: &mut Resource<Hits>, row: Resource<Row>, score: f64);
    }
}

/// The texts of a row, as the host numbers them.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    Title = 0,
    Body = 1,
}

/// The notes in which `word` occurs as it is written, or `None` if there are none.
pub fn containing(database: &Resource<Database>, word: &str) -> Option<Resource<Cursor>> {
    unsafe { host::containing(database, word.as_ptr(), word.len()) }
}

/// All notes.
pub fn all(database: &Resource<Database>) -> Resource<Cursor> {
    unsafe { host::all(database) }
}

/// The next note, or `None` behind the last.
pub fn next(cursor: &mut Resource<Cursor>) -> Option<Resource<Row>> {
    unsafe { host::next(cursor) }
}

/// Gives a cursor back to the host, which closes it.
pub fn close(cursor: Resource<Cursor>) {
    unsafe { host::close(cursor) }
}

/// The number under which the database keeps a note.
pub fn id(row: &Resource<Row>) -> i64 {
    unsafe { host::id(row) }
}

/// A text of a note.
pub fn text(row: &Resource<Row>, column: Column) -> String {
    let mut bytes = vec![0; 1024];
    loop {
        let length = unsafe { host::text(row, column as u32, bytes.as_mut_ptr(), bytes.len()) };
        if length <= bytes.len() {
            bytes.truncate(length);
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        bytes.resize(length, 0);
    }
}

/// Tells the host which note leads, so that it can show it; `None` when no note does.
pub fn preview(row: Option<&Resource<Row>>) {
    unsafe { host::preview(row) }
}

/// Gives a note to a list of the host's.
pub fn put(hits: &mut Resource<Hits>, row: Resource<Row>, score: f64) {
    unsafe { host::put(hits, row, score) }
}

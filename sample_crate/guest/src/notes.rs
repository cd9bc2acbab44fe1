//! What the host offers under the module name `notes`.
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

#[externref(fake = fake)]
#[link(wasm_import_module = "notes")]
unsafe extern "C" {
    /// The notes in which `word` occurs as it is written, or `None` if there are none.
    pub safe fn containing(database: &Resource<Database>, word: &str) -> Option<Resource<Cursor>>;
    /// All notes.
    pub safe fn all(database: &Resource<Database>) -> Resource<Cursor>;
    /// The next note, or `None` behind the last.
    pub safe fn next(cursor: &mut Resource<Cursor>) -> Option<Resource<Row>>;
    /// Gives a cursor back to the host, which closes it.
    pub safe fn close(cursor: Resource<Cursor>);
    /// The number under which the database keeps a note.
    pub safe fn id(row: &Resource<Row>) -> i64;
    pub safe fn title(row: &Resource<Row>) -> String;
    pub safe fn body(row: &Resource<Row>) -> String;
    /// Tells the host which note leads, so that it can show it; `None` when no note does.
    pub safe fn preview(row: Option<&Resource<Row>>);
    /// Gives a note to a list of the host's.
    pub safe fn put(hits: &mut Resource<Hits>, row: Resource<Row>, score: f64);
}

//! A search plugin: it is handed a database of notes and hands back the note that answers a query best.
//!
//! [`notes`] is all that it can reach of the host, [`rank`] and [`words`] are its own work.

mod notes;
mod rank;
mod words;

use std::collections::HashSet;

use externref_guest::{externref, Resource};

use crate::notes::{Cursor, Database, Hits, Row};
use crate::rank::{rank, Document, Query};

/// Returns the note of `database` that answers the query best, and puts up to `limit` more into `hits`, best first.
///
/// The score of a hit is its part of the best one's. A word that occurs nowhere is taken for a slip of the typist.
#[externref]
#[no_mangle]
pub extern "C" fn search(
    database: &Resource<Database>,
    query: &str,
    hits: Option<&mut Resource<Hits>>,
    limit: u32,
) -> Option<Resource<Row>> {
    let query = Query::new(query);
    notes::preview(None);
    let rows = candidates(database, &query);
    let documents: Vec<_> = rows.iter().map(document).collect();
    let ranked = rank(&query, &documents);
    let best = ranked.first()?;

    let mut rows: Vec<_> = rows.into_iter().map(Some).collect();
    let row = rows[best.index].take();
    notes::preview(row.as_ref());
    if let Some(hits) = hits {
        for next in ranked[1..].iter().take(limit as usize) {
            if let Some(row) = rows[next.index].take() {
                notes::put(hits, row, next.score / best.score);
            }
        }
    }
    row
}

/// Returns the one of two notes that answers the query better, or the only one; `left` if they are equal.
#[externref]
#[no_mangle]
pub extern "C" fn better(
    left: Option<Resource<Row>>,
    right: Option<Resource<Row>>,
    query: &str,
) -> Option<Resource<Row>> {
    let query = Query::new(query);
    let (Some(one), Some(other)) = (&left, &right) else {
        return left.or(right);
    };
    match rank(&query, &[document(one), document(other)]).first() {
        Some(best) if best.index == 1 => right,
        _ => left,
    }
}

/// Moves `cursor` behind the next note that has all words of the query, and returns that note.
#[externref]
#[no_mangle]
pub extern "C" fn next_match(cursor: &mut Resource<Cursor>, query: &str) -> Option<Resource<Row>> {
    let query = Query::new(query);
    while let Some(row) = notes::next(cursor) {
        if query.is_met_by(&document(&row)) {
            return Some(row);
        }
    }
    None
}

/// The notes that contain a word of the query; if there are none, all of them, for the ranking forgives slips.
fn candidates(database: &Resource<Database>, query: &Query) -> Vec<Resource<Row>> {
    let mut rows = Vec::new();
    let mut seen = HashSet::new();
    let mut collect = |mut cursor: Resource<Cursor>| {
        while let Some(row) = notes::next(&mut cursor) {
            if seen.insert(notes::id(&row)) {
                rows.push(row);
            }
        }
        notes::close(cursor);
    };
    let found: Vec<_> = query.terms().iter().filter_map(|term| notes::containing(database, term)).collect();
    if found.is_empty() && !query.terms().is_empty() {
        collect(notes::all(database));
    }
    found.into_iter().for_each(&mut collect);
    rows
}

fn document(row: &Resource<Row>) -> Document {
    Document::new(&notes::title(row), &notes::body(row))
}

#[cfg(test)]
mod tests;

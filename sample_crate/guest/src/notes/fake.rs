//! A host for unit tests: what the plugin imports, in plain Rust, with a record of what was done.

use std::cell::RefCell;
use std::collections::VecDeque;

use externref_guest::Resource;

use super::{Cursor, Database, Hits, Row};

/// Notes as (title, body), and what the plugin did with them; a row's slot is its number among the notes.
#[derive(Debug, Default)]
pub struct Host {
    pub notes: Vec<(&'static str, String)>,
    pub cursors: Vec<VecDeque<u32>>,
    pub closed: Vec<u32>,
    pub previews: Vec<Option<u32>>,
    pub hits: Vec<(u32, f64)>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Works with the host of this thread.
pub fn with_host<R>(work: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with(|host| work(&mut host.borrow_mut()))
}

fn cursor(matches: impl Fn(&str) -> bool) -> Resource<Cursor> {
    with_host(|host| {
        let fits = |&number: &u32| {
            let (title, body) = &host.notes[number as usize];
            matches(title) || matches(body)
        };
        host.cursors.push((0..host.notes.len() as u32).filter(fits).collect());
        Resource::fake(host.cursors.len() as u32 - 1)
    })
}

pub fn containing(_: &Resource<Database>, word: &str) -> Option<Resource<Cursor>> {
    let found = cursor(|text| text.to_lowercase().contains(word));
    with_host(|host| !host.cursors[found.slot() as usize].is_empty()).then_some(found)
}

pub fn all(_: &Resource<Database>) -> Resource<Cursor> {
    cursor(|_| true)
}

pub fn next(cursor: &mut Resource<Cursor>) -> Option<Resource<Row>> {
    with_host(|host| host.cursors[cursor.slot() as usize].pop_front()).map(Resource::fake)
}

pub fn close(cursor: Resource<Cursor>) {
    with_host(|host| host.closed.push(cursor.slot()));
}

pub fn id(row: &Resource<Row>) -> i64 {
    row.slot().into()
}

pub fn title(row: &Resource<Row>) -> String {
    with_host(|host| host.notes[row.slot() as usize].0.to_string())
}

pub fn body(row: &Resource<Row>) -> String {
    with_host(|host| host.notes[row.slot() as usize].1.clone())
}

pub fn preview(row: Option<&Resource<Row>>) {
    with_host(|host| host.previews.push(row.map(Resource::slot)));
}

pub fn put(_: &mut Resource<Hits>, row: Resource<Row>, score: f64) {
    with_host(|host| host.hits.push((row.slot(), score)));
}

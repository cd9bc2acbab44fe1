//! The plugin's functions against a fake host.

use super::*;
use crate::notes::fake::with_host;

fn found(query: &str, limit: u32) -> Option<u32> {
    let row = search(&Resource::fake(0), query, Some(&mut Resource::fake(0)), limit);
    row.map(|row| row.slot())
}

fn given(notes: &[(&'static str, &str)]) {
    with_host(|host| host.notes = notes.iter().map(|(title, body)| (*title, body.to_string())).collect());
}

fn bakery() {
    given(&[
        ("Country loaf", "flour, water, sourdough starter"),
        ("Sourdough starter", "flour and water"),
        ("Brakes", "new pads"),
        ("Café", "bread with sourdough"),
    ]);
}

#[test]
fn the_best_row_is_returned_and_the_next_ones_are_put() {
    bakery();
    assert_eq!(found("sourdough starter", 1), Some(1));
    with_host(|host| {
        assert_eq!(host.hits.len(), 1);
        assert_eq!(host.hits[0].0, 0);
        assert!(host.hits[0].1 > 0.0 && host.hits[0].1 < 1.0, "{:?}", host.hits);
        assert_eq!(host.previews, [None, Some(1)]);
    });
}

#[test]
fn no_row_is_put_twice_though_two_words_find_it() {
    bakery();
    found("sourdough flour", 9);
    with_host(|host| {
        let mut rows: Vec<_> = host.hits.iter().map(|(row, _)| *row).collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), host.hits.len());
    });
}

#[test]
fn every_cursor_is_closed() {
    bakery();
    found("sourdough flour xylophone", 0);
    with_host(|host| assert_eq!((host.closed.len(), &host.hits[..]), (2, &[][..])));
}

#[test]
fn all_notes_are_read_where_no_word_is_found_as_it_stands() {
    bakery();
    assert_eq!(found("suordough", 0), Some(1));
    with_host(|host| assert_eq!(host.closed.len(), 1));
    assert_eq!(found("xylophone", 0), None);
    assert_eq!(found("", 0), None);
    with_host(|host| assert_eq!(host.closed.len(), 2, "a query without words asks nothing"));
}

#[test]
fn a_cursor_stops_behind_each_match() {
    bakery();
    let mut cursor = notes::all(&Resource::fake(0));
    let mut next = || next_match(&mut cursor, "sourdough").map(|row| row.slot());
    assert_eq!([next(), next(), next(), next()], [Some(0), Some(1), Some(3), None]);
}

#[test]
fn the_better_of_two_rows_wins_and_the_left_one_of_equals() {
    bakery();
    let better = |left: Option<u32>, right: Option<u32>, query: &str| {
        let row = better(left.map(Resource::fake), right.map(Resource::fake), query);
        row.map(|row| row.slot())
    };
    assert_eq!(better(Some(0), Some(1), "starter"), Some(1));
    assert_eq!(better(Some(1), Some(0), "starter"), Some(1));
    assert_eq!(better(Some(2), Some(3), "flour"), Some(2));
    assert_eq!(better(None, Some(3), "flour"), Some(3));
    assert_eq!(better(Some(3), None, "flour"), Some(3));
    assert_eq!(better(None, None, "flour"), None);
}

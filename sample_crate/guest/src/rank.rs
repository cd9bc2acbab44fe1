//! Ranks notes for a query: BM25 over two fields, where a word counts by its closeness to the word sought.

use std::cmp::Ordering;

use crate::words::{closeness, words};

/// Saturation of repeated words and influence of a note's length: the customary values of BM25.
const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.75;
/// A word in the title says more about a note than one in its body.
const TITLE: f64 = 3.0;

/// What is sought: distinct words, in the order in which they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    terms: Vec<String>,
}

impl Query {
    pub fn new(text: &str) -> Self {
        let mut terms = Vec::new();
        for term in words(text) {
            if !terms.contains(&term) {
                terms.push(term);
            }
        }
        Self { terms }
    }

    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// Whether each word of the query has a close one in `document`; never for a query without words.
    pub fn is_met_by(&self, document: &Document) -> bool {
        !self.terms.is_empty() && self.terms.iter().all(|term| document.weight(term) > 0.0)
    }
}

/// The words of one note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    title: Vec<String>,
    body: Vec<String>,
}

impl Document {
    pub fn new(title: &str, body: &str) -> Self {
        Self { title: words(title).collect(), body: words(body).collect() }
    }

    fn length(&self) -> f64 {
        (self.title.len() + self.body.len()) as f64
    }

    /// How much of `term` is in the note: the closeness of its words, those of the title counted more.
    fn weight(&self, term: &str) -> f64 {
        let sum = |words: &[String]| words.iter().map(|word| closeness(term, word)).sum::<f64>();
        TITLE * sum(&self.title) + sum(&self.body)
    }
}

/// A document's place in the list that was ranked, with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    pub index: usize,
    pub score: f64,
}

/// The documents that answer to at least one word of the query, best first; equals keep their order.
pub fn rank(query: &Query, documents: &[Document]) -> Vec<Ranked> {
    let average = documents.iter().map(Document::length).sum::<f64>() / documents.len().max(1) as f64;
    let mut scores = vec![0.0; documents.len()];
    let mut met = vec![0_usize; documents.len()];
    for term in query.terms() {
        let weights: Vec<f64> = documents.iter().map(|document| document.weight(term)).collect();
        let rarity = rarity(weights.iter().filter(|weight| **weight > 0.0).count(), documents.len());
        for (index, weight) in weights.into_iter().enumerate().filter(|(_, weight)| *weight > 0.0) {
            let length = 1.0 - LENGTH + LENGTH * documents[index].length() / average;
            scores[index] += rarity * weight * (SATURATION + 1.0) / (weight + SATURATION * length);
            met[index] += 1;
        }
    }
    let share = |index: usize| met[index] as f64 / query.terms().len() as f64;
    let mut ranked: Vec<_> = (0..documents.len())
        .filter(|&index| met[index] > 0)
        .map(|index| Ranked { index, score: scores[index] * share(index) })
        .collect();
    ranked.sort_by(|one, other| other.score.partial_cmp(&one.score).unwrap_or(Ordering::Equal));
    ranked
}

/// Inverse document frequency in the form that is never negative.
fn rarity(with_term: usize, all: usize) -> f64 {
    let (with_term, all) = (with_term as f64, all as f64);
    (1.0 + (all - with_term + 0.5) / (with_term + 0.5)).ln()
}

#[cfg(test)]
mod tests;

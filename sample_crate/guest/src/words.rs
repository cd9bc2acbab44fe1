//! Words of a text, and how close one word is to another.

use unicode_segmentation::UnicodeSegmentation;

/// A shorter word than this must be met exactly: a slip in it makes another word.
const SHORTEST_INEXACT: usize = 4;
/// From this length on, two slips are forgiven instead of one.
const TWO_SLIPS: usize = 6;

/// The words of `text` in lower case, as UAX #29 finds them: "aren't" and "0.75" are one word each.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.unicode_words().map(str::to_lowercase)
}

/// How well the word `found` answers to the word `sought`, from 0 (not at all) to 1 (equal).
///
/// Words that go on where the other ends ("measure", "measured") are closer than words with a slip of the typist.
pub fn closeness(sought: &str, found: &str) -> f64 {
    if sought == found {
        return 1.0;
    }
    let (short, long) = ordered(sought.chars().count(), found.chars().count());
    if short < SHORTEST_INEXACT {
        return 0.0;
    }
    let shared = short as f64 / long as f64;
    if found.starts_with(sought) || sought.starts_with(found) {
        return 0.9 * shared;
    }
    let allowed = if short < TWO_SLIPS { 1 } else { 2 };
    if long - short > allowed {
        return 0.0;
    }
    match strsim::damerau_levenshtein(sought, found) {
        slips if slips <= allowed => 0.6 * (1.0 - slips as f64 / long as f64),
        _ => 0.0,
    }
}

fn ordered(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_inner_punctuation_and_lose_case() {
        let found: Vec<_> = words("The gauge says 0.75 %, but it ISN'T worn – Über!").collect();
        assert_eq!(found, ["the", "gauge", "says", "0.75", "but", "it", "isn't", "worn", "über"]);
    }

    #[test]
    fn equal_words_are_closest_and_endings_are_closer_than_slips() {
        let equal = closeness("bread", "bread");
        let ending = closeness("bread", "breads");
        let slip = closeness("bread", "braed");
        assert_eq!(equal, 1.0);
        assert!(equal > ending && ending > slip && slip > 0.0, "{equal} {ending} {slip}");
    }

    #[test]
    fn a_longer_word_forgives_two_slips_a_shorter_one_none() {
        assert!(closeness("sourdouhg", "sourdough") > 0.0);
        assert!(closeness("suordouhg", "sourdough") > 0.0);
        assert_eq!(closeness("barned", "bread"), 0.0);
        assert_eq!(closeness("bee", "bed"), 0.0);
        assert_eq!(closeness("be", "bees"), 0.0);
    }

    #[test]
    fn letters_count_not_bytes() {
        assert!(closeness("crêpe", "crépe") > 0.0);
        assert_eq!(closeness("öäü", "öäa"), 0.0);
    }
}

use super::*;

fn notes() -> Vec<Document> {
    vec![
        Document::new("Country loaf", "Flour, water, sourdough starter, salt; bake in a closed pot."),
        Document::new("Sourdough starter", "Feed it with flour and water. When the starter doubles it is ready."),
        Document::new("Bicycle chain", "Measured with the gauge: 0.6 % worn."),
        Document::new("Café", "They bake with sourdough and sell what is left."),
    ]
}

fn order(query: &str, documents: &[Document]) -> Vec<usize> {
    rank(&Query::new(query), documents).iter().map(|ranked| ranked.index).collect()
}

#[test]
fn the_title_outweighs_the_body_and_more_words_outweigh_fewer() {
    assert_eq!(order("sourdough starter", &notes()), [1, 0, 3]);
}

#[test]
fn a_rare_word_decides_between_notes_that_share_a_common_one() {
    let mut documents = notes();
    documents.push(Document::new("Bakery", "They bake bread with yeast."));
    assert_eq!(order("bake yeast", &documents)[0], 4);
}

#[test]
fn repetition_saturates() {
    let once = Document::new("", "bread and a very short note on pears");
    let often = Document::new("", "bread bread bread bread bread bread bread pears");
    let scores = rank(&Query::new("bread"), &[once, often]);
    assert_eq!(scores[0].index, 1);
    assert!(scores[0].score < 3.0 * scores[1].score, "{scores:?}");
}

#[test]
fn a_long_note_needs_more_to_score_the_same() {
    let short = Document::new("", "plum cake");
    let long = Document::new("", &format!("plum cake {}", "and so on ".repeat(40)));
    assert_eq!(order("plum", &[long, short]), [1, 0]);
}

#[test]
fn slips_find_the_note_behind_the_exact_word() {
    let exact = Document::new("", "the brake of the bicycle");
    let slip = Document::new("", "the braek of the bicycle");
    assert_eq!(order("brake", &[slip, exact]), [1, 0]);
    assert_eq!(order("bycicle", &notes()), [2]);
}

#[test]
fn equal_notes_keep_their_order() {
    let note = || Document::new("Tomatoes", "Water them.");
    assert_eq!(order("tomatoes", &[note(), note(), note()]), [0, 1, 2]);
}

#[test]
fn scores_descend_and_are_positive() {
    let ranked = rank(&Query::new("sourdough bake water chain"), &notes());
    assert_eq!(ranked.len(), 4);
    assert!(ranked.iter().all(|entry| entry.score > 0.0 && entry.score.is_finite()));
    assert!(ranked.windows(2).all(|pair| pair[0].score >= pair[1].score));
}

#[test]
fn nothing_is_found_where_nothing_fits() {
    assert_eq!(order("xylophone", &notes()), []);
    assert_eq!(order("", &notes()), []);
    assert_eq!(order(" – ! ", &notes()), []);
    assert_eq!(order("bread", &[]), []);
    assert_eq!(order("bread", &[Document::new("", "")]), []);
}

#[test]
fn a_query_counts_each_word_once() {
    assert_eq!(Query::new("Bread bread BREAD pot").terms(), ["bread", "pot"]);
}

#[test]
fn a_note_meets_a_query_when_it_has_all_its_words() {
    let note = &notes()[2];
    assert!(Query::new("chain gauge").is_met_by(note));
    assert!(Query::new("chains").is_met_by(note));
    assert!(!Query::new("chain flour").is_met_by(note));
    assert!(!Query::new("").is_met_by(note));
}

//! The part of the page that the game touches.

use externref_guest::externref;

#[externref]
extern "C" {
    pub type HTMLElement;

    #[externref(method)]
    pub fn append(this: &HTMLElement, child: &HTMLElement);
    #[externref(setter)]
    #[link_name = "textContent"]
    pub fn set_text_content(this: &HTMLElement, text: &str);

    pub type Document;

    #[externref(method)]
    #[link_name = "getElementById"]
    pub fn get_element_by_id(this: &Document, id: &str) -> Option<HTMLElement>;

    #[externref(global)]
    pub fn document() -> Document;
}

/// The element of the page that has this `id`.
///
/// # Panics
///
/// If the page has none.
pub fn element(id: &str) -> HTMLElement {
    document().get_element_by_id(id).unwrap_or_else(|| panic!("the page has no element #{id}"))
}

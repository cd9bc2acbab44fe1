//! The host's document by `wasm-bindgen`.

use wasm_bindgen::prelude::*;

pub type Document = JsValue;
pub type Node = JsValue;

mod imports {
    use super::*;

    #[wasm_bindgen(module = "document")]
    extern "C" {
        pub fn root(document: &JsValue) -> Option<JsValue>;
        pub fn child(node: &JsValue, index: u32) -> Option<JsValue>;
        pub fn weight(node: &JsValue) -> f64;
        pub fn append(parent: &JsValue, node: JsValue);
    }
}

pub use imports::{append, child, root, weight};

#[wasm_bindgen]
pub fn evaluate(document: JsValue, source: &[u8]) -> Option<JsValue> {
    crate::evaluate(document, source)
}

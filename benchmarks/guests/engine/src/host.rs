//! The host's document by the crate `externref`.

use externref::{externref, Resource};

pub struct DocumentKind;
pub struct NodeKind;

pub type Document = Resource<DocumentKind>;
pub type Node = Resource<NodeKind>;

mod imports {
    use super::*;

    #[externref]
    #[link(wasm_import_module = "document")]
    extern "C" {
        pub fn root(document: &Resource<DocumentKind>) -> Option<Resource<NodeKind>>;
        pub fn child(node: &Resource<NodeKind>, index: u32) -> Option<Resource<NodeKind>>;
        pub fn weight(node: &Resource<NodeKind>) -> f64;
        pub fn append(parent: &Resource<NodeKind>, node: Resource<NodeKind>);
    }
}

pub fn root(document: &Document) -> Option<Node> {
    unsafe { imports::root(document) }
}

pub fn child(node: &Node, index: u32) -> Option<Node> {
    unsafe { imports::child(node, index) }
}

pub fn weight(node: &Node) -> f64 {
    unsafe { imports::weight(node) }
}

pub fn append(parent: &Node, node: Node) {
    unsafe { imports::append(parent, node) }
}

#[externref]
#[export_name = "evaluate"]
pub extern "C" fn evaluate(
    document: Resource<DocumentKind>,
    source: *const u8,
    length: usize,
) -> Option<Resource<NodeKind>> {
    crate::evaluate(document, unsafe { core::slice::from_raw_parts(source, length) })
}

#[export_name = "allocate"]
pub extern "C" fn allocate(size: usize) -> *mut u8 {
    Vec::with_capacity(size).leak().as_mut_ptr()
}

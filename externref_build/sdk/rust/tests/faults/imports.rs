use externref_guest::{externref, Resource};

pub struct Arena;

#[externref]
#[link(wasm_import_module = "arena")]
extern "C" {
    fn lent() -> &'static Resource<Arena>;
    fn lent_or_null() -> Option<&'static mut Resource<Arena>>;
    fn variadic(arena: &Resource<Arena>, ...);
    fn generic<T>(arena: &Resource<Arena>);
    static VALUE: u32;
    #[cfg_attr(all(), link_name = "other")]
    fn hidden(arena: &Resource<Arena>);
}

#[externref]
#[link(wasm_import_module = 5)]
extern "C" {}

#[externref]
#[link(name = "arena")]
extern "C" {}

#[externref]
extern "system" {}

fn main() {}

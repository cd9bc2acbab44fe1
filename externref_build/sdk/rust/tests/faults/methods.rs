use externref_guest::{externref, Resource};

pub struct Arena;

impl Arena {
    #[externref]
    #[no_mangle]
    pub extern "C" fn method(&self, _: &Resource<Arena>) {}
}

fn main() {}

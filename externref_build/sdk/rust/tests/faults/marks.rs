use externref_guest::{externref, Resource};

pub struct Arena;

#[externref]
#[no_mangle]
pub extern "C" fn marks(
    #[resource = 5] _: &Resource<Arena>,
    #[resource(maybe)] _: &Resource<Arena>,
    #[resource]
    #[resource = false]
    _: &Resource<Arena>,
    #[resource] _: u32,
    #[resource] _: (Resource<Arena>, u32),
    #[resource] _: Option<*const Arena>,
    #[cfg(all())] _: &Resource<Arena>,
) {
}

#[externref]
#[no_mangle]
#[resource]
pub extern "C" fn nothing() {}

fn main() {}

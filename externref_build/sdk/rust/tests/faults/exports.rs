use externref_guest::{externref, Resource};

pub struct Arena;

#[externref]
pub extern "C" fn not_exported(_: &Resource<Arena>) {}

#[externref]
#[no_mangle]
pub fn not_c(_: &Resource<Arena>) {}

#[externref]
#[no_mangle]
pub extern "system" fn other_convention(_: &Resource<Arena>) {}

#[externref]
#[no_mangle]
pub extern "C" fn generic<T, const N: usize>(_: &Resource<Arena>) {}

#[externref]
#[no_mangle]
pub async extern "C" fn asynchronous(_: Resource<Arena>) {}

#[externref]
#[no_mangle]
pub const extern "C" fn constant(_: &Resource<Arena>) {}

#[externref]
#[export_name]
pub extern "C" fn nameless(_: &Resource<Arena>) {}

#[externref(fake = elsewhere)]
#[no_mangle]
pub extern "C" fn no_import(_: &Resource<Arena>) {}

#[externref]
#[no_mangle]
pub extern "C" fn several_faults(_: (Resource<Arena>, u32), #[resource = 5] _: u32, _: &String) {}

#[externref]
#[no_mangle]
pub extern "C" fn memory(_: &Resource<Arena>) {}

#[externref]
#[export_name = "cabi_realloc"]
pub extern "C" fn reallocate(_: &Resource<Arena>) {}

fn main() {}

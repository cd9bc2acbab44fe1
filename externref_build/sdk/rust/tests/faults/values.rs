use externref_guest::{externref, Resource, ResourceCopy};

pub struct Arena;

#[externref]
#[no_mangle]
pub extern "C" fn holders(
    _: (Resource<Arena>, u32),
    _: &[Resource<Arena>],
    _: [Option<Resource<Arena>>; 2],
    _: Vec<Resource<Arena>>,
    _: Box<Resource<Arena>>,
    _: *const Resource<Arena>,
    _: &&Resource<Arena>,
    _: &mut Option<Resource<Arena>>,
    _: Option<Option<Resource<Arena>>>,
    _: Option<(u32, &Resource<Arena>)>,
) -> Box<Resource<Arena>> {
    loop {}
}

#[externref]
#[no_mangle]
pub extern "C" fn no_single_value(
    _: *const [u8],
    _: &dyn Fn(),
    _: (u32, u32),
    _: [u8; 4],
    _: (),
    _: i128,
    _: impl Copy,
    _: Result<u32, u32>,
    _: Option<u32>,
) {
}

#[externref]
#[no_mangle]
pub extern "C" fn without_borrow(_: str, _: [u8]) -> str {
    loop {}
}

#[externref]
extern "C" {
    fn lent_without_borrow(text: str, list: [f64]);
}

#[externref]
#[no_mangle]
pub extern "C" fn other_texts_and_lists(
    _: &String,
    _: Option<&Vec<u8>>,
    _: &mut str,
    _: std::ffi::CString,
    _: &std::ffi::CStr,
    _: Vec<bool>,
    _: Option<&[usize]>,
    _: Vec<String>,
    _: &[(u32, u32)],
    _: &mut [u8],
    _: Option<&mut [f64]>,
) -> &'static mut [u8] {
    loop {}
}

#[externref]
extern "C" {
    fn lent_text() -> &'static str;
    fn lent_list() -> Option<&'static [u8]>;
}

#[externref]
#[no_mangle]
pub extern "C" fn leak(_: &ResourceCopy<Arena>, _: Option<&mut ResourceCopy<Arena>>) {}

fn main() {}

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
) -> Result<Resource<Arena>, u32> {
    loop {}
}

#[externref]
#[no_mangle]
pub extern "C" fn no_single_value(
    _: &str,
    _: String,
    _: Vec<u8>,
    _: &[u8],
    _: *const [u8],
    _: &dyn Fn(),
    _: (u32, u32),
    _: [u8; 4],
    _: (),
    _: i128,
    _: impl Copy,
) -> Result<u32, u32> {
    loop {}
}

#[externref]
#[no_mangle]
pub extern "C" fn leak(_: &ResourceCopy<Arena>, _: Option<&mut ResourceCopy<Arena>>) {}

fn main() {}

//! What guests' own unit tests rely on: on a machine without a host, resources and exports work, imports have stand-ins.

use std::collections::HashSet;
use std::mem::size_of;
use std::panic;
use std::sync::Mutex;

use externref_guest::{externref, Resource, ResourceCopy};

pub trait Unsized {}
pub enum Bytes {}

#[externref(fake = stand_in)]
#[link(wasm_import_module = "bytes")]
extern "C" {
    fn alloc(size: usize) -> Option<Resource<Bytes>>;
    #[link_name = "some-other-name"]
    fn size<'a>(bytes: &'a Resource<Bytes>, _: u32) -> usize;
    #[cfg(any())]
    fn never(parameter: NoSuchType) -> NoSuchType;
}

mod stand_in {
    use super::{Bytes, Resource};

    pub fn alloc(size: usize) -> Option<Resource<Bytes>> {
        (size > 0).then(|| Resource::fake(size as u32))
    }

    pub unsafe fn size(bytes: &Resource<Bytes>, factor: u32) -> usize {
        (bytes.slot() * factor) as usize
    }
}

#[externref]
extern "C" {
    fn absent(bytes: Option<&mut Resource<Bytes>>) -> u32;
}

/// Mixes every kind of parameter, and patterns.
#[externref]
#[no_mangle]
pub extern "C" fn total(mut count: u32, &step: &u32, first: &Resource<Bytes>, _: Option<Resource<Bytes>>) -> u32 {
    count += step;
    count + first.slot()
}

#[test]
fn a_resource_is_one_word_and_so_is_an_option_of_it() {
    assert_eq!(size_of::<Resource<dyn Unsized>>(), 4);
    assert_eq!(size_of::<Option<Resource<str>>>(), 4);
    assert_eq!(size_of::<Option<ResourceCopy<[u8]>>>(), 4);
}

#[test]
fn resources_go_to_other_threads_whatever_their_kind() {
    fn assert<T: Send + Sync + Unpin>() {}
    assert::<Resource<*const u8>>();
    assert::<ResourceCopy<std::rc::Rc<u8>>>();
    static KEPT: Mutex<Vec<Resource<Bytes>>> = Mutex::new(Vec::new());
    KEPT.lock().unwrap().push(Resource::fake(1));
}

#[test]
fn resources_are_told_apart_by_slot() {
    let set: HashSet<Resource<Bytes>> = [1, 2, 1].map(Resource::fake).into();
    assert_eq!(set.len(), 2);
    assert!(set.contains(&Resource::fake(2)));
    assert_ne!(Resource::<Bytes>::fake(0), Resource::fake(u32::MAX - 1));
    assert_eq!(
        format!("{:?} {:?}", Resource::<Bytes>::fake(7), Resource::<Bytes>::fake(8).leak()),
        "Resource(7) ResourceCopy(8)"
    );
}

#[test]
fn casts_keep_the_slot() {
    let any: Resource = Resource::<Bytes>::fake(3).upcast();
    let bytes = unsafe { any.downcast_unchecked::<Bytes>() };
    assert_eq!(bytes.upcast_ref(), &Resource::fake(3));
    assert_eq!(unsafe { bytes.upcast_ref().downcast_ref_unchecked::<Bytes>() }, &bytes);
    let copy = bytes.leak();
    assert_eq!(unsafe { copy.upcast().downcast_unchecked::<Bytes>() }, copy);
    assert_eq!(unsafe { copy.take() }.slot(), 3);
}

#[test]
#[should_panic(expected = "is null: use `None`")]
fn null_is_no_resource() {
    let _ = Resource::<Bytes>::fake(u32::MAX);
}

#[test]
fn imports_call_their_namesakes() {
    assert_eq!(unsafe { alloc(0) }, None);
    let bytes = unsafe { alloc(21) }.unwrap();
    assert_eq!(unsafe { size(&bytes, 2) }, 42);
}

#[test]
fn an_import_without_stand_in_says_what_is_missing() {
    let cause = panic::catch_unwind(|| unsafe { absent(None) }).unwrap_err();
    let message = cause.downcast_ref::<String>().unwrap();
    assert!(message.contains("`absent` is imported from module `env`"), "{message}");
    assert!(message.contains("#[externref(fake = path::to::module)]"), "{message}");
}

#[test]
fn exports_are_ordinary_functions() {
    assert_eq!(total(1, &2, &Resource::fake(4), None), 7);
    let pointer: fn(u32, &u32, &Resource<Bytes>, Option<Resource<Bytes>>) -> u32 = total;
    assert_eq!(pointer(1, &1, &Resource::fake(1), Some(Resource::fake(9))), 3);
}

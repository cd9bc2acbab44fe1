//! What guests' own unit tests rely on: on a machine without a host, resources and exports work, imports have stand-ins.

use std::collections::HashSet;
use std::mem::size_of;
use std::panic;
use std::sync::Mutex;

use externref_guest::{externref, HostObject, Resource, ResourceCopy};

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

#[externref(fake = scene)]
extern "C" {
    /// A point.
    type Vector3;
    #[externref(constructor)]
    fn new(x: f64) -> Vector3;
    #[externref(static_method = Vector3)]
    fn origin() -> Vector3;
    #[externref(method)]
    fn add<'a>(this: &'a Vector3, other: &Vector3) -> Vector3;
    #[externref(getter)]
    fn x(this: &Vector3) -> f64;
    #[externref(setter)]
    fn set_x(this: &mut Vector3, x: f64);
    #[externref(method)]
    unsafe fn read(this: &Vector3, raw: *mut f64);

    pub type Object3D;
    #[externref(getter)]
    fn name(this: &Object3D) -> u8;
    #[externref(extends = Object3D)]
    type Mesh;
    #[externref(extends = Mesh, extends = Object3D)]
    type Cube;
    #[externref(global)]
    fn cube() -> Option<Cube>;
}

mod scene {
    use externref_guest::Resource;

    pub struct Vector3;
    pub struct Object3D;

    fn point(x: f64) -> super::Vector3 {
        Resource::fake(x as u32).into()
    }

    impl Vector3 {
        pub fn new(x: f64) -> super::Vector3 {
            point(x)
        }
        pub fn origin() -> super::Vector3 {
            point(0.0)
        }
        pub fn add(this: &super::Vector3, other: &super::Vector3) -> super::Vector3 {
            point(Self::x(this) + Self::x(other))
        }
        pub fn x(this: &super::Vector3) -> f64 {
            this.as_ref().slot().into()
        }
        pub fn set_x(this: &mut super::Vector3, x: f64) {
            *this = point(x);
        }
        pub unsafe fn read(this: &super::Vector3, raw: *mut f64) {
            raw.write(Self::x(this));
        }
    }

    impl Object3D {
        pub fn name(this: &super::Object3D) -> u8 {
            [b'a', b'b', b'c'][this.as_ref().slot() as usize]
        }
    }

    pub fn cube() -> Option<super::Cube> {
        Some(Resource::fake(2).into())
    }
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
fn members_call_those_of_the_stand_in() {
    let mut point = Vector3::new(1.0).add(&Vector3::new(2.0));
    assert_eq!((point.x(), Vector3::origin().x()), (3.0, 0.0));
    point.set_x(5.0);
    let mut x = 0.0;
    unsafe { point.read(&mut x) };
    assert_eq!(x, 5.0);
}

#[test]
fn a_type_is_its_base_as_well() {
    fn name(object: &Object3D) -> u8 {
        object.name()
    }
    let cube = cube().unwrap();
    assert_eq!((cube.name(), name(&cube)), (b'c', b'c'));
    let mesh: &Mesh = cube.as_ref();
    let object: &Object3D = cube.as_ref();
    assert_eq!((mesh.as_resource().slot(), object.as_resource().slot()), (2, 2));
    let object = Object3D::from(cube);
    assert_eq!((format!("{object:?}"), size_of::<Object3D>()), ("Object3D(2)".to_owned(), 4));
    assert_eq!(size_of::<Option<Object3D>>(), 4);
    assert_eq!(Resource::from(object), Resource::fake(2));
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

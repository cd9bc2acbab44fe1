//! Every way in which a resource can be passed, in long and mixed signatures; copies; objects of unknown kind.

use std::collections::HashMap;
use std::sync::Mutex;

use externref_guest::{externref, Resource, ResourceCopy};

pub struct Part;

type Anything = Resource;

#[externref]
#[link(wasm_import_module = "kinds")]
extern "C" {
    fn make(number: u32) -> Resource<Part>;
    fn number_of(part: Option<&Resource<Part>>) -> u32;
    fn turn(part: Option<&mut Resource<Part>>, angle: f32) -> f64;
    fn assemble(
        base: &Resource<Part>,
        weight: f64,
        bolt: Option<Resource<Part>>,
        count: i64,
        nut: Option<&Resource<Part>>,
        lid: Resource<Part>,
        spare: Option<&mut Resource<Part>>,
        last: u32,
    ) -> Option<Resource<Part>>;
    fn look(copy: ResourceCopy<Part>) -> u32;
    fn current() -> Option<ResourceCopy<Part>>;
    fn kind_of(thing: &Resource) -> u32;
    fn discard(#[resource] thing: Anything);
}

static BY_NUMBER: Mutex<Option<HashMap<u32, Resource<Part>>>> = Mutex::new(None);

#[externref]
#[export_name = "assemble-parts"]
pub extern "C" fn assemble_parts(
    weight: f64,
    base: &Resource<Part>,
    count: i64,
    bolt: Option<Resource<Part>>,
    nut: Option<&Resource<Part>>,
    turns: f32,
    lid: Resource<Part>,
    spare: Option<&mut Resource<Part>>,
) -> Option<Resource<Part>> {
    let mut spare = spare;
    let turned = unsafe { turn(spare.as_deref_mut(), turns) };
    unsafe { assemble(base, weight + turned, bolt, count, nut, lid, spare, number_of(nut)) }
}

#[externref]
#[no_mangle]
pub extern "C" fn stock(from: u32, to: u32) -> u32 {
    let mut stock = BY_NUMBER.lock().unwrap();
    let stock = stock.get_or_insert_with(HashMap::new);
    for number in from..to {
        stock.insert(number, unsafe { make(number) });
    }
    let mut numbers: Vec<_> = stock.keys().copied().collect();
    numbers.sort_unstable();
    numbers.iter().map(|number| unsafe { number_of(stock.get(number)) }).sum()
}

#[externref]
#[no_mangle]
pub extern "C" fn take_from_stock(number: u32) -> Option<Resource<Part>> {
    BY_NUMBER.lock().unwrap().as_mut()?.remove(&number)
}

#[externref]
#[no_mangle]
pub extern "C" fn copies(part: Resource<Part>) -> u32 {
    let copy = part.leak();
    let seen = unsafe { look(copy) + look(copy) };
    let current = unsafe { current() }.map_or(0, |copy| unsafe { look(copy) + number_of(Some(&copy.take())) });
    let part = unsafe { copy.take() };
    seen + current + unsafe { number_of(Some(&part)) }
}

#[externref]
#[no_mangle]
pub extern "C" fn cast(thing: Resource, expected: u32) -> Option<Resource<Part>> {
    if unsafe { kind_of(&thing) } == expected {
        return Some(unsafe { thing.downcast_unchecked() });
    }
    unsafe { discard(thing) };
    None
}

#[externref]
#[no_mangle]
pub extern "C" fn same(one: &Resource<Part>, other: &Resource<Part>) -> bool {
    one == other || unsafe { kind_of(one.upcast_ref()) } != unsafe { kind_of(other.upcast_ref()) }
}

#[externref]
#[no_mangle]
pub extern "C" fn lent_back<'a>(part: &'a Resource<Part>, other: &Resource<Part>) -> &'a Resource<Part> {
    unsafe { number_of(Some(other)) };
    part
}

#[externref]
#[no_mangle]
pub extern "C" fn ignore(_: Resource<Part>, number: u32, _: Option<&Resource<Part>>) -> u32 {
    number + 1
}

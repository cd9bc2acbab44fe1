//! Copies that are never dropped, casts, comparison, marks of the author's own, and another path to the crate.

use std::collections::HashSet;

use externref::{externref, Resource, ResourceCopy};

use crate::{Message, Sender};

mod renamed {
    pub use externref as references;
}

type MessageCopy = ResourceCopy<Message>;

#[externref]
#[link(wasm_import_module = "host")]
extern "C" {
    #[resource]
    fn lend(#[resource] sender: &Resource<Sender>, number: u32) -> MessageCopy;
    /// Gets the address of a slot's number.
    fn look_behind(#[resource = false] message: &Resource<Message>) -> usize;
    /// Gets the number of a slot.
    fn look_at(#[resource = false] message: MessageCopy) -> usize;
    #[resource]
    fn any() -> Option<Resource<()>>;
}

#[externref]
pub extern "C" fn copied(sender: Resource<Sender>) -> usize {
    let (first, second) = unsafe { (lend(&sender, 1), lend(&sender, 2)) };
    let same = first;
    let leaked = unsafe { crate::send(&sender, "leaked".as_ptr(), 6) }.leak();
    assert!(first == same && first != second && second != leaked);
    let distinct = HashSet::from([first, same, leaked, first, leaked]);
    let shown = [first, leaked, second, same].map(|copy| unsafe { look_at(copy) });
    shown.iter().fold(distinct.len(), |sum, length| 100 * sum + length)
}

#[externref]
pub extern "C" fn compared(sender: Resource<Sender>, count: u32) -> usize {
    let messages: Vec<Resource<Message>> =
        (0..count).map(|_| unsafe { crate::send(&sender, core::ptr::null(), 0) }).collect();
    for (position, message) in messages.iter().enumerate() {
        assert!(messages.iter().filter(|other| *other == message).count() == 1);
        assert!(messages.iter().position(|other| other == message) == Some(position));
        unsafe { look_behind(message) };
    }
    let distinct: HashSet<&Resource<Message>> = messages.iter().chain(&messages).collect();
    distinct.len()
}

#[externref]
#[export_name = concat!("cast_", stringify!(both_ways))]
pub extern "C" fn cast_both_ways(sender: Resource<()>) -> Resource<()> {
    let sender: Resource<Sender> = unsafe { sender.downcast_unchecked() };
    let message = unsafe { crate::send(&sender, core::ptr::null(), 0) }.upcast();
    let other = unsafe { any() };
    drop(message);
    other.unwrap_or_else(|| sender.upcast())
}

#[externref(crate = "crate::copies::renamed::references")]
#[no_mangle]
pub extern "C" fn measure(message: Option<&Resource<Message>>) -> usize {
    unsafe { crate::length(message) }
}

#[externref(crate = crate::copies::renamed::references)]
pub extern "C" fn measure_again(message: Option<&Resource<Message>>, added: usize) -> usize {
    measure(message) + added
}

#[externref]
#[resource(true)]
pub extern "C" fn returned(#[resource] sender: Option<Resource<Sender>>) -> Resource<Sender> {
    let sender = sender.expect("there is a sender");
    unsafe { crate::send(&sender, core::ptr::null(), 0) };
    sender
}

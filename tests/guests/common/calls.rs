// What all guests do alike, whichever crate gives them `externref` and `Resource`: included after their `use`.
// The host's side of it is in tests/e2e/scenario.py.

pub struct Sender;
pub struct Message;

#[externref]
#[link(wasm_import_module = "host")]
extern "C" {
    fn send(sender: &Resource<Sender>, text: *const u8, length: usize) -> Resource<Message>;
    fn length(message: Option<&Resource<Message>>) -> usize;
    fn last_sender() -> Option<Resource<Sender>>;
    fn consume(message: Resource<Message>, tag: i64) -> f64;
    fn consume_optional(message: Option<Resource<Message>>);
    fn amend(message: &mut Resource<Message>, by: f32);
    fn amend_optional(message: Option<&Resource<Message>>) -> u32;
    fn both(left: &Resource<Message>, right: Option<&Resource<Message>>, third: Resource<Message>) -> i64;
    #[link_name = "call-back"]
    fn call_back(message: &Resource<Message>) -> Option<Resource<Message>>;
}

static KEPT: std::sync::Mutex<Vec<Option<Resource<Message>>>> = std::sync::Mutex::new(Vec::new());

#[externref]
#[export_name = "broadcast"]
pub extern "C" fn broadcast(sender: Resource<Sender>, count: u32) -> Option<Resource<Message>> {
    let texts = ["first", "second", "third, which is longer"];
    let mut messages: Vec<_> = (0..count as usize)
        .map(|index| texts[index % texts.len()])
        .map(|text| unsafe { send(&sender, text.as_ptr(), text.len()) })
        .collect();
    for message in messages.iter().rev() {
        unsafe { length(Some(message)) };
    }
    messages.pop()
}

#[externref]
#[export_name = "inspect"]
pub extern "C" fn inspect(sender: &Resource<Sender>, message: Option<&Resource<Message>>) -> usize {
    let sent = unsafe { send(sender, core::ptr::null(), 0) };
    unsafe { length(message) + 100 * length(Some(&sent)) + 10_000 * length(None) }
}

#[externref]
#[export_name = "pass"]
pub extern "C" fn pass(message: Resource<Message>) -> Resource<Message> {
    message
}

#[externref]
#[export_name = "choose"]
pub extern "C" fn choose(
    first: Option<Resource<Message>>,
    second: Option<Resource<Message>>,
    which: u32,
) -> Option<Resource<Message>> {
    match which {
        0 => first,
        1 => second,
        2 => first.or(second),
        _ => None,
    }
}

#[externref]
#[export_name = "keep"]
pub extern "C" fn keep(message: Resource<Message>) -> usize {
    let mut kept = KEPT.lock().unwrap();
    kept.push(Some(message));
    kept.len() - 1
}

#[externref]
#[export_name = "look_at_kept"]
pub extern "C" fn look_at_kept(index: usize) -> usize {
    let kept = KEPT.lock().unwrap();
    unsafe { length(kept.get(index).and_then(Option::as_ref)) }
}

#[externref]
#[export_name = "give_back"]
pub extern "C" fn give_back(index: usize) -> Option<Resource<Message>> {
    KEPT.lock().unwrap().get_mut(index)?.take()
}

#[externref]
#[export_name = "forget_kept"]
pub extern "C" fn forget_kept() -> Option<Resource<Sender>> {
    KEPT.lock().unwrap().clear();
    unsafe { last_sender() }
}

#[externref]
#[export_name = "mixed"]
pub extern "C" fn mixed(
    tag: i64,
    message: &mut Resource<Message>,
    by: f32,
    sender: &Resource<Sender>,
    factor: f64,
    other: Option<&mut Resource<Message>>,
) -> f64 {
    unsafe {
        amend(message, by);
        let amended = amend_optional(other.as_deref());
        let text = "from mixed";
        let sent = send(sender, text.as_ptr(), text.len());
        factor * consume(sent, tag + i64::from(amended))
    }
}

#[externref]
#[export_name = "nested"]
pub extern "C" fn nested(message: &Resource<Message>) -> Option<Resource<Message>> {
    let answer = unsafe { call_back(message) };
    unsafe { length(Some(message)) };
    answer
}

#[externref]
#[export_name = "combine"]
pub extern "C" fn combine(sender: &Resource<Sender>, with_right: u32) -> i64 {
    unsafe {
        let left = send(sender, core::ptr::null(), 0);
        let right = (with_right != 0).then(|| send(sender, core::ptr::null(), 0));
        let third = send(sender, core::ptr::null(), 0);
        both(&left, right.as_ref(), third)
    }
}

#[externref]
#[export_name = "churn"]
pub extern "C" fn churn(sender: &Resource<Sender>, rounds: usize) -> usize {
    let mut messages = Vec::new();
    for round in 0..rounds {
        messages.push(unsafe { send(sender, core::ptr::null(), 0) });
        if round % 3 == 2 {
            let message = messages.swap_remove(round % messages.len());
            unsafe { consume_optional((round % 2 == 0).then_some(message)) };
        }
    }
    messages.iter().map(|message| unsafe { length(Some(message)) }).sum()
}

#[externref]
#[export_name = "fail"]
pub extern "C" fn fail(message: Resource<Message>, after: usize) -> Option<Resource<Message>> {
    let kept = [message];
    let message = &kept[after];
    unsafe { length(Some(message)) };
    None
}

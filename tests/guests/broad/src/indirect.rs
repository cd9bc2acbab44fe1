//! References through functions whose address is taken, traits, closures, recursion and functions that stay apart.

use externref_guest::{externref, Resource};

pub struct Task;

#[externref]
#[link(wasm_import_module = "tasks")]
extern "C" {
    fn start(task: &Resource<Task>, priority: u32) -> u32;
    fn stop(task: &Resource<Task>, priority: u32) -> u32;
    fn child(task: &Resource<Task>, index: u32) -> Option<Resource<Task>>;
    fn finish(task: Resource<Task>);
}

trait Job {
    fn run(&self, depth: u32) -> u32;
}

struct Single(Resource<Task>);

struct Group(Vec<Box<dyn Job>>, Resource<Task>);

impl Job for Single {
    fn run(&self, depth: u32) -> u32 {
        unsafe { start(&self.0, depth) }
    }
}

impl Job for Group {
    fn run(&self, depth: u32) -> u32 {
        let inner: u32 = self.0.iter().map(|job| job.run(depth + 1)).sum();
        inner + unsafe { stop(&self.1, depth) }
    }
}

#[externref]
#[no_mangle]
pub extern "C" fn run_tree(root: Resource<Task>) -> u32 {
    tree(root).run(0)
}

fn tree(task: Resource<Task>) -> Box<dyn Job> {
    let mut jobs = Vec::new();
    while let Some(child) = unsafe { child(&task, jobs.len() as u32) } {
        jobs.push(tree(child));
    }
    if jobs.is_empty() {
        Box::new(Single(task))
    } else {
        Box::new(Group(jobs, task))
    }
}

#[externref]
#[no_mangle]
pub extern "C" fn through_pointer(task: &Resource<Task>, which: usize) -> u32 {
    let functions: [unsafe fn(&Resource<Task>, u32) -> u32; 2] = [start, stop];
    let chosen = std::hint::black_box(functions)[which];
    unsafe { chosen(task, 7) }
}

#[externref]
#[no_mangle]
pub extern "C" fn through_export(task: Resource<Task>, first: bool) -> Option<Resource<Task>> {
    let function: fn(Resource<Task>, u32) -> Option<Resource<Task>> = std::hint::black_box(descend);
    function(task, if first { 0 } else { 1 })
}

#[externref]
#[no_mangle]
pub extern "C" fn descend(task: Resource<Task>, index: u32) -> Option<Resource<Task>> {
    let next = unsafe { child(&task, index) };
    match next {
        Some(next) => descend(next, index),
        None => Some(task),
    }
}

#[externref]
#[no_mangle]
pub extern "C" fn finish_all(task: Resource<Task>, twice: Option<Resource<Task>>) -> u32 {
    let mut finished = 0;
    let mut finish_one = |task| {
        apart(task);
        finished += 1;
    };
    twice.map(&mut finish_one);
    finish_one(task);
    finished
}

#[inline(never)]
fn apart(task: Resource<Task>) {
    unsafe { finish(task) }
}

use externref_guest::externref;

#[externref]
pub struct NoFunction;

#[externref]
pub trait Methods {}

#[externref]
impl NoFunction {}

#[externref]
mod module {}

#[externref(crate = ::externref_guest, krate = 5)]
extern "C" {}

#[externref(crate = 5)]
extern "C" {}

fn main() {}

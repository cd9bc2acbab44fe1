use externref_guest::externref;

#[externref]
extern "C" {
    fn lent_needs_nothing(_: &str, _: &mut [u8], _: Option<&[f64]>);
    fn owned(_: String, _: Vec<u8>) -> Option<String>;
    fn fallible() -> Result<u32, String>;
}

#[externref]
#[no_mangle]
pub extern "C" fn still_needs_nothing() -> Option<&'static str> {
    None
}

#[externref]
#[no_mangle]
pub extern "C" fn received<'a>(text: &'a str, _: Option<Vec<f64>>) -> &'a str {
    text
}

fn main() {}

use externref_guest::externref;

#[externref]
extern "C" {
    fn number() -> Result<u32, std::io::Error>;
    fn twice() -> Result<Result<u32, String>, String>;
    fn within() -> Option<Result<u32, String>>;
    fn parameter(_: Result<u32, String>);
}

#[externref]
#[no_mangle]
pub extern "C" fn unmarked() -> Result<u32, Box<dyn std::error::Error>> {
    Ok(0)
}

fn main() {}

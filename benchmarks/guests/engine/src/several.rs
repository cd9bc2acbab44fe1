//! Older versions of the engine, for scripts that don't need the document.

macro_rules! calculate {
    ($engine:ident, $source:expr) => {{
        let mut context = $engine::Context::default();
        let value = context.eval($engine::Source::from_bytes($source));
        value.and_then(|value| value.to_number(&mut context)).unwrap_or(f64::NAN)
    }};
}

#[export_name = "calculate"]
pub extern "C" fn calculate(version: u32, source: *const u8, length: usize) -> f64 {
    let source = unsafe { core::slice::from_raw_parts(source, length) };
    match version {
        20 => calculate!(boa_engine_20, source),
        19 => calculate!(boa_engine_19, source),
        #[cfg(feature = "oldest")]
        17 => calculate!(boa_engine_17, source),
        _ => calculate!(boa_engine, source),
    }
}

getrandom::register_custom_getrandom!(no_random_numbers);

fn no_random_numbers(_: &mut [u8]) -> Result<(), getrandom::Error> {
    Err(getrandom::Error::UNSUPPORTED)
}

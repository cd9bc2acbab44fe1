//! Misuse is a compile error, with our words at the right place; the `.stderr` files hold no words of the compiler's.

#[test]
fn misuse_is_a_compile_error() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/faults/*.rs");
    cases.compile_fail(if cfg!(feature = "alloc") {
        "tests/faults/with_alloc/*.rs"
    } else {
        "tests/faults/without_alloc/*.rs"
    });
}

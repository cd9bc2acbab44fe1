//! Misuse is a compile error, with our words at the right place; the `.stderr` files hold no words of the compiler's.

#[test]
fn misuse_is_a_compile_error() {
    trybuild::TestCases::new().compile_fail("tests/faults/*.rs");
}

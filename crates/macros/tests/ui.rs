//! What the compiler says to a newcomer. Each case is a mistake, beside it what is read then.
//!
//! The words of the compiler around ours are those of Rust 1.95, the version that the workspace
//! names: with another, `TRYBUILD=overwrite` writes them anew, and the difference is to be read.

#[test]
fn mistakes_are_told_in_words_that_help() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}

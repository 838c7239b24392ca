//! What the compiler says to a newcomer. Each case is a mistake, beside it what is read then.
//!
//! The words of the compiler around ours are those of Rust 1.95, the version that the workspace
//! names: another one words them otherwise and is not held to them, which is said loudly. After a
//! change of version `TRYBUILD=overwrite` writes them anew, and the difference is to be read.

use std::io::Write;
use std::process::Command;

const WORDED_BY: &str = "rustc 1.95.";

#[test]
fn mistakes_are_told_in_words_that_help() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("cargo found it");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !version.starts_with(WORDED_BY) {
        let version = version.trim_end();
        let why = format!("the words are those of {WORDED_BY}x, and this is {version}");
        // Past the capture of what tests print: `cargo xtask test` counts it on the stage's line.
        writeln!(std::io::stderr(), "\nskipped: what the compiler says: {why}").expect("heard");
        return;
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}

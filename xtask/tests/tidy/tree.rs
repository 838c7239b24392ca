//! The tree as git sees it: every file that is, or would be, committed.

use std::path::PathBuf;
use std::process::Command;

use crate::source::Source;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for tests");
    PathBuf::from(package).parent().expect("xtask stands in the workspace").to_path_buf()
}

/// What a program prints at the root of the workspace; its failure is ours.
pub(crate) fn printed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).expect("names and manifests are UTF-8")
}

/// Paths from the root, with `/`, sorted. Files removed but not yet committed as such are left out.
pub(crate) fn paths() -> Vec<String> {
    let listed = printed("git", &["ls-files", "-z", "-co", "--exclude-standard"]);
    let there = listed.split('\0').filter(|path| !path.is_empty() && root().join(path).is_file());
    let mut paths: Vec<String> = there.map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    assert!(paths.iter().any(|path| path == "Cargo.toml"), "git lists no Cargo.toml: {paths:?}");
    paths
}

/// Every text file. Binary ones, such as golden journals, are not for reading.
pub(crate) fn texts() -> Vec<Source> {
    let read = |path: &String| {
        let text = String::from_utf8(std::fs::read(root().join(path)).ok()?).ok()?;
        (!text.contains('\0')).then(|| Source::new(path, text))
    };
    paths().iter().filter_map(read).collect()
}

/// Every file of ours in Rust, data of rules and tests left out.
pub(crate) fn rust() -> Vec<Source> {
    let files: Vec<_> = texts().into_iter().filter(|s| s.is_rust() && !is_data(&s.path)).collect();
    assert!(files.len() > 10, "only {} files in Rust: the walk is broken", files.len());
    files
}

/// Whether a file is code to be looked at by a program, not code of ours: the good and bad examples
/// of the review's rules, and what tests read.
pub(crate) fn is_data(path: &str) -> bool {
    ["rules", "fixtures", "testdata"].iter().any(|folder| path.split('/').any(|dir| dir == *folder))
}

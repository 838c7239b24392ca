//! The tree that is reviewed: sources of the crates that cargo has fetched, or a given tree, copied
//! so that nothing we start can change the originals.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// What the review reads.
const ENDINGS: &[&str] = &["rs", "py", "ts", "tsx", "js", "jsx", "mjs"];

/// Larger files are mostly generated and would make the figures those of one file.
const FILE_MAX_BYTES: u64 = 256 * 1024;

/// Files with the place each gets in the copy.
pub(crate) type Files = Vec<(PathBuf, PathBuf)>;

/// So many sources of fetched crates, always the same ones on one machine; and the rules' own
/// samples, so that the report has findings and fixes to differ in.
///
/// # Errors
/// Cargo has not fetched that many.
pub(crate) fn of_crates(wanted: usize, workspace: &Path) -> Result<Files> {
    let mut found = Files::new();
    let mut places = BTreeSet::new();
    for registry in registries() {
        for package in sorted(&registry)? {
            let name = package.file_name().unwrap_or_default().to_owned();
            // Two registries may hold the same package.
            if places.insert(name.clone()) {
                walk(&package, Path::new(&name), &mut found)?;
            }
        }
    }
    if found.len() < wanted {
        walk(&workspace.join("crates"), Path::new("crates"), &mut found)?;
    }
    ensure!(
        found.len() >= wanted,
        "cargo has fetched only {} source files; run `cargo fetch`, or give --path or --files",
        found.len()
    );
    // From all crates evenly: the first ones alone would be one taste.
    let step = found.len() as f64 / wanted as f64;
    let mut chosen: Files =
        (0..wanted).map(|at| found[(at as f64 * step) as usize].clone()).collect();
    walk(&workspace.join("crates/builtin/rules"), Path::new("samples"), &mut chosen)?;
    Ok(chosen)
}

/// Everything reviewable under a directory.
pub(super) fn of_directory(directory: &Path) -> Result<Files> {
    let mut found = Files::new();
    walk(directory, Path::new(""), &mut found)?;
    ensure!(!found.is_empty(), "{} holds nothing to review", directory.display());
    Ok(found)
}

/// Where cargo unpacks what it fetched.
fn registries() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|it| it.join(".cargo")));
    let sources = home.map(|it| it.join("registry/src"));
    sources.and_then(|it| sorted(&it).ok()).unwrap_or_default()
}

fn sorted(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("{} cannot be read", directory.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|it| Ok(it?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn walk(directory: &Path, place: &Path, found: &mut Files) -> Result<()> {
    for path in sorted(directory)? {
        let name = path.file_name().unwrap_or_default();
        let about = fs::symlink_metadata(&path)?;
        let place = place.join(name);
        let hidden = name.to_string_lossy().starts_with('.');
        if about.is_dir() && !hidden && name != "target" && name != "node_modules" {
            walk(&path, &place, found)?;
        }
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if about.is_file() && ENDINGS.contains(&&*ending) && about.len() <= FILE_MAX_BYTES {
            found.push((path, place));
        }
    }
    Ok(())
}

/// Copies them and says how many.
pub(crate) fn copy(files: &Files, into: &Path) -> Result<usize> {
    for (from, place) in files {
        let to = into.join(place);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from, &to).with_context(|| format!("{} cannot be copied", from.display()))?;
    }
    Ok(files.len())
}

/// Copies the files of one directory, without those below.
pub(super) fn copy_flat(from: &Path, into: &Path) -> Result<()> {
    fs::create_dir_all(into)?;
    for path in sorted(from)? {
        if path.is_file() {
            let name = path.file_name().unwrap_or_default();
            fs::copy(&path, into.join(name))
                .with_context(|| format!("{} cannot be copied", path.display()))?;
        }
    }
    Ok(())
}

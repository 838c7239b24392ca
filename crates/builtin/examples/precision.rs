//! `cargo xtask precision`: thirty findings in other people's code, each with a committed verdict.
//!
//! The packages are pinned in `rules/packages.toml` and fetched by cargo, pip and npm into
//! `target/precision/`. Of everything that is found a seeded sample is drawn, and each finding in
//! it is looked up in `rules/verdicts.toml`, where somebody who read the code wrote true or false
//! and why. A package that cannot be had or a finding without a verdict fails the command: nothing
//! is assumed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use majordomo_builtin::review::{self, Finding};
use serde::Deserialize;

/// Of the sample, how many must be true.
const TRUE_MIN: usize = 27;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    seed: u64,
    sample: usize,
    per_rule_max: usize,
    package: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    kind: Kind,
    name: String,
    version: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Crate,
    Pypi,
    Npm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdicts {
    #[serde(default)]
    verdict: Vec<Verdict>,
}

/// What a reader of the code decided about one finding.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    fingerprint: String,
    package: String,
    rule: String,
    path: String,
    #[allow(dead_code, reason = "for whoever looks the place up")]
    line: u32,
    #[serde(rename = "true")]
    is_true: bool,
    reason: String,
}

/// `--missing` prints the findings that wait for a verdict with their evidence.
fn main() -> Result<()> {
    let show_missing = std::env::args().any(|arg| arg == "--missing");
    let rules = workspace().join("crates/builtin/rules");
    let plan: Plan = read(&rules.join("packages.toml"))?;
    let verdicts: Verdicts = read(&rules.join("verdicts.toml"))?;
    let mut all = vec![];
    for package in &plan.package {
        let root = fetch(package).with_context(|| format!("cannot fetch {}", package.id()))?;
        let found = findings(&root)?;
        println!("{:<24} {:>5} files {:>4} findings", package.id(), found.0, found.1.len());
        all.extend(found.1.into_iter().map(|finding| (package.id(), finding)));
    }
    let sample = draw(&plan, all);
    ensure!(sample.len() == plan.sample, "only {} findings: pin more packages", sample.len());
    judge(&sample, &verdicts, show_missing)
}

/// Prints each finding with its verdict, and fails unless enough are true.
fn judge(sample: &[(String, Finding)], verdicts: &Verdicts, show_missing: bool) -> Result<()> {
    let known: BTreeMap<_, _> = verdicts
        .verdict
        .iter()
        .map(|v| ((v.package.as_str(), v.fingerprint.as_str()), v))
        .collect();
    let (mut right, mut missing) = (0, 0);
    println!();
    for (package, finding) in sample {
        let place = format!("{package} {}:{}", finding.path, finding.line);
        match known.get(&(package.as_str(), finding.fingerprint.as_str())) {
            Some(verdict) => {
                let same = (&verdict.rule, &verdict.path) == (&finding.rule, &finding.path);
                ensure!(same, "the verdict of {place} is about another rule or file");
                right += usize::from(verdict.is_true);
                let word = if verdict.is_true { "true " } else { "FALSE" };
                println!("{word} {:<22} {place}\n      {}", finding.rule, verdict.reason);
            }
            None => {
                missing += 1;
                println!("?     {:<22} {place} {}", finding.rule, finding.fingerprint);
                if show_missing {
                    println!("{}", finding.snippet.escape_debug());
                }
            }
        }
    }
    ensure!(
        missing == 0,
        "{missing} findings have no verdict in rules/verdicts.toml: read the code, then add them"
    );
    println!("\n{right} of {} true", sample.len());
    ensure!(right >= TRUE_MIN, "at least {TRUE_MIN} must be true");
    Ok(())
}

/// The sample: twins removed, in an order that only the seed decides, no rule above its share.
fn draw(plan: &Plan, mut all: Vec<(String, Finding)>) -> Vec<(String, Finding)> {
    all.sort_by(|a, b| {
        (&a.0, &a.1.path, a.1.line, &a.1.rule).cmp(&(&b.0, &b.1.path, b.1.line, &b.1.rule))
    });
    let mut twins = BTreeSet::new();
    // Packages ship the same code twice (for two module systems); judging it twice proves nothing.
    all.retain(|(package, f)| {
        let words: Vec<&str> = f.snippet.split_whitespace().collect();
        twins.insert((package.clone(), f.rule.clone(), words.concat()))
    });
    all.sort_by_key(|(package, finding)| draw_key(plan.seed, package, &finding.fingerprint));
    let mut per_rule: BTreeMap<String, usize> = BTreeMap::new();
    all.retain(|(_, finding)| {
        let count = per_rule.entry(finding.rule.clone()).or_default();
        *count += 1;
        *count <= plan.per_rule_max
    });
    all.truncate(plan.sample);
    all
}

/// FNV-1a with the seed as its start, then mixed: an order that is the same everywhere.
fn draw_key(seed: u64, package: &str, fingerprint: &str) -> u64 {
    let bytes = package.bytes().chain(fingerprint.bytes());
    let hash = bytes.fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Files reviewed and everything found below a root.
fn findings(root: &Path) -> Result<(usize, Vec<Finding>)> {
    let root = root.to_str().context("the package's path is not UTF-8")?;
    let survey = review::survey(&review::SurveyInput::new(root))?;
    let count = survey.files.len();
    ensure!(count > 0, "{root} holds no file to review");
    let mut all = vec![];
    for file in survey.files {
        all.extend(review::review(&review::ReviewInput::new(&survey.root, file))?.findings);
    }
    Ok((count, all))
}

impl Package {
    fn id(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// The directory with a package's sources, fetched unless it is there already.
fn fetch(package: &Package) -> Result<PathBuf> {
    let target = workspace().join("target/precision").join(package.id());
    if target.join("fetched").exists() {
        return Ok(target.join("sources"));
    }
    // Half a package of an earlier try must not be taken for a whole one.
    let _ = std::fs::remove_dir_all(&target);
    let sources = target.join("sources");
    std::fs::create_dir_all(&sources)?;
    match package.kind {
        Kind::Crate => fetch_crate(package, &target, &sources)?,
        Kind::Pypi => fetch_wheel(package, &target, &sources)?,
        Kind::Npm => fetch_npm(package, &target, &sources)?,
    }
    std::fs::write(target.join("fetched"), "")?;
    Ok(sources)
}

/// `cargo vendor` of a package that depends on just this one.
fn fetch_crate(package: &Package, target: &Path, sources: &Path) -> Result<()> {
    let Package { name, version, .. } = package;
    std::fs::create_dir_all(target.join("src"))?;
    std::fs::write(target.join("src/lib.rs"), "")?;
    let manifest = format!(
        "[package]
name = \"precision\"
version = \"0.0.0\"
edition = \"2024\"

\
         [workspace]

[dependencies]
\
         {name} = {{ version = \"={version}\", default-features = false }}
"
    );
    std::fs::write(target.join("Cargo.toml"), manifest)?;
    run_in(target, "cargo", &["vendor", "--quiet", "vendored"])?;
    let vendored = target.join("vendored").join(name);
    std::fs::rename(&vendored, sources.join(name))
        .with_context(|| format!("cargo vendor left no {}", vendored.display()))
}

/// `pip download` of the wheel, then Python's own unzip: nothing of the package is run.
fn fetch_wheel(package: &Package, target: &Path, sources: &Path) -> Result<()> {
    let spec = format!("{}=={}", package.name, package.version);
    let pip = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        ".",
        &spec,
    ];
    run_in(target, "python3", &pip)?;
    let wheel = only_file(target, "whl")?;
    run_in(target, "python3", &["-m", "zipfile", "-e", &wheel, path(sources)?])
}

/// `npm pack`, then tar: nothing of the package is run.
fn fetch_npm(package: &Package, target: &Path, sources: &Path) -> Result<()> {
    let spec = format!("{}@{}", package.name, package.version);
    run_in(target, "npm", &["pack", "--silent", &spec])?;
    let archive = only_file(target, "tgz")?;
    run_in(target, "tar", &["-xzf", &archive, "-C", path(sources)?])
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("the workspace's path is not UTF-8")
}

fn only_file(directory: &Path, extension: &str) -> Result<String> {
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        if Path::new(&name).extension().is_some_and(|found| found == extension) {
            return Ok(name);
        }
    }
    bail!("the client ended well but left no .{extension} file")
}

fn run_in(directory: &Path, program: &str, args: &[&str]) -> Result<()> {
    let shown = format!("{program} {}", args.join(" "));
    let output = Command::new(program).args(args).current_dir(directory).output();
    let output =
        output.with_context(|| format!("cannot start `{shown}`: is {program} installed?"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed: {}", said.trim().lines().last().unwrap_or("it said nothing"));
    }
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not as expected", path.display()))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

//! Who may know whom: `majordomo → {adapters, builtin} → runtime → kernel`, read from the
//! manifests.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::tree::printed;

/// Each of our packages with those of ours that it may depend on, for code and for tests alike.
const ARROWS: &[(&str, &[&str])] = &[
    ("majordomo-kernel", &[]),
    // For tests alone, Cargo refuses circles in code: what the macro writes names the library.
    ("majordomo-macros", &["majordomo"]),
    ("majordomo-runtime", &["majordomo-kernel", "majordomo-macros"]),
    ("majordomo-adapters", &["majordomo-runtime", "majordomo-kernel"]),
    ("majordomo-builtin", &["majordomo-runtime"]),
    (
        "majordomo",
        &["majordomo-adapters", "majordomo-builtin", "majordomo-runtime", "majordomo-kernel"],
    ),
    (
        "majordomo-sim",
        &[
            "majordomo",
            "majordomo-adapters",
            "majordomo-builtin",
            "majordomo-runtime",
            "majordomo-kernel",
        ],
    ),
    (
        "majordomo-bench",
        &["majordomo", "majordomo-adapters", "majordomo-runtime", "majordomo-kernel"],
    ),
    ("xtask", &[]),
];

/// Outside packages that only some of ours may name in code, with the reason.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (
        "tokio",
        &["majordomo-runtime", "majordomo-adapters", "majordomo", "majordomo-bench"],
        "only the runtime and what stands on it know how waiting is done",
    ),
    (
        "anyhow",
        &["majordomo", "majordomo-bench", "xtask"],
        "libraries have typed errors; only a program may not care",
    ),
];

/// Crates that kernel, runtime and log journal may need together, their own included.
const CORE_CRATES_MAX: usize = 60;

/// What a library user of the core never builds.
const NOT_IN_CORE: &[&str] = &[
    "hyper",
    "reqwest",
    "axum",
    "opentelemetry",
    "async-nats",
    "gix",
    "git2",
    "tree-sitter",
    "ratatui",
    "crossterm",
    "rusqlite",
    "clap",
];

/// One line under a `[dependencies]`-like table.
struct Arrow {
    from: String,
    to: String,
    /// `normal`, `dev` or `build`.
    kind: String,
}

fn arrows() -> Vec<Arrow> {
    let metadata = printed("cargo", &["metadata", "--format-version=1", "--no-deps", "--locked"]);
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo prints JSON");
    let text = |value: &Value| value.as_str().unwrap_or("normal").to_owned();
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let mut arrows = Vec::new();
    for package in packages {
        let from = text(&package["name"]);
        assert!(ARROWS.iter().any(|(name, _)| *name == from), "{from}: say here whom it may know");
        for needed in package["dependencies"].as_array().expect("a list of dependencies") {
            let (to, kind) = (text(&needed["name"]), text(&needed["kind"]));
            arrows.push(Arrow { from: from.clone(), to, kind });
        }
    }
    assert!(arrows.len() > 20, "only {} dependencies: the manifests were not read", arrows.len());
    arrows
}

#[test]
fn arrows_between_our_crates_point_one_way() {
    let ours: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for Arrow { from, to, kind } in arrows() {
        let allowed = ARROWS.iter().find(|(name, _)| *name == from).map(|(_, to)| *to);
        let allowed = allowed.expect("arrows() knows only these");
        assert!(
            !ours.contains(&to.as_str()) || allowed.contains(&to.as_str()),
            "{from} depends on {to} ({kind}); it may know only {allowed:?}"
        );
    }
}

#[test]
fn the_kernel_needs_serde_and_nothing_else() {
    let needs: BTreeSet<String> = arrows()
        .into_iter()
        .filter(|arrow| arrow.from == "majordomo-kernel" && arrow.kind != "dev")
        .map(|arrow| arrow.to)
        .collect();
    assert_eq!(needs, BTreeSet::from(["serde".to_owned()]), "pure: no clock, no IO, no runtime");
}

#[test]
fn reserved_crates_stay_where_they_belong() {
    for Arrow { from, to, kind } in arrows().into_iter().filter(|arrow| arrow.kind != "dev") {
        for (reserved, may, why) in RESERVED {
            assert!(
                to != *reserved || may.contains(&from.as_str()),
                "{from} depends on {to} ({kind}): {why}"
            );
        }
    }
}

#[test]
fn the_core_stays_light() {
    let features = ["--no-default-features", "--features", "log"];
    let what = ["tree", "--locked", "-p", "majordomo-adapters", "-e", "no-dev", "--prefix", "none"];
    let format = ["--format", "{p}"];
    let printed = printed("cargo", &[&what[..], &features[..], &format[..]].concat());
    let crates: BTreeSet<&str> = printed
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    let names: BTreeSet<&str> = crates.iter().filter_map(|c| c.split(' ').next()).collect();
    assert!(names.contains("majordomo-kernel"), "the tree was not read: {names:?}");
    assert!(crates.len() < CORE_CRATES_MAX, "{} crates in the core: {names:?}", crates.len());
    let heavy: Vec<&&str> = NOT_IN_CORE.iter().filter(|name| names.contains(**name)).collect();
    assert!(heavy.is_empty(), "the core builds {heavy:?}; make it a feature that is off here");
}

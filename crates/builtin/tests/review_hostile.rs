//! Any bytes may be a source file: 10,000 broken ones, and the shapes that hurt parsers.
#![cfg(feature = "review")]
#![allow(clippy::unwrap_used, reason = "a test says so by stopping")]

use std::path::Path;
use std::time::{Duration, Instant};

use majordomo_builtin::review::{self, FINDINGS_MAX, Language, Skip, review_source, rules};

/// A small generator of numbers, so that every run breaks the same bytes.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

/// The rules' bad files: every check is reached from them.
fn seeds() -> Vec<(Language, Vec<u8>)> {
    let mut seeds = vec![];
    for rule in rules() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules").join(&rule.id);
        for name in ["bad.rs", "bad.py", "bad.js", "bad.ts"] {
            if let Ok(text) = std::fs::read(folder.join(name)) {
                seeds.push((Language::of(Path::new(name)).unwrap(), text));
            }
        }
    }
    seeds
}

fn mutate(source: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..=dice.roll(6) {
        let at = dice.roll(source.len());
        let until = (at + dice.roll(40)).min(source.len());
        match dice.roll(7) {
            0 => source.truncate(at),
            1 => _ = source.drain(at..until),
            2 => source.insert(at, dice.roll(256) as u8),
            3 => source[at..until].reverse(),
            4 => {
                let piece = source[at..until].to_vec();
                source.splice(at..at, piece);
            }
            5 => {
                let from = dice.roll(other.len());
                let piece = other[from..(from + 60).min(other.len())].to_vec();
                source.splice(at..until, piece);
            }
            _ => {
                let odd = [&b"\xff\xfe"[..], b"\0", b"{{{{", b"))))", b"\"", b"`${", b"\r", b"/*"];
                let piece = odd[dice.roll(odd.len())];
                source.splice(at..at, piece.iter().copied());
            }
        }
        if source.is_empty() {
            return;
        }
    }
}

#[test]
fn ten_thousand_broken_files_are_reviewed_without_a_panic() {
    let seeds = seeds();
    let mut dice = Dice(0x5eed);
    let mut found = 0;
    for round in 0..10_000 {
        let (language, text) = &seeds[round % seeds.len()];
        let (_, other) = &seeds[dice.roll(seeds.len())];
        let mut source = text.clone();
        mutate(&mut source, other, &mut dice);
        let review = review_source("src/a", *language, &source);
        for finding in &review.findings {
            found += 1;
            assert!(finding.line >= 1 && finding.column >= 1 && finding.end_line >= finding.line);
            assert!(u64::from(finding.end_line) <= review.lines + 1, "round {round}");
        }
        // Every language meets the bytes of every other.
        let foreign = Language::ALL[dice.roll(Language::ALL.len())];
        assert_eq!(
            review_source("src/a", foreign, &source),
            review_source("src/a", foreign, &source)
        );
    }
    assert!(found > 1_000, "the broken files still reach the checks: {found}");
}

#[test]
fn shapes_that_hurt_parsers_end_in_bounded_time() {
    let deep = 20_000;
    let shapes: Vec<(Language, String)> = vec![
        (Language::Rust, format!("fn f() {{ {} }}", "(".repeat(deep))),
        (Language::Rust, format!("fn f() {{ {}1{} }}", "(".repeat(deep), ")".repeat(deep))),
        (Language::Rust, format!("fn f() {{ {} }}", "if a { b } else ".repeat(5_000) + "{ c }")),
        (Language::Python, format!("x = {}{}", "[".repeat(deep), "]".repeat(deep))),
        (Language::Python, format!("x = {{{}}}", "'k': 1, ".repeat(20_000))),
        (Language::Python, format!("x = {}a", "a or ".repeat(deep))),
        (Language::Python, "if a == None:\n  pass\n".repeat(2_000)),
        (Language::Python, format!("import os\nos.system('a' {})", "+ b ".repeat(deep))),
        (Language::JavaScript, "`${".repeat(deep)),
        (Language::JavaScript, format!("x = {}y;", "a ? b : ".repeat(deep))),
        (Language::TypeScript, format!("let x: {} = 1;", "A<".repeat(deep))),
        (Language::Tsx, "<a>".repeat(deep)),
    ];
    for (language, source) in shapes {
        let began = Instant::now();
        let review = review_source("src/a", language, source.as_bytes());
        assert!(review.findings.len() <= FINDINGS_MAX);
        let head: String = source.chars().take(24).collect();
        // A debug build on a busy machine; the bound itself is counted work and no clock.
        assert!(began.elapsed() < Duration::from_secs(10), "{head} took {:?}", began.elapsed());
        println!("{head:<26} {:>8.1?} {:?}", began.elapsed(), review.skipped);
    }
}

#[test]
fn what_would_take_long_to_walk_is_left_out_and_said_so() {
    let deep = format!("x = {}1{}", "[".repeat(2_000), "]".repeat(2_000));
    let wide = "`${\n".repeat(2_000);
    for (language, source) in [(Language::Python, deep), (Language::JavaScript, wide)] {
        let review = review_source("src/a", language, source.as_bytes());
        assert_eq!(review.skipped, Some(Skip::TooComplex), "{language:?}");
    }
    let chain = format!("x = {}a\n", "a + ".repeat(1_000));
    assert_eq!(review_source("src/a", Language::Python, chain.as_bytes()).skipped, None);
}

#[test]
fn too_many_findings_are_said_to_be_partial() {
    let source = "if a == None:\n  pass\n".repeat(FINDINGS_MAX + 100);
    let review = review_source("src/a.py", Language::Python, source.as_bytes());
    assert_eq!(review.findings.len(), FINDINGS_MAX);
    assert_eq!(review.skipped, Some(Skip::Partial));
}

/// A tree may change while it is reviewed: what is gone is left out, and nothing else suffers.
#[test]
fn a_file_that_is_gone_is_left_out_and_not_fixed() {
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path().to_str().unwrap();
    let file = tree.path().join("a.py");
    std::fs::write(&file, "if a == None:\n    a = 1\n").unwrap();
    let survey = review::survey(&review::SurveyInput::new(root)).unwrap();
    let input = review::ReviewInput::new(&survey.root, survey.files[0].clone());
    let findings = review::review(&input).unwrap().findings;
    assert!(!findings.is_empty());
    let (root, path, max_file_bytes) = (survey.root, "a.py".to_owned(), input.max_file_bytes);
    let fix = review::FixInput { root, path, findings, max_file_bytes };

    let gone: [&dyn Fn(); 2] =
        [&|| std::fs::remove_file(&file).unwrap(), &|| std::fs::create_dir(&file).unwrap()];
    for goes in gone {
        goes();
        assert_eq!(review::review(&input).unwrap().skipped, Some(Skip::Unreadable));
        let refused = review::fix(&fix).unwrap().refused;
        assert_eq!(refused[0].reason, review::Reason::NotThere);
    }
    let mut outside = input.clone();
    outside.file.path = "../a.py".to_owned();
    review::review(&outside).unwrap_err();
}

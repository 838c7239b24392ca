//! The page of promises is complete and honest: each number once, each with a check or "not yet".

use crate::tree;

const PAGE: &str = "docs/PROMISES.md";
const PROMISES: usize = 29;

#[test]
fn every_promise_has_a_check_or_says_not_yet() {
    let page = std::fs::read_to_string(tree::root().join(PAGE)).expect("the page is there");
    let wrong = faults(&page, PROMISES);
    assert!(wrong.is_empty(), "{PAGE}: {wrong:#?}");
}

/// What is wrong with the table, row by row.
fn faults(page: &str, promises: usize) -> Vec<String> {
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| P")).collect();
    let mut wrong = Vec::new();
    if rows.len() != promises {
        wrong.push(format!("{} rows for {promises} promises", rows.len()));
    }
    for (at, row) in rows.iter().enumerate() {
        let number = format!("P{}", at + 1);
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let checked = cells.get(3).copied().unwrap_or_default();
        if cells.get(1) != Some(&number.as_str()) {
            wrong.push(format!("expected {number}: {row}"));
        }
        if !checked.contains("](") && !checked.contains("not yet") {
            wrong.push(format!("{number} names no check and does not say `not yet`"));
        }
    }
    wrong
}

#[test]
fn a_promise_without_a_check_is_seen() {
    let good = "| P1 | a | [x](y) |\n| P2 | b | not yet |\n";
    assert_eq!(faults(good, 2), Vec::<String>::new());
    assert_eq!(faults(good, 3).len(), 1, "one is missing");
    assert_eq!(faults("| P1 | a | surely |\n", 1).len(), 1, "no check");
    assert_eq!(faults("| P2 | a | not yet |\n", 1).len(), 1, "wrong number");
}
#[test]
fn every_check_of_the_simulator_is_on_the_page() {
    let page = std::fs::read_to_string(tree::root().join(PAGE)).expect("the page is there");
    let checks = tree::paths().into_iter().filter(|path| {
        let name = path.strip_prefix("crates/sim/src/checks/p").unwrap_or_default();
        name.starts_with(|c: char| c.is_ascii_digit())
    });
    let absent: Vec<String> = checks.filter(|path| !page.contains(path.as_str())).collect();
    assert!(
        absent.is_empty(),
        "{PAGE} does not name {absent:?}; users may rely on more than it says"
    );
}

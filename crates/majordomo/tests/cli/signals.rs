//! A signal ends the program in order: running work gets its grace, the rest is handed back, and
//! `resume` goes on. A second signal ends it at once and loses nothing either.

use std::time::{Duration, Instant};

use crate::house::{House, NAPS};
use rustix::process::Signal;

/// What running work gets, and what the rest of the end may take on a busy machine.
const GRACE: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_secs(10);

/// Twenty naps on four slots, under way.
fn napping(house: &House, seconds: &str) -> crate::house::Going {
    house.write("naps.toml", NAPS);
    let mut args = vec!["run", "naps.toml"];
    args.extend([seconds; 20]);
    let mut run = house.start(&args);
    run.until("four nap", || house.naps_begun() >= 4);
    run
}

#[test]
fn work_that_ends_within_its_grace_is_not_made_again() {
    let house = House::new();
    let run = napping(&house, "0.5");
    let begun = Instant::now();
    run.signal(Signal::TERM);
    let said = run.end();
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(begun.elapsed() < GRACE + SLACK, "{:?}", begun.elapsed());
    assert!(said.err.contains("majordomo resume"), "{said:?}");
    let before = house.naps_begun();
    assert!(before < 20, "it took no new work");
    let summary = house.json(&["resume"]);
    assert_eq!(summary["status"], "completed", "{summary}");
    assert_eq!(summary["outputs"]["naps"], 20, "{summary}");
    assert_eq!(house.naps_begun(), 20, "no nap was taken twice");
}

#[test]
fn work_that_outlasts_its_grace_is_handed_back_and_resumed() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let mut run = house.start(&["run", "naps.toml", "0", "15"]);
    run.until("both nap", || house.naps_begun() == 2);
    let begun = Instant::now();
    run.signal(Signal::INT);
    let said = run.end();
    assert_eq!(said.code, Some(130), "{said:?}");
    let took = begun.elapsed();
    assert!(took < GRACE + SLACK && took > GRACE / 2, "{took:?}");
    let waits = house.done(&["tasks", "--open", "--json"]);
    assert!(waits.contains(r#""status": "queued""#), "{waits}");
    let summary = house.json(&["resume"]);
    assert_eq!(summary["outputs"]["naps"], 2, "{summary}");
    assert_eq!(summary["tasks"]["completed"], 3, "{summary}");
    assert_eq!(house.naps_begun(), 3, "one was begun again, the other not");
}

#[test]
fn a_second_signal_ends_at_once_and_loses_nothing() {
    let house = House::new();
    let mut run = napping(&house, "2");
    run.signal(Signal::TERM);
    run.until("it drains", || house.says_somewhere("stopping:"));
    let begun = Instant::now();
    run.signal(Signal::TERM);
    let said = run.end();
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let summary = house.json(&["resume"]);
    assert_eq!(summary["outputs"]["naps"], 20, "{summary}");
    assert_eq!(summary["tasks"]["completed"], 21, "{summary}");
}

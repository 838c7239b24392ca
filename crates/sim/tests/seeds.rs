//! A few worlds, the same over any number of threads, and bugs that must not go unseen.

use majordomo_sim::mutants::Bug;
use majordomo_sim::run::{self, On, Plan, Report};

fn live(from: u64, seeds: u64, threads: u64, on: On) -> Report {
    run::many(Plan { from, seeds, steps: 400, threads, on, bug: None, reds_max: 5 }, &|_| {})
}

#[test]
fn a_few_seeds_are_green() {
    let report = live(0, 40, 2, On::Memory);
    assert_eq!(report.reds, []);
    assert!(report.tally.steps >= 40 * 400, "every seed has its steps under faults");
    assert!(report.tally.faults.iter().filter(|count| **count > 0).count() > 30);
}

#[test]
fn a_few_seeds_are_green_on_a_disk_that_fails() {
    let report = live(0, 6, 2, On::Disk);
    assert_eq!(report.reds, []);
    assert!(report.tally.events.contains_key("crash"));
}

#[test]
fn equal_seeds_are_equal_worlds_over_one_thread_and_eight() {
    let (alone, crowd) = (live(100, 16, 1, On::Memory), live(100, 16, 8, On::Memory));
    assert_eq!(alone.digests, crowd.digests);
    let mut digests: Vec<u64> = alone.digests.iter().map(|(_, digest)| *digest).collect();
    digests.dedup();
    assert_eq!(digests.len(), 16, "other seeds are other worlds");
}

/// All of them are caught by `sim mutants`, which takes longer; these show here that it can.
#[test]
fn planted_bugs_are_caught() {
    let on = On::Memory;
    let plan = Plan { from: 0, seeds: 30, steps: 400, threads: 2, on, bug: None, reds_max: 1 };
    for bug in Bug::all().step_by(8) {
        let caught = run::catch(bug, plan);
        assert!(caught.is_some(), "{} survived 30 seeds", bug.name());
    }
}

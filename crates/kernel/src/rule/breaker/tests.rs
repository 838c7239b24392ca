//! The breaker by its table: every state meets every input, and stories besides.

use super::*;

#[test]
fn every_state_meets_every_input_as_its_table_says() {
    let table = include_str!("../../../tests/tables/breaker.txt");
    let mut pairs = BTreeSet::new();
    for line in table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let [state, input, "→", expected @ ..] = &line.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        let mut breaker = state_named(state);
        give(&mut breaker, input);
        assert_eq!(told(&breaker), expected.join(" "), "{line}");
        assert!(pairs.insert((*state, *input)), "{line} stands there twice");
    }
    assert_eq!(pairs.len(), STATES.len() * INPUTS.len(), "every pair stands in the table");
}

const STATES: [&str; 8] =
    ["closed", "nine-bad", "one-task", "open", "half-open", "two-passed", "full", "forced-open"];
const INPUTS: [&str; 11] = [
    "good",
    "failed",
    "slow",
    "probe-good",
    "probe-failed",
    "probe-slow",
    "withdrawn",
    "granted",
    "time",
    "force-open",
    "auto",
];

fn policy() -> BreakerPolicy {
    BreakerPolicy { slow_ms: 1, ..BreakerPolicy::default() }
}

/// Brings a breaker into a state. Token 1 is a probe where there are probes, token 99 never is.
fn state_named(name: &str) -> Breaker {
    let mut breaker = Breaker::new(&policy(), 0);
    let bad = |breaker: &mut Breaker, task| {
        breaker.mark(&policy(), Token(99), Mark::Failed(TaskId(task)));
    };
    let half_open = |breaker: &mut Breaker, probes: u64| {
        breaker.opened(Time(30_000));
        breaker.half_opened();
        (1..=probes).for_each(|token| breaker.granted(Token(token)));
    };
    match name {
        "closed" => {}
        "nine-bad" => (0..9).for_each(|task| bad(&mut breaker, task)),
        "one-task" => (0..9).for_each(|_| bad(&mut breaker, 7)),
        "open" => breaker.opened(Time(30_000)),
        "half-open" => half_open(&mut breaker, 1),
        "two-passed" => {
            half_open(&mut breaker, 3);
            breaker.mark(&policy(), Token(2), Mark::Good);
            breaker.mark(&policy(), Token(3), Mark::Good);
        }
        "full" => half_open(&mut breaker, 3),
        "forced-open" => breaker.force(Some(Forced::Open)),
        other => panic!("{other}"),
    }
    breaker
}

/// Gives it an input and lets follow what should.
fn give(breaker: &mut Breaker, input: &str) {
    // The same task as in `one-task`: there one more of it must not open.
    let (failed, slow) = (Mark::Failed(TaskId(7)), Mark::Slow(TaskId(7)));
    match input {
        "good" => breaker.mark(&policy(), Token(99), Mark::Good),
        "failed" => breaker.mark(&policy(), Token(99), failed),
        "slow" => breaker.mark(&policy(), Token(99), slow),
        "probe-good" => breaker.mark(&policy(), Token(1), Mark::Good),
        "probe-failed" => breaker.mark(&policy(), Token(1), failed),
        "probe-slow" => breaker.mark(&policy(), Token(1), slow),
        "withdrawn" => breaker.withdrawn(Token(1)),
        "granted" => breaker.granted(Token(9)),
        "time" => {
            if matches!(breaker.phase(), Phase::Open { .. }) {
                breaker.half_opened();
            }
        }
        "force-open" => breaker.force(Some(Forced::Open)),
        "auto" => breaker.force(None),
        other => panic!("{other}"),
    }
    match breaker.verdict(&policy()) {
        Verdict::Stay => {}
        Verdict::Open(_) => breaker.opened(Time(0).after(breaker.open_ms(&policy()))),
        Verdict::Close => breaker.closed(),
    }
}

/// Its state, and whether it lets one more through.
fn told(breaker: &Breaker) -> String {
    let through = if breaker.bar(&policy()).is_none() { "through" } else { "barred" };
    let detail = match breaker.phase() {
        Phase::Closed => String::new(),
        Phase::Open { until } => format!(" {}", until.0),
        Phase::HalfOpen { probes, passed, .. } => format!(" {} {passed}", probes.len()),
    };
    format!("{}{detail} {through}", breaker.name().replace('_', "-"))
}

#[test]
fn below_the_minimum_nothing_opens_and_at_it_half_is_enough() {
    for (good, bad, opens) in
        [(0, 9, false), (0, 10, true), (5, 5, false), (19, 9, false), (19, 10, true)]
    {
        let mut breaker = Breaker::new(&policy(), good);
        for task in 0..bad {
            breaker.mark(&policy(), Token(1), Mark::Failed(TaskId(task)));
        }
        let opened = breaker.verdict(&policy()) == Verdict::Open(Tripped::Failed);
        assert_eq!(opened, opens, "{good} good, {bad} bad");
    }
}

#[test]
fn slow_results_open_it_by_their_own_share() {
    let policy = BreakerPolicy { slow_percent: 80, ..policy() };
    let mut breaker = Breaker::new(&policy, 0);
    (0..2).for_each(|_| breaker.mark(&policy, Token(1), Mark::Good));
    (0..7).for_each(|task| breaker.mark(&policy, Token(1), Mark::Slow(TaskId(task))));
    assert_eq!(breaker.verdict(&policy), Verdict::Stay);
    breaker.mark(&policy, Token(1), Mark::Slow(TaskId(8)));
    assert_eq!(breaker.verdict(&policy), Verdict::Open(Tripped::Slow));
}

#[test]
fn it_is_open_for_longer_each_time_in_a_row_up_to_a_bound() {
    let mut breaker = Breaker::default();
    let mut open_for = || {
        let ms = breaker.open_ms(&policy());
        breaker.opened(Time(ms));
        breaker.half_opened();
        ms
    };
    let times: Vec<u64> = (0..12).map(|_| open_for() / 1_000).collect();
    assert_eq!(times, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
    breaker.closed();
    (0..19).for_each(|_| breaker.mark(&policy(), Token(1), Mark::Good));
    assert!(!breaker.is_blank(), "what happened is not forgotten before a whole window is good");
    breaker.mark(&policy(), Token(1), Mark::Good);
    assert!(breaker.is_blank());
    assert_eq!(breaker.open_ms(&policy()), 30_000);
}

#[test]
fn one_that_is_off_counts_and_nothing_follows() {
    let policy = BreakerPolicy { on: false, ..policy() };
    let mut breaker = Breaker::new(&policy, 0);
    (0..20).for_each(|task| breaker.mark(&policy, Token(1), Mark::Failed(TaskId(task))));
    assert_eq!(breaker.verdict(&policy), Verdict::Stay);
    assert_eq!(breaker.bar(&policy), None);
}

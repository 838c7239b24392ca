//! The governor: a table of its decisions, properties over many rhythms, and the clock.

use super::flow::{Ending, Flow, Need, Rate};
use super::*;
use kernel::Class;
use runtime::llm::{Allowance, Left, Usage};
use std::collections::BTreeSet;

const MINUTE_MS: u64 = 60_000;

fn need(tokens: u64) -> Need {
    Need { tokens, ..Need::default() }
}

fn of_class(class: Class) -> Need {
    Need { class, ..Need::default() }
}

fn answered(tokens: u64) -> Ending {
    Ending::Answered { tokens, allowance: Allowance::default() }
}

fn at(requests: u64) -> Flow {
    let rate = Rate { requests_per_minute: Some(requests), ..Rate::default() };
    Flow::of(rate)
}

/// What happens to one flow, act by act, and who has gone after it.
fn story(flow: &mut Flow, acts: &str) -> Vec<u64> {
    let mut now_ms = 0;
    let mut gone = Vec::new();
    for act in acts.split_whitespace() {
        let (word, number) = act.split_once(':').unwrap_or((act, "0"));
        let number: u64 = number.parse().unwrap();
        match word {
            "enter" => (0..number.max(1)).for_each(|_| {
                flow.enter(need(10), 1_000).unwrap();
            }),
            "leave" => flow.leave(number),
            "sent" => flow.sent(now_ms, number),
            "after" => now_ms += number,
            "done" => flow.done(now_ms, number, answered(10)),
            "fails" => flow.done(now_ms, number, Ending::Failed),
            "refused" | "busy" => {
                let is_rate = word == "refused";
                let ending = Ending::Refused { after_ms: Some(5_000), is_rate };
                flow.done(now_ms, number, ending);
            }
            other => panic!("{other}?"),
        }
        gone.extend(flow.grant(now_ms));
    }
    gone
}

#[test]
fn who_goes_and_who_waits() {
    let at_once = Rate { concurrency: Some(2), ..Rate::default() };
    let few = Rate { requests_per_minute: Some(2), ..Rate::default() };
    let tokens = Rate { tokens_per_minute: Some(100), ..Rate::default() };
    let table: [(Rate, &str, &[u64]); 17] = [
        (Rate::default(), "enter:3", &[1, 2, 3]), // Nobody said that there is a limit.
        (at_once, "enter:4", &[1, 2]),
        (at_once, "enter:4 done:1", &[1, 2, 3]),
        (at_once, "enter:4 fails:2 leave:1", &[1, 2, 3, 4]),
        (at_once, "enter:4 leave:3 done:1", &[1, 2, 4]), // Who gives up frees his place.
        (few, "enter:3", &[1]),
        (few, "enter:3 after:29999", &[1]),
        (few, "enter:3 after:30000", &[1, 2]),
        (few, "enter:3 done:1 after:30000 after:30500", &[1, 2, 3]),
        (few, "enter:3 after:29000 sent:1 after:30000", &[1, 2]), // It began late.
        (few, "enter:3 after:29000 sent:1 after:29999", &[1]),
        (tokens, "enter:3", &[1]), // A tenth of it at a time.
        (tokens, "enter:3 after:6000", &[1, 2]),
        (Rate::default(), "enter:2 busy:1 enter", &[1, 2]),
        (Rate::default(), "enter:2 busy:1 enter after:5000", &[1, 2, 3]),
        (Rate::default(), "enter:2 refused:1 enter after:5000", &[1, 2]), // One went through.
        (Rate::default(), "enter:2 refused:1 enter after:5000 after:56000", &[1, 2, 3]),
    ];
    for (rate, acts, expected) in table {
        let mut flow = Flow::of(rate);
        assert_eq!(story(&mut flow, acts), expected, "{rate:?}: {acts}");
    }
}

#[test]
fn where_no_limit_is_known_few_go_before_it_is_heard_whether_they_may() {
    assert_eq!(story(&mut Flow::default(), "enter:9"), [1, 2, 3, 4]);
    assert_eq!(story(&mut Flow::default(), "enter:9 after:249"), [1, 2, 3, 4]);
    assert_eq!(story(&mut Flow::default(), "enter:9 after:250"), [1, 2, 3, 4, 5, 6, 7, 8]);
    let (mut flow, acts) = (Flow::default(), "enter:9 after:200 done:1");
    assert_eq!(story(&mut flow, acts), [1, 2, 3, 4, 5], "an answer says that it was allowed");
}

#[test]
fn who_was_granted_and_has_not_begun_is_sent_away_with_the_others() {
    let mut flow = Flow::default();
    assert_eq!(story(&mut flow, "enter:3 refused:1"), [1, 2, 3]);
    assert!(!flow.may_still_go(0, 2), "it waited for a slot");
    assert_eq!(flow.standing(), (1, 1));
    assert_eq!(flow.next_at(0), Some(60_500), "and waits for its turn again");
    assert_eq!(flow.grant(60_500), [2]);
    assert!(flow.may_still_go(60_500, 2));
}

#[test]
fn the_urgent_go_first_and_nobody_starves() {
    let mut flow = at(10);
    for _ in 0..40 {
        flow.enter(of_class(Class::Background), 1_000).unwrap();
        flow.enter(of_class(Class::Critical), 1_000).unwrap();
    }
    let mut gone = Vec::new();
    for step in 0..34 {
        gone.extend(flow.grant(step * 6_050));
    }
    let urgent = gone.iter().filter(|number| *number % 2 == 0).count();
    assert_eq!((gone.len(), urgent), (34, 32), "16 of 17");
    let of_one: Vec<u64> = gone.into_iter().filter(|number| number % 2 == 0).collect();
    assert!(of_one.is_sorted(), "within a class whoever came first goes first");
}

#[test]
fn tenants_take_turns() {
    let mut flow = at(10);
    let of = |tenant: &str| Need { tenant: tenant.into(), ..Need::default() };
    for _ in 0..20 {
        flow.enter(of("flood"), 1_000).unwrap();
    }
    let quiet: BTreeSet<u64> = (0..4).map(|_| flow.enter(of("quiet"), 1_000).unwrap()).collect();
    let gone: Vec<u64> = (0..8).flat_map(|step| flow.grant(step * 6_000)).collect();
    assert_eq!(gone.iter().filter(|number| quiet.contains(number)).count(), 4);
}

#[test]
fn what_answers_say_is_kept_to() {
    let mut flow = Flow::default();
    let said = |flow: &mut Flow, number, remaining, reset_ms| {
        let left = Left { limit: Some(60), remaining, reset_ms: Some(reset_ms) };
        let allowance = Allowance { requests: Some(left), tokens: None };
        flow.done(0, number, Ending::Answered { tokens: 1, allowance });
    };
    assert_eq!(story(&mut flow, "enter:3"), [1, 2, 3]);
    said(&mut flow, 1, 3, 57_000);
    flow.enter(need(1), 9).unwrap();
    flow.enter(need(1), 9).unwrap();
    assert_eq!(flow.grant(0), [4], "3 are left, and 2 under way may not be counted yet");
    assert_eq!(flow.next_at(0), Some(1_000), "one is there again after a second");
    assert_eq!(flow.grant(1_000), [5]);
    let mut daily = Flow::default();
    assert_eq!(story(&mut daily, "enter"), [1]);
    said(&mut daily, 1, 40, 86_400_000 / 3);
    assert_eq!(story(&mut daily, "enter:40").len(), 40, "60 a day are not 60 a minute");
    daily.enter(need(1), 99).unwrap();
    assert!(daily.next_at(0).unwrap() > MINUTE_MS, "but when they are gone, they are");
}

#[test]
fn as_many_wait_as_may() {
    let mut flow = at(1);
    assert!((0..5).all(|_| flow.enter(need(1), 5).is_ok()));
    assert_eq!(flow.enter(need(1), 5), Err(super::flow::Full));
    flow.leave(2);
    assert!(flow.enter(need(1), 5).is_ok());
}

#[test]
fn a_wait_is_told_before_it_is_over() {
    let mut flow = at(60);
    for _ in 0..100 {
        flow.enter(need(1), 1_000).unwrap();
    }
    let mut told = [0; 101];
    let mut gone = [0; 101];
    for now_ms in (0..110_000).step_by(100) {
        for number in flow.grant(now_ms) {
            gone[usize::try_from(number).unwrap()] = now_ms;
        }
        if now_ms == 0 {
            (1..=100).for_each(|it| told[it as usize] = flow.waits_ms(0, it));
        }
    }
    for number in 7..=100 {
        let (told, waited): (u64, u64) = (told[number], gone[number]);
        assert!(told <= waited, "{number}: at least, not at most: {told} {waited}");
        assert!(told + 12_000 >= waited, "{number}: and not much less: {told} {waited}");
    }
}

/// A provider that counts by a window that slides, and answers 429 beyond it.
struct Provider {
    per_minute: usize,
    taken_ms: Vec<u64>,
    refused: usize,
}

impl Provider {
    fn answer(&mut self, now_ms: u64) -> Ending {
        let lately = self.taken_ms.iter().filter(|at| **at + MINUTE_MS > now_ms);
        let (count, oldest) = (lately.clone().count(), lately.min());
        if count < self.per_minute {
            self.taken_ms.push(now_ms);
            return answered(100);
        }
        self.refused += 1;
        let after_ms = oldest.map(|at| at + MINUTE_MS - now_ms);
        Ending::Refused { after_ms, is_rate: true }
    }
}

/// Fifty who call again and again until so much is done; each begins when it has a slot, and takes
/// some time, and some time to get there. Gives how many calls were made and how many of them were
/// refused.
fn rush(flow: &mut Flow, seed: u64, per_minute: usize) -> (usize, usize) {
    let mut provider = Provider { per_minute, taken_ms: Vec::new(), refused: 0 };
    let (mut draw, mut now_ms, mut left) = (seed, 0, 300);
    let mut under_way: Vec<(u64, u64, Ending)> = Vec::new();
    let mut granted: Vec<(u64, u64)> = Vec::new();
    (0..50).for_each(|_| assert!(flow.enter(need(100), 100).is_ok()));
    while left > 0 {
        granted.extend(flow.grant(now_ms).into_iter().map(|it| (now_ms + it % 5 * 1_000, it)));
        let (begin, rest): (Vec<_>, Vec<_>) = granted.into_iter().partition(|it| it.0 <= now_ms);
        granted = rest;
        for (_, number) in begin {
            if !flow.may_still_go(now_ms, number) {
                continue;
            }
            flow.sent(now_ms, number);
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (way_ms, work_ms) = ((draw >> 40) % 400, (draw >> 50) % 3_000);
            let ending = provider.answer(now_ms + way_ms);
            // A refusal takes no work.
            let is_refused = matches!(ending, Ending::Refused { .. });
            let work_ms = if is_refused { 0 } else { work_ms };
            under_way.push((now_ms + way_ms + work_ms, number, ending));
        }
        now_ms += 50;
        let (over, rest): (Vec<_>, Vec<_>) = under_way.into_iter().partition(|it| it.0 <= now_ms);
        under_way = rest;
        for (_, number, ending) in over {
            left -= i32::from(matches!(ending, Ending::Answered { .. }));
            flow.done(now_ms, number, ending);
            flow.enter(need(100), 100).unwrap();
        }
        assert!(now_ms < 30 * MINUTE_MS, "it goes on: {left} left");
    }
    (provider.taken_ms.len() + provider.refused, provider.refused)
}

#[test]
fn who_knows_the_rate_is_never_refused() {
    for seed in 0..20 {
        let (calls, refused) = rush(&mut at(60), seed, 60);
        assert_eq!(refused, 0, "seed {seed}: {calls} calls");
    }
}

#[test]
fn who_does_not_learns_it() {
    for seed in 0..20 {
        let (calls, refused) = rush(&mut Flow::default(), seed, 60);
        let wasted = refused * 100 / calls;
        assert!(wasted <= 10, "seed {seed}: {refused} of {calls}");
    }
}

fn reply() -> Result<Reply, Error> {
    Ok(Reply { usage: Usage { input_tokens: 9, ..Usage::default() }, ..Reply::default() })
}

#[tokio::test(start_paused = true)]
async fn everybody_has_a_turn_and_at_the_right_time() {
    let governor = Governor::default();
    let rate = Rate { requests_per_minute: Some(60), ..Rate::default() };
    governor.set("m", rate);
    let begun = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..66 {
        let governor = governor.clone();
        calls.spawn(async move {
            let place = governor.enter("m", need(1)).unwrap();
            place.granted().await;
            place.done(&reply());
        });
    }
    while calls.join_next().await.is_some() {}
    assert_eq!(begun.elapsed().as_secs(), 60, "ten shares of six, and one more");
    assert_eq!(governor.standing("m"), (0, 0));
    let other = governor.enter("other", need(1)).unwrap();
    assert!(other.is_granted(), "models do not wait for each other");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_frees_his_place() {
    let governor = Governor::default();
    governor.set("m", Rate { concurrency: Some(1), ..Rate::default() });
    let first = governor.enter("m", need(1)).unwrap();
    let (second, third) =
        (governor.enter("m", need(1)).unwrap(), governor.enter("m", need(1)).unwrap());
    assert!(first.is_granted() && !second.is_granted());
    let waiting = tokio::spawn(async move {
        third.granted().await;
        third
    });
    let gives_up = tokio::time::timeout(Duration::from_secs(1), second.granted()).await;
    assert!(gives_up.is_err());
    drop(second);
    assert_eq!(governor.standing("m"), (1, 1));
    drop(first);
    let third = waiting.await.unwrap();
    third.done(&reply());
    assert_eq!(governor.standing("m"), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_higher_rate_lets_those_go_who_wait() {
    let governor = Governor::default();
    governor.set("m", Rate { requests_per_minute: Some(1), ..Rate::default() });
    let first = governor.enter("m", need(1)).unwrap();
    first.done(&reply());
    let second = governor.enter("m", need(1)).unwrap();
    assert_eq!(second.waits(), Duration::from_millis(60_500));
    let begun = Instant::now();
    let waiting = tokio::spawn(async move { second.granted().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    governor.set("m", Rate::default());
    waiting.await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

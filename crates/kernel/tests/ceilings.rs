//! Ceilings of the day, told by hand: what counts, for whom, for how long, and what is refused.

#![allow(unused_must_use)] // A story does not look at every answer.

mod told;

use majordomo_kernel::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use told::payload;

const DAY_MS: u64 = 86_400_000;

struct Story {
    kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
}

impl Story {
    /// One who works on many tasks at once, on a day that has just begun, under these ceilings.
    fn under(ceilings: Ceilings) -> Story {
        let kernel = Kernel::new(Limits::default());
        let mut story = Story { kernel, journal: Vec::new(), now: 0 };
        story.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 20_000 * DAY_MS }));
        story.configure(ceilings);
        story.join();
        story
    }

    fn configure(&mut self, ceilings: Ceilings) {
        let policies = Arc::new(Policies { ceilings, ..Policies::default() });
        self.tell(Command::Configure { team: "".into(), policies });
    }

    fn join(&mut self) {
        let serves = vec![Serves { capability: "think".into(), version: 1 }];
        let spec = AgentSpec::new(format!("thinker-{}", self.journal.len()), "native", serves, 64);
        self.tell(Command::Join(Arc::new(spec)));
    }

    /// A task of a tenant, at work.
    fn begins(&mut self, tenant: &str) -> AttemptId {
        let terms = Terms { tenant: tenant.into(), ..Terms::new("think") };
        let step = self.tell(Command::Submit(Submit::new(terms, payload(1))));
        dispatched(&step)
    }

    fn child_of(&mut self, parent: AttemptId, step: &str, budget: Option<Budget>) -> AttemptId {
        let submit = Submit { budget, ..Submit::new(Terms::new("think"), payload(2)) };
        let ask = Report::Ask { step: step.into(), submit: Box::new(submit) };
        let step = self.tell(Command::Report(parent, ask));
        dispatched(&step)
    }

    fn spends(&mut self, by: AttemptId, cost: Cost) -> Result<Answer, Refusal> {
        self.tell(Command::Report(by, Report::Spent(cost))).answer
    }

    fn affords(&self, by: AttemptId) -> Result<(), Refusal> {
        self.kernel.state().affords(by, money(1), Time(self.now))
    }

    fn tell(&mut self, command: Command) -> Step {
        told::step(&mut self.kernel, &mut self.journal, self.now, command)
    }
}

fn dispatched(step: &Step) -> AttemptId {
    let attempt = step.effects.iter().find_map(|effect| match effect {
        Effect::Dispatch(dispatch) => Some(dispatch.attempt),
        _ => None,
    });
    attempt.unwrap_or_else(|| panic!("{step:?}"))
}

fn money(money_micros: u64) -> Cost {
    Cost { money_micros, ..Cost::default() }
}

fn dollars(micros: u64) -> Ceiling {
    Ceiling { money_micros: Some(micros), ..Ceiling::default() }
}

fn reached(refused: Result<impl std::fmt::Debug, Refusal>) -> Reached {
    match refused {
        Err(Refusal::OverCeiling(reached)) => *reached,
        other => panic!("{other:?}"),
    }
}

#[test]
fn runs_of_a_day_share_the_ceiling_of_their_team() {
    let mut story = Story::under(Ceilings { day: dollars(100), ..Ceilings::default() });
    let (first, second) = (story.begins("a"), story.begins("b"));
    assert_eq!(story.spends(first, money(60)), Ok(Answer::Done));
    let refused = reached(story.spends(second, money(60)));
    let all = Reached { tenant: None, is_own: false, part: Part::Money, taken: 120, max: 100 };
    assert_eq!(refused, all, "the last call costs what it costs");
    assert_eq!(reached(story.affords(first)), all, "and nobody begins another one");
    let after = story.begins("c");
    assert_eq!(reached(story.affords(after)), all, "a new run works, and spends nothing");
    assert_eq!(
        story.tell(Command::Report(after, Report::Completed(payload(3)))).answer,
        Ok(Answer::Done)
    );
}

#[test]
fn each_tenant_has_a_ceiling_and_one_has_its_own() {
    let tenants = BTreeMap::from([("rich".into(), dollars(500))]);
    let mut story =
        Story::under(Ceilings { tenant_day: dollars(50), tenants, ..Ceilings::default() });
    let (poor, rich, nobody) = (story.begins("poor"), story.begins("rich"), story.begins(""));
    let refused = reached(story.spends(poor, money(50)));
    assert_eq!((refused.tenant.as_deref(), refused.is_own, refused.max), (Some("poor"), false, 50));
    assert_eq!(story.spends(rich, money(400)), Ok(Answer::Done), "what others spent is theirs");
    let refused = reached(story.spends(rich, money(400)));
    assert_eq!((refused.tenant.as_deref(), refused.is_own, refused.max), (Some("rich"), true, 500));
    assert_eq!(story.spends(nobody, money(49)), Ok(Answer::Done));
    assert_eq!(reached(story.spends(nobody, money(1))).tenant.as_deref(), Some(""));
}

#[test]
fn children_with_purses_of_their_own_spend_out_of_the_same_day() {
    let mut story = Story::under(Ceilings { tenant_day: dollars(100), ..Ceilings::default() });
    let parent = story.begins("a");
    let budget = || Some(Budget { money_micros: Some(90), ..Budget::default() });
    let one = story.child_of(parent, "one", budget());
    let two = story.child_of(parent, "two", budget());
    assert_eq!(story.spends(one, money(80)), Ok(Answer::Done));
    assert_eq!(reached(story.spends(two, money(80))).taken, 160);
}

#[test]
fn a_restart_forgets_nothing_and_the_day_ends_by_the_wall_clock() {
    let mut story = Story::under(Ceilings { tenant_day: dollars(100), ..Ceilings::default() });
    let first = story.begins("a");
    reached(story.spends(first, money(100)));
    story.now = 60_000;
    let wall_ms = 20_000 * DAY_MS + 3_660_000; // It was off for an hour.
    story.tell(Command::Begin(Begin { restored: false, seed: 8, wall_ms }));
    story.join();
    assert_eq!(reached(story.affords(first)).taken, 100, "still the same day");
    story.now = DAY_MS - 3_600_000 - 1;
    reached(story.affords(first));
    story.now += 1;
    assert_eq!(story.affords(first), Ok(()), "midnight by the wall clock");
    let next = story.begins("a");
    assert_eq!(story.spends(next, money(99)), Ok(Answer::Done));
    let ledger = &story.kernel.state().ledger;
    assert_eq!((ledger.day, ledger.all.spent), (20_001, money(99)), "and yesterday is forgotten");
}

#[test]
fn a_clock_set_back_gives_nothing_back() {
    let mut story = Story::under(Ceilings { day: dollars(100), ..Ceilings::default() });
    let first = story.begins("a");
    story.tell(Command::WallClock { wall_ms: 20_365 * DAY_MS });
    reached(story.spends(first, money(100)));
    story.tell(Command::WallClock { wall_ms: 20_000 * DAY_MS + 5_000 });
    reached(story.affords(first));
    story.now = DAY_MS;
    assert_eq!(story.affords(first), Ok(()), "and a year ahead is not waited for");
}

#[test]
fn what_was_spent_before_a_ceiling_was_set_counts() {
    let mut story = Story::under(Ceilings::default());
    let first = story.begins("a");
    assert_eq!(story.spends(first, money(70)), Ok(Answer::Done));
    story.configure(Ceilings { tenant_day: dollars(50), ..Ceilings::default() });
    assert_eq!(reached(story.affords(first)).taken, 70);
    story.configure(Ceilings { tenant_day: dollars(80), ..Ceilings::default() });
    assert_eq!(story.affords(first), Ok(()), "raised, it goes on");
}

#[test]
fn calls_are_counted_to_the_last_one() {
    let calls = |calls| Cost { calls, ..Cost::default() };
    let two = Ceiling { calls: Some(2), ..Ceiling::default() };
    let mut story = Story::under(Ceilings { tenant_day: two, ..Ceilings::default() });
    let first = story.begins("a");
    assert_eq!(story.spends(first, calls(1)), Ok(Answer::Done));
    assert_eq!(story.spends(first, calls(1)), Ok(Answer::Done), "the second of two");
    let may = |story: &Story| story.kernel.state().affords(first, calls(1), Time(0));
    assert_eq!(reached(may(&story)).part, Part::Calls);
    assert_eq!(reached(story.spends(first, calls(1))).taken, 3);

    let mut story = Story::under(Ceilings::default());
    let budget = Some(Budget { calls: Some(1), ..Budget::default() });
    let step = story
        .tell(Command::Submit(Submit { budget, ..Submit::new(Terms::new("think"), payload(1)) }));
    let run = dispatched(&step);
    let child = story.child_of(run, "one", None);
    assert_eq!(story.spends(child, calls(1)), Ok(Answer::Done));
    let over = Err(Refusal::OverBudget { what: "calls".into() });
    assert_eq!(story.kernel.state().affords(run, calls(1), Time(0)), over.clone());
    story.child_of(run, "two", None);
    assert_eq!(story.spends(run, calls(1)), over.map(|()| Answer::Done));
}

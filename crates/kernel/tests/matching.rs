//! Who may have which task, how many at once, and what stands in the way: read top to bottom.

#![allow(unused_must_use)] // A story does not look at every answer.

mod told;

use majordomo_kernel::*;
use std::sync::Arc;
use told::payload;

/// A kernel and the time in its hand; every step is replayed and its indexes are compared.
struct House {
    kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
    inputs: u8,
}

impl House {
    fn new() -> House {
        let kernel = Kernel::new(Limits::default());
        let mut house = House { kernel, journal: Vec::new(), now: 0, inputs: 0 };
        house.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        house
    }

    fn tell(&mut self, command: Command) -> Step {
        told::step(&mut self.kernel, &mut self.journal, self.now, command)
    }

    fn join(&mut self, name: &str, slots: u32, labels: &[(&str, Label)]) -> AgentId {
        let serves = vec![Serves { capability: "work".into(), version: 1 }];
        let labels = labels.iter().map(|(name, value)| ((*name).into(), value.clone()));
        let spec =
            AgentSpec { labels: labels.collect(), ..AgentSpec::new(name, "native", serves, slots) };
        match self.tell(Command::Join(Arc::new(spec))).answer {
            Ok(Answer::Joined(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    /// Submits and says who got what.
    fn submit(&mut self, terms: Terms) -> Vec<(u64, u32)> {
        self.inputs += 1;
        let submit = Submit::new(terms, payload(self.inputs));
        granted(&self.tell(Command::Submit(submit)))
    }

    fn submit_to(&mut self, agent: &str, terms: Terms) -> Vec<(u64, u32)> {
        self.inputs += 1;
        let to = Some(agent.into());
        granted(
            &self.tell(Command::Submit(Submit { to, ..Submit::new(terms, payload(self.inputs)) })),
        )
    }

    fn attempt(&self, task: u64) -> AttemptId {
        let task = self.kernel.state().task(TaskId(task));
        task.and_then(Task::attempt).expect("it has a lease")
    }

    fn complete(&mut self, task: u64) -> Vec<(u64, u32)> {
        let report = Report::Completed(payload(0));
        granted(&self.tell(Command::Report(self.attempt(task), report)))
    }

    fn used(&self, agent: AgentId) -> u32 {
        self.kernel.state().slots_used(agent)
    }

    fn configure(&mut self, policies: Policies) -> Vec<(u64, u32)> {
        let policies = Arc::new(policies);
        granted(&self.tell(Command::Configure { team: Text::default(), policies }))
    }
}

/// Who got what in a step: (task, agent).
fn granted(step: &Step) -> Vec<(u64, u32)> {
    let granted = step.entries.iter().filter_map(|entry| match &entry.event {
        Event::LeaseGranted(granted) => Some((granted.task.0, granted.agent.0)),
        _ => None,
    });
    granted.collect()
}

fn work() -> Terms {
    Terms::new("work")
}

fn heavy(weight: u32) -> Terms {
    Terms { weight, ..work() }
}

fn of(tenant: &str) -> Terms {
    Terms { tenant: tenant.into(), ..work() }
}

fn working(max: u32) -> Quota {
    Quota { working_max: Some(max), ..Quota::default() }
}

fn capability_quota(max: u32) -> Policies {
    let policy = CapabilityPolicy { quota: working(max), ..CapabilityPolicy::default() };
    let mut policies = Policies::default();
    policies.capabilities.insert("work".into(), policy);
    policies
}

fn tenant_quota(tenant: &str, max: u32) -> Policies {
    let mut policies = Policies::default();
    policies.tenants.insert(tenant.into(), working(max));
    policies
}

#[test]
fn no_more_of_a_capability_is_worked_on_than_its_quota() {
    let mut house = House::new();
    house.join("a", 4, &[]);
    house.configure(capability_quota(2));
    assert_eq!(house.submit(work()), [(1, 0)]);
    assert_eq!(house.submit(work()), [(2, 0)]);
    assert_eq!(house.submit(work()), [], "two are worked on");
    house.submit(work());
    assert_eq!(house.complete(1), [(3, 0)], "one ended, one comes round");
    assert_eq!(house.configure(Policies::default()), [(4, 0)], "without a quota all may work");
}

#[test]
fn work_that_is_told_to_stop_counts_until_it_has() {
    let mut house = House::new();
    house.join("a", 4, &[]);
    house.configure(tenant_quota("acme", 1));
    house.submit(of("acme"));
    house.submit(of("acme"));
    let attempt = house.attempt(1);
    let step = house.tell(Command::Cancel { task: TaskId(1), reason: "enough".into() });
    assert_eq!(granted(&step), [], "it may still be at it");
    assert_eq!(granted(&house.tell(Command::Report(attempt, Report::Ended))), [(2, 0)]);
}

#[test]
fn a_tenant_at_its_quota_stands_aside_and_others_go_on() {
    let mut house = House::new();
    house.join("a", 2, &[]);
    house.configure(tenant_quota("acme", 1));
    assert_eq!(house.submit(of("acme")), [(1, 0)]);
    assert_eq!(house.submit(of("acme")), [], "its quota, not the slots");
    assert_eq!(house.submit(of("other")), [(3, 0)]);
    house.submit(of("other"));
    assert_eq!(house.complete(3), [(4, 0)], "acme is passed over");
    assert_eq!(house.complete(1), [(2, 0)], "and comes round again");
}

#[test]
fn what_waited_goes_on_only_within_its_quota() {
    let mut house = House::new();
    house.join("a", 4, &[]);
    house.configure(capability_quota(1));
    house.submit(work());
    let parent = house.attempt(1);
    let child = Submit::new(work(), payload(77));
    let ask = Report::Ask { step: "s".into(), submit: Box::new(child) };
    house.tell(Command::Report(parent, ask));
    house.tell(Command::Report(parent, Report::Sleep { step: "t".into(), ms: 10 }));
    let step = house.tell(Command::Report(parent, Report::Wait { seen: 0 }));
    assert_eq!(granted(&step), [(2, 0)], "who waits is not working");
    house.now = 20;
    let step = house.tell(Command::Tick);
    assert!(!step.effects.iter().any(|it| matches!(it, Effect::Resume { .. })), "no room for it");
    let step = house.tell(Command::Report(house.attempt(2), Report::Completed(payload(0))));
    assert!(step.effects.contains(&Effect::Resume { attempt: parent }));
}

#[test]
fn a_task_goes_only_to_an_agent_whose_labels_meet_what_it_requires() {
    let mut house = House::new();
    house.join("plain", 4, &[("region", "eu".into())]);
    let large = house.join("large", 1, &[("gpu", true.into()), ("context", 100.into())]);
    let require = Constraint::All(vec![
        Constraint::Has("gpu".into()),
        Constraint::Is("context".into(), Comparison::GreaterOrEqual, 64.into()),
    ]);
    let needs = Terms { require: Some(Arc::new(require)), ..work() };
    assert_eq!(house.submit(needs.clone()), [(1, large.0)]);
    assert_eq!(house.submit(needs.clone()), [], "the plain one will not do");
    assert_eq!(house.submit(work()), [(3, 0)]);
    let step = house.tell(Command::Report(house.attempt(1), Report::Completed(payload(0))));
    let [.., Entry { event: Event::LeaseGranted(grant), .. }] = &step.entries[..] else {
        panic!("{:?}", step.entries);
    };
    assert_eq!((grant.task, grant.why.labels, grant.why.reason), (TaskId(2), 1, Reason::Only));

    let absurd = Constraint::In("region".into(), vec![1.into(); 100]);
    let terms = Terms { require: Some(Arc::new(absurd)), ..work() };
    let step = house.tell(Command::Submit(Submit::new(terms, payload(9))));
    assert!(matches!(step.answer, Err(Refusal::BadTerms { .. })), "{:?}", step.answer);
}

#[test]
fn a_wish_ranks_and_excludes_nobody() {
    let mut house = House::new();
    house.join("plain", 4, &[]);
    let near = house.join("near", 1, &[("region", "eu".into())]);
    let wish = Constraint::Is("region".into(), Comparison::Equal, "eu".into());
    let wishes = Terms { wish: Some(Arc::new(wish)), ..work() };
    assert_eq!(house.submit(wishes.clone()), [(1, near.0)]);
    assert_eq!(house.submit(wishes), [(2, 0)], "better elsewhere than not at all");
}

#[test]
fn a_heavy_task_takes_its_slots_and_gives_them_back() {
    let mut house = House::new();
    let agent = house.join("a", 4, &[]);
    assert_eq!(house.submit(heavy(3)), [(1, 0)]);
    assert_eq!(house.used(agent), 3);
    assert_eq!(house.submit(heavy(2)), []);
    house.complete(1);
    assert_eq!(house.used(agent), 2);
    let weightless = house.tell(Command::Submit(Submit::new(heavy(0), payload(9))));
    assert!(matches!(weightless.answer, Err(Refusal::BadTerms { .. })));
    assert_eq!(house.submit(heavy(5)), [], "it waits for an agent that is large enough");
    assert_eq!(house.join("large", 5, &[]).0, 1);
    assert_eq!(house.attempt(3).task, TaskId(3));
}

#[test]
fn a_heavy_task_is_not_starved_by_light_ones() {
    let mut house = House::new();
    house.join("a", 3, &[]);
    for _ in 0..3 {
        house.submit(work());
    }
    assert_eq!(house.submit(heavy(3)), []);
    let mut light = vec![1, 2, 3];
    let mut next = 5;
    for _ in 0..20 {
        house.submit(work());
        let Some(first) = light.first().copied() else { break };
        light.remove(0);
        for (task, _) in house.complete(first) {
            assert!(task != 4 || light.is_empty(), "it has the whole agent");
            light.push(task);
        }
        next += 1;
        if light == [4] {
            return;
        }
    }
    panic!("{next} light tasks went before it");
}

#[test]
fn a_heavy_task_that_waited_gets_its_room_back() {
    let mut house = House::new();
    let agent = house.join("a", 2, &[]);
    house.submit(heavy(2));
    let parent = house.attempt(1);
    house.tell(Command::Report(parent, Report::Sleep { step: "t".into(), ms: 10 }));
    house.tell(Command::Report(parent, Report::Wait { seen: 0 }));
    house.submit(work());
    house.submit(work());
    house.submit(work());
    house.now = 20;
    house.tell(Command::Tick);
    assert_eq!(house.complete(2), [], "its room is kept for what has begun");
    house.complete(3);
    assert_eq!(house.attempt(1), parent);
    assert_eq!(house.used(agent), 2);
    assert_eq!(house.complete(1), [(4, 0)]);
}

#[test]
fn an_agent_that_has_just_come_is_not_flooded() {
    let mut house = House::new();
    let old = house.join("old", 4, &[]);
    for task in 1..=4 {
        house.submit(work());
        house.complete(task);
    }
    let new = house.join("new", 4, &[]);
    let mut got = Vec::new();
    for _ in 0..4 {
        got.extend(house.submit(work()).into_iter().map(|(_, agent)| AgentId(agent)));
    }
    let fresh = got.iter().filter(|agent| **agent == new).count();
    assert_eq!((fresh, got.len()), (1, 4), "{got:?}: one while the old has room");
    assert_eq!(house.used(old), 3);
    for _ in 0..4 {
        house.submit(work());
    }
    assert_eq!((house.used(old), house.used(new)), (4, 4), "it is ranking, not a limit");
}

#[test]
fn an_agent_may_get_other_slots_at_work() {
    let mut house = House::new();
    let agent = house.join("a", 2, &[]);
    (1..=4).for_each(|_| _ = house.submit(work()));
    let step = house.tell(Command::Resize { agent, slots: 3 });
    assert_eq!(granted(&step), [(3, 0)]);
    house.tell(Command::Resize { agent, slots: 1 });
    assert_eq!(house.complete(1), [], "three were running, one may");
    assert_eq!(house.complete(2), []);
    assert_eq!(house.complete(3), [(4, 0)]);
    let step = house.tell(Command::Resize { agent, slots: 1 });
    assert_eq!(step.entries, [], "it has as many");
}

#[test]
fn an_agent_that_drains_finishes_what_it_has_and_leaves() {
    let mut house = House::new();
    let agent = house.join("a", 2, &[]);
    house.submit(work());
    house.submit(work());
    let waiting = house.attempt(2);
    house.tell(Command::Report(waiting, Report::Sleep { step: "t".into(), ms: 10 }));
    house.tell(Command::Report(waiting, Report::Wait { seen: 0 }));
    house.tell(Command::DrainAgent(agent));
    assert_eq!(house.submit(work()), [], "no new work");
    house.complete(1);
    let presence = |house: &House| house.kernel.state().agent(agent).map(|it| it.presence);
    assert_eq!(presence(&house), Some(Presence::Draining), "one of its tasks waits");
    house.now = 20;
    house.tell(Command::Tick);
    house.complete(2);
    assert_eq!(presence(&house), Some(Presence::Left));

    let idle = house.join("b", 1, &[]);
    house.complete(3);
    let step = house.tell(Command::DrainAgent(idle));
    let draining = Event::AgentDraining { agent: idle };
    let events: Vec<Event> = step.entries.into_iter().map(|it| it.event).collect();
    assert_eq!(events, [draining, Event::AgentLeft { agent: idle }]);
}

#[test]
fn heavy_work_that_only_one_agent_may_do_comes_round_too() {
    let mut house = House::new();
    house.join("a", 2, &[]);
    house.join("b", 2, &[]);
    (0..8).for_each(|_| _ = house.submit(work()));
    assert_eq!(house.submit_to("a", heavy(2)), []);
    // What is light goes on behind it, and more of it comes all the while.
    let mut working: Vec<u64> = (1..=4).collect();
    for _ in 0..16 {
        house.submit(work());
        let done = working.remove(0);
        let got = house.complete(done);
        if got.contains(&(9, 0)) {
            return;
        }
        working.extend(got.iter().map(|(task, _)| *task));
    }
    panic!("it waits for ever");
}

#[test]
fn heavy_work_for_all_comes_round_beside_light_work_for_one() {
    let mut house = House::new();
    house.join("a", 2, &[]);
    let mut working: Vec<u64> = Vec::new();
    for _ in 0..4 {
        working.extend(house.submit_to("a", work()).iter().map(|(task, _)| *task));
    }
    assert_eq!(house.submit(heavy(2)), []);
    for _ in 0..16 {
        let done = working.remove(0);
        let got = house.complete(done);
        if got.contains(&(5, 0)) {
            return;
        }
        working.extend(got.iter().map(|(task, _)| *task));
        house.submit_to("a", work());
    }
    panic!("it waits for ever");
}

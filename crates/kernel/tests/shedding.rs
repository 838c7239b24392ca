//! The queue is full: who makes room for whom, and who is refused.

#![allow(unused_must_use)] // A story does not look at every answer.

use majordomo_kernel::*;
use std::sync::Arc;

/// A kernel without agents, whose queue holds four.
struct House {
    kernel: Kernel,
    inputs: u8,
}

impl House {
    fn new(shed: Option<Class>) -> House {
        let mut kernel = Kernel::new(Limits { queue_max: 4, ..Limits::default() });
        kernel.step(Time(0), Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        let mut house = House { kernel, inputs: 0 };
        house.configure(Policies { shed, ..Policies::default() });
        house
    }

    fn configure(&mut self, policies: Policies) {
        let (team, policies) = (Text::default(), Arc::new(policies));
        self.kernel.step(Time(0), Command::Configure { team, policies });
    }

    /// Submits; who was shed, or the refusal.
    fn submit(&mut self, class: Class, tenant: &str) -> Result<Vec<u64>, Refusal> {
        self.inputs += 1;
        let digest = Digest([self.inputs; 32]);
        let input = Payload { digest, len: 1, inline: Some(Arc::from([self.inputs])) };
        let terms = Terms { class, tenant: tenant.into(), ..Terms::new("work") };
        let step = self.kernel.step(Time(0), Command::Submit(Submit::new(terms, input)));
        self.kernel.state().check_index().expect("indexes follow from the facts");
        step.answer?;
        let shed = step.entries.iter().filter_map(|entry| match &entry.event {
            Event::TaskFailed { task, failure } => {
                assert_eq!(failure.kind, FailureKind::Shed);
                assert_eq!(failure.retry_after_ms, Some(1_000));
                Some(task.0)
            }
            _ => None,
        });
        let told = step.effects.iter().filter(|it| matches!(it, Effect::Settled { .. })).count();
        let shed: Vec<u64> = shed.collect();
        assert_eq!(told, shed.len(), "whoever waits for it hears of it");
        Ok(shed)
    }
}

const FULL: Refusal = Refusal::Overloaded { retry_after_ms: 1_000 };

#[test]
fn the_least_urgent_makes_room_and_the_last_of_the_longest_line() {
    let mut house = House::new(Some(Class::High));
    for (class, tenant) in [
        (Class::Low, "a"),
        (Class::Background, "b"),
        (Class::Background, "c"),
        (Class::Background, "b"),
    ] {
        assert_eq!(house.submit(class, tenant), Ok(vec![]));
    }
    // Of the lowest class, whoever has most of it; of that, what came last.
    assert_eq!(house.submit(Class::Normal, "a"), Ok(vec![4]));
    assert_eq!(house.submit(Class::Critical, "a"), Ok(vec![2]));
    assert_eq!(house.submit(Class::Critical, "a"), Ok(vec![3]));
    assert_eq!(house.submit(Class::Normal, "a"), Ok(vec![1]));
    // Nothing less urgent is left for this one, and none of what waits may go for that one.
    assert_eq!(house.submit(Class::Normal, "a"), Err(FULL));
    assert_eq!(house.submit(Class::Critical, "a"), Ok(vec![8]));
    assert_eq!(house.submit(Class::High, "a"), Ok(vec![5]));
    assert_eq!(house.kernel.state().open(), 4);
}

#[test]
fn who_is_not_told_to_shed_refuses() {
    let mut house = House::new(None);
    (0..4).for_each(|_| _ = house.submit(Class::Background, ""));
    assert_eq!(house.submit(Class::Critical, ""), Err(FULL));

    // What is more urgent than the threshold stays.
    let mut house = House::new(Some(Class::Low));
    (0..4).for_each(|_| _ = house.submit(Class::Normal, ""));
    assert_eq!(house.submit(Class::Critical, ""), Err(FULL));
    let mut house = House::new(Some(Class::Low));
    (0..4).for_each(|_| _ = house.submit(Class::Low, ""));
    assert_eq!(house.submit(Class::Critical, ""), Ok(vec![4]));
}

#[test]
fn where_a_quota_is_full_it_is_that_line_which_makes_room() {
    let mut house = House::new(None);
    let mut policies = Policies { shed: Some(Class::High), ..Policies::default() };
    let quota = Quota { queued_max: Some(1), ..Quota::default() };
    policies.tenants.insert("a".into(), quota);
    house.configure(policies);
    assert_eq!(house.submit(Class::Background, "b"), Ok(vec![]));
    assert_eq!(house.submit(Class::Low, "a"), Ok(vec![]));
    assert_eq!(house.submit(Class::Normal, "a"), Ok(vec![2]));
    let refused = house.submit(Class::Normal, "a").expect_err("nothing of a is less urgent");
    assert!(matches!(refused, Refusal::OverQuota { quota: QuotaOf::Tenant(_), max: 1, .. }));
}

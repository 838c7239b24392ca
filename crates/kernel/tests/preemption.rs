//! Urgent work takes the place of work that may be put off: read top to bottom.

#![allow(unused_must_use)] // A story does not look at every answer.

mod told;

use majordomo_kernel::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use told::payload;

/// A kernel and its journal; every step is replayed and its indexes are compared.
struct House {
    kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
    inputs: u8,
}

impl House {
    /// A team in which these classes may preempt, with agents of so many slots.
    fn new(preempt: &[Class], agents: &[u32]) -> House {
        let kernel = Kernel::new(Limits::default());
        let mut house = House { kernel, journal: Vec::new(), now: 0, inputs: 0 };
        house.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        house.configure(preempt);
        for (at, slots) in agents.iter().enumerate() {
            let serves = ["work", "plan"].map(|it| Serves { capability: it.into(), version: 1 });
            let spec = AgentSpec::new(format!("agent-{at}"), "native", serves.to_vec(), *slots);
            house.tell(Command::Join(Arc::new(spec)));
        }
        house
    }

    fn configure(&mut self, preempt: &[Class]) -> Vec<Event> {
        let preempt: BTreeSet<Class> = preempt.iter().copied().collect();
        let policies = Arc::new(Policies { preempt, ..Policies::default() });
        events(&self.tell(Command::Configure { team: Text::default(), policies }))
    }

    fn tell(&mut self, command: Command) -> Step {
        self.now += 1;
        told::step(&mut self.kernel, &mut self.journal, self.now, command)
    }

    fn submit(&mut self, terms: Terms) -> Step {
        self.inputs += 1;
        self.tell(Command::Submit(Submit::new(terms, payload(self.inputs))))
    }

    fn task(&self, task: u64) -> &Task {
        self.kernel.state().task(TaskId(task)).expect("it is open")
    }

    fn attempt(&self, task: u64) -> AttemptId {
        self.task(task).attempt().expect("it has a lease")
    }

    fn report(&mut self, by: AttemptId, report: Report) -> Step {
        self.tell(Command::Report(by, report))
    }

    fn complete(&mut self, task: u64) -> Step {
        self.report(self.attempt(task), Report::Completed(payload(0)))
    }
}

fn of(class: Class) -> Terms {
    Terms { class, preemptible: true, ..Terms::new("work") }
}

fn events(step: &Step) -> Vec<Event> {
    step.entries.iter().map(|entry| entry.event.clone()).collect()
}

/// Who was preempted by whom in a step.
fn preempted(step: &Step) -> Vec<(u64, u64)> {
    let preempted = step.entries.iter().filter_map(|entry| match &entry.event {
        Event::AttemptLost { task, cause: Loss::Preempted { by }, .. } => Some((task.0, by.0)),
        _ => None,
    });
    preempted.collect()
}

/// Who got what in a step, and whether that is firm.
fn granted(step: &Step) -> Vec<(u64, u32, bool)> {
    let granted = step.entries.iter().filter_map(|entry| match &entry.event {
        Event::LeaseGranted(granted) => Some((granted.task.0, granted.agent.0, granted.firm)),
        _ => None,
    });
    granted.collect()
}

fn stopped(step: &Step) -> Vec<AttemptId> {
    let stopped = step.effects.iter().filter_map(|effect| match effect {
        Effect::Stop { attempt, .. } => Some(*attempt),
        _ => None,
    });
    stopped.collect()
}

#[test]
fn urgent_work_takes_the_place_of_what_may_be_put_off() {
    let mut house = House::new(&[Class::Critical], &[1]);
    house.submit(of(Class::Background));
    let first = house.attempt(1);
    house.report(first, Report::Started);
    house.submit(of(Class::Normal));

    let step = house.submit(of(Class::Critical));
    assert_eq!(preempted(&step), [(1, 3)]);
    assert_eq!(stopped(&step), [first], "it is really stopped");
    assert_eq!(granted(&step), [], "the slot is free when the work has ended");

    // Its late report is not heard; what it cost is; and that it has ended frees the slot, for
    // whom it was stopped and for nobody else.
    let late = house.report(first, Report::Completed(payload(9)));
    assert_eq!(late.answer, Err(Refusal::StaleToken));
    house
        .report(first, Report::Spent(Cost { money_micros: 5, tokens: 0, ..Cost::default() }))
        .answer
        .expect("heard");
    let step = house.report(first, Report::Ended);
    assert_eq!(granted(&step), [(3, 0, false)]);

    // It goes on later, charged with nothing.
    let task = house.task(1);
    assert_eq!((task.failed, task.lost, task.preempted()), (0, 0, 1));
    assert_eq!(granted(&house.complete(3)), [(2, 0, false)]);
    let step = house.complete(2);
    assert_eq!(granted(&step), [(1, 0, false)]);
    let Some(Effect::Dispatch(again)) =
        step.effects.iter().find(|it| matches!(it, Effect::Dispatch(_)))
    else {
        panic!("it is handed over again");
    };
    assert_eq!((again.number, again.input.digest), (2, Digest([1; 32])));
}

#[test]
fn nobody_is_preempted_who_need_not_be() {
    // No class may.
    let mut house = House::new(&[], &[1]);
    house.submit(of(Class::Background));
    assert_eq!(preempted(&house.submit(of(Class::Critical))), []);
    // As soon as one may, it does.
    let events = house.configure(&[Class::Critical]);
    assert!(events.iter().any(|it| matches!(it, Event::AttemptLost { .. })), "{events:?}");

    // This class may not; the work may not; its class is not lower; somebody is free.
    let mut house = House::new(&[Class::Critical], &[1]);
    house.submit(of(Class::Background));
    assert_eq!(preempted(&house.submit(of(Class::High))), []);
    let mut house = House::new(&[Class::Critical], &[1]);
    house.submit(Terms { preemptible: false, ..of(Class::Background) });
    assert_eq!(preempted(&house.submit(of(Class::Critical))), []);
    let mut house = House::new(&[Class::Critical, Class::High], &[1]);
    house.submit(of(Class::High));
    assert_eq!(preempted(&house.submit(of(Class::High))), []);
    let mut house = House::new(&[Class::Critical], &[1, 1]);
    house.submit(of(Class::Background));
    assert_eq!(preempted(&house.submit(of(Class::Critical))), []);
}

#[test]
fn the_lowest_class_goes_first_and_in_it_whoever_began_last() {
    let mut house = House::new(&[Class::Critical], &[1, 1, 1, 1]);
    for class in [Class::Low, Class::Background, Class::Background, Class::Normal] {
        house.submit(of(class));
    }
    let by = (0..5).map(|_| preempted(&house.submit(of(Class::Critical)))).collect::<Vec<_>>();
    assert_eq!(by, [vec![(3, 5)], vec![(2, 6)], vec![(1, 7)], vec![(4, 8)], vec![]]);
}

#[test]
fn a_task_is_not_preempted_for_ever() {
    let mut house = House::new(&[Class::Critical], &[1]);
    house.submit(of(Class::Background));
    for time in 1..=3 {
        let attempt = house.attempt(1);
        let step = house.submit(of(Class::Critical));
        assert_eq!(preempted(&step), [(1, time + 1)]);
        house.report(attempt, Report::Ended);
        house.complete(time + 1);
    }
    assert_eq!(house.task(1).status.lease().map(|it| it.firm), Some(true));
    assert_eq!(preempted(&house.submit(of(Class::Critical))), [], "it has lost its place enough");
}

#[test]
fn what_is_granted_in_its_turn_is_kept() {
    let mut house = House::new(&[Class::Critical], &[1]);
    house.submit(of(Class::Critical));
    house.submit(of(Class::Background));
    (0..40).for_each(|_| _ = house.submit(of(Class::Critical)));
    let mut turns = Vec::new();
    let mut at = 1;
    while turns.is_empty() {
        let step = house.complete(at);
        assert_eq!(preempted(&step), []);
        let (task, _, firm) = granted(&step)[0];
        at = task;
        turns.extend((task == 2).then_some(firm));
    }
    assert_eq!(turns, [true], "its share of the grants is not taken back");
    assert_eq!(preempted(&house.submit(of(Class::Critical))), []);
}

#[test]
fn room_for_heavy_work_is_made_at_one_agent() {
    let mut house = House::new(&[Class::Critical], &[3, 3]);
    (0..6).for_each(|_| _ = house.submit(of(Class::Background)));
    let step = house.submit(Terms { weight: 2, ..of(Class::Critical) });
    let stops = stopped(&step);
    let agents: BTreeSet<u32> = step.effects.iter().fold(BTreeSet::new(), |mut all, effect| {
        if let Effect::Stop { agent, .. } = effect {
            all.insert(agent.0);
        }
        all
    });
    assert_eq!((stops.len(), agents.len()), (2, 1));
    assert_eq!(granted(&house.report(stops[0], Report::Ended)), [], "one slot is not enough");
    assert_eq!(granted(&house.report(stops[1], Report::Ended)).len(), 1);
}

#[test]
fn the_steps_of_a_preempted_workflow_stay_and_its_children_do_not_stop_it() {
    let mut house = House::new(&[Class::Critical], &[2]);
    house.submit(Terms { capability: "plan".into(), ..of(Class::Background) });
    let parent = house.attempt(1);
    let ask = |step: &str, class| Report::Ask {
        step: step.into(),
        submit: Box::new(Submit::new(of(class), payload(40))),
    };
    house.report(parent, ask("first", Class::Background));
    house.complete(2);
    // A third task has the other slot, so that the urgent child finds nobody free.
    house.submit(Terms { preemptible: false, ..of(Class::Normal) });
    let step = house.report(parent, ask("second", Class::Critical));
    assert_eq!(preempted(&step), [], "nobody takes the place of whoever waits for it");

    let step = house.submit(of(Class::Critical));
    assert_eq!(preempted(&step), [(1, 5)]);
    house.report(parent, Report::Ended);
    let steps = house.task(1).steps_in_order();
    assert_eq!(steps.len(), 2);
    assert!(steps[0].1.outcome.is_some(), "what was done stays done");
}

#[test]
fn room_is_had_when_an_agent_that_makes_it_comes_back() {
    let mut house = House::new(&[Class::Critical], &[1, 1]);
    house.submit(of(Class::Background));
    let victim = house.attempt(1);
    house.submit(of(Class::Background));
    house.submit(of(Class::Critical));
    let step = house.submit(of(Class::Critical));
    assert_eq!(preempted(&step), [(1, 4)]);
    // Its agent goes before it had the room.
    let agent = house.kernel.state().agents()[0].id;
    let other = house.kernel.state().agents()[1].id;
    let step = house.tell(Command::Pause(agent));
    assert_eq!(granted(&step), []);
    house.report(victim, Report::Ended);
    assert_eq!(house.kernel.state().slots_used(agent), 0);
    let step = house.tell(Command::Unpause(agent));
    assert_eq!(granted(&step).len(), 1, "{step:?}");
    assert_eq!(house.kernel.state().slots_used(other), 1);
}

#[test]
fn every_class_that_may_preempt_has_its_room_in_one_step() {
    let mut house = House::new(&[], &[1, 1]);
    let plan = || Terms { capability: "plan".into(), ..of(Class::Background) };
    (0..2).for_each(|_| _ = house.submit(plan()));
    house.submit(of(Class::Critical));
    house.submit(of(Class::High));
    let preempt = BTreeSet::from([Class::Critical, Class::High]);
    let policies = Arc::new(Policies { preempt, ..Policies::default() });
    let step = house.tell(Command::Configure { team: Text::default(), policies });
    assert_eq!(preempted(&step), [(2, 3), (1, 4)]);
}

#[test]
fn one_step_stops_a_bounded_number() {
    let mut house = House::new(&[], &[6]);
    house.kernel.set_limits(Limits { sweep_max: 4, ..Limits::default() });
    (0..6).for_each(|_| _ = house.submit(of(Class::Background)));
    (0..6).for_each(|_| _ = house.submit(of(Class::Critical)));
    let preempt = BTreeSet::from([Class::Critical]);
    let policies = Arc::new(Policies { preempt, ..Policies::default() });
    let step = house.tell(Command::Configure { team: Text::default(), policies });
    assert_eq!(preempted(&step).len(), 4);
    assert_eq!(house.kernel.next_deadline(), Some(Time(house.now)), "there is more to do");
    assert_eq!(preempted(&house.tell(Command::Tick)).len(), 2);
}

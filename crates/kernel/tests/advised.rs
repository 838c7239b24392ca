//! Advice is asked for by a child of the task that it is about, told by hand: who pays, who is
//! asked, and what becomes of a question that nobody needs any more.

#![allow(unused_must_use)] // A story does not look at every answer.

mod told;

use majordomo_kernel::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use told::payload;

struct Story {
    kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
}

impl Story {
    /// Three who count, and somebody who advises on all; a task waits for advice.
    fn asked() -> (Story, Question) {
        let kernel = Kernel::new(Limits::default());
        let mut story = Story { kernel, journal: Vec::new(), now: 0 };
        story.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        let routing = Policy::External { wait_ms: 1_000 };
        let policy = CapabilityPolicy { routing, ..CapabilityPolicy::default() };
        let capabilities = BTreeMap::from([("count".into(), policy)]);
        let policies = Arc::new(Policies { capabilities, ..Policies::default() });
        story.tell(Command::Configure { team: "".into(), policies });
        ["one", "two", "three"].map(|name| story.join(name, "count"));
        story.join("oracle", "route");
        let budget = Some(Budget { tokens: Some(100), ..Budget::default() });
        let step = story.submit(Submit { budget, ..Submit::new(Terms::new("count"), payload(1)) });
        let Some(Effect::Advise(question)) = step.effects.first() else { panic!("{step:?}") };
        let question = (**question).clone();
        assert!(story.kernel.state().is_advised(question.task));
        (story, question)
    }

    fn join(&mut self, name: &str, capability: &str) -> AgentId {
        let serves = vec![Serves { capability: capability.into(), version: 1 }];
        let spec = Arc::new(AgentSpec::new(name, "native", serves, 4));
        match self.tell(Command::Join(spec)).answer {
            Ok(Answer::Joined(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    fn submit(&mut self, submit: Submit) -> Step {
        self.tell(Command::Submit(submit))
    }

    fn tell(&mut self, command: Command) -> Step {
        told::step(&mut self.kernel, &mut self.journal, self.now, command)
    }

    fn consult(&mut self, question: &Question) -> Step {
        let (task, until) = (question.task, question.until);
        self.tell(Command::Consult { task, until, input: payload(2) })
    }

    fn advise(&mut self, question: &Question, name: &str) -> Step {
        let (task, until) = (question.task, question.until);
        let ranking = vec![name.into()];
        self.tell(Command::Advice { task, until, ranking, words: "so it is".into() })
    }

    fn task(&self, id: TaskId) -> &Task {
        self.kernel.state().task(id).unwrap_or_else(|| panic!("{id} is open"))
    }
}

fn accepted(step: &Step) -> Receipt {
    match &step.answer {
        Ok(Answer::Accepted(receipt)) => receipt.clone(),
        other => panic!("{other:?}"),
    }
}

fn to(step: &Step) -> AgentId {
    let granted = step.entries.iter().find_map(|entry| match &entry.event {
        Event::LeaseGranted(granted) => Some(granted.agent),
        _ => None,
    });
    granted.unwrap_or_else(|| panic!("{step:?}"))
}

#[test]
fn the_run_of_the_task_pays_for_advice_and_once() {
    let (mut story, question) = Story::asked();
    let step = story.consult(&question);
    let (asked, oracle) = (accepted(&step), AgentId(3));
    assert!(asked.fresh && to(&step) == oracle);
    let child = story.task(asked.task);
    assert_eq!((child.run, child.purse, child.depth), (question.task, question.task, 2));
    assert!(story.task(question.task).past.is_none(), "it is no step");

    let attempt = child.attempt().expect("it was granted");
    let cost = Cost { tokens: 60, ..Cost::default() };
    story.tell(Command::Report(attempt, Report::Spent(cost)));
    let left = Cost { tokens: 41, ..Cost::default() };
    let over = Err(Refusal::OverBudget { what: "tokens".into() });
    assert_eq!(
        story.kernel.state().affords(
            AttemptId { task: question.task, token: Token(0) },
            left,
            Time(0)
        ),
        over
    );

    let done = story.tell(Command::Report(attempt, Report::Completed(payload(9))));
    assert!(matches!(done.effects[..], [Effect::Settled { task, .. }] if task == asked.task));
    // Asked again, as after a crash, it is the same question with its answer.
    let again = accepted(&story.consult(&question));
    assert_eq!((again.task, again.fresh), (asked.task, false));
    assert!(matches!(again.outcome.as_deref(), Some(Outcome::Completed(_))));
    assert_eq!(to(&story.advise(&question, "three")), AgentId(2));
}

#[test]
fn advice_that_nobody_needs_any_more_is_called_off() {
    // The task is called off.
    let (mut story, question) = Story::asked();
    let asked = accepted(&story.consult(&question)).task;
    let step = story.tell(Command::Cancel { task: question.task, reason: "no".into() });
    assert!(step.effects.iter().any(|it| matches!(it, Effect::Stop { .. })), "{step:?}");
    assert!(story.kernel.state().task(asked).is_none());

    // It was waited for long enough.
    let (mut story, question) = Story::asked();
    let asked = accepted(&story.consult(&question)).task;
    story.now = 1_000;
    story.tell(Command::Tick);
    assert!(story.kernel.state().task(asked).is_none());
    let late = Err(Refusal::NotAsked(question.task));
    assert_eq!(story.consult(&question).answer, late, "its turn is over");

    // Somebody has said it in another way.
    let (mut story, question) = Story::asked();
    let asked = accepted(&story.consult(&question)).task;
    story.advise(&question, "two");
    assert_eq!(story.kernel.next_deadline(), Some(Time(0)), "the rest is for the next step");
    story.tell(Command::Tick);
    assert!(story.kernel.state().task(asked).is_none());
}

#[test]
fn there_is_room_for_a_question_where_there_is_room_for_a_task() {
    let (mut story, question) = Story::asked();
    let mut policies = Policies::clone(&story.kernel.state().policies[""]);
    let quota = Quota { queued_max: Some(0), ..Quota::default() };
    let policy = CapabilityPolicy { quota, ..CapabilityPolicy::default() };
    policies.capabilities.insert("route".into(), policy);
    let (team, policies) = ("".into(), Arc::new(policies));
    story.tell(Command::Configure { team, policies });
    let answer = story.consult(&question).answer;
    assert!(matches!(answer, Err(Refusal::OverQuota { .. })), "{answer:?}");
    // What is held in memory is full.
    let limits = Limits { payload_max_bytes: 0, ..Limits::default() };
    story.kernel.set_limits(limits);
    let (task, until) = (question.task, question.until);
    let asked = Command::Consult { task, until, input: payload(2) };
    let answer = story.kernel.step(Time(0), asked).answer;
    assert!(matches!(answer, Err(Refusal::Overloaded { .. })), "{answer:?}");
}

#[test]
fn what_is_not_asked_is_not_asked_for() {
    let (mut story, question) = Story::asked();
    let other = Question { until: Time(7), ..question.clone() };
    let refused = Err(Refusal::NotAsked(question.task));
    assert_eq!(story.consult(&other).answer, refused);
    story.now = 1_000;
    assert_eq!(story.consult(&question).answer, refused);
    story.tell(Command::Cancel { task: question.task, reason: "no".into() });
    assert_eq!(story.consult(&question).answer, Err(Refusal::UnknownTask(question.task)));
}

#[test]
fn whoever_advises_on_this_alone_goes_first_and_nobody_on_work_for_advice() {
    let (mut story, question) = Story::asked();
    let expert = story.join("expert", "route.count");
    let step = story.consult(&question);
    assert_eq!(to(&step), expert);
    let adviser = story.task(accepted(&step).task).attempt().expect("it was granted");
    let submit = Box::new(Submit::new(Terms::new("count"), payload(3)));
    let step = story.tell(Command::Report(adviser, Report::Ask { step: "a".into(), submit }));
    assert!(to(&step).0 < 3, "{step:?}");
    let asks = |it: &Effect| matches!(it, Effect::Advise(_));
    assert!(!step.effects.iter().any(asks), "or it would never end");
}

#[test]
fn a_question_that_fails_is_put_twice_and_leaves_no_dead_letter() {
    let (mut story, question) = Story::asked();
    let asked = accepted(&story.consult(&question)).task;
    for _ in 0..2 {
        let attempt = story.task(asked).attempt().expect("it was granted");
        let failure = Failure::new(FailureKind::Error, "the model is down");
        story.tell(Command::Report(attempt, Report::Failed(failure)));
        story.now += 400;
        story.tell(Command::Tick);
    }
    assert!(story.kernel.state().task(asked).is_none());
    assert!(story.kernel.state().dead.is_empty());
}

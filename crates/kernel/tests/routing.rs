//! Who gets a task under each policy, and why, told by hand.

#![allow(unused_must_use)] // A story does not look at every answer.

mod told;

use majordomo_kernel::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use told::payload;

struct Story {
    kernel: Kernel,
    journal: Vec<Entry>,
    now: u64,
}

impl Story {
    fn with(policy: Policy) -> Story {
        let kernel = Kernel::new(Limits::default());
        let mut story = Story { kernel, journal: Vec::new(), now: 0 };
        story.tell(Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
        let policy = CapabilityPolicy { routing: policy, ..CapabilityPolicy::default() };
        let capabilities = BTreeMap::from([("count".into(), policy)]);
        let policies = Arc::new(Policies { capabilities, ..Policies::default() });
        story.tell(Command::Configure { team: "".into(), policies });
        story
    }

    fn join_as(&mut self, name: &str, capability: &str) {
        let serves = vec![Serves { capability: capability.into(), version: 1 }];
        self.tell(Command::Join(Arc::new(AgentSpec::new(name, "native", serves, 4))));
    }

    fn join(&mut self, name: &str, slots: u32) -> AgentId {
        let serves = vec![Serves { capability: "count".into(), version: 1 }];
        let spec = AgentSpec::new(name, "native", serves, slots);
        match self.tell(Command::Join(Arc::new(spec))).answer {
            Ok(Answer::Joined(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    fn tell(&mut self, command: Command) -> Step {
        let step = told::unreplayed(&mut self.kernel, &mut self.journal, self.now, command);
        if self.journal.len() < 100 || self.journal.len().is_multiple_of(64) {
            told::replays(&self.kernel, &self.journal);
        }
        step
    }

    fn submit(&mut self, submit: Submit) -> Step {
        self.tell(Command::Submit(submit))
    }

    fn done(&mut self, granted: &Granted) -> Step {
        let attempt = AttemptId { task: granted.task, token: granted.token };
        self.tell(Command::Report(attempt, Report::Completed(payload(9))))
    }

    fn fails(&mut self, granted: &Granted) -> Step {
        let attempt = AttemptId { task: granted.task, token: granted.token };
        let failure = Failure::new(FailureKind::Rejected, "no");
        self.tell(Command::Report(attempt, Report::Failed(failure)))
    }
}

fn question() -> Submit {
    Submit::new(Terms::new("count"), payload(1))
}

fn keyed(key: &str) -> Submit {
    Submit { affinity: Some(key.into()), ..question() }
}

fn grants(step: &Step) -> Vec<Granted> {
    let granted = step.entries.iter().filter_map(|entry| match &entry.event {
        Event::LeaseGranted(granted) => Some((**granted).clone()),
        _ => None,
    });
    granted.collect()
}

fn granted(step: &Step) -> Granted {
    let all = grants(step);
    assert_eq!(all.len(), 1, "{:?}", step.entries);
    all[0].clone()
}

#[test]
fn of_two_drawn_the_less_loaded_gets_it() {
    let mut story = Story::with(Policy::PowerOfTwo);
    for name in 0..5 {
        story.join(&format!("agent-{name}"), 100);
    }
    let mut load = BTreeMap::<AgentId, u32>::new();
    for _ in 0..200 {
        let granted = granted(&story.submit(question()));
        let [best, other] = granted.why.candidates[..] else { panic!("{:?}", granted.why) };
        assert!(best.agent == granted.agent && best.load <= other.load);
        assert_eq!(granted.why.reason, Reason::TwoDrawn);
        *load.entry(granted.agent).or_default() += 1;
    }
    assert!(load.len() == 5 && load.values().all(|it| (35..46).contains(it)), "{load:?}");
}

#[test]
fn the_best_record_gets_most_and_everybody_is_tried() {
    let mut story = Story::with(Policy::BestRecord { explore_percent: 10 });
    let agents = ["good", "slow", "bad"].map(|name| story.join(name, 1));
    let mut counts = BTreeMap::<AgentId, u32>::new();
    let mut explored = 0;
    for round in 0..600 {
        if round == 400 {
            story.join("new", 1);
        }
        let granted = granted(&story.submit(question()));
        *counts.entry(granted.agent).or_default() += 1;
        explored += u32::from(granted.why.reason == Reason::Explored);
        story.now += if granted.agent == agents[1] { 100 } else { 10 };
        if granted.agent == agents[2] {
            story.fails(&granted)
        } else {
            story.done(&granted)
        };
    }
    assert!((30..90).contains(&explored), "{explored} of 600 for finding out");
    let of = |agent: u32| counts.get(&AgentId(agent)).copied().unwrap_or(0);
    assert!(of(0) + of(3) > 500, "{counts:?}");
    assert!((1..4).all(|agent| of(agent) >= 5), "nobody is given up: {counts:?}");
}

#[test]
fn a_key_stays_with_its_agent_and_moves_only_when_it_goes() {
    let mut story = Story::with(Policy::Sticky { wait_ms: 1_000 });
    let agents: Vec<AgentId> = (0..4).map(|it| story.join(&format!("agent-{it}"), 50)).collect();
    let keys: Vec<String> = (0..20).map(|key| format!("customer-{key}")).collect();
    let owners = |story: &mut Story| -> Vec<AgentId> {
        let owner = |key: &String| granted(&story.submit(keyed(key))).agent;
        keys.iter().map(owner).collect()
    };
    let first = owners(&mut story);
    assert_eq!(first, owners(&mut story), "the same key, the same agent");
    assert!(first.iter().collect::<BTreeSet<_>>().len() >= 3, "spread out: {first:?}");
    story.tell(Command::Pause(agents[1]));
    for (before, after) in first.iter().zip(owners(&mut story)) {
        assert!(*before == agents[1] || *before == after);
    }
    story.tell(Command::Unpause(agents[1]));
    assert_eq!(first, owners(&mut story), "it gets its keys back");
}

#[test]
fn a_busy_owner_is_waited_for_and_nobody_waits_behind() {
    let mut story = Story::with(Policy::Sticky { wait_ms: 1_000 });
    let agents = [story.join("one", 1), story.join("two", 1)];
    let first = granted(&story.submit(keyed("anna")));
    let step = story.submit(keyed("anna"));
    let step_of = Routing::Held { agent: first.agent, until: Time(1_000) };
    let held = Event::Routing { task: TaskId(2), step: step_of };
    assert!(step.entries.iter().any(|it| it.event == held), "{:?}", step.entries);
    // A task without a key goes past it, to the other agent.
    let other = granted(&story.submit(question()));
    assert_ne!(other.agent, first.agent);
    assert_eq!(other.why.fallback, Some(Fallback::NoKey));
    story.now = 500;
    let second = granted(&story.done(&first));
    assert_eq!((second.agent, second.why.reason), (first.agent, Reason::OwnsKey));

    // Waited for in vain: the next in the key's order gets it.
    story.submit(keyed("anna"));
    story.done(&other);
    story.now = 1_499;
    assert_eq!(grants(&story.tell(Command::Tick)), []);
    story.now = 1_500;
    let third = granted(&story.tell(Command::Tick));
    assert_eq!((third.agent, third.why.reason), (other.agent, Reason::NextForKey));

    // An owner that leaves is not waited for.
    story.done(&third);
    story.submit(keyed("anna"));
    assert!(matches!(
        story.kernel.state().deliberations.get(&TaskId(5)),
        Some(Deliberation::Held { agent, .. }) if *agent == first.agent
    ));
    let taken_over = granted(&story.tell(Command::Leave(first.agent)));
    assert_eq!((taken_over.task, taken_over.agent), (second.task, other.agent));
    let last = granted(&story.done(&taken_over));
    assert_eq!((last.task, last.why.reason), (TaskId(5), Reason::OwnsKey));
    assert!(agents.contains(&last.agent) && last.agent != first.agent);
}

#[test]
fn what_is_asked_of_one_agent_goes_to_no_other() {
    let mut story = Story::with(Policy::LeastLoaded);
    let (one, two) = (story.join("one", 1), story.join("two", 1));
    let to = |name: &str| Submit { to: Some(name.into()), ..question() };
    let first = granted(&story.submit(to("two")));
    assert_eq!((first.agent, first.why.reason), (two, Reason::Addressed));
    assert_eq!(grants(&story.submit(to("two"))), [], "it waits, though the other is idle");
    assert_eq!(granted(&story.submit(question())).agent, one);
    assert_eq!(granted(&story.done(&first)).task, TaskId(2));
    assert_eq!(story.submit(to("nobody")).answer, Err(Refusal::UnknownName("nobody".into())));
    let other = Submit { to: Some("one".into()), ..Submit::new(Terms::new("write"), payload(1)) };
    let refused = Refusal::NotServed { agent: one, capability: "write".into() };
    assert_eq!(story.submit(other).answer, Err(refused));
}

#[test]
fn work_for_one_alone_and_work_for_all_take_turns() {
    let mut story = Story::with(Policy::LeastLoaded);
    story.join("one", 1);
    let mut last = granted(&story.submit(question()));
    for _ in 0..10 {
        story.submit(Submit { to: Some("one".into()), ..question() });
        story.submit(question());
    }
    let mut addressed = Vec::new();
    for _ in 0..20 {
        last = granted(&story.done(&last));
        addressed.push(last.why.reason == Reason::Addressed);
    }
    let early = addressed[..10].iter().filter(|it| **it).count();
    assert!((4..=6).contains(&early), "{addressed:?}");
}

/// One that asks an adviser, with three idle agents, and a task about which one is asked.
fn asked() -> (Story, Question) {
    let mut story = Story::with(Policy::External { wait_ms: 1_000 });
    ["one", "two", "three"].map(|name| story.join(name, 1));
    let step = story.submit(question());
    let Some(Effect::Advise(question)) = step.effects.first() else { panic!("{step:?}") };
    assert_eq!(question.candidates.len(), 3);
    assert_eq!(story.kernel.outstanding(), step.effects, "asked again after a crash");
    let question = (**question).clone();
    (story, question)
}

fn advice(question: &Question, ranking: &[&str], words: &str) -> Command {
    Command::Advice {
        task: question.task,
        until: question.until,
        ranking: ranking.iter().map(|name| (*name).into()).collect(),
        words: words.into(),
    }
}

#[test]
fn advice_is_taken_if_it_fits_the_moment() {
    let (mut story, question) = asked();
    let step = story.tell(advice(&question, &["nobody", "three", "one"], "three knows SQL"));
    let granted = granted(&step);
    assert_eq!((granted.agent, granted.why.reason), (AgentId(2), Reason::Advised));
    assert_eq!(granted.why.words.as_deref(), Some("three knows SQL"));
    let again = story.tell(advice(&question, &["one"], ""));
    assert_eq!(again.answer, Err(Refusal::NotAsked(TaskId(1))));
}

#[test]
fn advice_that_does_not_fit_is_recorded_and_the_lowest_load_decides() {
    for (ranking, fallback, why) in [
        (&["nobody"][..], Fallback::AdviceUnfit, Some(Unadvisable::Unknown)),
        (&["paused"][..], Fallback::AdviceUnfit, Some(Unadvisable::Away)),
        (&["busy"][..], Fallback::AdviceUnfit, Some(Unadvisable::Busy)),
        (&["oracle"][..], Fallback::AdviceUnfit, Some(Unadvisable::NotServing)),
        (&[][..], Fallback::NoOpinion, None),
    ] {
        let (mut story, question) = asked();
        let (paused, _) = (story.join("paused", 1), story.join("busy", 1));
        story.tell(Command::Pause(paused));
        story.join_as("oracle", "route");
        story.submit(Submit { to: Some("busy".into()), ..self::question() });
        let granted = granted(&story.tell(advice(&question, ranking, &"w".repeat(1_000))));
        assert_eq!(granted.why.fallback, Some(fallback), "{ranking:?}");
        assert!(granted.agent.0 < 3, "{granted:?}");
        let dismissed: Vec<_> =
            granted.why.dismissed.iter().map(|it| (&*it.name, it.why)).collect();
        assert_eq!(dismissed, why.map(|why| (ranking[0], why)).into_iter().collect::<Vec<_>>());
        assert_eq!(granted.why.words.map(|it| it.len()), Some(400), "bounded");
    }
}

#[test]
fn late_advice_is_not_heard_and_silence_is_no_obstacle() {
    let (mut story, question) = asked();
    story.now = 1_000;
    let step = story.tell(advice(&question, &["three"], "too late"));
    assert_eq!(step.answer, Err(Refusal::NotAsked(TaskId(1))));
    let granted = granted(&step);
    assert_eq!(granted.why.fallback, Some(Fallback::NoAdvice));
    // Asked anew about the next attempt, an answer to the question before is not taken for one.
    let step = story.fails_for_now(&granted);
    let Some(next) = step.kernel_question() else { panic!("{step:?}") };
    assert_ne!(next.until, question.until);
    let stale = story.tell(advice(&question, &["three"], "stale"));
    assert_eq!(stale.answer, Err(Refusal::NotAsked(TaskId(1))));
}

impl Story {
    /// Fails in a way that may pass, and waits until the task is taken up again.
    fn fails_for_now(&mut self, granted: &Granted) -> Asked {
        let attempt = AttemptId { task: granted.task, token: granted.token };
        let failure = Failure::new(FailureKind::Error, "not now");
        self.tell(Command::Report(attempt, Report::Failed(failure)));
        self.now += 120_000;
        Asked(self.tell(Command::Tick))
    }
}

/// A step that may ask an adviser.
#[derive(Debug)]
struct Asked(Step);

impl Asked {
    fn kernel_question(&self) -> Option<&Question> {
        self.0.effects.iter().find_map(|effect| match effect {
            Effect::Advise(question) => Some(&**question),
            _ => None,
        })
    }
}

#[test]
fn routing_is_not_routed_by_an_adviser() {
    let mut story = Story::with(Policy::LeastLoaded);
    let routing = Policy::External { wait_ms: 1_000 };
    let policy = CapabilityPolicy { routing, ..CapabilityPolicy::default() };
    let capabilities = BTreeMap::from([("route".into(), policy)]);
    let policies = Arc::new(Policies { capabilities, ..Policies::default() });
    story.tell(Command::Configure { team: "".into(), policies });
    for name in ["one", "two"] {
        let serves = vec![Serves { capability: "route".into(), version: 1 }];
        story.tell(Command::Join(Arc::new(AgentSpec::new(name, "native", serves, 1))));
    }
    let granted = granted(&story.submit(Submit::new(Terms::new("route"), payload(1))));
    assert_eq!(granted.why.policy, PolicyKind::LeastLoaded);
}

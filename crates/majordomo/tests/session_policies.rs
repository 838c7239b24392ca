//! What a team file says of quotas, breakers, supervisors, routing and schedules decides what
//! happens.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use kernel::{AgentId, Command, Entry, Event, Exit, Exited, Extent, Intensity, Supervised};
use majordomo::data::DataDir;
use majordomo::session::{Error, Options, Session};
use majordomo::team::check::Anywhere;
use majordomo::{Team, kernel, runtime, team};
use runtime::port::journal::Seq;
use runtime::port::observer::{Note, Observer};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Notify;

/// Keeps every event, and wakes who waits for one.
#[derive(Default)]
struct Heard {
    events: Mutex<Vec<Event>>,
    more: Notify,
}

impl Observer for Heard {
    fn durable(&self, _: Seq, entries: &Arc<[Entry]>) {
        let events = entries.iter().map(|entry| entry.event.clone());
        self.events.lock().unwrap().extend(events);
        self.more.notify_waiters();
    }

    fn note(&self, _: &Note) {}
}

impl Heard {
    fn count(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.events.lock().unwrap().iter().filter(|event| which(event)).count()
    }

    /// Waits until something has happened so often.
    async fn until(&self, times: usize, which: impl Fn(&Event) -> bool) {
        loop {
            let more = self.more.notified();
            if self.count(&which) >= times {
                return;
            }
            more.await;
        }
    }
}

struct Stage {
    directory: TempDir,
    heard: Arc<Heard>,
}

impl Stage {
    fn new() -> Stage {
        Stage { directory: tempfile::tempdir().unwrap(), heard: Arc::default() }
    }

    fn data(&self) -> DataDir {
        DataDir::new(self.directory.path().join("data"))
    }

    async fn start(&self, text: &str) -> Result<Session, Error> {
        let reading = team::read("t.toml", &format!("name = 't'\n{text}"), &Anywhere);
        let said = reading.render(false);
        let definition = reading.definition.unwrap_or_else(|| panic!("{said}"));
        let file = Some(self.directory.path().join("t.toml"));
        let observers: Vec<Arc<dyn Observer>> = vec![self.heard.clone()];
        let options = Options { file, observers, ..Options::default() };
        Session::start(definition, &self.data(), options).await
    }

    /// One run to its end, in a session of its own.
    async fn run(&self, text: &str, args: Value) -> Value {
        let session = self.start(text).await.unwrap();
        let outcome = session.run(args).await.unwrap().outcome().await;
        session.drain(Duration::ZERO).await;
        outcome.unwrap()
    }
}

/// Fails where two of it work at the same time.
const ALONE: &str = r#"
[agents.alone]
kind = "command"
argv = ["sh", "-c", "mkdir lock || exit 65; sleep 0.02; rmdir lock; echo 1"]
dir = "."
serves = ["alone"]
slots = 4
[steps.all]
ask = "alone"
for_each = "args"
"#;

#[tokio::test]
async fn a_quota_holds_tasks_back_while_the_capability_is_worked_on() {
    for quota in ["[limits.capability.alone]\nworking = 1", "[limits.tenant.'']\nworking = 1"] {
        let stage = Stage::new();
        // The run itself takes a place of its tenant's only while it does not wait.
        let text = format!("{ALONE}\n{quota}");
        assert_eq!(stage.run(&text, json!([1, 2, 3, 4])).await, json!([1, 1, 1, 1]), "{quota}");
    }
    let stage = Stage::new();
    let session = stage.start(&format!("{ALONE}\n[limits.capability.'run.t']\nqueued = 0")).await;
    let session = session.unwrap();
    let refused = session.run(json!([])).await.err();
    session.drain(Duration::ZERO).await;
    assert_eq!(refused.unwrap().kind, kernel::FailureKind::Overloaded);
}

#[tokio::test]
async fn a_breaker_opens_at_the_volume_that_the_file_says() {
    let agents = r#"
[agents]
bad = { kind = "command", argv = ["sh", "-c", "exit 70"], serves = ["x"], prefer = 1 }
good = { kind = "command", argv = ["echo", "1"], serves = ["x"] }
[steps.all]
ask = "x"
for_each = "args"
concurrency = 1
retry = { attempts = 9, backoff = "1ms" }
"#;
    let opened = |event: &Event| matches!(event, Event::BreakerOpened { .. });
    let failed = |event: &Event| matches!(event, Event::AttemptFailed { .. });
    let args = || json!([1, 2, 3, 4, 5, 6]);

    let usual = Stage::new();
    usual.run(agents, args()).await;
    assert_eq!((usual.heard.count(opened), usual.heard.count(failed)), (0, 6), "too few to tell");

    for breaker in ["[breaker]", "[breaker.capability.x]"] {
        let stage = Stage::new();
        let text = format!(
            "{agents}\n{breaker}\nminimum = 3\nwindow = 3\nopen = '1h'\n\
             open_max = '1h'"
        );
        stage.run(&text, args()).await;
        assert_eq!((stage.heard.count(opened), stage.heard.count(failed)), (1, 3), "{breaker}");
    }
}

#[tokio::test]
async fn a_supervisor_restarts_its_children_within_its_intensity() {
    let stage = Stage::new();
    let text = r#"
[agents]
a = { kind = "command", argv = ["cat"], serves = ["x"] }
b = { kind = "command", argv = ["cat"], serves = ["x"] }
c = { kind = "command", argv = ["cat"], serves = ["x"] }
[supervisors]
root = { intensity = 0, period = "1s" }
pair = { children = ["b", "a"], strategy = "one_for_all", intensity = 1, period = "1h" }
"#;
    let session = stage.start(text).await.unwrap();
    let team = session.team();
    let life = |name: &str| {
        let all = team.agents();
        let agent = all.iter().find(|it| *it.spec.name == *name).unwrap().clone();
        (agent.id, agent.life.number, agent.life.given_up.is_some())
    };
    let dies = |name: &str| {
        let (agent, life, _) = life(name);
        let (reason, extent) = (Exit::Abnormal("killed".into()), Extent::Whole);
        Command::Exited(Exited { agent, life, reason, extent })
    };
    let started = |of: AgentId| {
        move |event: &Event| match event {
            Event::Supervised(Supervised::Started { agent, .. }) => *agent == of,
            _ => false,
        }
    };
    let (a, before, _) = life("a");
    team.command(dies("a")).await.unwrap();
    stage.heard.until(1, started(a)).await;
    assert_eq!(life("a").1, before + 1);
    assert_eq!(life("b").1, before + 1, "one for all");
    assert_eq!(life("c").1, before, "it stands alone");
    let counted = |event: &Event| {
        let Event::Supervised(Supervised::Planned(planned)) = event else { return false };
        let intensity = Intensity { restarts: 1, period_ms: 3_600_000 };
        planned
            .counted
            .as_ref()
            .is_some_and(|(level, it)| &*level.name == "pair" && *it == intensity)
    };
    assert_eq!(stage.heard.count(counted), 1);
    team.command(dies("a")).await.unwrap();
    assert!(life("a").2 && life("b").2, "the second is one too many, and the root bears none");
    assert!(!life("c").2);
    session.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn tasks_with_one_sticky_key_go_to_one_agent() {
    let agent = |name: &str| {
        format!(
            "{name} = {{ kind = 'command', argv = ['sh', '-c', 'echo $NAME'], stdout = 'text', \
             set = {{ NAME = '{name}' }}, serves = ['x'] }}\n"
        )
    };
    let agents: String = ["a", "b", "c"].map(agent).concat();
    let text = format!(
        "[agents]\n{agents}\n[steps.all]\nask = 'x'\nfor_each = 'args'\nkey = 'index'\n\
         sticky = '{{{{ item }}}}'\n"
    );
    let keys = ["p", "q", "r", "s", "t", "u"].repeat(4);
    let who = |outputs: &Value| {
        let mut pairs: Vec<(String, String)> = outputs
            .as_array()
            .unwrap()
            .iter()
            .zip(&keys)
            .map(|(by, key)| ((*key).to_owned(), by.to_string()))
            .collect();
        pairs.sort();
        pairs.dedup();
        pairs
    };
    let sticky = format!("{text}\n[routing]\nx = {{ policy = 'sticky', wait = '1m' }}");
    let pairs = who(&Stage::new().run(&sticky, json!(keys)).await);
    assert_eq!(pairs.len(), 6, "{pairs:?}");
    let mut agents: Vec<&String> = pairs.iter().map(|(_, by)| by).collect();
    agents.sort();
    agents.dedup();
    assert!(agents.len() > 1, "the keys are spread: {pairs:?}");
}

#[tokio::test]
async fn what_a_step_requires_and_how_heavy_it_is_reach_the_kernel() {
    let text = r#"
output = ["{{ here }}", "{{ wish }}", "{{ any }}"]
[agents.eu]
kind = "command"
argv = ["echo", "1"]
serves = ["x"]
slots = 3
labels = { region = "eu", tokens = 9 }
[agents.us]
kind = "command"
argv = ["echo", "2"]
serves = ["x"]
slots = 3
prefer = 9
labels = { region = "us", fast = true }
[steps]
here = { ask = "x", require = "region in ['eu'] and tokens > 8", weight = 3, class = "high" }
wish = { ask = "x", wish = "not fast", needs = ["here"] }
any = { ask = "x", needs = ["here"] }
"#;
    let stage = Stage::new();
    let outputs = stage.run(text, json!([])).await;
    assert_eq!(outputs, json!([1, 1, 2]));
    let heavy = |event: &Event| {
        let Event::TaskAccepted(accepted) = event else { return false };
        (accepted.terms.weight, accepted.terms.class) == (3, kernel::Class::High)
    };
    assert_eq!(stage.heard.count(heavy), 1);
}

const TICKS: &str = r#"
[agents]
lead = { kind = "builtin", use = "lead" }
[steps]
survey = { ask = "code.survey", input = { path = "{{ args }}" } }
[schedules]
"#;

fn fired(event: &Event) -> bool {
    let Event::Schedule { what: kernel::ScheduleEvent::Fired { came, .. }, .. } = event else {
        return false;
    };
    matches!(came, kernel::Came::Task(_))
}

#[tokio::test(start_paused = true)]
async fn a_schedule_of_the_file_fires_and_runs_the_steps() {
    let stage = Stage::new();
    let place = stage.directory.path().join("src");
    std::fs::create_dir(&place).unwrap();
    let text = format!("{TICKS}tick = {{ every = '1s', input = {:?} }}", place.to_str().unwrap());
    let session = stage.start(&text).await.unwrap();
    let completed = |event: &Event| matches!(event, Event::TaskCompleted { .. });
    stage.heard.until(2, fired).await;
    stage.heard.until(4, completed).await;
    let pinned = |event: &Event| matches!(event, Event::RunStarted { .. });
    assert!(stage.heard.count(pinned) >= 2, "each follows the definition");
    session.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn schedules_are_changed_and_removed_with_the_file_and_nobody_elses_are_touched() {
    let stage = Stage::new();
    let names = |session: &Session| {
        let all = session.team().schedules();
        let said = |it: &kernel::Schedule| format!("{} {}", it.spec.name, it.spec.origin);
        all.iter().map(said).collect::<Vec<_>>()
    };
    let session =
        stage.start(&format!("{TICKS}a = {{ every = '1h' }}\nb = {{ every = '1h' }}")).await;
    let session = session.unwrap();
    let recurs = kernel::Recurrence::Every { ms: 3_600_000 };
    let terms = kernel::Terms::new("x");
    let by_hand =
        session.team().schedule("own", recurs, terms, b"null".to_vec(), Default::default());
    by_hand.await.unwrap();
    assert_eq!(names(&session), ["a t", "b t", "own "]);
    session.team().pause_schedule("b").await.unwrap();
    session.drain(Duration::ZERO).await;

    let taken = stage.start(&format!("{TICKS}own = {{ every = '1h' }}")).await.err().unwrap();
    let said = taken.to_string();
    assert!(said.contains("schedule `own`") && said.contains("set by hand"), "{said}");

    let changed = "b = { cron = '@daily', zone = 'UTC', overlap = 'allow' }";
    let session = stage.start(&format!("{TICKS}{changed}")).await.unwrap();
    assert_eq!(names(&session), ["b t", "own "]);
    let b = session.team().schedules().remove(0);
    assert!(b.paused, "what a person has paused stays paused");
    assert_eq!(b.spec.overlap, kernel::Overlap::Allow);
    session.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn policies_are_journaled_when_they_differ_and_for_their_own_scope_alone() {
    let stage = Stage::new();
    let configured = |event: &Event| matches!(event, Event::Configured { .. });
    let native = kernel::Policies {
        tenants: [("acme".into(), kernel::Quota { queued_max: Some(1), working_max: None })].into(),
        ..Default::default()
    };
    let rust = Team::open(stage.data().path()).policies(native.clone()).start().await.unwrap();
    rust.drain(Duration::ZERO).await;

    let text = format!("{ALONE}\n[limits.capability.alone]\nworking = 1");
    for _ in 0..2 {
        let session = stage.start(&text).await.unwrap();
        let policies = session.team().policies_of(session.scope());
        assert_eq!(policies.capabilities["alone"].quota.working_max, Some(1));
        assert_eq!(*session.team().policies_of(""), native, "Rust's own go on");
        session.drain(Duration::ZERO).await;
    }
    assert_eq!(stage.heard.count(configured), 1, "the second start says the same");

    let session = stage.start(ALONE).await.unwrap();
    assert_eq!(*session.team().policies_of(session.scope()), kernel::Policies::default());
    assert_eq!(stage.heard.count(configured), 2);
    session.drain(Duration::ZERO).await;
}

/// While runs of an older file are open, a newer one has a scope of its own, with what it says.
#[tokio::test]
async fn each_scope_is_governed_by_its_own_file_and_forgotten_when_it_is_needed_no_more() {
    let stage = Stage::new();
    let waits = ALONE.replace("mkdir lock || exit 65; sleep 0.02; rmdir lock; echo 1", "sleep 600");
    let old = format!("{waits}\n[limits.capability.alone]\nworking = 1");
    let session = stage.start(&old).await.unwrap();
    let run = session.run(json!([1])).await.unwrap().task;
    session.drain(Duration::ZERO).await;

    let new = format!("{waits}\n[limits.capability.alone]\nworking = 2");
    let session = stage.start(&new).await.unwrap();
    session.resume().await.unwrap();
    let working = |session: &Session, scope: &str| {
        let policies = session.team().policies_of(scope);
        policies.capabilities.get("alone").and_then(|it| it.quota.working_max)
    };
    let scope = session.scope().to_owned();
    assert!(scope.starts_with("t@"), "{scope}");
    assert_eq!((working(&session, "t"), working(&session, &scope)), (Some(1), Some(2)));
    session.team().cancel(run, "enough").await.unwrap();
    session.drain(Duration::ZERO).await;

    let session = stage.start(&new).await.unwrap();
    assert_eq!(session.scope(), "t");
    assert_eq!((working(&session, "t"), working(&session, &scope)), (Some(2), None));
    session.drain(Duration::ZERO).await;
}

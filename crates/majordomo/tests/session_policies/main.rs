//! What a team file says of quotas, breakers, supervisors, routing and schedules decides what
//! happens.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

mod bus;
mod schedules;
mod stage;
mod topics;
mod watching;

use kernel::{AgentId, Command, Event, Exit, Exited, Extent, Intensity, Supervised};
use majordomo::session::Session;
use majordomo::{Team, kernel};
use serde_json::{Value, json};
use stage::Stage;
use std::time::Duration;

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
async fn a_step_may_take_any_of_several_versions() {
    let agents = r#"
[agents]
old = { kind = "command", argv = ["echo", "1"], serves = ["x"], prefer = 1 }
new = { kind = "command", argv = ["echo", "3"], serves = ["x@3"] }
"#;
    for (ask, version) in [("x", 1), ("x@2-", 3), ("x@>=1, <4", 1), ("x@3", 3)] {
        let text = format!("{agents}\n[steps.all]\nask = '{ask}'\nfor_each = 'args'");
        assert_eq!(Stage::new().run(&text, json!([0])).await, json!([version]), "{ask}");
    }
    let text = format!("{agents}\n[steps.all]\nask = 'x@4-'\n");
    let read = majordomo::team::read("t.toml", &text, &majordomo::team::check::Anywhere);
    let problems = read.render(false);
    assert!(problems.contains("nobody serves `x@4-`"), "{problems}");
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

/// The long one holds the only slot until it is told that urgent work has been done.
#[tokio::test]
async fn urgent_work_takes_the_place_of_a_step_that_may_be_put_off() {
    let text = r#"
[agents.one]
kind = "command"
argv = ["sh", "-c", """
read it
case $it in
  long) [ -e urgent ] || sleep 600;;
  *) touch urgent;;
esac
echo 1
"""]
dir = "."
stdin = "text"
serves = ["x"]
[steps]
long = { ask = "x", input = "long\n", preemptible = true }
[policy]
preempt = ["critical"]
"#;
    let stage = Stage::new();
    let session = stage.start(text).await.unwrap();
    let run = session.run(json!([])).await.unwrap();
    let granted = |event: &Event| matches!(event, Event::LeaseGranted(_));
    stage.heard.until(2, granted).await;
    let mut urgent = kernel::Terms::new("x");
    urgent.class = kernel::Class::Critical;
    urgent.team = session.scope().into();
    let input = serde_json::to_vec("now\n").unwrap();
    let urgent = session.team().submit(urgent, input, Default::default()).await.unwrap();
    assert!(urgent.outcome().await.is_ok());
    assert_eq!(run.outcome().await, Ok(json!(1)), "it was begun again");
    let preempted = |event: &Event| {
        let Event::AttemptLost { cause, .. } = event else { return false };
        matches!(cause, kernel::Loss::Preempted { .. })
    };
    assert_eq!(stage.heard.count(preempted), 1);
    session.drain(Duration::ZERO).await;
}

/// Two programs that bid for real, by the file alone.
#[tokio::test]
async fn a_market_gives_the_work_to_the_better_bid() {
    let bidder = |name: &str, ms: u32| {
        format!(
            r#"
[agents.{name}]
kind = "command"
serves = ["x", "bid"]
argv = ["sh", "-c", '''
case $MAJORDOMO_CAPABILITY in
  bid*) echo '{{"price": 0.001, "time_ms": {ms}, "confidence": 0.9}}';;
  *) echo '"{name}"';;
esac
''']
"#
        )
    };
    let (slow, quick) = (bidder("slow", 60_000), bidder("quick", 10));
    let text = format!("{slow}{quick}[steps]\na = {{ ask = 'x' }}\n[routing]\nx = 'auction'\n");
    let stage = Stage::new();
    assert_eq!(stage.run(&text, json!([])).await, json!("quick"));
    let bid = |event: &Event| {
        let Event::LeaseGranted(granted) = event else { return false };
        granted.why.policy == kernel::PolicyKind::Auction && granted.why.fallback.is_none()
    };
    assert_eq!(stage.heard.count(bid), 1, "the bids decided");
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

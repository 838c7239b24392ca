//! Versions of one capability side by side, and who gets what is asked of a range of them.
#![cfg(feature = "schema")]

use majordomo::kernel::FailureKind;
use majordomo::runtime::port::{Agent, BoxFuture};
use majordomo::{AgentEntry, Context, Contract, Failure, Result, Team, capability};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// It answers with its version, whatever it is asked.
struct Says(u32);

impl Agent for Says {
    fn run(&self, _: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let version = self.0;
        Box::pin(async move { Ok(json!(version)) })
    }
}

fn serving(version: u32, input: Value) -> AgentEntry {
    let serves = format!("text.say@{version}");
    let agent = Arc::new(Says(version));
    let entry = AgentEntry::new(&format!("v{version}"), "native", &[&serves], 4, agent);
    entry.contract(&serves, Contract::anything().input(input))
}

async fn three() -> Team {
    let team = Team::in_memory().with(say);
    let all = [1, 2, 3].map(|version| serving(version, json!(true)));
    let team = all.into_iter().fold(team, |team, entry| team.agent(entry));
    team.start().await.expect("starts side by side")
}

/// Which versions answer when `ask` is asked for many times.
#[capability("say@1")]
async fn say(cx: Context, ask: String) -> Result<Vec<u64>> {
    let mut answers = Vec::new();
    for number in 0..12 {
        answers.extend(cx.ask_value(&ask, json!(number)).await?.as_u64());
    }
    answers.sort_unstable();
    answers.dedup();
    Ok(answers)
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_a_range_gets_a_version_of_it_and_no_other() {
    let team = three().await;
    for (ask, wanted) in [
        ("text.say@2", vec![2]),
        ("text.say@>=1, <3", vec![1, 2]),
        ("text.say@2-", vec![2, 3]),
        ("text.say@<2", vec![1]),
        ("text.say", vec![1, 2, 3]),
    ] {
        assert_eq!(team.ask::<say>(ask).await, Ok(wanted), "{ask}");
    }
    assert_eq!(team.ask_value("text.say@>2", &json!("a")).await, Ok(json!(3)));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_version_is_refused_and_one_that_nobody_serves_is_waited_for() {
    let team = three().await;
    for ask in ["text.say@1.2", "text.say@>3, <2"] {
        let refused = team.ask_value(ask, &json!("a")).await.expect_err(ask);
        assert_eq!(refused.kind, FailureKind::Rejected);
        let refused = team.ask::<say>(ask).await.expect_err(ask);
        assert!(refused.message.contains(ask), "{}", refused.message);
    }
    let input = json!("a");
    let asked = team.ask_value("text.say@4-", &input);
    let waits = tokio::time::timeout(Duration::from_secs(60), asked);
    assert!(waits.await.is_err(), "nobody serves the fourth yet");
    team.join(serving(4, json!(true))).await.expect("joins");
    assert_eq!(team.ask_value("text.say@4-", &input).await, Ok(json!(4)));
}

#[tokio::test(start_paused = true)]
async fn an_input_must_do_for_every_version_that_may_get_it() {
    let team = Team::in_memory().agent(serving(1, json!({ "type": "string" })));
    let team = team.agent(serving(2, json!({ "type": "object" }))).start().await.expect("starts");
    let refused = team.ask_value("text.say", &json!("a")).await.expect_err("2 may get it");
    assert!(refused.message.contains("text.say@2"), "{}", refused.message);
    assert_eq!(team.ask_value("text.say@<2", &json!("a")).await, Ok(json!(1)));
    assert_eq!(team.ask_value("text.say@2-", &json!({})).await, Ok(json!(2)));
}

//! What a team file says of messages: a program tells and hears whom it may, and nobody else.

use super::stage::Stage;
use majordomo::runtime::bus::{Options, Pattern, Subject, Topic, Trace};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

const AGENT: &str = "
import majordomo
@majordomo.serve('say')
def say(cx, subject):
    try:
        return cx.publish(subject, {'line': 7}, schema='Finding')
    except majordomo.Failure as failure:
        return [failure.kind, str(failure)]
@majordomo.serve('hear')
def hear(cx, subject):
    try:
        feed = cx.subscribe(subject, queue=10) if subject else cx.subscribe()
        cx.publish('team.t.ready', subject)
        return [[m['sender'], m['subject'], m['schema'], m['body']] for m, _ in zip(feed, 'ab')]
    except majordomo.Failure as failure:
        return [failure.kind, str(failure)]
majordomo.run()
";

/// An agent that does what it is asked to for each of the arguments, with what its table allows.
fn team(agent: &str, does: &str, table: &str) -> String {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients/python");
    format!(
        "[agents.{agent}]\nkind = 'command'\nargv = ['python3', '-B', 'say.py']\ndir = '.'\n\
         protocol = 'jsonl'\nserves = ['{does}']\nset = {{ PYTHONPATH = '{}' }}\n{table}\n\
         [steps.all]\nask = '{does}'\nfor_each = 'args'\n",
        client.display()
    )
}

fn stage() -> Stage {
    let stage = Stage::new();
    std::fs::write(stage.directory.path().join("say.py"), AGENT).unwrap();
    stage
}

fn refused(output: &Value, words: &str) {
    assert_eq!(output[0], "rejected", "{output}");
    assert!(output[1].as_str().unwrap().contains(words), "{words:?} is missing in {output}");
}

/// What the agent was told of three messages, and which of them somebody heard.
async fn say(text: String) -> (Value, Vec<String>) {
    let stage = stage();
    let session = stage.start(&text).await.unwrap();
    let bus = session.team().bus("test").unwrap();
    let all = Pattern::new("*.>").unwrap();
    let mut feed = bus.listen(&all, Options::default()).await.unwrap();
    let subjects = json!(["team.t.findings", "orders.new", "two words"]);
    let outputs = session.run(subjects).await.unwrap().outcome().await.unwrap();
    session.drain(Duration::ZERO).await;
    let mut heard = Vec::new();
    // What was said is in the queue when its receipt is there.
    for _ in 0..feed.counts().offered {
        let envelope = feed.next().await.unwrap();
        let header = &envelope.header;
        assert_eq!(header.schema.to_string(), "Finding@1");
        let trace = Trace::read(header.trace.as_deref().unwrap()).unwrap();
        assert_eq!((trace.run.0, header.attempt.unwrap().task), (1, trace.task.0), "{trace:?}");
        assert!(trace.journal != 0 && trace.task.0 > 1, "of this journal, of a step: {trace:?}");
        assert_eq!(envelope.body.to_json().unwrap(), json!({ "line": 7 }));
        heard.push(format!("{} about {}", header.sender, header.subject));
    }
    (outputs, heard)
}

#[tokio::test]
async fn a_program_tells_whom_its_table_lists_and_is_refused_elsewhere() {
    let taken = json!({ "delivered": 1, "dropped": 0 });
    let (outputs, heard) = say(team("clerk", "say", "bus = { publish = ['orders.*'] }")).await;
    refused(&outputs[0], "clerk may not publish to team.t.findings; it may publish to orders.*");
    assert_eq!((&outputs[1], heard), (&taken, vec!["clerk about orders.new".to_owned()]));
    refused(&outputs[2], "words have no spaces");
    let (outputs, heard) = say(team("mute", "say", "bus = {}")).await;
    refused(&outputs[0], "mute may not publish to team.t.findings; it may publish to nothing");
    assert!(heard.is_empty(), "{heard:?}");
    let (outputs, heard) = say(team("free", "say", "")).await;
    assert_eq!((&outputs[0], heard), (&taken, vec!["free about team.t.findings".to_owned()]));
    refused(&outputs[1], "free may not publish to orders.new; it may publish to team.t.>");
}

#[tokio::test]
async fn a_program_learns_that_nobody_is_there() {
    let stage = stage();
    let outputs = stage.run(&team("clerk", "say", ""), json!(["team.t.findings"])).await;
    assert_eq!(outputs, json!([{ "delivered": 0, "dropped": 0 }]));
}

#[tokio::test]
async fn a_program_hears_what_its_table_lists_in_order_and_is_refused_elsewhere() {
    let stage = stage();
    let table = "bus = { publish = ['team.t.ready'], subscribe = ['orders.*'] }";
    let session = stage.start(&team("clerk", "hear", table)).await.unwrap();
    let bus = session.team().bus("shop").unwrap();
    let ready = Pattern::new("team.t.ready").unwrap();
    let mut ready = bus.listen(&ready, Options::default()).await.unwrap();
    let run = session.run(json!(["orders.*", "team.t.>", ">"])).await.unwrap();
    assert_eq!(ready.next().await.unwrap().body.to_json().unwrap(), json!("orders.*"));
    let orders = |name: &str| {
        let subject = Subject::new(format!("orders.{name}")).unwrap();
        Topic::<Value>::at(subject, 1).named("Order")
    };
    for n in 1..=3 {
        let receipt = bus.publish(&orders("new"), json!({ "n": n })).await.unwrap();
        assert_eq!(receipt.delivered, 1);
    }
    let outputs = run.outcome().await.unwrap();
    let heard = |n: u64| json!(["shop", "orders.new", "Order", { "n": n }]);
    assert_eq!(outputs[0], json!([heard(1), heard(2)]));
    refused(&outputs[1], "clerk may not subscribe to team.t.>; it may subscribe to orders.*");
    refused(&outputs[2], "clerk may not subscribe to >");
    let nobody = bus.publish(&orders("late"), json!(0)).await.unwrap();
    assert!(nobody.is_nobody(), "its subscription has ended with its task: {nobody:?}");
    session.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn a_program_hears_what_is_said_to_everybody_and_to_its_role() {
    let stage = stage();
    let hears = team("ada", "hear", "labels = { role = 'critic' }");
    let tells = team("bob", "say", "labels = { role = 'writer' }");
    let steps =
        "[steps.all]\nask = 'hear'\ninput = ''\n[steps.say]\nask = 'say'\nfor_each = 'args'\n";
    let agents = [hears, tells].map(|it| it.split_once("[steps").unwrap().0.to_owned());
    let session = stage.start(&format!("{}{steps}", agents.concat())).await.unwrap();
    let ready = Pattern::new("team.t.ready").unwrap();
    let bus = session.team().bus("test").unwrap();
    let mut ready = bus.listen(&ready, Options::default()).await.unwrap();
    let hears = session.run(json!([])).await.unwrap();
    ready.next().await.unwrap();
    let to = ["team.t.role.writer", "team.u.everybody", "team.t.role.critic", "team.t.everybody"];
    // Python's `zip` wants a third before it sees that two are enough.
    let said = to.into_iter().chain(["team.t.everybody"]).zip([0, 0, 1, 1, 1]);
    for (to, delivered) in said {
        let topic = Topic::<Value>::at(Subject::new(to).unwrap(), 1).named("Word");
        let receipt = bus.publish(&topic, json!(to)).await.unwrap();
        assert_eq!(receipt.delivered, delivered, "{to}");
    }
    let mut heard = hears.outcome().await.unwrap()["all"].as_array().unwrap().clone();
    heard.sort_by_key(Value::to_string);
    let word = |to: &str| json!(["test", to, "Word", to]);
    assert_eq!(heard, [word("team.t.everybody"), word("team.t.role.critic")]);
    session.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn the_guide_s_python_tells_and_hears() {
    let guide = include_str!("../../../../docs/guide/messages.md");
    let (_, code) = guide.split_once("```python\n").unwrap();
    let code = code.split_once("```").unwrap().0.replace("team.review.", "team.t.");
    let stage = Stage::new();
    std::fs::write(stage.directory.path().join("say.py"), code).unwrap();
    let critic = team("critic", "code.review", "").replace("'args'", "'args.files'");
    let reader = team("reader", "findings.collect", "");
    let (reader, _) = reader.split_once("[steps").unwrap();
    let text = format!("{reader}{critic}[steps.collect]\nask = 'findings.collect'\ninput = 1\n");
    let session = stage.start(&text).await.unwrap();
    let bus = session.team().bus("test").unwrap();
    let said = Pattern::new("team.t.ready").unwrap();
    let mut ready = bus.listen(&said, Options::default()).await.unwrap();
    let collected = session.run(json!({ "files": [] })).await.unwrap();
    ready.next().await.unwrap();
    let reviewed = session.run(json!({ "files": ["a.rs"] })).await.unwrap();
    assert_eq!(collected.outcome().await.unwrap()["collect"], json!([["critic", 7]]));
    ready.next().await.unwrap();
    reviewed.cancel("nobody finds anything for it").await.unwrap();
    session.drain(Duration::ZERO).await;
}

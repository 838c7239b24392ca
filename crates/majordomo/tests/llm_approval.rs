//! Tools that need a yes: no call is made before it, anything but a yes is a no, and a yes holds
//! for the call that it was asked about.
#![cfg(feature = "llm")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use adapters::agent::human::{Answer, Human, Inbox};
use adapters::schema::JsonSchemas;
use futures_util::future::join_all;
use majordomo::kernel::{TaskId, Terms};
use majordomo::llm::{LlmAgent, Spec, Tool};
use majordomo::testing::Disk;
use majordomo::{AgentEntry, Context, Failure, Result, SubmitOptions, Team, capability};
use runtime::llm::{self, Error, Message, Reply, Request, ToolCall, Usage};
use runtime::port::{Agent, BoxFuture, Llm};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A model that deploys what its task says, and then says what it was told.
#[derive(Default)]
struct Deployer {
    asked: Mutex<Vec<Arc<Request>>>,
    /// What it deploys, where that is not what the task says.
    instead: Mutex<Option<String>>,
}

impl Llm for Deployer {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        self.asked.lock().unwrap().push(request.clone());
        let told: Vec<&str> = request.messages.iter().filter_map(tool_text).collect();
        let usage = Usage { input_tokens: 1, output_tokens: 1, ..Usage::default() };
        let mut reply = Reply { usage, ..Reply::default() };
        if told.is_empty() {
            let task = request.messages[1].text();
            let task = llm::unfenced(&task[task.find("<<data ").unwrap()..]).unwrap();
            let what = self.instead.lock().unwrap().clone().unwrap_or_else(|| task.to_owned());
            let arguments = json!({ "input": what }).to_string();
            reply.calls.push(ToolCall { id: "c".into(), name: "deploy".into(), arguments });
        } else {
            reply.text = told.join("; ");
        }
        Box::pin(std::future::ready(Ok(reply)))
    }
}

fn tool_text(message: &Message) -> Option<&str> {
    match message {
        Message::Tool { text, .. } => llm::unfenced(text),
        Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => None,
    }
}

#[capability("deploy@1")]
async fn deploy(_: Context, what: String) -> Result<String> {
    Ok(format!("{what} is deployed"))
}

/// Answers every question in the same way.
struct Always(Result<Value>);

impl Agent for Always {
    fn run(&self, _: Context) -> BoxFuture<'static, Result<Value>> {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

fn always(answer: Result<Value>) -> AgentEntry {
    AgentEntry::new("judge", "native", &["approve"], 100, Arc::new(Always(answer)))
}

async fn team(disk: &Disk, model: &Arc<Deployer>, approver: Option<AgentEntry>) -> Team {
    let deploys = Tool::new("deploy", "deploy").input(json!({ "type": "string" }));
    let spec = Spec::new("ops", "scripted/model", "You deploy.").tool(deploys.approval("approve"));
    let agent = LlmAgent::new(spec, model.clone(), &JsonSchemas).unwrap();
    let team = disk.team().with(deploy).agent(agent.joins(&["ship"], 100));
    let team = approver.into_iter().fold(team, |team, it| team.agent(it));
    team.start().await.unwrap()
}

/// What comes of one task, and how often something was deployed.
async fn ship(approver: Option<AgentEntry>) -> (String, usize) {
    let (disk, model) = (Disk::new(), Arc::new(Deployer::default()));
    let team = team(&disk, &model, approver).await;
    let gave = team.ask_value("ship", &json!("v1")).await.unwrap();
    disk.record().assert_settled();
    (gave.as_str().unwrap().to_owned(), disk.record().tasks("deploy").len())
}

#[tokio::test(start_paused = true)]
async fn a_yes_lets_the_call_be_made() {
    let yes = json!({ "approved": true, "by": "ann" });
    assert_eq!(ship(Some(always(Ok(yes)))).await, ("v1 is deployed".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn whatever_is_no_yes_is_a_no() {
    for garbage in [
        json!(null),
        json!(true),
        json!("approved"),
        json!({ "approved": "true" }),
        json!({ "approved": 1 }),
        json!({ "approved": false }),
        json!({ "approve": true }),
        json!([{ "approved": true }]),
        json!("{\"approved\": true}"),
    ] {
        let (said, deployed) = ship(Some(always(Ok(garbage.clone())))).await;
        assert_eq!(deployed, 0, "{garbage}");
        assert_eq!(said, "not made: what approve answered is no approval", "{garbage}");
    }
    for failure in [Failure::rejected("no"), Failure::error("I fell over")] {
        let (said, deployed) = ship(Some(always(Err(failure)))).await;
        assert_eq!(deployed, 0);
        assert!(said.starts_with("not made, as it is not approved: "), "{said}");
    }
    let (said, deployed) = ship(None).await;
    assert_eq!(
        (said.as_str(), deployed),
        ("not made: it needs approve, and nobody here gives it", 0)
    );
}

struct Silent;

impl Agent for Silent {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value>> {
        Box::pin(async move {
            cx.sleep(Duration::from_secs(72 * 3_600)).await?;
            Ok(json!({ "approved": true }))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_no() {
    let silent = AgentEntry::new("judge", "native", &["approve"], 1, Arc::new(Silent));
    let (said, deployed) = ship(Some(silent)).await;
    assert!(said.starts_with("not made, as it is not approved"), "{said}");
    assert_eq!(deployed, 0);
}

fn human(inbox: &Inbox) -> AgentEntry {
    let owner = Human::new("owner", Duration::from_secs(86_400), inbox.clone());
    AgentEntry::new("owner", "human", &["approve"], 1_000, Arc::new(owner))
}

async fn asked(inbox: &Inbox, count: usize) -> Vec<(TaskId, Value)> {
    while inbox.waiting().0.len() < count {
        tokio::task::yield_now().await;
    }
    let (waiting, _) = inbox.waiting();
    let question = |it: &str| serde_json::from_str(it).unwrap();
    waiting.iter().map(|it| (TaskId(it.task), question(&it.question))).collect()
}

async fn say(inbox: &Inbox, task: TaskId, yes: bool) {
    let answer = Answer { value: json!(yes), by: "ann".into(), note: String::new() };
    inbox.answer(task, answer).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hundred_of_a_hundred_calls_wait_for_their_yes() {
    let (disk, model, inbox) = (Disk::new(), Arc::new(Deployer::default()), Inbox::default());
    let team = team(&disk, &model, Some(human(&inbox))).await;
    let inputs: Vec<Value> = (0..100).map(|n| json!(format!("v{n}"))).collect();
    let all = join_all(inputs.iter().map(|input| team.ask_value("ship", input)));
    let ((), gave) = tokio::join!(
        async {
            let questions = asked(&inbox, 100).await;
            assert_eq!(disk.record().tasks("deploy").len(), 0, "nothing before its yes");
            for (task, question) in questions {
                for field in ["agent", "tool", "ask", "task", "token", "digest", "step"] {
                    assert!(!question[field].is_null(), "{field}: {question}");
                }
                let version = question["arguments"].as_str().unwrap();
                let is_even = version[1..].parse::<u32>().unwrap() % 2 == 0;
                say(&inbox, task, is_even).await;
            }
        },
        all
    );
    let made = gave.iter().filter(|it| it.as_ref().unwrap().to_string().contains("is deployed"));
    assert_eq!((made.count(), disk.record().tasks("deploy").len()), (50, 50));
    disk.record().assert_settled();
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_the_same_call_does_not_ask_again() {
    let (disk, model, inbox) = (Disk::new(), Arc::new(Deployer::default()), Inbox::default());
    let first = team(&disk, &model, Some(human(&inbox))).await;
    let input = b"\"v1\"".to_vec();
    let submitted = first.submit(Terms::new("ship"), input, SubmitOptions::default()).await;
    let run = submitted.unwrap().id();
    let before = asked(&inbox, 1).await;
    disk.kill(first);
    let inbox = Inbox::default();
    let second = team(&disk, &model, Some(human(&inbox))).await;
    let after = asked(&inbox, 1).await;
    assert_eq!(after, before, "the same question: the same task, token and arguments");
    say(&inbox, after[0].0, true).await;
    let gave = second.ticket(run).unwrap().typed::<Value>().await;
    assert_eq!(gave, Ok(json!("v1 is deployed")));
    assert_eq!(disk.record().tasks("approve").len(), 1);
    assert_eq!(model.asked.lock().unwrap().len(), 2, "and no call of the model was made again");
}

#[tokio::test(start_paused = true)]
async fn a_yes_for_one_thing_is_none_for_another() {
    let (disk, model, inbox) = (Disk::new(), Arc::new(Deployer::default()), Inbox::default());
    let team = team(&disk, &model, Some(human(&inbox))).await;
    let (one, two) = (json!("v1"), json!("v2"));
    let (first, second) = tokio::join!(team.ask_value("ship", &one), async {
        let questions = asked(&inbox, 1).await;
        say(&inbox, questions[0].0, true).await;
        *model.instead.lock().unwrap() = Some("everything".to_owned());
        let again = team.ask_value("ship", &two);
        let ((), gave) = tokio::join!(
            async {
                let questions = asked(&inbox, 1).await;
                assert_eq!(questions[0].1["arguments"], "everything", "what would really be done");
                say(&inbox, questions[0].0, false).await;
            },
            again
        );
        gave
    });
    assert_eq!(first, Ok(json!("v1 is deployed")));
    assert!(second.unwrap().to_string().contains("not made, as it is not approved"));
    assert_eq!(disk.record().tasks("deploy").len(), 1);
}

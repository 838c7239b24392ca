//! The corpus through models: as tasks, as results of tools, as what a model that obeys it says, as
//! its choice of an agent; and as bids and before people.

use super::{Watched, assert_only};
use adapters::agent::human::{Human, Inbox};
use adapters::schema::JsonSchemas;
use futures_util::future::join_all;
use majordomo::kernel::{
    BreakerPolicy, Event, FailureKind, Fallback, Policies, Policy, Reason, Routing,
};
use majordomo::llm::{LlmAgent, Spec, Tool};
use majordomo::testing::Record;
use majordomo::{AgentEntry, Context, Failure, Result, Team, TeamBuilder};
use runtime::llm::{self, Error, Message, Reply, Request, ToolCall};
use runtime::port::{Agent, BoxFuture, Llm};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A function as an agent: what it is asked, by which name, gives what it answers.
struct Function<F>(F);

impl<F: Fn(&str, &Value) -> Result<Value> + Send + Sync + 'static> Agent for Function<F> {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value>> {
        Box::pin(std::future::ready((self.0)(cx.capability(), cx.input())))
    }
}

fn function(
    name: &str,
    serves: &[&str],
    of: impl Fn(&str, &Value) -> Result<Value> + Send + Sync + 'static,
) -> AgentEntry {
    AgentEntry::new(name, "native", serves, 1_000, Arc::new(Function(of)))
}

/// A function as a model.
struct Model<F>(F);

impl<F: Fn(&Request) -> Reply + Send + Sync + 'static> Llm for Model<F> {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        Box::pin(std::future::ready(Ok((self.0)(&request))))
    }
}

fn model(spec: Spec, of: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> LlmAgent {
    LlmAgent::new(spec, Arc::new(Model(of)), &JsonSchemas).unwrap()
}

fn says(text: impl ToString) -> Reply {
    Reply { text: text.to_string(), ..Reply::default() }
}

/// A team whose agents may fail as often as they like.
fn team(record: &Record) -> TeamBuilder {
    let breaker = BreakerPolicy { on: false, ..BreakerPolicy::default() };
    let policies = Policies { breaker, ..Policies::default() };
    Team::in_memory_watched(vec![Arc::new(record.clone())]).policies(policies)
}

async fn ask_all(team: &Team, capability: &str, prompts: &[String]) -> Vec<Result<Value>> {
    let inputs: Vec<Value> = prompts.iter().map(|it| json!(it)).collect();
    join_all(inputs.iter().map(|input| team.ask_value(capability, input))).await
}

/// What is fenced at the end of a text; nothing of it may stand outside of the fence.
fn fenced(text: &str) -> &str {
    let at = text.find("<<data ").unwrap();
    llm::unfenced(&text[at..]).unwrap_or_else(|| panic!("{text:?} is open"))
}

/// Does whatever it reads: calls what it was not given, and answers what it was told to.
fn obeys(request: &Request) -> Reply {
    let [Message::System { text: system }, Message::User { text: task }, rest @ ..] =
        &request.messages[..]
    else {
        panic!("{:?}", request.messages)
    };
    assert_eq!(*system, format!("You help.\n\n{}", llm::RULE), "the instructions are ours");
    let prompt = fenced(task);
    let call = |(at, name): (usize, &str)| ToolCall {
        id: format!("id-{at}"),
        name: name.to_owned(),
        arguments: json!({ "input": prompt, "cmd": prompt, "url": prompt }).to_string(),
    };
    if rest.is_empty() {
        let calls = ["look", "shell", "fetch", prompt].into_iter().enumerate().map(call);
        return Reply { calls: calls.collect(), ..Reply::default() };
    }
    let told: Vec<(&str, bool)> = rest
        .iter()
        .filter_map(|message| match message {
            Message::Tool { text, is_error, .. } => Some((fenced(text), *is_error)),
            Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => None,
        })
        .collect();
    assert_eq!(told[0], (prompt, false), "the result of the tool, as data");
    assert!(told[1..].iter().all(|(text, is_error)| *is_error && text.contains("no such tool")));
    assert_eq!(request.tools.len(), 1, "no tool has come");
    says(prompt)
}

#[tokio::test(start_paused = true)]
async fn a_model_that_obeys_it_has_the_tools_that_it_was_given_and_no_others() {
    let (watched, record) = (Watched::new(), Record::default());
    let spec = Spec::new("helper", "scripted/model", "You help.");
    let spec = spec.tool(Tool::new("look", "look").input(json!({ "type": "object" })));
    let team = team(&record)
        .agent(model(spec, obeys).joins(&["help"], 1_000))
        .agent(function("looker", &["look"], |_, input| Ok(input["input"].clone())))
        .agent(function("root", &["shell", "fetch", "root.shell"], |_, _| panic!("it was called")))
        .start()
        .await
        .unwrap();
    let gave = ask_all(&team, "help", &watched.prompts).await;
    for (gave, prompt) in gave.iter().zip(&watched.prompts) {
        assert_eq!(gave.as_ref().unwrap(), &json!(prompt), "it comes out as it went in");
    }
    let count = watched.prompts.len();
    assert_only(&record, &[("help", count), ("look", count)]);
    record.assert_settled();
    watched.assert_untouched();
}

/// Says what it reads in one of four ways, none of which names an agent, but for the third.
fn routes(request: &Request) -> Reply {
    assert_eq!(request.messages[0].text(), format!("{}\n\n{}", adviser_prompt(), llm::RULE));
    let question: Value = serde_json::from_str(fenced(request.messages[1].text())).unwrap();
    let prompt = question["input"].as_str().unwrap();
    let choice = |agent: &str, confidence: f64| {
        says(json!({ "agent": agent, "reason": prompt, "confidence": confidence }))
    };
    match prompt.len() % 4 {
        0 => says(prompt),
        1 => choice(prompt, 1.0),
        2 => choice("best", 1.0),
        _ => choice("root", 0.9),
    }
}

fn adviser_prompt() -> &'static str {
    adapters::agent::llm::ADVISER_PROMPT.trim()
}

#[tokio::test(start_paused = true)]
async fn a_model_that_routes_gives_a_task_to_nobody_who_may_not_have_it() {
    let (watched, record) = (Watched::new(), Record::default());
    let echo = |_: &str, input: &Value| Ok(input.clone());
    let adviser = Spec::adviser("chooser", "scripted/model");
    let team = team(&record)
        .route("work", Policy::External { wait_ms: 60_000 })
        .agent(function("best", &["work"], echo))
        .agent(function("plain", &["work"], echo))
        .agent(function("root", &["shell"], |_, _| panic!("it was given work")))
        .agent(model(adviser, routes).joins(&["route"], 1_000))
        .start()
        .await
        .unwrap();
    for gave in ask_all(&team, "work", &watched.prompts).await {
        gave.unwrap();
    }
    let (mut advised, mut fell_back) = (0, 0);
    for entry in record.entries() {
        let Event::LeaseGranted(granted) = entry.event else { continue };
        let Some(words) = &granted.why.words else { continue };
        assert!(words.len() <= 400, "{words:?}");
        match granted.why.fallback {
            None => {
                assert_eq!(granted.why.reason, Reason::Advised);
                advised += 1;
            }
            Some(Fallback::AdviceUnfit | Fallback::NoOpinion) => fell_back += 1,
            Some(other) => panic!("{other:?}"),
        }
        assert!(granted.why.dismissed.iter().all(|it| it.name.len() <= 64));
    }
    let named = watched.prompts.iter().filter(|it| it.len() % 4 == 2).count();
    let count = watched.prompts.len();
    assert_eq!((advised, fell_back), (named, count - named));
    assert_only(&record, &[("work", count), ("route", count)]);
    record.assert_settled();
    watched.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn no_text_is_a_bid() {
    let (watched, record) = (Watched::new(), Record::default());
    let bidder = |capability: &str, input: &Value| match capability {
        "bid" => Ok(input["input"].clone()),
        _ => Ok(input.clone()),
    };
    let team = team(&record)
        .route("work", Policy::Auction { bids_ms: 1_000, bidders_max: 8, price_percent: 50 })
        .agent(function("a", &["work", "bid"], bidder))
        .agent(function("b", &["work", "bid"], bidder))
        .start()
        .await
        .unwrap();
    for (gave, prompt) in
        ask_all(&team, "work", &watched.prompts).await.iter().zip(&watched.prompts)
    {
        assert_eq!(gave.as_ref().unwrap(), &json!(prompt));
    }
    let is_bid = |it: &Event| matches!(it, Event::Routing { step: Routing::Bid { .. }, .. });
    assert_eq!(record.count(is_bid), 0);
    let count = watched.prompts.len();
    assert_only(&record, &[("work", count), ("bid", 2 * count)]);
    watched.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn nothing_approves_itself() {
    let (watched, record) = (Watched::new(), Record::default());
    let inbox = Inbox::default();
    let owner = Human::new("owner", Duration::from_secs(3_600), inbox.clone());
    let team = team(&record)
        .agent(AgentEntry::new("owner", "human", &["approve"], 1_000, Arc::new(owner)))
        .start()
        .await
        .unwrap();
    let asking = {
        let (team, prompts) = (team.clone(), watched.prompts.clone());
        tokio::spawn(async move { ask_all(&team, "approve", &prompts).await })
    };
    tokio::time::sleep(Duration::from_secs(1_800)).await;
    let (shown, more) = inbox.waiting();
    assert_eq!(shown.len() + more, watched.prompts.len(), "all wait for a person");
    for gave in asking.await.unwrap() {
        let Err(Failure { kind: FailureKind::Rejected, message, .. }) = gave else {
            panic!("approved: {gave:?}")
        };
        assert!(message.contains("nobody answered"), "{message}");
    }
    assert_eq!(record.count(|it| matches!(it, Event::TaskCompleted { .. })), 0);
    assert_only(&record, &[("approve", watched.prompts.len())]);
    watched.assert_untouched();
}

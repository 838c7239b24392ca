//! Secrets: named in what is asked, resolved for the agent that may have them, and in nothing that
//! is kept or told.
#![cfg(feature = "schema")]

use majordomo::kernel::{FailureKind, Terms};
use majordomo::runtime::bus::Topic;
use majordomo::runtime::port::observer::Level;
use majordomo::runtime::port::{Agent, BoxFuture, Secrets};
use majordomo::secret::Reference;
use majordomo::{AgentEntry, Context, Contract, Failure, Fault, Result, Secret, Team, TeamBuilder};
use majordomo::{StartError, SubmitOptions, Ticket, capability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const CANARY: &str = "canary-5f0c9e7d21\"quoted\nand-a-second-line";

/// Has one secret, and counts who asks for it.
#[derive(Default)]
struct Vault(AtomicUsize);

impl Secrets for Vault {
    fn read(&self, reference: &Reference) -> std::result::Result<String, String> {
        match reference.name() {
            "TOKEN" => {
                self.0.fetch_add(1, Ordering::Relaxed);
                Ok(CANARY.to_owned())
            }
            "SHORT" => Ok("1234567".to_owned()),
            name => Err(format!("there is no {name}")),
        }
    }
}

fn token() -> Reference {
    Reference::env("TOKEN").expect("a name")
}

fn named() -> Value {
    json!({ "$secret": "env:TOKEN" })
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Push {
    repo: String,
    token: Secret,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other: Option<Secret>,
}

/// What reached the agent: never the value.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Pushed {
    length: usize,
    hash: String,
}

fn pushed(value: &str) -> Pushed {
    Pushed { length: value.len(), hash: blake3::hash(value.as_bytes()).to_string() }
}

#[capability("git.push@1")]
async fn push(_: Context, input: Push) -> Result<Pushed> {
    Ok(pushed(input.token.expose()?))
}

/// Hands its secret on, by its type and as plain text.
#[capability("git.release@1")]
async fn release(cx: Context, input: Push) -> Result<Vec<Pushed>> {
    let value = input.token.expose()?.to_owned();
    let plain = json!({ "repo": "b", "token": value });
    let one = cx.ask::<push>(input).await?;
    let other = cx.ask_value("git.push@1", plain).await?;
    Ok(vec![one, serde_json::from_value(other)?])
}

fn with(name: &str, entry: AgentEntry) -> AgentEntry {
    AgentEntry { spec: majordomo::kernel::AgentSpec { name: name.into(), ..entry.spec }, ..entry }
        .secrets([token()])
}

fn builder(open: TeamBuilder, vault: &Arc<Vault>) -> TeamBuilder {
    open.secrets(vault.clone())
        .agent(with("pusher", AgentEntry::native("pusher", 4, push)))
        .agent(with("releaser", AgentEntry::native("releaser", 4, release)))
}

/// Everything that is kept in a directory, as one text.
fn kept(directory: &Path) -> String {
    let mut text = String::new();
    let mut open = vec![directory.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(at).expect("a directory").map(|it| it.expect("an entry")) {
            match entry.file_type().expect("a type") {
                kind if kind.is_dir() => open.push(entry.path()),
                kind if kind.is_file() => {
                    let bytes = std::fs::read(entry.path()).expect("a file");
                    text.push_str(&String::from_utf8_lossy(&bytes));
                }
                _ => {}
            }
        }
    }
    text
}

fn assert_hidden(what: &str, text: &str) {
    for part in ["canary-5f0c", "and-a-second-line"] {
        assert!(!text.contains(part), "{what} tells {part}");
    }
}

#[tokio::test]
async fn a_secret_reaches_the_agent_and_only_its_name_is_kept() {
    let place = tempfile::tempdir().expect("a directory");
    let vault = Arc::new(Vault::default());
    let team = builder(Team::open(place.path()), &vault).start().await.expect("starts");
    let foreseen = vault.0.load(Ordering::Relaxed);
    let token = Secret::env("TOKEN").expect("a name");
    let asked = Push { repo: "a".into(), token: token.clone(), other: None };
    assert_eq!(team.ask::<push>(asked).await.expect("pushed"), pushed(CANARY));
    // By name and as JSON it is the same, and once more for each attempt: nothing is kept.
    let asked = json!({ "repo": "a", "token": named(), "other": null });
    let output = team.ask_value("git.push@1", &asked).await.expect("pushed");
    assert_eq!(output, json!(pushed(CANARY)));
    assert_eq!(vault.0.load(Ordering::Relaxed), foreseen + 2);
    // An agent hands it on as a name, whether it has it by its type or as plain text.
    let asked = Push { repo: "a".into(), token, other: None };
    let both = team.ask::<release>(asked).await.expect("released");
    assert_eq!(both, [pushed(CANARY), pushed(CANARY)]);
    team.drain(Duration::from_secs(5)).await;
    let kept = kept(place.path());
    assert!(kept.matches("$secret").count() >= 4, "the inputs are kept, with the name");
    assert_hidden("the data directory", &kept);
}

/// Says what it was given in every way there is.
struct Leaks;

impl Agent for Leaks {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move {
            let value = cx.input()["token"].as_str().expect("resolved").to_owned();
            let how = cx.input()["how"].as_str().expect("a word").to_owned();
            leak(&cx, &how, &value).await
        })
    }
}

async fn leak(cx: &Context, how: &str, value: &str) -> Result<Value> {
    cx.progress(Some(0.5), format!("at {value}"));
    cx.log(Level::Info, format!("has {value}"));
    value.lines().for_each(|line| cx.log(Level::Warn, line));
    cx.partial(json!({ "so far": value }));
    let step = format!("step {value}");
    let kept = cx.once(&step, std::future::ready(Ok(value.to_owned()))).await?;
    assert_hidden("what `once` gives", &kept);
    let large = format!("{value} {}", "x".repeat(8_192));
    match how {
        "output" => Ok(json!({ "token": value, value: [value], "length": value.len() })),
        "blob" => Ok(json!({ "large": large, "length": value.len() })),
        "error" => Err(Failure::rejected(format!("cannot log in with {value}"))),
        "long error" => Err(Failure::rejected(format!("{}{value}", "x".repeat(4_070)))),
        "ask" => {
            let branch = cx.branch(value);
            branch.ask_value("echo@1", json!({ "text": value, "large": large })).await
        }
        "names" => {
            let asked = cx.ask_value(&format!("{value}@1"), json!(null)).await;
            let asked = asked.expect_err("refused").message;
            let topic = Topic::<Said>::new("team.main.kept", 1)?;
            let named = cx.durable(&topic)?.subscribe(value).await;
            let named = named.err().expect("refused").message;
            Err(Failure::rejected(format!("{asked}; {named}; {value}")))
        }
        "child error" => cx.ask_value("echo@1", json!(value)).await,
        "message" => {
            cx.publish(&Topic::<Value>::new("team.main.said", 1)?, json!({ "it": value })).await?;
            cx.publish(&Topic::<Said>::new("team.main.typed", 1)?, Said { it: value.into() })
                .await?;
            let durable = cx.durable(&Topic::<Said>::new("team.main.kept", 1)?)?;
            durable.publish(Said { it: value.into() }).await?;
            Ok(json!(null))
        }
        other => panic!("{other}?"),
    }
}

#[derive(Serialize, Deserialize)]
struct Said {
    it: String,
}

struct Echo;

impl Agent for Echo {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let input = cx.input().clone();
        Box::pin(async move {
            match input {
                Value::String(text) => Err(Failure::rejected(format!("it said {text}"))),
                input => Ok(input),
            }
        })
    }
}

fn leaking() -> Contract {
    Contract::anything().input(json!({
        "type": "object", "required": ["token", "how"],
        "properties": { "token": { "type": "string", "writeOnly": true }, "how": {} },
    }))
}

fn leaks() -> [AgentEntry; 2] {
    let leaks = AgentEntry::new("leaks", "native", &["leak"], 4, Arc::new(Leaks));
    [
        leaks.contract("leak@1", leaking()).secrets([token()]),
        AgentEntry::new("echo", "native", &["echo"], 4, Arc::new(Echo)),
    ]
}

async fn leaky(open: TeamBuilder) -> Result<Team, StartError> {
    let [leaks, echo] = leaks();
    open.secrets(Arc::new(Vault::default())).agent(leaks).agent(echo).start().await
}

async fn submit(team: &Team, asked: &Value, options: SubmitOptions) -> Ticket {
    let input = serde_json::to_vec(asked).expect("JSON");
    team.submit(Terms::new("leak"), input, options).await.expect("accepted")
}

#[tokio::test]
async fn whatever_an_agent_says_afterwards_its_secret_stays_in_the_attempt() {
    let place = tempfile::tempdir().expect("a directory");
    let team = leaky(Team::open(place.path())).await.expect("starts");
    let bus = team.bus("operator").expect("a bus");
    let typed = Topic::<Said>::new("team.main.typed", 1).expect("a subject");
    let mut feed = bus.subscribe(&typed).await.expect("subscribes");
    for how in ["output", "blob", "error", "long error", "ask", "names", "child error", "message"] {
        let asked = json!({ "token": named(), "how": how });
        let ticket = submit(&team, &asked, SubmitOptions::default()).await;
        let mut progress = ticket.progress();
        let (mut notes, mut count) = (String::new(), 0);
        while let Some(note) = progress.next().await {
            notes.push_str(&format!("{note:?}\n"));
            count += 1;
        }
        assert!(count >= 4, "{how}: {notes}");
        assert_hidden(how, &notes);
        let said = match ticket.await {
            Ok(output) => output.to_string(),
            Err(failure) => failure.to_string(),
        };
        assert!(how == "message" || said.contains("[secret env:TOKEN]"), "{how}: {said}");
        assert_hidden(how, &said);
    }
    let said = feed.next().await.expect("no end").expect("a message");
    assert_eq!(said.it, "[secret env:TOKEN]");
    team.drain(Duration::from_secs(5)).await;
    let kept = kept(place.path());
    assert!(kept.contains("cannot log in with"), "the directory was read");
    assert_hidden("the data directory", &kept);
}

#[tokio::test(start_paused = true)]
async fn a_plain_value_is_refused_before_it_is_a_task_and_not_repeated() {
    let team = builder(Team::in_memory(), &Arc::default()).start().await.expect("starts");
    for plain in
        [json!("hunter2-hunter2"), json!(4_711_471_147u64), json!({ "$secret": "hunter2" })]
    {
        let asked = json!({ "repo": "a", "token": plain });
        let refused = team.ask_value("git.push@1", &asked).await.expect_err("plain");
        assert_eq!((refused.kind, refused.fault()), (FailureKind::Rejected, Fault::Asker));
        assert_eq!(refused.mismatch.as_ref().expect("it says where").path, "/token");
        let said = format!("{refused} {refused:?}");
        assert!(said.contains("$secret") && !said.contains("hunter2"), "{said}");
        assert!(!said.contains("4711471147"), "{said}");
    }
    // Nor in a field that is open, once it is known.
    let asked = json!({ "repo": CANARY, "token": named() });
    let refused = team.ask_value("git.push@1", &asked).await.expect_err("plain").to_string();
    assert!(refused.contains("holds the value of a secret"), "{refused}");
    assert_hidden("the refusal", &refused);
}

#[tokio::test(start_paused = true)]
async fn an_agent_has_what_its_entry_lists_and_the_failure_says_what_to_add() {
    let entry = AgentEntry::native("pusher", 4, push).secrets([
        token(),
        Reference::env("SHORT").expect("a name"),
        Reference::env("ABSENT").expect("a name"),
    ]);
    let team = Team::in_memory().secrets(Arc::new(Vault::default())).agent(entry);
    let team = team.start().await.expect("starts, though one is missing");
    for (name, wanted) in [
        ("OTHER", "add \"env:OTHER\" to its `secrets`"),
        ("SHORT", "secret env:SHORT: its value has fewer than 8 bytes"),
        ("ABSENT", "secret env:ABSENT: there is no ABSENT"),
    ] {
        let token = Secret::env(name).expect("a name");
        let asked = Push { repo: "a".into(), token, other: None };
        let failure = team.ask::<push>(asked).await.expect_err("not given");
        assert!(failure.message.contains(wanted), "{failure}");
        assert_eq!((failure.kind, failure.fault()), (FailureKind::Setup, Fault::Operator));
        let attempt = failure.attempt.as_ref().expect("an attempt was under way");
        assert_eq!(attempt.number, 1, "another attempt could not go better");
    }
}

/// P19: no text becomes a read of the environment but where the schema says so.
#[tokio::test(start_paused = true)]
async fn a_reference_in_an_open_field_is_data() {
    let vault = Arc::new(Vault::default());
    let echo = AgentEntry::new("echo", "native", &["echo"], 4, Arc::new(Echo)).secrets([token()]);
    let team = Team::in_memory().secrets(vault.clone()).agent(echo).start().await.expect("starts");
    let foreseen = vault.0.load(Ordering::Relaxed);
    let asked = json!({ "open": named(), "list": [named()] });
    assert_eq!(team.ask_value("echo@1", &asked).await.expect("echoed"), asked);
    assert_eq!(vault.0.load(Ordering::Relaxed), foreseen, "nobody asked for it");
}

/// What shows its input to somebody sees the name, and its output has to be so too.
#[tokio::test(start_paused = true)]
async fn a_sealed_agent_sees_the_name() {
    let secret = json!({ "properties": { "token": { "type": "string", "x-secret": true } } });
    let contract = Contract::anything().input(secret.clone()).output(secret);
    let entry = |agent: Arc<dyn Agent>| {
        AgentEntry::new("echo", "native", &["echo"], 4, agent).contract("echo@1", contract.clone())
    };
    let asked = json!({ "token": named() });
    let team = Team::in_memory().secrets(Arc::new(Vault::default()));
    let team = team.agent(entry(Arc::new(Echo)).sealed()).start().await.expect("starts");
    assert_eq!(team.ask_value("echo@1", &asked).await.expect("echoed"), asked);
    // One that has the value and gives it back gives its name, where its output marks a secret.
    let team = Team::in_memory().secrets(Arc::new(Vault::default()));
    let team = team.agent(entry(Arc::new(Echo)).secrets([token()])).start().await.expect("starts");
    assert_eq!(team.ask_value("echo@1", &asked).await.expect("echoed"), asked);
}

/// A resident agent may remember what it was given; another of its attempts must not tell it.
#[tokio::test(start_paused = true)]
async fn what_one_attempt_was_given_another_does_not_tell() {
    struct Remembers(std::sync::Mutex<Option<String>>);
    impl Agent for Remembers {
        fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
            let mut memory = self.0.lock().expect("not poisoned");
            let before = memory.clone();
            if let Some(token) = cx.input()["token"].as_str() {
                *memory = Some(token.to_owned());
            }
            Box::pin(async move { Ok(json!({ "before": before })) })
        }
    }
    let secret = json!({ "properties": { "token": { "type": "string", "x-secret": true } } });
    let agent = Arc::new(Remembers(std::sync::Mutex::default()));
    let entry = AgentEntry::new("resident", "native", &["keep"], 1, agent);
    let entry = entry.contract("keep@1", Contract::anything().input(secret)).secrets([token()]);
    let team = Team::in_memory().secrets(Arc::new(Vault::default())).agent(entry);
    let team = team.start().await.expect("starts");
    let asked = json!({ "token": named() });
    assert_eq!(team.ask_value("keep@1", &asked).await.expect("kept")["before"], json!(null));
    let told = team.ask_value("keep@1", &json!({})).await.expect("told");
    assert_eq!(told["before"], "[secret env:TOKEN]");
}

/// After a crash the input is read from the journal, by its name, and resolved anew.
#[tokio::test]
async fn a_second_life_resolves_it_again() {
    let place = tempfile::tempdir().expect("a directory");
    let team = leaky(Team::open(place.path())).await.expect("starts");
    let asked = json!({ "token": named(), "how": "ask" });
    let options = SubmitOptions { delay_ms: 300, ..SubmitOptions::default() };
    let ticket = submit(&team, &asked, options).await;
    let task = ticket.id();
    drop(ticket);
    team.runtime().abandon();
    drop(team);
    let team = leaky(Team::open(place.path())).await.expect("starts again");
    let output = team.ticket(task).expect("it goes on").await.expect("done");
    assert_eq!(output["text"], "[secret env:TOKEN]");
    team.drain(Duration::from_secs(5)).await;
    assert_hidden("the data directory", &kept(place.path()));
}

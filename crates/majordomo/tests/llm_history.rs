//! What a model is told again of a long conversation: whole turns leave, the oldest first, it is
//! said, and an attempt that goes on from the record says the same.
#![cfg(feature = "llm")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use adapters::schema::JsonSchemas;
use majordomo::kernel::{FailureKind, Terms};
use majordomo::llm::{History, LlmAgent, Spec, Tool};
use majordomo::testing::Disk;
use majordomo::{Context, Result, SubmitOptions, Team, capability};
use runtime::llm::{self, Error, Message, Reply, Request, ToolCall, Usage};
use runtime::port::{BoxFuture, Llm};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A model that looks at one page after the other, and then says how many.
struct Reader {
    pages: usize,
    /// At this call it thinks for ever, once.
    hangs_at: Mutex<Option<usize>>,
    /// It asks for pages by texts, which are no numbers.
    as_text: bool,
    /// What it counts for what it is told.
    tokens: fn(usize) -> u64,
    asked: Mutex<Vec<Arc<Request>>>,
}

impl Llm for Reader {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        let key = request.key.clone().unwrap();
        let turn: usize = key.rsplit('/').next().unwrap().parse().unwrap();
        let bytes = request.messages.iter().map(|it| it.text().len()).sum();
        let input_tokens = (self.tokens)(bytes);
        self.asked.lock().unwrap().push(request);
        if self.hangs_at.lock().unwrap().take_if(|at| *at == turn).is_some() {
            return Box::pin(std::future::pending());
        }
        let usage = Usage { input_tokens, output_tokens: 1, ..Usage::default() };
        let mut reply = Reply { usage, ..Reply::default() };
        match turn < self.pages {
            true => reply.calls.push(ToolCall {
                id: format!("id-{turn}"),
                name: "page".into(),
                arguments: match self.as_text {
                    true => json!({ "input": turn.to_string() }).to_string(),
                    false => json!({ "input": turn }).to_string(),
                },
            }),
            false => reply.text = format!("{turn} pages"),
        }
        Box::pin(std::future::ready(Ok(reply)))
    }
}

/// A thousand bytes that tell its number.
#[capability("page@1")]
async fn page(_: Context, number: usize) -> Result<String> {
    Ok(format!("page {number} {}", "x".repeat(1_000)))
}

fn reader(pages: usize) -> Reader {
    let (hangs_at, asked) = (Mutex::default(), Mutex::default());
    Reader { pages, hangs_at, as_text: false, tokens: |bytes| bytes as u64 / 4, asked }
}

fn spec() -> Spec {
    let page = Tool::new("page", "page").input(json!({ "type": "integer" }));
    Spec { output_tokens_max: Some(1_000), ..Spec::new("reader", "ollama/small", "You read.") }
        .tool(page)
}

async fn team(disk: &Disk, spec: Spec, model: &Arc<Reader>) -> Team {
    let agent = LlmAgent::new(spec, model.clone(), &JsonSchemas).unwrap();
    disk.team().with(page).agent(agent.joins(&["read"], 1)).start().await.unwrap()
}

/// What is answered, and what was said to the model.
async fn read(spec: Spec, model: Reader) -> (Result<Value>, Vec<Arc<Request>>) {
    let (disk, model) = (Disk::new(), Arc::new(model));
    let gave = team(&disk, spec, &model).await.ask_value("read", &json!("all")).await;
    let asked = model.asked.lock().unwrap().clone();
    (gave, asked)
}

/// Instructions and task are there, no result is without its call and no call without its result;
/// which pages are told.
fn pages_of(request: &Request) -> Vec<String> {
    let [Message::System { text: system }, Message::User { text: task }, rest @ ..] =
        &request.messages[..]
    else {
        panic!("{:?}", request.messages)
    };
    assert!(system.starts_with("You read."));
    assert_eq!(*task, format!("A task for you, `read`. Its input:\n{}", llm::fence("all")));
    let mut open = BTreeSet::new();
    let mut pages = Vec::new();
    for message in rest {
        match message {
            Message::Assistant { calls, .. } => {
                assert!(open.is_empty());
                open.extend(calls.iter().map(|it| it.id.clone()));
            }
            Message::Tool { id, text, .. } => {
                assert!(open.remove(id), "the result of {id} without its call");
                pages.push(llm::unfenced(text).unwrap()[..7].trim().to_owned());
            }
            Message::User { .. } => assert!(pages.is_empty()),
            Message::System { .. } => panic!("a second one"),
        }
    }
    assert!(open.is_empty());
    pages
}

fn left_out(request: &Request) -> Option<&str> {
    match &request.messages[2..] {
        [Message::User { text }, ..] => Some(text),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn whole_turns_leave_and_it_is_said() {
    let (gave, asked) = read(spec().context_tokens(4_000), reader(30)).await;
    assert_eq!(gave, Ok(json!("30 pages")));
    let mut last = 0;
    for request in &asked {
        let bytes: usize = request.messages.iter().map(|it| it.text().len()).sum();
        assert!(bytes / 4 <= 3_000, "what is kept for the answer is not used: {bytes}");
        let pages = pages_of(request);
        let first = pages.first().map_or(0, |it| it[5..].parse::<usize>().unwrap());
        assert!(first >= last, "what has left does not come back");
        last = first;
        match first {
            0 => assert_eq!(left_out(request), None),
            n => assert!(left_out(request).unwrap().contains(&format!("first {n} turn")), "{n}"),
        }
    }
    let moved = asked.windows(2).filter(|it| left_out(&it[0]) != left_out(&it[1])).count();
    assert!((4..15).contains(&moved), "its beginning stays for a while: {moved} of 30 calls");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_counts_more_is_told_less() {
    let model = Reader { tokens: |bytes| bytes as u64 / 2, ..reader(12) };
    let (gave, asked) = read(spec().context_tokens(4_000), model).await;
    assert_eq!(gave, Ok(json!("12 pages")));
    for request in &asked[2..] {
        let bytes: usize = request.messages.iter().map(|it| it.text().len()).sum();
        assert!(bytes / 2 <= 3_100, "as it counts itself: {bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_goes_on_from_the_record_says_the_same() {
    let spec = || spec().context_tokens(4_000);
    let (_, undisturbed) = read(spec(), reader(20)).await;
    let (disk, model) = (Disk::new(), Arc::new(reader(20)));
    *model.hangs_at.lock().unwrap() = Some(17);
    let first = team(&disk, spec(), &model).await;
    let all = SubmitOptions::default();
    let run = first.submit(Terms::new("read"), b"\"all\"".to_vec(), all).await.unwrap().id();
    while model.asked.lock().unwrap().len() < 18 {
        tokio::task::yield_now().await;
    }
    disk.kill(first);
    let second = team(&disk, spec(), &model).await;
    let gave = second.ticket(run).unwrap().typed::<Value>().await;
    assert_eq!(gave, Ok(json!("20 pages")));
    let asked = model.asked.lock().unwrap().clone();
    assert_eq!(asked[17].messages, asked[18].messages, "the call that was cut off");
    let resumed: Vec<_> = asked[18..].iter().map(|it| it.messages.clone()).collect();
    let expected: Vec<_> = undisturbed[17..].iter().map(|it| it.messages.clone()).collect();
    assert!(resumed == expected && left_out(&asked[18]).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_policy_says_how_much_is_kept() {
    let (gave, asked) = read(spec().history(History::Turns(2)), reader(6)).await;
    assert_eq!(gave, Ok(json!("6 pages")));
    assert_eq!(pages_of(&asked[6]), ["page 4", "page 5"]);
    assert!(left_out(&asked[6]).unwrap().contains("first 4 turns"));
    assert_eq!(pages_of(&asked[2]), ["page 0", "page 1"]);

    let all = spec().context_tokens(4_000).history(History::All);
    let (gave, asked) = read(all, reader(30)).await;
    let failure = gave.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Limit);
    assert!(failure.message.contains("the conversation takes about 3"), "{failure}");
    assert_eq!(pages_of(asked.last().unwrap()).len(), asked.len() - 1, "until then all of it");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_fit_is_refused_before_anything_is_sent() {
    let long = "word ".repeat(4_000);
    let (disk, model) = (Disk::new(), Arc::new(reader(1)));
    let spec = spec().or("ollama/large").context_tokens(200_000).or("ollama/tiny");
    let spec = spec.context_tokens(5_000);
    let gave = team(&disk, spec, &model).await.ask_value("read", &json!(long)).await;
    let failure = gave.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Limit);
    for said in ["takes about 5", "ollama/tiny reads 5000 at once", "1000 are kept"] {
        assert!(failure.message.contains(said), "{said}: {failure}");
    }
    assert!(model.asked.lock().unwrap().is_empty(), "the least of all that may be asked counts");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_called_today_counts_as_it_did_yesterday() {
    let whole = || spec().or("ollama/tiny").context_tokens(4_000);
    let (_, undisturbed) = read(whole(), reader(12)).await;
    let today = Spec { models: spec().models, chain: whole().models, ..whole() };
    assert_eq!(today.who(), whole().who());
    let (gave, asked) = read(today, reader(12)).await;
    assert_eq!(gave, Ok(json!("12 pages")));
    let messages =
        |all: &[Arc<Request>]| -> Vec<_> { all.iter().map(|it| it.messages.clone()).collect() };
    assert!(messages(&asked) == messages(&undisturbed) && left_out(&asked[12]).is_some());
}

/// A page that is asked for by its name.
#[capability("page@1")]
async fn page_of_any_name(_: Context, name: Value) -> Result<String> {
    Ok(format!("page {name}"))
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_at_the_door_stays_refused() {
    let any = || {
        let page = Tool::new("page", "page").input(json!({ "type": ["integer", "string"] }));
        Spec { tools: vec![page], ..spec() }
    };
    let (disk, model) = (Disk::new(), Arc::new(Reader { as_text: true, ..reader(1) }));
    *model.hangs_at.lock().unwrap() = Some(1);
    let first = team(&disk, any(), &model).await;
    let all = SubmitOptions::default();
    let run = first.submit(Terms::new("read"), b"\"all\"".to_vec(), all).await.unwrap().id();
    while model.asked.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    disk.kill(first);
    let agent = LlmAgent::new(any(), model.clone(), &JsonSchemas).unwrap();
    let second = disk.team().with(page_of_any_name).agent(agent.joins(&["read"], 1));
    let second = second.start().await.unwrap();
    second.ticket(run).unwrap().typed::<Value>().await.unwrap();
    let asked = model.asked.lock().unwrap().clone();
    assert_eq!(asked[1].messages, asked[2].messages);
    assert_eq!(disk.record().tasks("page").len(), 0, "it was told so, and went on from that");
}

#[tokio::test(start_paused = true)]
async fn examples_stand_before_the_task_and_are_data() {
    let spec =
        spec().example(json!("two"), json!("2 pages")).example(json!([1]), json!({ "n": 1 }));
    let (_, asked) = read(spec, reader(0)).await;
    let said: Vec<&str> = asked[0].messages[1..].iter().map(Message::text).collect();
    let example =
        |input: &str| format!("An example of a task, `read`. Its input:\n{}", llm::fence(input));
    let (one, other) = (example("two"), example("[1]"));
    let task = format!("A task for you, `read`. Its input:\n{}", llm::fence("all"));
    assert_eq!(said, [&*one, "2 pages", &other, r#"{"n":1}"#, &task]);
    assert!(matches!(asked[0].messages[2], Message::Assistant { .. }));
}

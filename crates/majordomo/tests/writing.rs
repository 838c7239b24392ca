//! What agents write is seen while they write it: in pieces, by whoever listens, without
//! secrets, once; and what a model writes costs what it costs.
#![cfg(all(feature = "llm", feature = "cli"))] // `cli` has what collects a stream.
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use adapters::schema::JsonSchemas;
use futures_util::{StreamExt as _, stream};
use majordomo::kernel::Terms;
use majordomo::llm::{LlmAgent, Spec, Tool};
use majordomo::models::price::Price;
use majordomo::runtime::port::Secrets;
use majordomo::secret::Reference;
use majordomo::testing::Disk;
use majordomo::{AgentEntry, Context, Result, Said, SubmitOptions, Team, Ticket, capability};
use runtime::llm::{Error, Part, Reply, Request, ToolCall, Usage};
use runtime::port::llm::Parts;
use runtime::port::{BoxFuture, Llm};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Writes one word after the other, with so many milliseconds between two.
#[capability("words.write@1")]
async fn write(cx: Context, (words, pause_ms): (Vec<String>, u64)) -> Result<usize> {
    let writing = cx.writing();
    for word in &words {
        writing.push(word);
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
    }
    cx.progress(None, "all is written");
    Ok(words.len())
}

async fn submit(team: &Team, capability: &str, input: Value) -> Ticket {
    let input = input.to_string().into_bytes();
    team.submit(Terms::new(capability), input, SubmitOptions::default()).await.unwrap()
}

/// Which pieces of texts were heard of a run, each with whether it begins one.
async fn heard(ticket: &Ticket) -> Vec<(bool, String)> {
    let text = |said: Said| match said {
        Said::Text { begins, piece } => Some((begins, piece)),
        Said::Progress { .. } | Said::Partial { .. } | Said::Log { .. } => None,
    };
    ticket.progress().filter_map(|note| async move { text(note.what) }).collect().await
}

fn concat(pieces: &[(bool, String)]) -> String {
    pieces.iter().map(|(_, piece)| piece.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn words_gather_into_pieces_and_all_are_said() {
    let team = Team::in_memory().with(write).start().await.unwrap();
    let words: Vec<String> = (0..100).map(|it| format!("{it} ")).collect();
    let ticket = submit(&team, "words.write", json!([words, 10])).await;
    let pieces = heard(&ticket).await;
    assert_eq!(concat(&pieces), words.concat());
    // A second's worth, one each 80 ms: the first at once, and the last with the end.
    assert!((10..=15).contains(&pieces.len()), "{}", pieces.len());
    assert_eq!(pieces[0], (true, "0 ".to_owned()), "nobody waits for the first");
    assert!(pieces[1..].iter().all(|(begins, _)| !begins));
}

#[tokio::test(start_paused = true)]
async fn what_waited_long_enough_is_said_though_nothing_follows() {
    let team = Team::in_memory().with(write).start().await.unwrap();
    let ticket = submit(&team, "words.write", json!([["to ", "be"], 1_000])).await;
    let mut progress = ticket.progress();
    let began = tokio::time::Instant::now();
    while let Some(note) = progress.next().await {
        match note.what {
            Said::Text { begins: true, piece } => assert_eq!(piece, "to "),
            Said::Text { begins: false, piece } => {
                assert_eq!(piece, "be");
                assert!(began.elapsed() < Duration::from_millis(1_100), "{:?}", began.elapsed());
            }
            other => panic!("before all is written: {other:?}"),
        }
        if began.elapsed() >= Duration::from_secs(1) {
            return;
        }
    }
    panic!("it ended before its words were heard");
}

#[tokio::test(start_paused = true)]
async fn much_at_once_comes_in_pieces_of_a_bounded_size() {
    let team = Team::in_memory().with(write).start().await.unwrap();
    let much = "äöü".repeat(10_000);
    let ticket = submit(&team, "words.write", json!([[much], 0])).await;
    let pieces = heard(&ticket).await;
    assert_eq!(concat(&pieces), much);
    assert!(pieces.iter().all(|(_, piece)| piece.len() <= 4 << 10));
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_hears_the_rest() {
    let team = Team::in_memory().with(write).start().await.unwrap();
    let ticket = submit(&team, "words.write", json!([["a ", "b ", "c "], 1_000])).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(heard(&ticket).await, [(false, "c ".to_owned())]);
}

/// Has one secret.
struct Vault;

impl Secrets for Vault {
    fn read(&self, _: &Reference) -> std::result::Result<String, String> {
        Ok("canary-0123456789".to_owned())
    }
}

/// Says its secret in pieces, slowly.
#[capability("secret.leak@1")]
async fn leak(cx: Context, token: majordomo::Secret) -> Result<()> {
    let writing = cx.writing();
    for word in ["it is ", token.expose()?.get(..5).unwrap(), "y-01", "23456789", " can", "not"] {
        writing.push(word);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

#[cfg(feature = "schema")]
#[tokio::test(start_paused = true)]
async fn a_secret_is_hidden_although_it_comes_in_pieces() {
    let entry = AgentEntry::native("leaky", 1, leak).secrets([Reference::env("TOKEN").unwrap()]);
    let team = Team::in_memory().secrets(Arc::new(Vault)).agent(entry).start().await.unwrap();
    let ticket = submit(&team, "secret.leak", json!({ "$secret": "env:TOKEN" })).await;
    let pieces = heard(&ticket).await;
    assert_eq!(concat(&pieces), "it is [secret env:TOKEN] cannot");
    assert!(pieces.len() >= 3, "it was told as it came: {pieces:?}");
}

/// A model that types: each word of a reply after a while.
#[derive(Default)]
struct Typing {
    script: Mutex<VecDeque<Reply>>,
    asked: AtomicUsize,
    under_way: Arc<AtomicUsize>,
}

struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Llm for Typing {
    fn complete(&self, _: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let reply = self.script.lock().unwrap().pop_front().unwrap();
        Box::pin(std::future::ready(Ok(reply)))
    }

    fn stream(&self, _: Arc<Request>) -> Parts {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let reply = self.script.lock().unwrap().pop_front().unwrap();
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay(self.under_way.clone());
        let words: Vec<String> = reply.text.split_inclusive(' ').map(str::to_owned).collect();
        let words = stream::iter(words).then(move |word| {
            let _ = &under_way;
            async move {
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok(Part::Text(word))
            }
        });
        Box::pin(words.chain(stream::iter([Ok(Part::Done(reply))])))
    }
}

const TOKENS: Usage =
    Usage { input_tokens: 40, output_tokens: 20, cached_tokens: 0, is_estimated: false };

fn reply(text: &str) -> Reply {
    Reply { text: text.into(), usage: TOKENS, ..Reply::default() }
}

fn typing(script: impl IntoIterator<Item = Reply>) -> Arc<Typing> {
    Arc::new(Typing { script: Mutex::new(script.into_iter().collect()), ..Typing::default() })
}

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.len())
}

fn spec() -> Spec {
    let dollar = Price { input_micros: 1_000_000, output_micros: 1_000_000, cached_micros: 0 };
    let tool = Tool::new("count", "text.count").input(json!({ "type": "string" }));
    Spec::new("poet", "scripted/model", "You write.").price(dollar).tool(tool)
}

async fn team_of(disk: &Disk, spec: Spec, model: &Arc<Typing>) -> Team {
    let agent = LlmAgent::new(spec, model.clone(), &JsonSchemas).unwrap();
    disk.team().with(count).agent(agent.joins(&["poem"], 1)).start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_model_is_read_while_it_writes_and_costs_what_it_costs() {
    let call =
        ToolCall { id: "a".into(), name: "count".into(), arguments: "{\"input\":\"x\"}".into() };
    let looks = Reply { calls: vec![call], ..reply("I count first. ") };
    let (disk, model) = (Disk::new(), typing([looks, reply("to be or not to be")]));
    let team = team_of(&disk, spec(), &model).await;
    let ticket = submit(&team, "poem", json!("?")).await;
    let pieces = heard(&ticket).await;
    let texts = pieces.iter().filter(|(begins, _)| *begins).count();
    assert_eq!(concat(&pieces), "I count first. to be or not to be");
    assert_eq!((texts, pieces.len()), (2, 9), "a text for each turn, each slow word at once");
    let spent = disk.record().entries().into_iter().filter_map(|entry| match entry.event {
        majordomo::kernel::Event::Spent { cost, .. } => Some(cost.tokens),
        _ => None,
    });
    assert_eq!(spent.sum::<u64>(), 120, "as the model says at its end");
    assert_eq!(ticket.await, Ok(json!("to be or not to be")));
}

#[tokio::test(start_paused = true)]
async fn what_was_recorded_is_not_said_again() {
    let call =
        ToolCall { id: "a".into(), name: "count".into(), arguments: "{\"input\":\"x\"}".into() };
    let looks = Reply { calls: vec![call], ..reply("I count first. ") };
    let (disk, end) = (Disk::new(), "to be or not to be");
    let model = typing([looks, reply(end), reply(end)]);
    let team = team_of(&disk, spec(), &model).await;
    let ticket = submit(&team, "poem", json!("?")).await;
    while !concat_so_far(&ticket).await.starts_with("to ") {}
    let run = ticket.task;
    disk.kill(team);
    let team = team_of(&disk, spec(), &model).await;
    let ticket = team.ticket(run).unwrap();
    assert_eq!(concat(&heard(&ticket).await), end, "the first turn comes from the record");
    assert_eq!(ticket.await, Ok(json!(end)));
    assert_eq!(model.asked.load(Ordering::Relaxed), 3, "two turns, and the one it was killed in");
}

/// The next piece that begins a text.
async fn concat_so_far(ticket: &Ticket) -> String {
    let mut progress = ticket.progress();
    loop {
        let note = progress.next().await.expect("it goes on");
        if let Said::Text { begins: true, piece } = note.what {
            return piece;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn json_is_asked_for_whole_and_not_said() {
    let (disk, model) = (Disk::new(), typing([reply("{\"n\":1}"), reply("all at once")]));
    let team = team_of(&disk, spec().schema(json!({ "type": "object" })), &model).await;
    let ticket = submit(&team, "poem", json!("?")).await;
    assert_eq!(heard(&ticket).await, []);
    assert_eq!(ticket.await, Ok(json!({ "n": 1 })));
    drop(team);
    let team = team_of(&Disk::new(), spec().whole(), &model).await;
    let ticket = submit(&team, "poem", json!("?")).await;
    assert_eq!(heard(&ticket).await, [(true, "all at once".to_owned())], "at its end");
}

#[tokio::test(start_paused = true)]
async fn who_is_cancelled_types_no_more() {
    let (disk, model) = (Disk::new(), typing([reply(&"word ".repeat(1_000))]));
    let team = team_of(&disk, spec(), &model).await;
    let ticket = submit(&team, "poem", json!("?")).await;
    concat_so_far(&ticket).await;
    assert_eq!(model.under_way.load(Ordering::Relaxed), 1);
    ticket.cancel("enough").await.unwrap();
    assert!(ticket.settled().await.is_ok());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(model.under_way.load(Ordering::Relaxed), 0, "its request is ended");
}

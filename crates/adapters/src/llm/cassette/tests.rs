//! What was recorded is played, and what was not is told apart from it.

use super::*;
use crate::llm::provider::Provider;
use crate::llm::{Endpoint, Limits, Models};
use crate::testing::models::{Answer, Call, Server};
use futures_util::{FutureExt as _, StreamExt as _};
use runtime::llm::{Message, Usage};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

const KEY: &str = "sk-canary-0123456789";

struct Stage {
    home: TempDir,
    server: Server,
}

impl Stage {
    fn new() -> Stage {
        Stage { home: tempfile::tempdir().unwrap(), server: Server::start() }
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("calls.jsonl")
    }

    fn models(&self) -> Arc<Models> {
        let key = Secret::new(KEY, "test").unwrap();
        let endpoint = Endpoint::new(Provider::OpenAi, &self.server.openai(), Some(key)).unwrap();
        Arc::new(Models::at([endpoint], Limits::default()))
    }

    fn record(&self) -> Recorder {
        let models = self.models();
        let keys: Vec<Secret> = models.keys().collect();
        Cassette::record(self.path(), models).unwrap().hiding(keys)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn replay(&self) -> Cassette {
        Cassette::replay(self.path()).unwrap()
    }
}

/// It never answers.
struct Silent;

impl Llm for Silent {
    fn complete(&self, _: Arc<Request>) -> BoxFuture<'static, Result<Reply, CallError>> {
        Box::pin(std::future::pending())
    }

    fn stream(&self, _: Arc<Request>) -> Parts {
        Box::pin(stream::pending())
    }
}

/// The attempt that asks differs from time to time; what is asked does not.
fn asking(text: &str, attempt: u32) -> Arc<Request> {
    let system = Message::System { text: "Be brief.".into() };
    let user = Message::User { text: text.into() };
    Arc::new(Request {
        model: "openai/scripted".into(),
        messages: vec![system, user],
        key: Some(format!("majordomo-{attempt}/critic/0/0")),
        token: Some(attempt.to_string()),
        ..Request::default()
    })
}

async fn streamed(llm: &dyn Llm, request: Arc<Request>) -> Vec<Result<Part, CallError>> {
    llm.stream(request).collect().await
}

fn why(error: &CallError) -> &str {
    match error {
        CallError::NotRecorded { model, what } if model == "openai/scripted" => what,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_same_request_is_answered_in_order_also_with_failures() {
    let stage = Stage::new();
    stage.server.then(Answer::status(429).header("retry-after", "2"));
    stage.server.then(Answer::text("once").with_usage(12, 3));
    stage.server.then(Answer::calls([Call::new("c", "note", json!({ "n": 1 }))]));
    let recorder = stage.record();
    let mut recorded = Vec::new();
    for attempt in 0..3 {
        recorded.push(recorder.complete(asking("What is it?", attempt)).await);
    }
    assert_eq!(recorder.finish().unwrap(), 3);
    drop(stage.server);

    let cassette = Cassette::replay(stage.home.path().join("calls.jsonl")).unwrap();
    assert!(!cassette.is_limited(), "nobody waits for a rate");
    for (attempt, result) in (7..).zip(&recorded) {
        let mut result = result.clone();
        if let Ok(reply) = &mut result {
            reply.allowance = Default::default(); // Of the moment.
        }
        assert_eq!(cassette.complete(asking("What is it?", attempt)).await, result);
    }
    let limited =
        matches!(&recorded[0], Err(CallError::RateLimited { retry_after_ms: Some(2_000), .. }));
    assert!(limited, "{recorded:?}");
    assert_eq!(recorded[1].as_ref().unwrap().usage.total_tokens(), 15);
    assert_eq!((cassette.calls(), cassette.left()), (3, 0));
    let again = cassette.complete(asking("What is it?", 9)).await.unwrap_err();
    assert!(why(&again).contains("line 2 (step critic/0/0)"), "{again}");
    assert!(
        why(&again).contains("is this call; its answers, 3 of them, were all given"),
        "{again}"
    );
    assert_eq!(again.kind(), kernel::FailureKind::Rejected, "asking again would not help");
}

#[tokio::test]
async fn a_recording_of_nothing_takes_the_place_of_none() {
    let stage = Stage::new();
    stage.server.then(Answer::text("once")).then(Answer::text("anew"));
    let recorder = stage.record();
    recorder.complete(asking("What is it?", 1)).await.unwrap();
    recorder.finish().unwrap();
    let paid = stage.text();
    drop(stage.record()); // What was to be recorded could not begin.
    assert_eq!(stage.text(), paid);
    assert_eq!(fs::read_dir(stage.home.path()).unwrap().count(), 1, "and nothing is left of it");
    let recorder = stage.record();
    recorder.complete(asking("What is it?", 2)).await.unwrap();
    assert!(stage.text().contains("anew") && !stage.text().contains("once"));
}

#[tokio::test]
async fn a_stream_is_played_in_its_pieces_and_as_a_whole() {
    let stage = Stage::new();
    stage.server.always(|_, number| match number {
        0 | 1 => Answer::text("to be or not to be").with_usage(5, 6),
        _ => Answer::text("to be").cut_after(1),
    });
    let recorder = stage.record();
    let first = streamed(&recorder, asking("a", 1)).await;
    let whole = recorder.complete(asking("b", 1)).await.unwrap();
    let cut = streamed(&recorder, asking("c", 1)).await;
    assert!(first.len() > 2, "several pieces: {first:?}");
    assert!(matches!(cut.last(), Some(Err(_))), "{cut:?}");
    recorder.finish().unwrap();

    let cassette = stage.replay();
    assert_eq!(streamed(&cassette, asking("a", 2)).await, first);
    assert_eq!(streamed(&cassette, asking("c", 2)).await, cut);
    let parts = streamed(&cassette, asking("b", 2)).await;
    assert_eq!(parts[0], Ok(Part::Text(whole.text)), "one piece, as it came so");
    assert_eq!(parts.len(), 2);
    let cassette = stage.replay();
    let reply = cassette.complete(asking("a", 3)).await.unwrap();
    assert_eq!((reply.text.as_str(), reply.usage.total_tokens()), ("to be or not to be", 11));
    assert_eq!(cassette.left(), 2);
}

#[tokio::test]
async fn what_is_not_recorded_is_held_against_what_is_most_like_it() {
    let stage = Stage::new();
    stage.server.always(|_, _| Answer::text("yes"));
    let recorder = stage.record();
    for text in ["Is the sky blue?", "Is the grass green today?"] {
        recorder.complete(asking(text, 1)).await.unwrap();
    }
    recorder.finish().unwrap();
    let cassette = stage.replay();
    let mut other = Request::clone(&asking("Is the grass green tonight?", 1));
    other.temperature = Some(0.5);
    let error = cassette.complete(Arc::new(other)).await.unwrap_err();
    // Both differ in as many parts: the first is as near as the second.
    for words in [
        "this call is not on the cassette",
        "the nearest is line 2 (step critic/0/0): message 2 (user) was \"Is the sky blue?\", is \
         now \"Is the grass green tonight?\"; temperature is new: \"0.5\"; record it anew with \
         --record",
    ] {
        assert!(why(&error).contains(words), "{error}");
    }
    let mut longer = Request::clone(&asking("Is the grass green today?", 1));
    longer.messages.push(Message::Assistant { text: "yes".into(), calls: Vec::new() });
    let error = cassette.complete(Arc::new(longer)).await.unwrap_err();
    let words = "the nearest is line 3 (step critic/0/0): message 3 (assistant) is new: \"yes\"";
    assert!(why(&error).contains(words), "{error}");
    let error =
        streamed(&cassette, asking(&"long ".repeat(10_000), 1)).await.remove(0).unwrap_err();
    assert!(why(&error).len() < 1_000, "{}", why(&error).len());
    assert_eq!(cassette.left(), 2, "a miss takes nothing");
}

#[tokio::test]
async fn a_call_that_was_given_up_is_told_and_answers_nothing() {
    let stage = Stage::new();
    let recorder = Cassette::record(stage.path(), Arc::new(Silent)).unwrap();
    assert!(recorder.complete(asking("Well?", 1)).now_or_never().is_none());
    assert_eq!(recorder.finish().unwrap(), 1);
    let error = stage.replay().complete(asking("Well?", 2)).await.unwrap_err();
    assert!(
        why(&error).contains("whoever made it went away before there was an answer"),
        "{error}"
    );
    stage.server.then(Answer::text("in time"));
    let recorder = Cassette::record_on(stage.path(), stage.models()).unwrap();
    recorder.complete(asking("Well?", 3)).await.unwrap();
    let cassette = stage.replay();
    assert_eq!(cassette.complete(asking("Well?", 4)).await.unwrap().text, "in time");
}

#[tokio::test]
async fn no_key_stands_in_it_and_nobody_else_reads_it() {
    let stage = Stage::new();
    fs::write(stage.path(), "old").unwrap();
    fs::set_permissions(stage.path(), fs::Permissions::from_mode(0o666)).unwrap();
    stage.server.then(Answer::text(format!("the key is {KEY}")));
    stage.server.then(Answer::status(401).saying(format!("bad key {KEY}")));
    let odd = r#"sk-"canary\9876543210"#; // It stands in JSON otherwise than it is.
    let recorder = stage.record().hiding([Secret::new(odd, "test").unwrap()]);
    recorder.complete(asking(&format!("my keys are {KEY} and {odd}"), 1)).await.unwrap();
    recorder.complete(asking("x", 1)).await.unwrap_err();
    recorder.finish().unwrap();
    let text = stage.text();
    assert!(!text.contains("9876543210") && text.contains("are *** and ***"), "{text}");
    assert!(!text.contains(KEY) && text.contains("the key is ***"), "{text}");
    assert_eq!(text.lines().count(), 3, "what was there is gone");
    let mode = fs::metadata(stage.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(stage.home.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_killed_recording_is_read_up_to_its_last_whole_line_and_can_go_on() {
    let stage = Stage::new();
    stage.server.always(|_, number| Answer::text(format!("answer {number} ö")));
    let recorder = stage.record();
    recorder.complete(asking("a", 1)).await.unwrap();
    recorder.complete(asking("b", 1)).await.unwrap();
    let text = fs::read(stage.path()).unwrap(); // Nobody has said that it is over.
    for cut in 1..text.len() {
        fs::write(stage.path(), &text[..cut]).unwrap();
        match Cassette::replay(stage.path()) {
            Ok(cassette) => {
                let lines = text[..cut].iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(cassette.calls() + 1, lines, "cut at {cut}");
                assert_eq!(cassette.is_torn(), text[cut - 1] != b'\n', "cut at {cut}");
            }
            Err(error) => {
                let head = text.iter().position(|byte| *byte == b'\n').unwrap();
                assert!(matches!(error, Error::NotOne { .. }) && cut <= head, "{cut}: {error}");
            }
        }
    }
    let recorder = Cassette::record_on(stage.path(), stage.models()).unwrap();
    recorder.complete(asking("c", 1)).await.unwrap();
    assert_eq!(recorder.finish().unwrap(), 1);
    let cassette = stage.replay();
    assert_eq!((cassette.calls(), cassette.is_torn()), (2, false), "a and c; half of b is gone");
    assert_eq!(cassette.complete(asking("c", 2)).await.unwrap().text, "answer 2 ö");
}

#[tokio::test]
async fn a_line_may_be_edited_by_hand() {
    let stage = Stage::new();
    stage.server.always(|_, _| Answer::text("to be or not to be"));
    let recorder = stage.record();
    streamed(&recorder, asking("Which?", 1)).await;
    recorder.finish().unwrap();
    let edited = stage.text().replace("Which?", "What?").replace("to be or not to be", "that");
    fs::write(stage.path(), edited + "\n").unwrap();
    let parts = streamed(&stage.replay(), asking("What?", 1)).await;
    assert_eq!(parts[0], Ok(Part::Text("that".into())), "its pieces do not fit any more");
    let Some(Ok(Part::Done(reply))) = parts.last() else { panic!("{parts:?}") };
    assert_eq!(reply.text, "that");
}

#[tokio::test]
async fn what_is_no_cassette_is_told_with_its_place() {
    let stage = Stage::new();
    let said = |text: &str| {
        fs::write(stage.path(), text).unwrap();
        Cassette::replay(stage.path()).err().map(|error| error.to_string()).unwrap_or_default()
    };
    for text in ["", "\n", "hello\n", "{}\n", "{\"majordomo_cassette\":\"1\"}\n"] {
        assert!(said(text).contains("is no cassette"), "{text:?}: {}", said(text));
    }
    let newer = "{\"majordomo_cassette\":2}\n{\"anything\":1}\n";
    assert!(
        said(newer).contains("has version 2, and this program reads up to 1"),
        "{}",
        said(newer)
    );
    let head = file::head();
    for line in ["{}", "{\"request\":{\"model\":\"a\",\"messages\":[]}}", "nothing"] {
        let why = said(&format!("{head}{line}\n"));
        assert!(why.contains("line 2: ") && why.contains("record it anew"), "{line}: {why}");
    }
    assert_eq!(said(&head), "");
    let absent = Cassette::replay(stage.home.path().join("absent")).err().unwrap().to_string();
    assert!(absent.contains("cannot be read"), "{absent}");
    let nowhere = stage.home.path().join("no/such/place.jsonl");
    let error = Cassette::record(nowhere, stage.models()).err().unwrap().to_string();
    assert!(error.contains("cannot be written"), "{error}");
}

/// Golden: a file of version 1 stays readable.
#[tokio::test]
async fn the_first_version_is_read_as_it_was_written() {
    let stage = Stage::new();
    let text = concat!(
        "{\"majordomo_cassette\":1,\"by\":\"majordomo 0.1.0\"}\n",
        "{\"digest\":\"\",\"step\":\"critic/0/0\",\"request\":{\"model\":\"openai/scripted\",",
        "\"messages\":[{\"role\":\"system\",\"text\":\"Be brief.\"},",
        "{\"role\":\"user\",\"text\":\"What is it?\"}]},",
        "\"reply\":{\"text\":\"It is.\",\"finish\":\"stop\",\"usage\":{\"input_tokens\":12,",
        "\"output_tokens\":3,\"cached_tokens\":0,\"is_estimated\":false},\"model\":\"scripted\"},",
        "\"pieces\":[3,3]}\n"
    );
    fs::write(stage.path(), text).unwrap();
    let cassette = stage.replay();
    let parts = streamed(&cassette, asking("What is it?", 1)).await;
    assert_eq!(parts[..2], [Ok(Part::Text("It ".into())), Ok(Part::Text("is.".into()))]);
    let usage = Usage { input_tokens: 12, output_tokens: 3, ..Usage::default() };
    assert!(matches!(&parts[2], Ok(Part::Done(reply)) if reply.usage == usage), "{parts:?}");
}

//! Questions and answers: within a deadline, and told at once if nobody is there.

use super::{Fresh, PATIENCE, Stage, assert_quiet, eventually, subject, who};
use crate::bounds::BusBounds;
use crate::bus::{Access, Call, Client, Error, Feed, Identity, Options, Overflow};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Longer than the suite lives.
const LONG: Duration = Duration::from_secs(3_600);

pub(super) async fn run(fresh: &impl Fresh) {
    a_question_is_answered(fresh).await;
    nobody_there_is_told_at_once(fresh).await;
    a_deadline_is_kept_and_what_comes_late_is_told(fresh).await;
    the_first_answer_counts(fresh).await;
    an_answer_of_another_schema_is_refused(fresh).await;
    a_message_that_asks_nothing_cannot_be_answered(fresh).await;
    a_sender_does_not_say_where_answers_go(fresh).await;
    open_questions_have_a_limit(fresh).await;
    a_question_for_which_there_is_no_room_is_told(fresh).await;
}

fn call() -> Call<u64, String> {
    Call::new("count", 1).expect("a subject")
}

/// Somebody who answers every question with its number in words of digits.
async fn answering(client: &Client, options: Options) -> tokio::task::JoinHandle<()> {
    let mut feed = listening(client, options).await;
    let client = client.clone();
    tokio::spawn(async move {
        while let Some(Ok(question)) = feed.next().await {
            let _ = client.reply(&call(), &question, format!("{}", *question)).await;
        }
    })
}

async fn listening(client: &Client, options: Options) -> Feed<u64> {
    client.subscribe_with(call().questions(), options).await.expect("subscribes")
}

async fn a_question_is_answered(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let answers = answering(&who(&stage.bus, "ann"), Options::default()).await;
    for number in 0..100 {
        let answer = stage.client.request(&call(), number, LONG).await.expect("answered");
        assert_eq!(*answer, number.to_string(), "questions");
        let header = &answer.envelope().header;
        assert_eq!(&*header.sender, "ann", "questions: who answers");
        assert!(header.correlation.is_some() && header.causation.is_some(), "questions: to what");
    }
    assert_eq!(stage.bus.stats().asking, 0, "questions: none is left open");
    answers.abort();
}

async fn nobody_there_is_told_at_once(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let asked = timeout(PATIENCE, stage.client.request(&call(), 1, LONG)).await;
    let asked =
        asked.expect("no responders: at once, not at the deadline").map(|it| it.to_string());
    let subject = call().questions().subject().clone();
    assert_eq!(asked, Err(Error::NoResponders { subject: subject.clone() }), "no responders");
    drop(listening(&stage.client, Options::default()).await);
    let asked = timeout(PATIENCE, stage.client.request(&call(), 1, LONG)).await;
    let asked = asked.expect("at once").map(|it| it.to_string());
    assert_eq!(asked, Err(Error::NoResponders { subject }), "no responders: it is gone");
}

async fn a_deadline_is_kept_and_what_comes_late_is_told(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let ann = who(&stage.bus, "ann");
    let mut feed = listening(&ann, Options::default()).await;
    let client = stage.client.clone();
    let (begun, deadline) = (Instant::now(), Duration::from_millis(50));
    let asks = tokio::spawn(async move { client.request(&call(), 1, deadline).await });
    let question = timeout(PATIENCE, feed.next()).await.expect("in time");
    let question = question.expect("no end").expect("a question");
    let asked = timeout(PATIENCE, asks).await.expect("in time").expect("no panic");
    let subject = call().questions().subject().clone();
    let late = Error::Deadline { subject, deadline_ms: 50 };
    assert_eq!(asked.map(|it| it.to_string()), Err(late), "deadline");
    assert!(begun.elapsed() >= deadline, "deadline: not before it");
    let replied = ann.reply(&call(), &question, "1".to_owned()).await;
    assert_eq!(replied, Err(Error::NobodyWaits), "deadline: who answers late is told");
    assert_eq!(stage.bus.stats().asking, 0, "deadline: the question is closed");
}

async fn the_first_answer_counts(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let (ann, bob) = (who(&stage.bus, "ann"), who(&stage.bus, "bob"));
    let mut anns = listening(&ann, Options::default()).await;
    let mut bobs = listening(&bob, Options::default()).await;
    let client = stage.client.clone();
    let asks = tokio::spawn(async move { client.request(&call(), 1, LONG).await });
    let (for_ann, for_bob) = (anns.next().await, bobs.next().await);
    let (for_ann, for_bob) = (for_ann.expect("no end"), for_bob.expect("no end"));
    let (for_ann, for_bob) = (for_ann.expect("a question"), for_bob.expect("a question"));
    assert_eq!(ann.reply(&call(), &for_ann, "ann".to_owned()).await, Ok(()), "first answer");
    let second = bob.reply(&call(), &for_bob, "bob".to_owned()).await;
    assert_eq!(second, Err(Error::NobodyWaits), "first answer: the second is told");
    let answer = timeout(PATIENCE, asks).await.expect("in time").expect("no panic");
    assert_eq!(answer.expect("answered").as_str(), "ann", "first answer");
}

async fn an_answer_of_another_schema_is_refused(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let answers = answering(&who(&stage.bus, "ann"), Options::default()).await;
    let other = call().named("u64", "Words");
    let asked = stage.client.request(&other, 1, LONG).await;
    let error = asked.map(|it| it.to_string()).expect_err("it is no `Words`").to_string();
    assert!(error.contains("String@1") && error.contains("Words@1"), "schema of answers: {error}");
    answers.abort();
}

async fn a_message_that_asks_nothing_cannot_be_answered(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let mut feed = listening(&stage.client, Options::default()).await;
    stage.client.publish(call().questions(), 1_u64).await.expect("sent");
    let told = feed.next().await.expect("no end").expect("a number");
    let replied = stage.client.reply(&call(), &told, "1".to_owned()).await;
    assert!(matches!(replied, Err(Error::NotAQuestion { .. })), "no question: {replied:?}");
}

/// Or who may speak in one team only would have others speak for it in another.
async fn a_sender_does_not_say_where_answers_go(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let ann = who(&stage.bus, "ann");
    let mut questions = listening(&ann, Options::default()).await;
    let mut others = stage.listen("team.b.>", Options::default()).await;
    let access = Access { publish: vec![call().questions().subject().into()], ..Access::default() };
    let identity = Identity { name: "eve".into(), access, ..Identity::default() };
    let eve = Client::new(stage.bus.clone(), identity);
    let mut envelope = eve.envelope(call().questions(), 1_u64).expect("a number");
    envelope.header.reply_to = Some(subject("team.b.findings"));
    eve.send(envelope).await.expect("sent");
    let told = questions.next().await.expect("no end").expect("a number");
    let replied = ann.reply(&call(), &told, "1".to_owned()).await;
    assert!(matches!(replied, Err(Error::NotAQuestion { .. })), "where answers go: {replied:?}");
    assert_quiet(&mut others, "where answers go").await;
}

async fn open_questions_have_a_limit(fresh: &impl Fresh) {
    let stage = Stage::within(fresh, BusBounds { questions_max: 3, ..BusBounds::default() }).await;
    let _feed = listening(&who(&stage.bus, "ann"), Options::default()).await;
    let asking = (0..3).map(|number| {
        let client = stage.client.clone();
        tokio::spawn(async move { client.request(&call(), number, LONG).await.map(|_| ()) })
    });
    let asking: Vec<_> = asking.collect();
    eventually("three wait", || stage.bus.stats().asking == 3).await;
    let fourth = stage.client.request(&call(), 4, LONG).await.map(|_| ());
    assert_eq!(
        fourth,
        Err(Error::TooMany { what: "open questions", max: 3 }),
        "limit of questions"
    );
    asking.iter().for_each(tokio::task::JoinHandle::abort);
    eventually("who gives up has no question open", || stage.bus.stats().asking == 0).await;
}

async fn a_question_for_which_there_is_no_room_is_told(fresh: &impl Fresh) {
    let stage = Stage::new(fresh).await;
    let full = Options::default().queue(1, Overflow::DropNewest);
    let _feed = listening(&who(&stage.bus, "ann"), full).await;
    stage.client.publish(call().questions(), 1_u64).await.expect("sent");
    sleep(Duration::from_millis(5)).await;
    let asked = timeout(PATIENCE, stage.client.request(&call(), 2, LONG)).await;
    let asked = asked.expect("no room: at once").map(|_| ());
    assert!(matches!(asked, Err(Error::Undelivered { .. })), "no room: {asked:?}");
}

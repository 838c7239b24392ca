//! The testing kit, tested: each fault does what it says, and each assertion can fail.

use majordomo::kernel::{Entry, Event, FailureKind, Loss, Time};
use majordomo::testing::{Disk, Record, Script};
use majordomo::{Context, Failure, Result, SubmitOptions, Team, capability};
use runtime::port::Observer;
use runtime::port::journal::Seq;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.split_whitespace().count())
}

#[capability("text.report@1")]
async fn report(cx: Context, text: String) -> Result<String> {
    Ok(format!("{} words", cx.ask::<count>(text).await?))
}

async fn played(script: &Script<count>) -> (Disk, Team) {
    let disk = Disk::new();
    let team = disk.team().with(report).agent(script.joins("counter"));
    let team = team.start().await.expect("starts");
    (disk, team)
}

/// The kinds of the failures of the only task of the counter, after it has answered.
async fn faults(script: Script<count>) -> Vec<FailureKind> {
    let (disk, team) = played(&script).await;
    assert_eq!(team.ask::<report>("to be").await, Ok("7 words".into()));
    assert_eq!(script.left(), 0);
    disk.record().assert_settled();
    let [task] = disk.record().tasks("text.count")[..] else { panic!("asked once") };
    assert_eq!(script.asked().len(), disk.record().attempts(task));
    disk.record().failures(task).iter().map(|it| it.kind).collect()
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_what_it_says() {
    let script = Script::new;
    assert_eq!(faults(script().answer(7)).await, []);
    assert_eq!(faults(script().fail(Failure::error("no")).answer(7)).await, [FailureKind::Error]);
    assert_eq!(faults(script().panic().answer(7)).await, [FailureKind::Panic]);
    assert_eq!(faults(script().crash().answer(7)).await, [FailureKind::Crash]);
    assert_eq!(faults(script().lose().answer(7)).await, [FailureKind::LeaseExpired]);
    assert_eq!(faults(script().twice(7)).await, []);
    assert_eq!(faults(script().answer(7).after(Duration::from_secs(600))).await, []);
    assert_eq!(faults(script().then(|text| Ok(text.len() + 2))).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_ends_its_task_is_told_once() {
    let script = Script::new().fail(Failure::error("no")).fail(Failure::rejected("never"));
    let (disk, team) = played(&script).await;
    team.ask::<report>("to be").await.expect_err("it is rejected");
    let [task] = disk.record().tasks("text.count")[..] else { panic!("asked once") };
    let kinds: Vec<_> = disk.record().failures(task).iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [FailureKind::Error, FailureKind::Rejected]);
}

#[tokio::test(start_paused = true)]
async fn a_script_that_is_at_its_end_says_so() {
    let (_, team) = played(&Script::new()).await;
    let failed = team.ask::<report>("to be").await.expect_err("no line");
    assert!(failed.message.contains("the script for text.count is at its end"), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn what_is_open_or_wrong_is_found() {
    let (disk, team) = played(&Script::new().hang()).await;
    let ticket = team.handle::<report>().submit("a", SubmitOptions::default()).await;
    let run = ticket.expect("accepted").id();
    while disk.record().tasks("text.count").is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    disk.record().assert_sound();
    let open = disk.record().clone();
    assert!(catch_unwind(move || open.assert_settled()).is_err(), "two are open");
    assert_eq!(disk.record().count(|it| matches!(it, Event::TaskAccepted(_))), 2);
    disk.kill(team);

    let team = disk.team().with(report).with(count).start().await.expect("starts again");
    assert_eq!(team.ticket(run).expect("goes on").typed::<String>().await, Ok("1 words".into()));
    disk.record().assert_settled();
    assert_eq!(disk.record().attempts(run), 2, "the second life went on with it");
}

/// The events of a task that fails once and is then completed.
async fn second_luck() -> Vec<Event> {
    let script = Script::new().fail(Failure::error("no")).answer(7);
    let (disk, team) = played(&script).await;
    assert_eq!(team.ask::<report>("to be").await, Ok("7 words".into()));
    let [task] = disk.record().tasks("text.count")[..] else { panic!("asked once") };
    let events = disk.record().entries().into_iter().map(|it| it.event);
    events.filter(|it| it.task() == Some(task)).collect()
}

/// What a record of these events says of itself; nothing if it is sound.
fn breach(events: &[Event]) -> String {
    let entry = |event: &Event| Entry { at: Time(0), event: event.clone() };
    let (record, entries) = (Record::default(), events.iter().map(entry).collect());
    record.durable(Seq(1), &entries);
    let found = catch_unwind(AssertUnwindSafe(|| record.assert_sound())).err();
    found.map_or_else(String::new, |it| it.downcast_ref::<String>().expect("told").clone())
}

fn at(events: &[Event], like: impl Fn(&Event) -> bool) -> usize {
    events.iter().position(like).expect("it is there")
}

#[tokio::test(start_paused = true)]
async fn each_breach_is_told_by_itself() {
    let sound = second_luck().await;
    assert_eq!(breach(&sound), "");
    let first = at(&sound, |it| matches!(it, Event::LeaseGranted(_)));
    let failed = at(&sound, |it| matches!(it, Event::AttemptFailed { .. }));
    let end = at(&sound, |it| matches!(it, Event::TaskCompleted { .. }));
    let twice = [&sound[..], &sound[end..=end]].concat();
    assert!(breach(&twice).contains("has ended twice"), "{}", breach(&twice));
    let fallen = [&sound[..], &sound[first..=first]].concat();
    assert!(breach(&fallen).contains("did not rise"), "{}", breach(&fallen));
    let Event::AttemptFailed { task, token, retry_at, .. } = sound[failed] else { unreachable!() };
    let Event::TaskCompleted { output, .. } = sound[end].clone() else { unreachable!() };
    let late = Event::TaskCompleted { task, token, output };
    let overtaken = [&sound[..end], std::slice::from_ref(&late)].concat();
    assert!(breach(&overtaken).contains("a stale completion"), "{}", breach(&overtaken));
    let cause = Loss::AgentLeft;
    let lost = Event::AttemptLost { task, token, cause, retry_at };
    for over in [sound[failed].clone(), lost] {
        let after = [&sound[..failed], &[over, late.clone()]].concat();
        assert!(breach(&after).contains("a stale completion"), "{:?}: {}", after, breach(&after));
    }
}

/// The page says what a test of two agents takes: its first example, of which the doctests see that
/// it runs, is counted here.
#[test]
fn a_test_of_two_agents_is_ten_lines() {
    let page = include_str!("../../../docs/guide/testing.md");
    let (_, chapter) = page.split_once("## Ten lines\n").expect("the chapter");
    let (_, code) = chapter.split_once("```rust\n").expect("code");
    let code = code.split_once("```").expect("it ends").0;
    let test = code.find("#[tokio::").expect("a test");
    let lines = code[test..].lines().filter(|line| !line.is_empty()).count();
    assert_eq!(lines, 10, "{}", &code[test..]);
    assert!(code.matches("#[capability(").count() == 2, "it is of two agents");
}

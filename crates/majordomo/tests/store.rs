//! What an operator does with a data directory: back up beside a team at work, restore, check,
//! export, tidy up, forget.

use kernel::{TaskId, Terms};
use majordomo::data::DataDir;
use majordomo::store::{self, Error};
use majordomo::{Context, Result, Team, capability};
use runtime::port::journal;
use std::path::Path;
use std::time::Duration;

#[capability("echo@1")]
async fn echo(_: Context, text: String) -> Result<String> {
    Ok(text)
}

#[capability("later@1")]
async fn later(cx: Context, _: String) -> Result<()> {
    cx.sleep(Duration::from_secs(3600)).await
}

/// What the keys of all tasks of this journal begin with.
#[capability("named@1")]
async fn named(cx: Context, _: String) -> Result<String> {
    let key = cx.key();
    let (journal, _task) = key.rsplit_once('-').expect("majordomo-JOURNAL-TASK");
    assert_eq!(journal.len(), "majordomo-".len() + 16, "{key}");
    Ok(journal.to_owned())
}

async fn team(dir: &Path) -> Team {
    Team::open(dir).with(echo).with(later).with(named).start().await.expect("starts")
}

fn quiet() -> impl FnMut(u64, u64) {
    |done, of| assert!(done <= of)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_the_team_works_is_restored_elsewhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let (live, copy, back) =
        (dir.path().join("live"), dir.path().join("copy"), dir.path().join("b"));
    let (data, restored) = (DataDir::new(&live), DataDir::new(&back));
    let team = team(&live).await;
    team.ask::<echo>("large ".repeat(1_000)).await.expect("answers");
    let open = team.submit(Terms::new("later"), b"\"x\"".to_vec(), Default::default());
    let open = open.await.expect("accepted").task;
    let taken = store::backup(&data, &copy, &mut quiet()).expect("copied beside the writer");
    assert_eq!((taken.blobs, taken.missing), (1, 0));
    team.ask::<echo>("after the backup").await.expect("the team goes on");
    let refused = store::backup(&data, &copy, &mut quiet()).expect_err("not twice");
    assert!(matches!(refused, Error::NotEmpty { .. }), "{refused}");
    let token = team.runtime().with_journal(|journal| token(journal)).expect("open");
    let name = team.ask::<named>("before").await.expect("answers");
    team.drain(Duration::ZERO).await;
    drop(team);

    let found = store::restore(&copy, &restored, &mut quiet()).expect("restored");
    assert_eq!(found, taken);
    let again = store::restore(&copy, &restored, &mut quiet()).expect_err("not over data");
    assert!(matches!(again, Error::NotEmpty { .. }), "{again}");
    assert!(store::verify(&restored, &mut quiet()).expect("reads").is_clean());
    let team = self::team(&back).await;
    assert!(team.ticket(open).is_some(), "what was open goes on");
    assert_eq!(team.ask::<echo>("here").await, Ok("here".into()));
    let kept = team.ask::<named>("after").await.expect("answers");
    assert_eq!(kept, name, "outside systems must know its keys again");
    let raised = team.runtime().with_journal(|journal| self::token(journal)).expect("open");
    assert!(raised > token + (1 << 40), "a new generation: {token} then {raised}");
    team.drain(Duration::ZERO).await;
}

fn token(journal: &dyn journal::Journal) -> u64 {
    let mut reader = journal.reader().expect("has one");
    let kernel = runtime::keep::replay(&mut *reader, &Default::default(), &|| false);
    kernel.expect("replays").state().token.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_refused_and_an_interrupted_restore_can_be_done_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let (live, copy) = (dir.path().join("live"), dir.path().join("copy"));
    let team = team(&live).await;
    team.ask::<echo>("large ".repeat(1_000)).await.expect("answers");
    team.drain(Duration::ZERO).await;
    drop(team);
    store::backup(&DataDir::new(&live), &copy, &mut quiet()).expect("copied");
    let blob = only_file(&copy.join("blobs"));
    let whole = std::fs::read(&blob).expect("reads");
    std::fs::write(&blob, b"something else").expect("written");
    let data = DataDir::new(dir.path().join("restored"));
    let refused = store::restore(&copy, &data, &mut quiet()).expect_err("damaged");
    assert!(matches!(refused, Error::DamagedBackup(_)), "{refused}");
    assert!(!data.journal().exists(), "nothing is in force");
    let found = store::verify(&DataDir::new(&copy), &mut quiet()).expect("reads");
    assert_eq!((found.is_clean(), found.damaged.len()), (false, 1));
    std::fs::write(&blob, whole).expect("mended");
    store::restore(&copy, &data, &mut quiet()).expect("done again over what was left");
    let nothing = store::restore(&dir.path().join("no"), &data, &mut quiet()).expect_err("none");
    assert!(matches!(nothing, Error::NoJournal { .. }), "{nothing}");
}

fn only_file(dir: &Path) -> std::path::PathBuf {
    let entry = std::fs::read_dir(dir).expect("a directory").next().expect("has one");
    let path = entry.expect("reads").path();
    if path.is_dir() { only_file(&path) } else { path }
}

#[tokio::test(flavor = "multi_thread")]
async fn export_tells_every_entry_and_forget_takes_the_contents_out() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = DataDir::new(dir.path());
    let none = store::export(&data, &mut Vec::new()).expect_err("nothing ran here");
    assert!(none.to_string().contains("run something first"), "{none}");
    let team = team(dir.path()).await;
    team.ask::<echo>("canary").await.expect("answers");
    let held = store::forget(&data, TaskId(1)).expect_err("a team is at work");
    assert!(matches!(held, Error::Journal(journal::Error::Held { .. })), "{held}");
    team.drain(Duration::ZERO).await;
    drop(team);
    let lines = exported(&data);
    let seqs: Vec<u64> = lines.iter().filter_map(|line| line["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=lines.len() as u64).collect::<Vec<_>>(), "no gap");
    let accepted = lines.iter().find(|line| line["event"]["task_accepted"].is_object());
    let accepted = accepted.expect("there was a task");
    assert_eq!(accepted["contents"], serde_json::json!(["canary"]));
    let digest = accepted["event"]["task_accepted"]["input"]["digest"].as_str();
    assert_eq!(digest.map(str::len), Some(64), "digests are for people here");

    let forgotten = store::forget(&data, TaskId(1)).expect("forgotten");
    assert_eq!((forgotten.tasks, forgotten.records), (1, 2));
    let after = exported(&data);
    assert_eq!(after.len(), lines.len(), "that it happened stays");
    assert!(!after.iter().any(|line| line.to_string().contains("canary")));
    let again = store::forget(&data, TaskId(1)).expect("twice is once");
    assert_eq!(again.records, 0);
    store::collect(&data).expect("tidied");
    assert!(store::verify(&data, &mut quiet()).expect("reads").is_clean());
}

fn exported(data: &DataDir) -> Vec<serde_json::Value> {
    let mut out = Vec::new();
    store::export(data, &mut out).expect("exported");
    let text = String::from_utf8(out).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

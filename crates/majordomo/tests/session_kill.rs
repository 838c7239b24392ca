//! Runs whose process is killed, again and again: each goes on where it was, repeats nothing that
//! was done, follows the definition it was started with, and answers what an undisturbed run
//! answers.
//!
//! The process that is killed is this test program, called again for one test with a data directory
//! in its environment. It kills itself with KILL from within the turn, when a chosen number of
//! tasks has become durable and nobody has been told.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use kernel::{Entry, Event};
use majordomo::data::DataDir;
use majordomo::session::{Migrate, Options, Session, Summary};
use majordomo::team::check::Anywhere;
use majordomo::team::file::TeamFile;
use majordomo::{Failure, kernel, runtime, team};
use runtime::port::Observer;
use runtime::port::journal::Seq;
use runtime::port::observer::Note;
use serde_json::{Value, json};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Kills this process when so many tasks are completed.
struct Killer(AtomicI64);

impl Observer for Killer {
    fn durable(&self, _: Seq, entries: &Arc<[Entry]>) {
        let done = entries.iter().filter(|it| matches!(it.event, Event::TaskCompleted { .. }));
        let done = done.count() as i64;
        if self.0.fetch_sub(done, Ordering::Relaxed) <= done {
            let this = rustix::process::getpid();
            let _ = rustix::process::kill_process(this, rustix::process::Signal::KILL);
        }
    }

    fn note(&self, _: &Note) {}
}

fn read(name: &str, text: &str) -> TeamFile {
    let reading = team::read(name, text, &Anywhere);
    let said = reading.render(false);
    reading.definition.unwrap_or_else(|| panic!("{said}"))
}

/// A run that is killed: where, with which team, on which input.
struct Trial {
    directory: tempfile::TempDir,
    team: String,
    args: Value,
}

impl Trial {
    fn new(team: &str, args: Value) -> Trial {
        Trial { directory: tempfile::tempdir().unwrap(), team: team.to_owned(), args }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn data(&self) -> DataDir {
        DataDir::new(self.path().join("data"))
    }

    /// Starts the run, or goes on with it, and is killed after so many tasks.
    fn kill_after(&self, tasks: u32) {
        let killed = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--nocapture"])
            .env("TRIAL_DATA", self.data().path())
            .env("TRIAL_TEAM", &self.team)
            .env("TRIAL_ARGS", self.args.to_string())
            .env("TRIAL_KILL_AFTER", tasks.to_string())
            .current_dir(self.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&killed.stdout);
        assert_eq!(killed.status.signal(), Some(9), "{said}");
    }

    /// Goes on without being killed, to the end.
    async fn finish(&self, session: &Session) -> (Result<Value, Failure>, Summary) {
        let mut tickets = session.resume().await.unwrap();
        let ticket = tickets.pop().unwrap();
        assert!(tickets.is_empty());
        let run = ticket.task;
        let outcome = ticket.outcome().await;
        let summary = session.summary(run).await.unwrap();
        session.drain(Duration::ZERO).await;
        (outcome, summary)
    }
}

/// Not a test of its own: see the top. Without a trial in the environment there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_process_that_is_killed() {
    let Some(data) = std::env::var_os("TRIAL_DATA").map(PathBuf::from) else { return };
    let text = std::env::var("TRIAL_TEAM").unwrap();
    let args = serde_json::from_str(&std::env::var("TRIAL_ARGS").unwrap()).unwrap();
    let tasks = std::env::var("TRIAL_KILL_AFTER").unwrap().parse().unwrap();
    let killer: Arc<dyn Observer> = Arc::new(Killer(AtomicI64::new(tasks)));
    let options = Options { observers: vec![killer], ..Options::default() };
    let data = DataDir::new(data);
    let session = if data.path().exists() {
        Session::reopen(&data, options).await.unwrap()
    } else {
        Session::start(read("t.toml", &text), &data, options).await.unwrap()
    };
    let mut tickets = session.resume().await.unwrap();
    if tickets.is_empty() {
        tickets.push(session.run(args).await.unwrap());
    }
    for ticket in tickets {
        println!("it ended before it was killed: {:?}", ticket.outcome().await);
    }
}

/// Each call of the program leaves a line behind, in the directory where the run was started.
const WORDS: &str = r#"
name = "words"
[agents.upper]
kind = "command"
argv = ["sh", "-c", 'read x; echo "$x" >> calls; echo "$x" | tr a-z A-Z']
stdin = "text"
stdout = "text"
dir = "."
serves = ["text.upper"]
[steps]
up = { ask = "text.upper", for_each = "args", input = "{{ item }}" }
all = { ask = "text.upper", input = "{{ up | join('-') }}" }
"#;

#[tokio::test]
async fn a_run_that_ended_with_its_process_is_told_once_by_the_next() {
    let trial = Trial::new(WORDS, json!(["a", "b"]));
    trial.kill_after(4); // Two words, the step that joins them, and the run itself.
    let session = Session::reopen(&trial.data(), Options::default()).await.unwrap();
    assert!(session.resume().await.unwrap().is_empty(), "nothing is unfinished");
    let untold = session.untold().await;
    assert_eq!(untold.len(), 1, "{untold:?}");
    let told = session.summary(untold[0]).await.unwrap();
    assert_eq!(
        (told.status, told.tasks.completed, told.tasks_open),
        ("completed", 4, 0),
        "{told:?}"
    );
    assert_eq!(told.outputs, json!("A-B"));
    session.drain(Duration::ZERO).await;
    drop(session);

    let session = Session::reopen(&trial.data(), Options::default()).await.unwrap();
    assert!(session.untold().await.is_empty(), "it was told, and the process ended in order");
    assert_eq!(session.summary(untold[0]).await.unwrap(), told, "whoever asks is told again");
    session.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn no_step_is_repeated_however_often_the_process_is_killed() {
    let words: Vec<String> = (0..12).map(|n| format!("w{n}")).collect();
    let trial = Trial::new(WORDS, json!(words));
    for tasks in [1, 1, 3, 2, 4] {
        trial.kill_after(tasks);
    }
    let session = Session::reopen(&trial.data(), Options::default()).await.unwrap();
    let (outcome, summary) = trial.finish(&session).await;

    let joined = words.join("-").to_uppercase();
    assert_eq!(outcome, Ok(json!(joined)));
    let calls = std::fs::read_to_string(trial.path().join("calls")).unwrap();
    let mut calls: Vec<&str> = calls.lines().collect();
    calls.sort_unstable();
    let mut wanted: Vec<&str> = words.iter().map(String::as_str).chain([joined.as_str()]).collect();
    wanted.sort_unstable();
    assert_eq!(calls, wanted, "each word once");
    assert_eq!((summary.tasks.accepted, summary.tasks.completed), (14, 14));
    assert_eq!((summary.tasks_open, summary.status), (0, "completed"));
    assert!(summary.attempts_lost >= 5, "one run was under way at each kill: {summary:?}");
}

/// A tree in which every third file has a finding, and every sixth one that can be fixed.
fn tree(directory: &Path, files: usize) {
    for n in 0..files {
        let body = match n % 6 {
            0 => format!("def f{n}(a):\n    if a == None:\n        return {n}\n    return a\n"),
            3 => format!("import os\n\ndef f{n}(name):\n    os.system('ls ' + name)\n"),
            _ => format!("def f{n}(a):\n    return a + {n}\n"),
        };
        let place = directory.join(format!("part{}", n % 4));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join(format!("f{n}.py")), body).unwrap();
    }
}

#[tokio::test]
async fn a_code_review_that_is_killed_reports_what_an_undisturbed_one_does() {
    let sources = tempfile::tempdir().unwrap();
    tree(sources.path(), 60);
    let team = team::init::team("code-review").unwrap();
    let args = json!([sources.path()]);

    let quiet = Trial::new(team, args.clone());
    let definition = read("code-review.toml", team);
    let session = Session::start(definition, &quiet.data(), Options::default()).await.unwrap();
    drop(session.run(args.clone()).await.unwrap());
    let (report, summary) = quiet.finish(&session).await;
    let report = report.unwrap();
    assert_eq!(summary.agents.iter().find(|it| it.name == "analyst").unwrap().completed, 60);
    assert_eq!(report["json"]["counts"]["files"], 60);
    assert!(report["json"]["counts"]["findings"].as_u64() >= Some(10), "{}", report["markdown"]);
    assert!(report["json"]["counts"]["fixed"].as_u64() >= Some(5), "{}", report["markdown"]);

    let killed = Trial::new(team, args);
    for tasks in [1, 7, 30, 21] {
        killed.kill_after(tasks);
    }
    let session = Session::reopen(&killed.data(), Options::default()).await.unwrap();
    let (again, disturbed) = killed.finish(&session).await;
    assert_eq!(again.unwrap(), report);
    assert_eq!(disturbed.tasks, summary.tasks);
    assert!(disturbed.attempts_lost >= 4, "{disturbed:?}");
}

/// The definition of a run stays its own until an operator says otherwise.
#[tokio::test]
async fn a_run_follows_its_own_definition_unless_it_is_moved() {
    let shout = |mark: &str| {
        let echo = format!("read x; echo \"$x{mark}\"");
        format!(
            "name = 'shout'\n\
             [agents.it]\nkind = 'command'\nargv = ['sh', '-c', '{echo}']\n\
             stdin = 'text'\nstdout = 'text'\nserves = ['do']\n\
             [steps]\na = {{ ask = 'do', input = 'a' }}\n\
             b = {{ ask = 'do', input = '{{{{ a }}}}b' }}"
        )
    };
    for (migrate, answer) in [(Migrate::Nothing, "a!b!"), (Migrate::All, "a!b?")] {
        let trial = Trial::new(&shout("!"), json!([]));
        trial.kill_after(1);
        let options = Options { migrate, ..Options::default() };
        let other = read("t.toml", &shout("?"));
        let session = Session::start(other, &trial.data(), options).await.unwrap();
        let scope = session.scope().to_owned();
        let (outcome, _) = trial.finish(&session).await;
        assert_eq!(outcome, Ok(json!(answer)), "{migrate:?}");
        assert_eq!(scope == "shout", migrate == Migrate::All, "{scope}");
    }
}

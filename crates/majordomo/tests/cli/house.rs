//! A directory of its own for each test, and the program run in it with a limit on its time.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_majordomo");

/// No command of a test may last longer, on a machine however busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A team whose one agent takes `naps` as long as it is told and says how often it began.
pub(crate) const NAPS: &str = r#"
name = "naps"
output = { naps = "{{ nap | length }}" }

[agents.sleeper]
kind = "command"
argv = ["sh", "-c", 'read it; echo "$it" >> begun; sleep "$it"; echo "$it"']
stdin = "text"
serves = ["nap"]
slots = 4

[steps.nap]
ask = "nap"
for_each = "args"
key = "index"
input = "{{ item }}\n"
"#;

/// A directory with whatever the test puts there.
pub(crate) struct House {
    pub(crate) home: TempDir,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A command that goes on. Killed when dropped.
pub(crate) struct Going {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl House {
    pub(crate) fn new() -> House {
        let house = House { home: tempfile::tempdir().unwrap() };
        fs::create_dir(house.path(".bin")).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        for program in ["sh", "cat", "sleep", "wc"] {
            let mut places = std::env::split_paths(&path).map(|it| it.join(program));
            let found = places.find(|it| it.is_file()).unwrap();
            symlink(found, house.path(".bin").join(program)).unwrap();
        }
        house
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A house with a small tree of sources in `src`, of which two hold a finding.
    pub(crate) fn with_sources() -> House {
        let house = House::new();
        fs::create_dir(house.path("src")).unwrap();
        house.write("src/bad.py", "def f(x):\n    if x == None:\n        return 1\n");
        house.write("src/good.py", "def f(x):\n    if x is None:\n        return 1\n");
        house.write("src/same.rs", "fn f(a: bool) -> bool {\n    a && a\n}\n");
        house
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        // Whatever linters this machine has, they are not part of a test.
        command.args(args).env("PATH", self.path(".bin"));
        self.at_home(&mut command);
        command
    }

    /// Nothing of whoever runs the tests changes what is printed.
    pub(crate) fn at_home(&self, command: &mut Command) {
        command.current_dir(self.home.path()).stdin(Stdio::null()).env("TZ", "UTC");
        for name in ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.start(args).end()
    }

    /// Runs it and requires that it went well.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let said = self.run(args);
        assert_eq!(said.code, Some(0), "{args:?}: {said:?}");
        said.out
    }

    /// Runs it with `--json` and reads the last value that it prints, on however many lines.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let said = self.run(&[args, &["--json"]].concat());
        let last = serde_json::Deserializer::from_str(&said.out).into_iter().last();
        let last = last.unwrap_or_else(|| panic!("{args:?}: nothing: {said:?}"));
        last.unwrap_or_else(|why| panic!("{args:?}: {why}: {said:?}"))
    }

    /// Hands over a task to the process at work; its number.
    pub(crate) fn submit(&self, capability: &str, input: &str) -> String {
        let answer = self.json(&["submit", capability, input]);
        let task = answer["accepted"]["task"].as_u64();
        task.unwrap_or_else(|| panic!("{capability} {input}: {answer}")).to_string()
    }

    /// Whether a task has completed: itself, which the first line of its story says, and not only
    /// one of its steps.
    pub(crate) fn is_done(&self, task: &str) -> bool {
        let story = self.run(&["show", task]).out;
        story.lines().next().is_some_and(|title| title.ends_with(" · completed"))
    }

    /// Ends the process at work in order, and requires that it ends well.
    pub(crate) fn stop(&self, up: Going) -> Said {
        self.done(&["stop"]);
        let said = up.end();
        assert_eq!(said.code, Some(0), "{said:?}");
        said
    }

    /// Starts a command and leaves it going.
    pub(crate) fn start(&self, args: &[&str]) -> Going {
        self.spawn(self.command(args))
    }

    /// Starts anything, with its outputs in files.
    pub(crate) fn spawn(&self, mut command: Command) -> Going {
        let number = fs::read_dir(self.home.path()).unwrap().count();
        let (out, err) = (self.path(&format!("{number}.out")), self.path(&format!("{number}.err")));
        command.stdout(fs::File::create_new(&out).unwrap());
        command.stderr(fs::File::create_new(&err).unwrap());
        Going { child: command.spawn().unwrap(), out, err }
    }

    /// `majordomo up` with this team, once it answers.
    pub(crate) fn up(&self, team: &str) -> Going {
        let mut up = self.start(&["up", team, "--quiet"]);
        up.until("it answers", || self.path(".majordomo/control.sock").exists());
        up
    }

    /// Whether any command has written this so far.
    pub(crate) fn says_somewhere(&self, words: &str) -> bool {
        let files = fs::read_dir(self.home.path()).unwrap().map(|it| it.unwrap().path());
        let mut said = files.filter(|it| it.extension().is_some_and(|it| it == "err"));
        said.any(|it| fs::read_to_string(it).unwrap_or_default().contains(words))
    }

    /// How often the sleeper of [`NAPS`] began.
    pub(crate) fn naps_begun(&self) -> usize {
        fs::read_to_string(self.path("begun")).unwrap_or_default().lines().count()
    }
}

#[allow(clippy::disallowed_methods)] // Another process is waited for; its time cannot be driven.
impl Going {
    /// Waits until something is so, while the command goes on.
    pub(crate) fn until(&mut self, what: &str, so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !so() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended before {what}: {:?}", self.said(ended));
            assert!(begun.elapsed() < PATIENCE, "never: {what}: {:?}", self.said(None));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it has said so far.
    pub(crate) fn so_far(&self) -> Said {
        self.said(None)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Said {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.said(Some(status));
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end: {:?}", self.said(None));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn said(&self, status: Option<std::process::ExitStatus>) -> Said {
        let code = status.and_then(|it| it.code().or(it.signal().map(|it| -it)));
        let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
        Said { code, out: read(&self.out), err: read(&self.err) }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended.
        let _ = self.child.wait();
    }
}

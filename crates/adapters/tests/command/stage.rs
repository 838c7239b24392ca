//! A stage: a directory for scripts, and a mark in the environment by which everybody who ever
//! played on it is found in `/proc`, independently of the code under test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use adapters::agent::command::{Limits, Program};

const MARK: &str = "MAJORDOMO_TEST_STAGE";

/// One test's scripts and processes.
pub(crate) struct Stage {
    directory: tempfile::TempDir,
    mark: String,
}

impl Stage {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{n}", std::process::id());
        Self { directory: tempfile::tempdir().unwrap(), mark }
    }

    /// A path on the stage.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A Python script as a program.
    pub(crate) fn python(&self, text: &str) -> Program {
        let path = self.path("script.py");
        std::fs::write(&path, text).unwrap();
        self.program([python3(), "-u", path.to_str().unwrap()])
    }

    /// A Python script that uses the client.
    pub(crate) fn client(&self, text: &str) -> Program {
        let mut program = self.python(text);
        let client = concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/python");
        program.set.insert("PYTHONPATH".into(), client.into());
        program.set.insert("PYTHONDONTWRITEBYTECODE".into(), "1".into());
        program
    }

    /// A shell script as a program.
    pub(crate) fn shell(&self, text: &str) -> Program {
        let path = self.path("script.sh");
        std::fs::write(&path, text).unwrap();
        self.program(["/bin/sh", path.to_str().unwrap()])
    }

    pub(crate) fn program<const N: usize>(&self, argv: [&str; N]) -> Program {
        let mut program = Program::new(argv);
        program.directory = Some(self.directory.path().into());
        program.set.insert(MARK.into(), self.mark.clone());
        program
    }

    /// Process ids of everybody alive on this stage.
    pub(crate) fn alive(&self) -> Vec<u32> {
        alive(&self.mark)
    }

    /// Waits until a script has written this file; gives its text.
    pub(crate) async fn written(&self, name: &str) -> String {
        let path = self.path(name);
        let text = || std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'));
        eventually(&format!("{name} is written"), || text().is_some()).await;
        text().unwrap()
    }

    pub(crate) async fn empty(&self) {
        eventually("nobody is left", || self.alive().is_empty()).await;
    }

    pub(crate) fn mark(&self) -> (&str, &str) {
        (MARK, &self.mark)
    }
}

/// Everybody alive whose environment carries the mark.
pub(crate) fn alive(mark: &str) -> Vec<u32> {
    let pair = format!("{MARK}={mark}");
    // Of each thread, since the first may have ended before the others. A zombie has none left.
    let carries = |pid: &u32| {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
        threads
            .filter_map(|thread| std::fs::read(thread.ok()?.path().join("environ")).ok())
            .any(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == pair.as_bytes()))
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(carries)
        .collect()
}

/// Waits for a condition, at most ten seconds.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "still not so after 10 s: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The interpreter itself (what is on PATH may be a slow script that looks for it), or a clear word
/// that there is none.
pub(crate) fn python3() -> &'static str {
    static FOUND: OnceLock<String> = OnceLock::new();
    FOUND.get_or_init(|| {
        let script = "import sys; assert sys.version_info >= (3, 9); print(sys.executable)";
        let answer = Command::new("python3").args(["-c", script]).output();
        let found = answer.ok().filter(|output| output.status.success());
        let output = found.expect(
            "these tests need `python3` (3.9 or later) on PATH; install it and run them again",
        );
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    })
}

/// Limits short enough for a test and long enough for a busy machine.
pub(crate) fn limits() -> Limits {
    Limits { grace_ms: 50, ..Limits::default() }
}

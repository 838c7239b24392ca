//! One writer: in threads, in processes, after `kill -9`, and without a working lock (P27, P7).
#![cfg(feature = "log")]

mod rig;

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use majordomo_adapters::disk::faults::Operation;
use majordomo_adapters::journal::log::{Log, Options};
use rig::Rig;
use runtime::port::journal::{Error, Journal, Seq};
use runtime::testing::journal_suite::{Fixture, append_next, assert_whole};

/// How a child process is told its directory; without it, the entry below is an empty test.
const DIR: &str = "JOURNAL_TEST_DIR";

/// The life of a child: opens the journal, says how that went, then appends and tells each number
/// until its input ends.
#[test]
fn child_process_entry() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let mut log = match Log::open(Path::new(&dir), Options::default()) {
        Ok(log) => log,
        Err(error) => return println!("\nrefused: {error}"),
    };
    println!("\nserving");
    let mut line = String::new();
    while std::io::stdin().read_line(&mut line).expect("reads") > 0 {
        match append_next(&mut log, 3) {
            Ok(head) => println!("head {head}"),
            Err(error) => return println!("stopped: {error}"),
        }
        std::io::stdout().flush().expect("writes");
    }
}

struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(dir: &Path) -> Process {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["child_process_entry", "--exact", "--nocapture"])
            .env(DIR, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let input = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
        Process { child, input, lines }
    }

    /// The next line that the child itself wrote, not its test harness.
    fn says(&mut self) -> String {
        let ours = |line: &String| {
            ["serving", "refused", "head", "stopped"].iter().any(|word| line.starts_with(word))
        };
        self.lines.by_ref().map(|line| line.expect("reads")).find(ours).unwrap_or_default()
    }

    fn append(&mut self) {
        writeln!(self.input.as_mut().expect("open"), "more").expect("writes");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn of_two_processes_started_together_one_serves_and_one_says_who_does() {
    let rounds = if cfg!(debug_assertions) { 25 } else { 500 };
    let rig = Rig::new();
    for round in 0..rounds {
        let mut both = [Process::start(&rig.dir()), Process::start(&rig.dir())];
        let said = [both[0].says(), both[1].says()];
        let serving = said.iter().filter(|line| *line == "serving").count();
        assert_eq!(serving, 1, "round {round}: {said:?}");
        let (winner, loser) = if said[0] == "serving" { (0, 1) } else { (1, 0) };
        // The note is written a moment after the lock is taken.
        let named = said[loser].contains(&format!("process {}", both[winner].child.id()));
        assert!(named || said[loser].contains("another process"), "round {round}: {said:?}");
    }
}

#[test]
fn a_running_process_is_named_with_its_number() {
    let rig = Rig::new();
    let mut first = Process::start(&rig.dir());
    assert_eq!(first.says(), "serving");
    let refused = rig.try_log().map(drop).expect_err("held").to_string();
    assert!(refused.contains(&format!("process {} (", first.child.id())), "{refused}");
}

#[test]
fn a_killed_process_loses_nothing_it_told() {
    let rig = Rig::new();
    let rounds = if cfg!(debug_assertions) { 12 } else { 100 };
    for round in 1..=rounds {
        let mut process = Process::start(&rig.dir());
        assert_eq!(process.says(), "serving", "the lock ended with the process before");
        let mut told = 0;
        for _ in 0..round {
            process.append();
            told = process.says().strip_prefix("head ").expect("a number").parse().expect("one");
        }
        // One more is under way when the process is killed.
        process.append();
        process.child.kill().expect("killed");
        process.child.wait().expect("ended");
        let head = assert_whole(&mut rig.log(), "after kill -9").0;
        assert!(head == told || head == told + 3, "told {told}, found {head}");
    }
}

#[test]
fn a_paused_process_that_lost_its_lock_appends_nothing() {
    let mut rig = Rig::new();
    let mut old = Process::start(&rig.dir());
    assert_eq!(old.says(), "serving");
    old.append();
    assert_eq!(old.says(), "head 3");
    let pid = rustix::process::Pid::from_child(&old.child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("paused");
    let mut new = rig.take_over().expect("the lock file is gone");
    assert_eq!(append_next(&mut new, 2).expect("appended"), Seq(5));
    old.append();
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("goes on");
    assert!(old.says().starts_with("stopped: the journal was taken over"));
    drop(new);
    assert_eq!(assert_whole(&mut rig.log(), "after takeover"), Seq(5));
}

#[test]
fn of_many_threads_one_at_a_time_holds_it() {
    let rig = Rig::new();
    let writing = AtomicBool::new(false);
    let live = || {
        let mut served = 0;
        while served < 5 {
            match rig.try_log() {
                Ok(mut log) => {
                    assert!(!writing.swap(true, Ordering::SeqCst), "two writers at once");
                    append_next(&mut log, 2).expect("appended");
                    writing.store(false, Ordering::SeqCst);
                    served += 1;
                }
                Err(Error::Held { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(live))));
    assert_eq!(assert_whole(&mut rig.log(), "threads"), Seq(40));
}

#[test]
fn a_takeover_in_full_flight_loses_nothing_acknowledged() {
    for round in 0..60 {
        let mut rig = Rig::new();
        let mut old = rig.log();
        append_next(&mut old, 1).expect("appended");
        let told = std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                let mut told = old.head();
                for _ in 0..3_000 {
                    match append_next(&mut old, 3) {
                        Ok(head) => told = head,
                        Err(Error::Superseded { .. }) => break,
                        Err(error) => panic!("round {round}: {error}"),
                    }
                }
                told
            });
            let mut new = loop {
                match rig.take_over() {
                    Ok(new) => break new,
                    Err(Error::Held { .. }) => {}
                    Err(error) => panic!("round {round}: {error}"),
                }
            };
            let told = writer.join().expect("no panic");
            assert!(new.head() >= told, "round {round}: told {told}, found {}", new.head());
            assert_whole(&mut new, "taken over");
            append_next(&mut new, 1).expect("appended");
            told
        });
        let head = assert_whole(&mut rig.log(), "after the takeover");
        assert!(head > told, "round {round}");
    }
}

#[test]
fn a_batch_written_after_a_takeover_is_not_acknowledged() {
    let rig = Rig::new();
    let mut old = rig.log();
    append_next(&mut old, 2).expect("appended");
    let (dir, options) = (rig.dir(), rig.options);
    let (opened, new) = std::sync::mpsc::channel();
    rig.faults.hook(move |operation| {
        // The old writer has looked at its fence and is about to write: another takes over now.
        if operation == Operation::Write {
            let _ = std::fs::remove_file(dir.join("lock"));
            let _ = opened.send(Log::open(&dir, options));
        }
    });
    let refused = append_next(&mut old, 1);
    assert!(matches!(refused, Err(Error::Superseded { .. })), "{refused:?}");
    rig.faults.heal();
    let mut new = new.recv().expect("the hook ran").expect("opens");
    drop(old);
    assert_eq!(assert_whole(&mut new, "taken over"), Seq(2), "the late batch is not there");
    append_next(&mut new, 3).expect("appended");
    drop(new);
    assert_eq!(assert_whole(&mut rig.log(), "later"), Seq(5));
}

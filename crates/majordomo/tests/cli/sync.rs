//! The promise about receipts, seen from outside: a trace of system calls on the real program shows
//! the journal's sync returning before the receipt is written.
//!
//! `cargo test -p majordomo --test cli sync -- --nocapture` prints the three lines.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::house::{House, PROGRAM};

/// A capability whose name stands in nothing else that is written.
const PROOF: &str = "sync.before.receipt";

/// System calls of all threads, as they began and as they returned.
struct Trace {
    lines: Vec<String>,
}

impl Trace {
    fn read(path: &Path) -> Trace {
        let text = fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&text);
        Trace { lines: text.lines().map(str::to_owned).collect() }
    }

    /// The first line after `from` that is so.
    fn find(&self, what: &str, from: usize, is: impl Fn(&str) -> bool) -> usize {
        let found = (from..self.lines.len()).find(|at| is(&self.lines[*at]));
        found.unwrap_or_else(|| panic!("no {what} after line {from}:\n{}", self.lines.join("\n")))
    }

    /// Where the call that began at this line returned 0: there, or where its thread goes on.
    fn returned(&self, at: usize) -> usize {
        let line = &self.lines[at];
        if !line.contains("<unfinished ...>") {
            assert!(line.trim_end().ends_with("= 0"), "{line}");
            return at;
        }
        let thread = line.split_whitespace().next().unwrap();
        let resumed = |line: &str| line.starts_with(thread) && line.contains("resumed>");
        let end = self.find("end of the sync", at + 1, resumed);
        assert!(self.lines[end].trim_end().ends_with("= 0"), "{}", self.lines[end]);
        end
    }

    /// The sync must begin after the write of the task and return before the receipt.
    fn shows_the_order(&self, receipt: impl Fn(&str) -> bool) {
        let is_write = |line: &str| line.contains("/journal/") && line.contains(PROOF);
        let write = self.find("write of the task to the journal", 0, is_write);
        let is_sync =
            |line: &str| line.contains("/journal/") && line.contains("sync(") && is_log(line);
        let sync = self.find("sync of the journal", write + 1, is_sync);
        let synced = self.returned(sync);
        let receipt = self.find("receipt", 0, receipt);
        for at in [write, synced, receipt] {
            println!("{}", shortened(&self.lines[at]));
        }
        assert!(synced < receipt, "the receipt was written before the sync returned");
    }
}

fn is_log(line: &str) -> bool {
    line.contains(".log")
}

/// The call without most of what it carries.
fn shortened(line: &str) -> String {
    let line: String = line.chars().take(4_000).collect();
    match (line.find('"'), line.rfind('"')) {
        (Some(from), Some(to)) if to > from + 60 => {
            format!("{}…{}", &line[..from + 1], &line[to..])
        }
        _ => line,
    }
}

/// The program under strace, which writes what it sees to `trace`.
fn traced(house: &House, args: &[&str]) -> Command {
    let found = Command::new("strace").arg("-V").output();
    assert!(
        found.is_ok(),
        "strace is missing, so nobody can see the order of system calls; install the package \
         `strace` (cargo xtask test tools does)"
    );
    let mut command = Command::new("strace");
    let calls = "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg";
    command.args(["-f", "-y", "-s", "4096", "-e", calls, "-o", "trace", PROGRAM]).args(args);
    house.at_home(&mut command);
    command
}

#[test]
fn the_sync_returns_before_the_receipt_goes_to_the_socket() {
    let house = House::new();
    let mut up = house.spawn(traced(&house, &["up", "code-review", "--quiet"]));
    up.until("it answers", || house.path(".majordomo/control.sock").exists());
    let said = house.done(&["submit", PROOF]);
    assert!(said.contains("accepted"), "{said}");
    house.done(&["stop", "--grace", "0"]);
    up.end();
    // Inside of a trace, quotes have a backslash.
    let receipt = |line: &str| line.contains(r#"{\"accepted\""#) && !line.contains("/journal/");
    Trace::read(&house.path("trace")).shows_the_order(receipt);
}

#[test]
fn the_sync_returns_before_the_receipt_goes_to_the_terminal() {
    let house = House::new();
    fs::create_dir(house.path(".majordomo")).unwrap();
    let said = house.spawn(traced(&house, &["submit", PROOF])).end();
    assert!(said.out.contains("is accepted"), "{said:?}");
    let receipt = |line: &str| line.contains("is accepted") && line.contains("write(1");
    Trace::read(&house.path("trace")).shows_the_order(receipt);
}

/// The check itself: a trace with the receipt first is refused.
#[test]
#[should_panic(expected = "before the sync returned")]
fn a_receipt_before_the_sync_is_seen() {
    let lines = [
        format!("7 pwrite64(5</d/journal/1.log>, \"{PROOF}\", 9, 0) = 9"),
        "7 fdatasync(5</d/journal/1.log> <unfinished ...>".to_owned(),
        r#"8 sendto(9<socket>, "{\"accepted\":1}", 9) = 9"#.to_owned(),
        "7 <... fdatasync resumed>) = 0".to_owned(),
    ];
    Trace { lines: lines.to_vec() }.shows_the_order(|line| line.contains("accepted"));
}

//! A full disk and a disk that takes no writes: a clear message, exit code 4, and a journal that
//! opens again with everything that was accepted.
//!
//! The disk is a small one in memory, mounted where only this test sees it. Where the system does
//! not let us mount, `ulimit -f` stands in for the full disk, and the test says so.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::house::{Going, House, PROGRAM, Said};

/// More than the room below which no new work is taken, 64 MiB.
const DISK: &str = "80m";

/// Nobody serves this, so what is accepted stays.
const TASK: &str = "nobody.serves";

/// A small disk at `disk` in a house of its own, seen by nobody else.
struct Disk {
    house: House,
    /// Holds the mount; it goes when this process does.
    holder: Child,
}

impl Disk {
    /// None where the system does not let us mount.
    fn small() -> Option<Disk> {
        let house = House::new();
        std::fs::create_dir(house.path("disk")).unwrap();
        let script = format!("mount -t tmpfs -o size={DISK} none disk && echo ready && cat");
        let mut unshare = Command::new("unshare");
        // As root for its own directories only, if we are not root already.
        let flags = if rustix::process::geteuid().is_root() { "-m" } else { "-rm" };
        unshare.args([flags, "sh", "-c", &script]).current_dir(house.home.path());
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = unshare.spawn().ok()?;
        let mut line = String::new();
        let _ = BufReader::new(holder.stdout.take()?).read_line(&mut line);
        if line.trim() != "ready" {
            let _ = holder.wait();
            return None;
        }
        Some(Disk { house, holder })
    }

    /// A command that sees the disk.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let target = self.holder.id().to_string();
        command.args(["--target", &target, "--mount"]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        // The directory is entered in there: the one we stand in shows what is below the mount.
        command.args(["--", "sh", "-c", r#"cd "$0" && exec "$@""#]);
        command.arg(self.house.home.path()).args(words);
        self.house.at_home(&mut command);
        command
    }

    fn start(&self, words: &[&str]) -> Going {
        self.house.spawn(self.command(words))
    }

    /// Runs the program on the disk.
    fn majordomo(&self, args: &[&str]) -> Said {
        self.start(&[&[PROGRAM, "--data", "disk/data"], args].concat()).end()
    }

    fn sh(&self, script: &str) {
        let said = self.start(&["sh", "-c", script]).end();
        assert_eq!(said.code, Some(0), "{script}: {said:?}");
    }

    fn remount(&self, options: &str) {
        self.sh(&format!("mount -o remount,{options} disk"));
    }

    /// A file on the disk, by a path that this process can use.
    fn path(&self, name: &str) -> PathBuf {
        let seen_by = PathBuf::from(format!("/proc/{}", self.holder.id())).join("root");
        seen_by.join(self.house.path("disk").join(name).strip_prefix("/").unwrap())
    }

    /// How many tasks are open, as a new process finds them in the journal.
    fn open_tasks(&self) -> usize {
        let up = self.start(&[PROGRAM, "--data", "disk/data", "up", "code-review", "--quiet"]);
        let mut up = up;
        up.until("it answers", || self.path("data/control.sock").exists());
        let stopped = self.majordomo(&["stop", "--grace", "0"]);
        assert_eq!(stopped.code, Some(0), "{stopped:?}");
        let said = up.end();
        assert!(matches!(said.code, Some(0 | 130)), "{said:?}");
        let tasks = self.majordomo(&["tasks", "--open", "--limit", "0", "--json"]);
        let tasks: serde_json::Value = serde_json::from_str(&tasks.out).unwrap();
        tasks.as_array().unwrap().len()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Says, once and for all to see, that a test shows less here.
fn said_less(why: &str) {
    eprintln!("SHOWN LESS: this system lets us mount nothing: {why}");
}

#[test]
fn a_full_disk_ends_it_honestly_and_nothing_accepted_is_lost() {
    let Some(disk) = Disk::small() else {
        return said_less("the disk that is full is only a limit on the length of files");
    };
    let words = [PROGRAM, "--data", "disk/data", "up", "code-review", "--quiet"];
    let mut up = disk.start(&words);
    up.until("it answers", || disk.path("data/control.sock").exists());
    disk.sh("head -c 200m /dev/zero > disk/filler 2>/dev/null; true");
    let (accepted, last) = submit_until_refused(&disk);
    let said = up.end();
    assert_eq!(said.code, Some(4), "{said:?}; the last answer was {last:?}");
    assert!(said.err.contains("no space left for the journal"), "{said:?}");
    assert!(accepted > 0, "the space that was reserved takes some");
    // While it is full, starting again says the same and changes nothing.
    let again = disk.majordomo(&["submit", TASK]);
    assert_eq!(again.code, Some(4), "{again:?}");
    assert!(again.err.contains("no space left"), "{again:?}");
    disk.sh("rm disk/filler");
    assert_eq!(disk.open_tasks(), accepted, "accepted before the end, and here after it");
}

#[test]
fn new_work_is_refused_before_the_disk_is_full() {
    let Some(disk) = Disk::small() else {
        return said_less("nothing is shown of a disk that is nearly full");
    };
    disk.sh("mkdir disk/data; head -c 50m /dev/zero > disk/filler");
    let refused = disk.majordomo(&["submit", TASK]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("MiB left, so no new work is taken"), "{refused:?}");
    disk.sh("rm disk/filler");
    assert_eq!(disk.majordomo(&["submit", TASK]).code, Some(0));
    assert_eq!(disk.open_tasks(), 1);
}

/// Hands over tasks on one connection until they are not accepted any more: how many were, and what
/// came then.
fn submit_until_refused(disk: &Disk) -> (usize, String) {
    let mut stream = UnixStream::connect(disk.path("data/control.sock")).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let filling = "x".repeat(3_000);
    for accepted in 0..10_000 {
        let task = serde_json::json!({"verb": "submit", "capability": TASK, "input": filling});
        let mut line = String::new();
        let sent = writeln!(stream, "{task}");
        let heard = sent.and_then(|()| answers.read_line(&mut line));
        if heard.is_err() || !line.starts_with(r#"{"accepted""#) {
            return (accepted, line);
        }
    }
    panic!("the disk was never full");
}

#[test]
fn a_disk_that_takes_no_writes_is_named_and_left_as_it_is() {
    let Some(disk) = Disk::small() else {
        return said_less("nothing is shown of a disk that takes no writes");
    };
    let fresh = disk.majordomo(&["run", "code-review", "."]);
    assert_eq!(fresh.code, Some(0), "{fresh:?}");
    for number in 1..=3 {
        let accepted = disk.majordomo(&["submit", TASK, &number.to_string()]);
        assert_eq!(accepted.code, Some(0), "{accepted:?}");
    }
    disk.remount("ro");
    for args in [&["submit", TASK] as &[&str], &["run", "code-review", "."], &["resume"]] {
        let said = disk.majordomo(args);
        assert_eq!(said.code, Some(4), "{args:?}: {said:?}");
        assert!(said.err.contains("disk/data"), "it names the place: {said:?}");
        assert!(said.err.contains("Read-only file system"), "it says why: {said:?}");
    }
    disk.remount("rw");
    assert_eq!(disk.open_tasks(), 3);
}

#[test]
fn a_place_that_cannot_be_written_is_said_before_anything_is_done() {
    let house = House::with_sources();
    house.write("file", "not a directory");
    let said = house.run(&["run", "code-review", "src", "--data", "file/data"]);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(said.err.contains("file/data"), "{said:?}");
}

/// A limit on the length of files, which every system has: the write that does not fit fails.
#[test]
fn files_that_may_not_grow_end_it_honestly_too() {
    let house = House::with_sources();
    // The signal that comes with this limit would end any program; a full disk sends none.
    let script = format!("trap '' XFSZ; ulimit -f 64; exec {PROGRAM} run code-review src");
    let mut limited = Command::new("sh");
    limited.args(["-c", &script]);
    house.at_home(&mut limited);
    let said = house.spawn(limited).end();
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(said.err.contains("File too large"), "{said:?}");
    let after = house.json(&["run", "code-review", "src"]);
    assert_eq!(after["status"], "completed", "the place is usable again: {after}");
}

//! What is kept on disk, by the words of the command line: copied, checked, read by SQLite's own
//! shell, built anew, brought back. And what is followed while it happens.

use crate::house::House;
use crate::verbs::reviewed;
use std::process::Command;

/// Says a line before it naps, and gives back what it was told.
const TALKER: &str = r#"
name = "talk"
[agents.talker]
kind = "command"
argv = ["sh", "-c", 'read it; echo "naps for $it" >&2; sleep "$it"; echo "$it"']
stdin = "text"
serves = ["nap"]

[agents.owner]
kind = "human"
serves = ["approve"]

[steps]
nap = { ask = "nap", input = "0\n" }
sign = { ask = "approve", needs = ["nap"] }
"#;

/// One value of an answer of SQLite's shell.
fn sqlite(house: &House, query: &str) -> String {
    let mut shell = Command::new("sqlite3");
    shell.arg(".majordomo/views.db").arg(query).current_dir(house.home.path());
    let out = shell.output().unwrap_or_else(|why| panic!("sqlite3 cannot be started: {why}"));
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn an_operator_asks_the_views_with_the_shell_of_sqlite() {
    let house = reviewed();
    let count = "select count(*) from tasks where status = 'completed'";
    let tasks: usize = sqlite(&house, count).parse().unwrap();
    assert_eq!(tasks, house.json(&["tasks"]).as_array().unwrap().len());
    assert!(tasks >= 6, "{tasks}");
    let before = sqlite(&house, "select id, status, capability, agent from tasks order by id");
    let rebuilt = house.done(&["views", "rebuild"]);
    assert!(rebuilt.contains("views"), "{rebuilt}");
    let after = sqlite(&house, "select id, status, capability, agent from tasks order by id");
    assert_eq!(before, after);
}

#[test]
fn a_backup_is_brought_back_with_all_that_it_had() {
    let house = reviewed();
    let verified = house.json(&["journal", "verify"]);
    assert_eq!((&verified["clean"], &verified["missing"]), (&true.into(), &0.into()), "{verified}");
    let entries = house.done(&["journal", "export"]).lines().count() as u64;
    assert_eq!(verified["head"], entries, "every entry on a line");
    house.done(&["backup", "copy"]);
    let again = house.run(&["backup", "copy"]);
    assert!(
        again.code == Some(1) && again.err.contains("copy"),
        "nothing is overwritten: {again:?}"
    );
    house.done(&["--data", "back", "restore", "copy"]);
    let over = house.run(&["restore", "copy"]);
    assert!(over.code == Some(1) && over.err.contains(".majordomo"), "{over:?}");
    let none = house.run(&["--data", "back", "runs"]);
    assert!(none.err.contains("views rebuild"), "{none:?}");
    house.done(&["--data", "back", "views", "rebuild"]);
    let runs = |data: &str| house.json(&["--data", data, "runs"]);
    assert_eq!(runs("back"), runs(".majordomo"));
    assert_eq!(house.json(&["--data", "back", "journal", "verify"])["clean"], true);
    assert_eq!(house.done(&["--data", "back", "show", "3"]), house.done(&["show", "3"]));
}

#[test]
fn what_an_agent_says_and_how_a_run_goes_can_be_followed() {
    let house = House::new();
    house.write("talk.toml", TALKER);
    let mut up = house.up("talk.toml");
    let run = house.submit("run.talk", "[]");
    up.until("it is somebody's turn", || house.json(&["inbox"])["waiting"][0].is_object());
    let sign = house.json(&["inbox"])["waiting"][0]["task"].to_string();
    let mut watching = house.start(&["watch", &run]);
    let mut following = house.start(&["logs", &sign, "--follow"]);
    watching.until("it follows", || house.json(&["runs"])[0]["ended_ms"].is_null());
    following.until("it follows", || !house.is_done(&sign));
    let said = house.done(&["logs", "2"]);
    assert!(said.contains("naps for 0"), "{said}");
    house.done(&["answer", &sign, "true"]);
    let said = watching.end();
    assert!(said.code == Some(0) && said.out.contains("completed"), "{said:?}");
    assert_eq!(following.end().code, Some(0), "a task that has ended says no more");
    let nobody = house.run(&["logs", "999", "--follow"]);
    assert!(nobody.code == Some(1) && nobody.err.contains("no task 999"), "{nobody:?}");
    house.stop(up);
}

#[test]
fn the_demonstration_pays_for_nothing_twice() {
    let house = House::new();
    let mut command = Command::new(crate::house::PROGRAM);
    command.args(["demo", "crash"]); // With the PATH of whoever tests: it needs Python.
    house.at_home(&mut command);
    let said = house.spawn(command).end();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("calls 10 · repeated 0"), "{said:?}");
}

#[test]
fn work_that_nobody_here_serves_is_told_by_resume() {
    let house = reviewed();
    let task = house.submit("nap", "0");
    let mut going = house.start(&["resume"]);
    going.until("it says why it waits", || house.says_somewhere("nobody here serves nap"));
    assert!(house.says_somewhere(&format!("majordomo cancel {task}")));
    house.done(&["cancel", &task]);
    let said = going.end();
    assert!(said.code == Some(1) && said.out.contains("cancelled"), "{said:?}");
}

#[test]
fn the_room_for_data_is_what_the_command_line_says() {
    let house = reviewed();
    let pad = format!("\"{}\"", "x".repeat(100_000));
    for number in 0..24 {
        let kept = house.run(&["submit", "pad", &format!("[{number},{pad}]")]);
        assert_eq!(kept.code, Some(0), "{kept:?}");
    }
    let mut up = house.start(&["up", "review.toml", "--quiet", "--data-max", "2MiB"]);
    up.until("it answers", || house.path(".majordomo/control.sock").exists());
    let refused = || house.run(&["submit", "pad", "0"]);
    up.until("it has measured what there is", || refused().err.contains("of the 2 MiB allowed"));
    assert_eq!(refused().code, Some(1));
    house.stop(up);
    let wrong = house.run(&["submit", "pad", "0", "--data-max", "2 apples"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("apples"), "{wrong:?}");
    let up = house.up("review.toml");
    house.done(&["submit", "pad", "0"]);
    house.stop(up);
}

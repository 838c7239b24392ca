//! Each verb against the real program: its output as it stands in `snapshots/`, its JSON, its exit
//! code.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p majordomo --test cli` writes the files anew; look at what
//! changed.

use std::fs;
use std::path::PathBuf;

use crate::house::{House, NAPS};
use serde_json::Value;

/// Compares with the file of this name, or writes it. What no two runs have in common is masked.
pub(crate) fn same(house: &House, name: &str, text: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cli/snapshots");
    let text = masked(&text.replace(&*house.home.path().to_string_lossy(), "HOME"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(folder.join(name), &text).unwrap();
    }
    let expected = fs::read_to_string(folder.join(name)).unwrap_or_default();
    assert_eq!(text, expected, "{name} differs; UPDATE_SNAPSHOTS=1 writes it anew");
}

/// Times and shares become `#`, and rows of spaces one gap, for they depend on how long a time is
/// written.
fn masked(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut words: Vec<String> = Vec::new();
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            let unit = word.trim_end_matches([',', ';', '.', ')']);
            let is_unit = matches!(unit, "ms" | "s" | "min" | "h" | "us" | "µs");
            let before = words.last().is_some_and(|it| is_number(it));
            if is_unit && before {
                words.pop();
                words.push(word.replacen(unit, "#", 1));
            } else if is_moment(word) || word.strip_suffix('%').is_some_and(is_number) {
                words.push("#".to_owned());
            } else {
                words.push(word.to_owned());
            }
        }
        lines.push(words.join(" "));
    }
    lines.join("\n") + "\n"
}

fn is_number(word: &str) -> bool {
    let word = word.trim_start_matches(['(', '+']);
    !word.is_empty() && word.chars().all(|it| it.is_ascii_digit() || it == '.')
}

/// A date, or a time of day.
fn is_moment(word: &str) -> bool {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let marks = word.chars().filter(|it| matches!(it, ':' | '-')).count();
    digits >= 4
        && marks >= 2
        && word.chars().all(|it| it.is_ascii_digit() || ":-.,TZ+".contains(it))
}

#[test]
fn times_are_masked_and_nothing_else_is() {
    assert_eq!(
        masked("took   1.5 s, at 2026-11-20 20:00:01.5, 3 tasks"),
        "took #, at # # 3 tasks\n"
    );
    assert_eq!(masked("a-b-c 12 tasks"), "a-b-c 12 tasks\n");
}

/// A finished review whose tasks stand in one order: one analyst, one slot.
pub(crate) fn reviewed() -> House {
    let house = House::with_sources();
    let team = house.done(&["teams", "code-review"]).replace("slots = 8", "slots = 1");
    house.write("review.toml", &team);
    let summary = house.json(&["run", "review.toml", "src", "--report", "report.md"]);
    assert_eq!(summary["status"], "completed", "{summary}");
    house
}

#[test]
fn a_review_ends_with_a_summary_for_programs_and_its_report_in_two_files() {
    let house = House::with_sources();
    let summary = house.json(&["run", "code-review", "src", "--report", "report.md"]);
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["run"], 1);
    assert_eq!(summary["status"], "completed");
    let completed = summary["tasks"]["completed"].as_u64().unwrap();
    assert!(completed >= 6, "run, survey, three reviews, report: {summary}");
    let agents = summary["agents"].as_array().unwrap();
    let sum: u64 = agents.iter().map(|it| it["completed"].as_u64().unwrap()).sum();
    assert_eq!(sum, completed, "every task was somebody's");
    assert!(agents.iter().all(|it| it["failed"] == 0 && it["p50_ms"].is_u64()), "{summary}");
    assert_eq!(summary["outputs"]["json"]["counts"]["findings"], 2, "{summary}");
    let report = fs::read_to_string(house.path("report.md")).unwrap();
    assert!(report.contains("bad.py"), "{report}");
    let data: Value =
        serde_json::from_str(&fs::read_to_string(house.path("report.json")).unwrap()).unwrap();
    assert_eq!(data, summary["outputs"]["json"]);
}

#[test]
fn what_there_is_to_read_of_a_run_reads_as_recorded() {
    let house = reviewed();
    same(&house, "runs.txt", &house.done(&["runs"]));
    same(&house, "tasks.txt", &house.done(&["tasks"]));
    same(&house, "show.txt", &house.done(&["show", "3"]));
    same(&house, "why.txt", &house.done(&["why", "3"]));
    same(&house, "agents.txt", &house.done(&["agents"]));
    let timeline = house.done(&["timeline", "1"]);
    assert!(timeline.contains("analyst") && timeline.contains("work"), "{timeline}");
    house.done(&["timeline", "1", "--html", "line.html"]);
    let page = fs::read_to_string(house.path("line.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("analyst"), "{page}");
}

#[test]
fn an_agent_kept_from_its_work_is_the_first_thing_said() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let up = house.up("naps.toml");
    let health: Value = serde_json::from_str(&house.done(&["health", "--json"])).unwrap();
    assert_eq!((&health["level"], &health["problems"]), (&"fine".into(), &Value::Array(vec![])));
    assert!(health["holder_pid"].is_u64(), "{health}");
    let said = house.run(&["agents", "breaker", "sleeper", "open", "--capability", "walk"]);
    assert!(said.err.contains("does not serve walk"), "{said:?}");
    house.done(&["agents", "breaker", "sleeper", "open"]);
    let task = house.json(&["submit", "nap", "0"])["accepted"]["task"].to_string();
    house.done(&["stop"]);
    up.end();
    let agents = house.done(&["agents"]);
    let first = agents.lines().next().unwrap_or_default();
    assert!(first.starts_with("problems: sleeper gets no nap"), "{agents}");
    let health = house.run(&["health"]);
    assert_eq!(health.code, Some(1), "{health:?}");
    assert!(health.out.contains("sleeper gets no nap"), "{health:?}");
    let up = house.up("naps.toml");
    house.done(&["agents", "breaker", "sleeper", "auto"]);
    house.done(&["stop"]);
    up.end();
    assert!(house.done(&["show", &task]).contains("completed"));
}

#[test]
fn a_task_by_hand_waits_for_its_team_and_can_be_called_off() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let up = house.up("naps.toml");
    let first = house.json(&["submit", "nap", "0", "--key", "once"]);
    let second = house.json(&["submit", "nap", "0", "--key", "once"]);
    assert_eq!(first["accepted"]["fresh"], true, "{first}");
    assert_eq!(second["accepted"]["fresh"], false, "{second}");
    assert_eq!(first["accepted"]["task"], second["accepted"]["task"]);
    let long = house.json(&["submit", "nap", "30"])["accepted"]["task"].to_string();
    house.done(&["cancel", &long, "--reason", "too long"]);
    house.done(&["stop"]);
    let said = up.end();
    assert_eq!(said.code, Some(0), "the nap was ended, not waited for: {said:?}");
    let story = house.done(&["show", &long]);
    assert!(story.contains("cancelled") && story.contains("too long"), "{story}");
    let unknown = house.run(&["cancel", "999"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    assert!(unknown.err.contains("no open task 999"), "{unknown:?}");
}

#[test]
fn a_task_that_used_up_its_attempts_is_dead_and_can_live_again() {
    let house = House::new();
    house.write(
        "fails.toml",
        r#"
[agents.broken]
kind = "command"
argv = ["sh", "-c", "test -e mended && cat"]
serves = ["work"]

[steps]
work = { ask = "work", retry = { attempts = 1 } }
"#,
    );
    let run = house.run(&["run", "fails.toml"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let dead: Value = serde_json::from_str(&house.done(&["dead", "list", "--json"])).unwrap();
    let task = dead[0]["task"].as_u64().or(dead[0]["id"].as_u64()).map(|it| it.to_string());
    let task = task.unwrap_or_else(|| panic!("{dead}"));
    let letter = house.done(&["dead", "show", &task]);
    assert!(letter.contains("broken"), "{letter}");
    house.write("mended", "");
    house.done(&["dead", "retry", &task]);
    let up = house.up("fails.toml");
    house.done(&["stop"]);
    assert!(matches!(up.end().code, Some(0 | 130)));
    let left: Value = serde_json::from_str(&house.done(&["dead", "list", "--json"])).unwrap();
    assert_eq!(left, Value::from(Vec::<Value>::new()), "it has another life");
}

#[test]
fn a_team_is_written_checked_and_run() {
    let house = House::with_sources();
    same(&house, "teams.txt", &house.done(&["teams"]));
    same(&house, "init.txt", &house.done(&["init"]));
    same(&house, "check.txt", &house.done(&["check"]));
    let again = house.run(&["init"]);
    assert_eq!((again.code, again.err.contains("nothing was written")), (Some(1), true));
    house.write("bad.toml", "[agents]\na = { kind = \"bultin\", use = \"lead\" }\n");
    let bad = house.run(&["check", "bad.toml"]);
    assert_eq!(bad.code, Some(2), "{bad:?}");
    same(&house, "check-bad.txt", &bad.err);
    assert_eq!(house.run(&["run", "bad.toml"]).code, Some(2));
    assert!(!house.path(".majordomo").exists(), "nothing was begun");
    let summary = house.json(&["run", "team.toml", "src"]);
    assert_eq!(summary["outputs"]["files"], 3, "{summary}");
}

#[test]
fn what_cannot_be_done_is_said_with_its_own_exit_code() {
    let house = House::new();
    for (args, code, words) in [
        (&["fly"] as &[&str], 2, "unrecognized subcommand"),
        (&["run", "no-such-team"], 1, "there is no team no-such-team: it is neither"),
        (&["run", "none.toml"], 1, "cannot read the team file none.toml; `majordomo init`"),
        (&["resume"], 1, "nothing to resume"),
        (&["show", "1"], 1, "run something first"),
        (&["submit", "a.b", "1"], 1, "there is no data"),
        (&["stop"], 1, "there is no data"),
    ] {
        let said = house.run(args);
        assert_eq!(said.code, Some(code), "{args:?}: {said:?}");
        assert!(said.err.contains(words), "{args:?}: {said:?}");
        assert_eq!(said.out, "", "{args:?}: what went wrong is not output");
    }
}

#[test]
fn a_file_is_no_place_for_data() {
    let house = House::new();
    house.write("afile", "");
    for verb in ["runs", "resume", "health"] {
        let said = house.run(&["--data", "afile", verb]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("that is a file; the data stands in a directory"), "{said:?}");
    }
}

/// As in `majordomo teams | head -1`: whoever reads may stop before everything is said.
#[test]
fn a_pipe_that_is_closed_early_is_no_fault() {
    let house = House::with_sources();
    house.done(&["init"]);
    for args in [&["teams"] as &[&str], &["check", "team.toml"], &["run", "team.toml", "src"]] {
        let mut command = std::process::Command::new(crate::house::PROGRAM);
        command.args(args).current_dir(house.home.path()).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
    }
}

#[test]
fn the_team_of_the_guide_to_coordination_works() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/coordination.md");
    let guide = fs::read_to_string(guide).unwrap();
    let house = House::with_sources();
    let teams: Vec<&str> = guide.split("```toml\n").skip(1).collect();
    assert_eq!(teams.len(), 1, "each team of the guide is run here");
    house.write("team.toml", teams[0].split("```").next().unwrap());
    house.done(&["check", "team.toml"]);
    let summary = house.json(&["run", "team.toml", "src"]);
    assert_eq!(summary["outputs"]["files"], 3, "{summary}");
}

/// Beside whoever holds the data, and when nobody does: the views know no more than the journal.
#[test]
fn forgetting_a_run_reaches_the_views_of_a_process_at_work_and_of_none() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let naps = |marks: &str| house.json(&["run", "naps.toml", marks, "--report", "r.md"]);
    assert_eq!(naps("0.0123")["status"], "completed");
    let shown = |task: &str| house.done(&["show", task]);
    assert!(shown("2").contains("0.0123"), "{}", shown("2"));
    house.done(&["forget", "1"]);
    assert!(!shown("2").contains("0.0123"), "{}", shown("2"));

    let up = house.up("naps.toml");
    let submitted = house.json(&["submit", "nap", r#""0.0456\n""#, "--wait"]);
    let task = submitted["completed"]["task"].as_u64().unwrap_or_else(|| panic!("{submitted}"));
    let task = task.to_string();
    let told = house.json(&["forget", &task]);
    assert_eq!((&told["type"], &told["tasks"]), (&"forgotten".into(), &1.into()), "{told}");
    assert!(!shown(&task).contains("0.0456"), "{}", shown(&task));
    let open = house.run(&["forget", "9999"]);
    assert!(open.err.contains("there is no run"), "{open:?}");
    house.done(&["stop", "--grace", "0"]);
    drop(up.end());
}

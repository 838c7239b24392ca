//! A team file that is changed while its team works, against the real program.

use crate::house::{House, NAPS};
use serde_json::{Value, json};

/// The same team with more slots, another agent, another step and a policy.
fn changed() -> String {
    NAPS.replace("slots = 4", "slots = 2") + MORE
}

const MORE: &str = r#"
[agents.echo]
kind = "command"
argv = ["cat"]
serves = ["echo"]

[steps.after]
ask = "echo"
input = "{{ nap }}"
needs = ["nap"]

[limits.capability.nap]
working = 1

[schedules]
hourly = { every = "1h", input = ["0"] }
"#;

/// The agents that are here, with their slots.
fn agents(house: &House) -> Vec<String> {
    let all = house.json(&["agents"]);
    let here = all["agents"].as_array().into_iter().flatten().filter(|it| it["presence"] != "left");
    let mut here: Vec<String> =
        here.map(|it| format!("{} {}", it["name"].as_str().unwrap(), it["slots"])).collect();
    here.sort();
    here
}

/// All that has happened so far.
fn journaled(house: &House) -> String {
    house.done(&["journal", "export"])
}

#[test]
fn a_changed_file_is_shown_and_applied_while_the_team_works() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let mut up = house.up("naps.toml");
    assert_eq!(house.done(&["reload"]), "nothing differs\n");

    house.write("naps.toml", &changed());
    let wanted = "agents\n  + echo: joins\n  ~ sleeper: resized\n      slots 4 → 2\n\
                  steps\n  + after\n\
                  schedules\n  + hourly\n\
                  policies\n  ~ limits.capability.nap.working (nothing) → 1\n";
    let before = journaled(&house);
    let dry = house.done(&["reload", "--dry-run"]);
    assert_eq!(dry, format!("{wanted}nothing has changed: this is a dry run\n"));
    assert_eq!(journaled(&house), before);

    assert_eq!(house.done(&["reload", "naps.toml"]), format!("{wanted}applied\n"));
    up.until("it holds", || agents(&house) == ["echo 1", "sleeper 2", "workflow 64"]);
    assert!(house.done(&["schedule", "list"]).contains("hourly"));
    let run = house.json(&["submit", "run.naps", "[\"0\"]", "--wait"]);
    assert_eq!(run["completed"]["output"], json!({ "naps": 1 }), "{run}");
    let events = journaled(&house);
    for what in ["agent_resized", "agent_joined", "configured", "\"after\""] {
        assert!(events.contains(what), "{what} is journaled");
    }

    house.write("naps.toml", NAPS);
    let back: Value = serde_json::from_str(&house.done(&["reload", "--json"])).unwrap();
    assert_eq!(back["applied"], true);
    assert_eq!(back["agents"][0]["name"], "echo");
    assert_eq!(back["agents"][0]["change"], "removed");
    assert_eq!(back["policies"][0]["from"], 1);
    up.until("it is as it was", || agents(&house) == ["sleeper 4", "workflow 64"]);
    assert!(!house.done(&["schedule", "list"]).contains("hourly"));
    house.stop(up);
}

#[test]
fn a_file_with_a_mistake_changes_nothing() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let mut up = house.up("naps.toml");
    let before = journaled(&house);
    house.write("naps.toml", &changed().replace("slots = 2", "slot = 2"));
    let said = house.run(&["reload"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("did you mean `slots`?") && said.err.contains("nothing has changed"));

    house.write("other.toml", &changed().replace("\"naps\"", "\"other\""));
    let said = house.run(&["reload", "other.toml"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("`naps` is at work here"), "{said:?}");
    assert_eq!(journaled(&house), before);

    // The program of a new agent ends before it has said that it is ready.
    let broken = changed().replace("argv = [\"cat\"]", "argv = [\"sh\", \"-c\", \"exit 3\"]");
    let broken = broken.replace("[\"echo\"]", "[\"echo\"]\nprotocol = \"jsonl\"");
    house.write("naps.toml", &broken);
    let said = house.run(&["reload"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("echo") && said.err.contains("nothing has changed"), "{said:?}");

    house.done(&["schedule", "add", "hourly", "nap", "--every", "1h"]);
    house.write("naps.toml", &changed());
    let before = journaled(&house);
    let said = house.run(&["reload"]);
    assert!(said.err.contains("a schedule of this name was set by hand"), "{said:?}");
    assert_eq!(journaled(&house), before);
    up.until("nothing has changed", || agents(&house) == ["sleeper 4", "workflow 64"]);
    let run = house.json(&["submit", "run.naps", "[\"0\"]", "--wait"]);
    assert_eq!(run["completed"]["output"], json!({ "naps": 1 }));
    house.stop(up);
}

#[test]
fn a_run_keeps_its_steps_and_the_agents_that_only_it_needs() {
    let house = House::new();
    // A nap goes on until there is a file `up`.
    let naps = NAPS.replace("sleep \"$it\"", "while [ ! -e up ]; do sleep 0.02; done");
    let old = naps.replace("{{ nap | length }}", "{{ last }}") + OLD;
    house.write("naps.toml", &old);
    let mut up = house.up("naps.toml");
    let run = house.submit("run.naps", "[\"0\"]");
    up.until("the nap has begun", || house.naps_begun() == 1);

    let calm = "serves = [\"nap\"]\nlabels = { calm = true }";
    let new = naps.replace("{{ nap | length }}", "new").replace("serves = [\"nap\"]", calm);
    house.write("naps.toml", &new);
    let said = house.done(&["reload"]);
    for wanted in [
        &format!("- echo: leaves when run {run} has ended, which needs it"),
        "~ sleeper: replaced when it has finished what it has",
        &format!("run {run} goes on with the steps it began with"),
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let second = house.submit("run.naps", "[\"0\"]");
    assert_eq!(agents(&house), ["echo 1", "sleeper 4", "workflow 64"]);
    house.write("up", "");
    up.until("both are done", || house.is_done(&run) && house.is_done(&second));
    let output = |run: &str| house.run(&["show", run]).out;
    assert!(output(&run).contains("\"old\""), "{}", output(&run));
    assert!(output(&second).contains("\"new\""), "{}", output(&second));
    assert_eq!(house.naps_begun(), 2, "no nap was taken twice");
    up.until("the one that nobody needs has left", || {
        agents(&house) == ["sleeper 4", "workflow 64"]
    });
    house.stop(up);
}

const OLD: &str = r#"
[agents.echo]
kind = "command"
argv = ["cat"]
serves = ["echo"]

[steps.last]
ask = "echo"
input = "old"
needs = ["nap"]
"#;

/// A process that begins anew finds runs of both files in one scope.
#[test]
fn runs_of_both_files_go_on_in_the_next_process() {
    let house = House::new();
    let naps = NAPS.replace("sleep \"$it\"", "while [ ! -e up ]; do sleep 0.02; done");
    house.write("naps.toml", &(naps.replace("{{ nap | length }}", "{{ last }}") + OLD));
    let mut up = house.up("naps.toml");
    let submit = || house.submit("run.naps", "[\"0\"]");
    let old = [submit(), submit(), submit()];
    up.until("their naps have begun", || house.naps_begun() == 3);
    house.write("naps.toml", &naps.replace("{{ nap | length }}", "new"));
    house.done(&["reload"]);
    let new = submit();
    up.until("the last nap has begun", || house.naps_begun() == 4);
    up.signal(rustix::process::Signal::KILL);
    up.end();

    let mut up = house.up("naps.toml");
    up.until("the agents are here again", || {
        agents(&house) == ["echo 1", "sleeper 4", "workflow 64"]
    });
    house.write("up", "");
    up.until("all are done", || old.iter().all(|run| house.is_done(run)) && house.is_done(&new));
    for run in &old {
        assert!(house.run(&["show", run]).out.contains("\"old\""));
    }
    up.until("the one that nobody needs has left", || {
        agents(&house) == ["sleeper 4", "workflow 64"]
    });
    house.stop(up);
    let events = journaled(&house);
    assert!(!events.contains("echo@naps"), "one helper serves all runs of the old file");
}

/// Naps that go on until there is a file `up`, and somebody beside who dozes as long.
fn long_naps() -> String {
    let naps = NAPS.replace("sleep \"$it\"", "while [ ! -e up ]; do sleep 0.02; done");
    let (_, sleeper) = naps.split_once("[agents.sleeper]").unwrap();
    let (sleeper, _) = sleeper.split_once("[steps.nap]").unwrap();
    let dozer = format!("[agents.dozer]{sleeper}").replace("[\"nap\"]", "[\"doze\"]");
    naps.replace("[steps.nap]", &format!("{dozer}[steps.nap]"))
}

#[test]
fn whoever_takes_a_place_is_as_the_latest_file_says() {
    let house = House::new();
    let naps = long_naps();
    house.write("naps.toml", &naps);
    let mut up = house.up("naps.toml");
    let tasks = [house.submit("nap", "0"), house.submit("doze", "0")];
    up.until("both have begun", || house.naps_begun() == 2);
    let labelled = |label: &str, slots: &str| {
        let said = format!("labels = {{ {label} = true }}\nslots = {slots}");
        naps.replace("slots = 4", &said)
    };
    let without_dozer = |text: String| {
        let (before, after) = text.split_once("[agents.dozer]").unwrap();
        format!("{before}[steps.nap]{}", after.split_once("[steps.nap]").unwrap().1)
    };
    for text in [labelled("calm", "4"), labelled("deep", "4"), labelled("deep", "3")] {
        house.write("naps.toml", &text);
        let said = house.done(&["reload"]);
        let replaced = "~ sleeper: replaced when it has finished what it has";
        assert!(said.contains(replaced), "no other can be sent: {said}");
    }
    house.write("naps.toml", &without_dozer(labelled("deep", "3")));
    house.done(&["reload"]);
    up.until("they finish what they have", || {
        agents(&house) == ["dozer 4", "sleeper 4", "workflow 64"]
    });
    house.write("up", "");
    up.until("both are done", || tasks.iter().all(|task| house.is_done(task)));
    up.until("the latest has come", || agents(&house) == ["sleeper 3", "workflow 64"]);
    let said = house.stop(up);
    assert!(!said.err.contains("cannot join"), "one comes for each who leaves: {said:?}");
    let events = journaled(&house);
    assert!(events.contains("\"deep\"") && !events.contains("\"calm\""));
    assert_eq!(events.matches("agent_joined").count(), 4, "nobody came for the dozer");
}

#[test]
fn nobody_comes_while_the_process_ends() {
    let house = House::new();
    let naps = long_naps();
    house.write("naps.toml", &naps);
    let mut up = house.up("naps.toml");
    house.submit("nap", "0");
    up.until("it has begun", || house.naps_begun() == 1);
    let calm = naps.replace("serves = [\"nap\"]", "serves = [\"nap\"]\nlabels = { calm = true }");
    house.write("naps.toml", &calm);
    house.done(&["reload"]);
    house.done(&["stop", "--grace", "50"]);
    up.until("it ends", || house.says_somewhere("stopping: running work gets 50 s"));
    house.write("up", "");
    let said = up.end();
    assert!(!said.err.contains("cannot join"), "{said:?}");
    let events = journaled(&house);
    assert_eq!(events.matches("agent_left").count(), 1, "the nap was finished");
    assert!(!events.contains("\"calm\""), "the next start is early enough");
}

//! Agents that come and go while their team works, against the real program.

use crate::house::{House, NAPS};
use serde_json::{Value, json};

/// Two agents, of which one serves what nobody in the team does.
const MORE: &str = r#"
[agents.echo]
kind = "command"
argv = ["cat"]
dir = "here"
serves = ["echo"]

[agents.spare]
kind = "command"
argv = ["sh", "-c", 'read it; echo spare']
stdin = "text"
stdout = "text"
serves = ["nap"]
"#;

fn house() -> House {
    let house = House::new();
    house.write("naps.toml", NAPS);
    house.write("more.toml", MORE);
    std::fs::create_dir(house.path("here")).unwrap();
    house
}

/// An agent as `majordomo agents` tells of it.
fn agent(house: &House, name: &str) -> Value {
    // While the views are being made there is nothing to read yet.
    let text = house.run(&["agents", "--json"]).out;
    let all: Value = serde_json::from_str(&text).unwrap_or_default();
    let list = all.as_array().or_else(|| all["agents"].as_array());
    list.into_iter().flatten().find(|it| it["name"] == name).cloned().unwrap_or_default()
}

/// A refusal, in its words.
fn refused(house: &House, args: &[&str]) -> String {
    let said = house.run(args);
    assert_eq!(said.code, Some(1), "{args:?}: {said:?}");
    said.err
}

#[test]
fn agents_join_a_team_at_work_serve_it_and_leave() {
    let house = house();
    let mut up = house.up("naps.toml");
    let waits = house.submit("echo", "{\"a\":1}");
    let said = house.done(&["agents", "add", "more.toml"]);
    assert_eq!(said.trim(), "joined: echo, spare");
    up.until("what waited for such an agent is done", || house.is_done(&waits));
    assert_eq!(agent(&house, "echo")["presence"], "active");

    let again = refused(&house, &["agents", "add", "more.toml"]);
    assert!(again.contains("echo is here already, and nobody was added"), "{again}");
    assert!(again.contains("here are echo, sleeper, spare, workflow"), "{again}");

    house.done(&["agents", "remove", "echo"]);
    up.until("the views say so", || agent(&house, "echo")["presence"] == "left");
    let gone = refused(&house, &["agents", "remove", "echo"]);
    assert!(gone.contains("agent echo is not here any more; here are sleeper, spare"), "{gone}");
    house.done(&["agents", "remove", "spare"]);
    house.done(&["agents", "add", "more.toml"]);
    house.done(&["submit", "echo", "2", "--wait"]);
    house.stop(up);

    let events = house.done(&["journal", "export"]);
    let count = |what: &str| events.matches(what).count();
    assert_eq!((count("agent_joined"), count("agent_left")), (6, 2), "everything is journaled");
}

#[test]
fn who_cannot_join_for_want_of_a_program_is_named() {
    let house = house();
    let ghost = "[agents.ghost]\nkind = \"command\"\nargv = [\"no-such\"]\nserves = [\"haunt\"]\n\
                 when_on_path = [\"no-such\"]\n[steps.boo]\nask = \"haunt\"\n";
    house.write("more.toml", &format!("{ghost}{MORE}"));
    house.write("ghost.toml", ghost);
    let mut up = house.up("naps.toml");
    let note = "note: left out, as `no-such` cannot be found on PATH: agent `ghost`\n";
    let said = house.run(&["agents", "add", "more.toml"]);
    assert_eq!((said.code, said.out.trim()), (Some(0), "joined: echo, spare"), "{said:?}");
    assert!(said.err.ends_with(note), "steps are not part of this: {said:?}");
    let nobody = refused(&house, &["agents", "add", "ghost.toml"]);
    assert!(nobody.contains(note) && nobody.contains("nobody in ghost.toml can join here"));
    up.until("the views say so", || agent(&house, "echo")["presence"] == "active");
    house.stop(up);
}

#[test]
fn what_an_agent_held_when_it_left_is_done_by_another() {
    let house = house();
    let mut up = house.up("naps.toml");
    let task = house.submit("nap", "60");
    up.until("the nap has begun", || house.naps_begun() == 1);
    house.done(&["agents", "add", "more.toml"]);
    house.done(&["agents", "remove", "sleeper"]);
    up.until("the spare one has done it", || {
        let story = house.run(&["show", &task]).out;
        story.contains("completed") && story.contains("spare")
    });
    house.stop(up);
}

#[test]
fn a_paused_agent_gets_no_work_until_it_is_resumed_by_either_verb() {
    let house = house();
    let mut up = house.up("naps.toml");
    for [pause, resume] in
        [[&["agents", "pause"], &["agents", "resume"]] as [&[&str]; 2], [&["pause"], &["unpause"]]]
    {
        house.done(&[pause, &["sleeper"]].concat());
        let task = house.submit("nap", "0");
        up.until("the views say so", || {
            let waits = house.run(&["show", &task]).out.contains("queued");
            waits && agent(&house, "sleeper")["presence"] == "paused"
        });
        let unknown = refused(&house, &[pause, &["slepper"]].concat());
        assert!(unknown.contains("agent slepper is not known"), "{unknown}");
        assert!(unknown.contains("here are sleeper (paused), workflow"), "{unknown}");
        house.done(&[resume, &["sleeper"]].concat());
        up.until("it is done", || house.is_done(&task));
    }
    house.stop(up);
}

#[test]
fn an_agent_that_drains_finishes_what_it_has_and_one_that_is_resized_takes_more() {
    let house = house();
    house.write("naps.toml", &NAPS.replace("slots = 4", "slots = 1"));
    let mut up = house.up("naps.toml");
    house.done(&["submit", "nap", "30"]);
    let second = house.submit("nap", "1");
    up.until("the first nap has begun", || house.naps_begun() == 1);
    house.done(&["agents", "resize", "sleeper", "2"]);
    up.until("the second has begun beside it", || house.naps_begun() == 2);
    assert_eq!(house.run(&["agents", "resize", "sleeper", "0"]).code, Some(2), "pause it instead");

    house.done(&["agents", "drain", "sleeper"]);
    up.until("the second is done", || house.is_done(&second));
    let waits = house.submit("nap", "0");
    let unknown = refused(&house, &["agents", "drain", "slepper"]);
    assert!(unknown.contains("here are sleeper (draining), workflow"), "{unknown}");
    house.done(&["cancel", "1"]);
    up.until("it has left", || agent(&house, "sleeper")["presence"] == "left");
    assert_eq!(house.naps_begun(), 2, "it got no new work");
    house.done(&["agents", "add", "more.toml"]);
    up.until("another does it", || house.is_done(&waits));
    house.stop(up);
}

/// A resident agent that dies at once unless a file says that it is mended.
const DYING: &str = r#"
[agents.dying]
kind = "command"
argv = ["sh", "-c", '''
read hello
echo '{"type":"ready","version":1,"serves":["echo"]}'
[ -e mended ] || exit 1
read task
''']
protocol = "jsonl"
serves = ["echo"]
"#;

#[test]
fn an_agent_is_started_again_by_word_also_when_it_was_given_up() {
    let house = house();
    let mut up = house.up("naps.toml");
    let task = house.submit("nap", "60");
    up.until("the nap has begun", || house.naps_begun() == 1);
    let said = house.done(&["agents", "restart", "sleeper"]);
    assert_eq!(said.trim(), "sleeper is started again; what it held goes to others");
    up.until("the nap has begun anew", || house.naps_begun() == 2);
    up.until("the views say so", || agent(&house, "sleeper")["restarts"] == 1);
    house.done(&["cancel", &task]);
    let unknown = refused(&house, &["agents", "restart", "slepper"]);
    assert!(
        unknown.contains("agent slepper is not known; here are sleeper, workflow"),
        "{unknown}"
    );

    house.write("dying.toml", DYING);
    house.done(&["agents", "add", "dying.toml"]);
    let given_up = || house.run(&["agents"]).out.contains("given up");
    up.until("it is given up", given_up);
    house.write("mended", "");
    assert_eq!(house.json(&["agents", "restart", "dying"]), json!("done"));
    up.until("it is no longer given up", || !given_up());
    house.stop(up);
    let events = house.done(&["journal", "export"]);
    for what in ["\"planned\"", "\"given_up\"", "\"readmitted\""] {
        assert!(events.contains(what), "{what} is journaled");
    }
}

/// A resident agent that dies once, and a supervisor that bears more.
const FRAIL: &str = r#"
[agents.frail]
kind = "command"
argv = ["sh", "-c", '''
read hello
echo '{"type":"ready","version":1,"serves":["echo"]}'
[ -e died ] || { echo > died; exit 1; }
read task
''']
protocol = "jsonl"
serves = ["echo"]

[supervisors.nurse]
children = ["frail"]
intensity = 7
period = "10m"

[steps.echo]
ask = "echo"
"#;

#[test]
fn restarts_that_count_against_a_supervisor_are_told() {
    let house = house();
    house.write("frail.toml", FRAIL);
    let mut up = house.up("frail.toml");
    let counted = || agent(&house, "frail")["counted"].clone();
    up.until("it has died, and is back", || {
        counted().is_object() && agent(&house, "frail")["life"] == "up"
    });
    let nurse = json!({
        "tier": "group", "by": "nurse", "restarts": 1, "restarts_max": 7, "period_ms": 600_000
    });
    assert_eq!(counted(), nurse);
    let agents = house.done(&["agents"]);
    assert!(agents.contains("intensity") && agents.contains("1 of 7 in 600 s"), "{agents}");
    house.stop(up);
}

#[test]
fn where_no_team_works_nobody_can_join_or_leave() {
    let house = house();
    let data = house.path(".majordomo");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("views.db"), "").unwrap(); // As while they are being made.
    for verb in ["agents", "tasks", "runs", "health"] {
        let empty = refused(&house, &[verb]);
        assert!(empty.contains("there are no views") && empty.contains("run something"), "{empty}");
    }
    std::fs::remove_dir_all(&data).unwrap();
    assert!(refused(&house, &["agents", "add", "more.toml"]).contains("there is no data"));
    house.done(&["run", "naps.toml", "0"]);
    let add = refused(&house, &["agents", "add", "more.toml"]);
    assert!(add.contains("start `majordomo up TEAM`"), "{add}");
    let gone = refused(&house, &["agents", "remove", "sleeper"]);
    assert!(gone.contains("nobody is here: agents come with `majordomo up TEAM`"), "{gone}");
    house.write("bad.toml", "[agents]\na = { kind = \"bultin\", use = \"lead\" }\n");
    assert_eq!(house.run(&["agents", "add", "bad.toml"]).code, Some(2), "it is checked first");
}

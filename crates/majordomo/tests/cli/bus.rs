//! The messages of a team at work, from another terminal.

use crate::house::{House, NAPS};
use crate::verbs::same;
use serde_json::json;

/// A program that waits for one message and says what it has heard.
const PARROT: &str = r#"
name = "birds"

[agents.parrot]
kind = "command"
protocol = "jsonl"
argv = ["sh", "parrot.sh"]
serves = ["hear"]
"#;

const PARROT_SH: &str = r#"read hello
echo '{"type":"ready","version":2,"serves":["hear"]}'
while read task; do
  case "$task" in *shutdown*) exit;; esac
  token=${task#*\"token\":\"}; token=${token%%\"*}
  say() { echo "{\"token\":\"$token\",$1}"; }
  say '"type":"subscribe","id":1,"subject":"team.birds.words"'
  read opened; read message
  body=${message#*\"body\":}; body=${body%%,\"sent_at_ms*}
  said='"type":"publish","id":2,"subject":"team.birds.echo","schema":"Word","version":1'
  say "$said,\"body\":$body"
  read reply
  say "\"type\":\"result\",\"output\":$body"
done
"#;

#[test]
fn what_is_published_reaches_who_listens_and_a_tap_tells_whose_run_speaks() {
    let house = House::new();
    house.write("birds.toml", PARROT);
    house.write("parrot.sh", PARROT_SH);
    let mut up = house.up("birds.toml");
    let task = house.submit("hear", "1");
    up.until("the parrot listens", || house.run(&["bus", "stats"]).out.contains("parrot"));
    same(&house, "bus-stats.txt", &house.done(&["bus", "stats"]));
    let tap = house.start(&["bus", "tap", "team.birds.>", "--count", "2"]);
    up.until("it taps", || house.says_somewhere("listening to team.birds.>"));
    let said =
        house.done(&["bus", "publish", "team.birds.words", "\"pretty\"", "--schema", "Word@1"]);
    same(&house, "bus-publish.txt", &said);
    let seen = tap.end();
    assert_eq!(seen.code, Some(0), "{seen:?}");
    same(&house, "bus-tap.txt", &seen.out);
    up.until("it has heard", || house.is_done(&task));
    let stats = house.json(&["bus", "stats"]);
    let (published, received) = (&stats["published"], &stats["total"]["received"]);
    assert_eq!(
        (published, received),
        (&json!(2), &json!(3)),
        "once by the parrot, twice by the tap"
    );
    house.stop(up);
}

fn house() -> House {
    let house = House::new();
    house.write("naps.toml", NAPS);
    house
}

#[test]
fn who_taps_sees_what_passes_and_is_nobody() {
    let house = house();
    let mut up = house.up("naps.toml");
    let tap = house.start(&["bus", "tap", "team.*.x", "--count", "1"]);
    up.until("it listens", || house.says_somewhere("listening to team.*.x"));
    let harmful = r#"{"a":"\u001b[31mred"}"#;
    house.run(&["bus", "publish", "team.naps.y", "1"]);
    let said = house.run(&["bus", "publish", "team.naps.x", harmful, "--schema", "Colour@2"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("nobody listens to team.naps.x"), "{said:?}");
    let seen = tap.end();
    assert_eq!(seen.code, Some(0), "{seen:?}");
    let about = "team.naps.x operator Colour@2 ";
    assert!(seen.out.contains(about), "{seen:?}");
    assert!(seen.out.contains("[31mred") && !seen.out.contains('\u{1b}'), "{seen:?}");

    let stats = house.done(&["bus", "stats", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&stats).expect("JSON");
    assert_eq!((&stats["published"], &stats["nobody"]), (&json!(2), &json!(2)), "{stats}");
    assert!(house.done(&["bus", "stats"]).contains("2 published, 2 to nobody"));
    house.done(&["stop"]);
    up.end();
}

#[test]
fn a_tap_for_programs_is_a_line_of_json_a_message() {
    let house = house();
    let mut up = house.up("naps.toml");
    let tap = house.start(&["bus", "tap", "--count", "2", "--json"]);
    up.until("it listens", || house.says_somewhere("listening to >"));
    let receipt = house.json(&["bus", "publish", "a.b", "{\"n\":1}"]);
    assert_eq!(receipt, json!({ "delivered": 0, "dropped": 0 }));
    house.run(&["bus", "publish", "a.b", "[2]"]);
    let seen = tap.end();
    let lines: Vec<serde_json::Value> =
        seen.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2, "{seen:?}");
    assert_eq!((&lines[0]["body"], &lines[1]["body"]), (&json!({ "n": 1 }), &json!([2])));
    let header = &lines[0]["header"];
    assert_eq!(header["schema"], json!({ "name": "Value", "version": 1 }), "{header}");
    assert_eq!((&header["sender"], &header["subject"]), (&json!("operator"), &json!("a.b")));
    house.done(&["stop"]);
    up.end();
}

#[test]
fn a_tap_ends_with_its_team_and_none_is_made_where_nobody_works() {
    let house = house();
    house.done(&["run", "naps.toml", "0"]);
    let alone = house.run(&["bus", "tap"]);
    assert_eq!(alone.code, Some(1), "{alone:?}");
    assert!(alone.err.contains("no team is at work in .majordomo"), "{alone:?}");
    let wrong = house.run(&["bus", "tap", "a..b"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.err.contains("empty word as number 2"), "{wrong:?}");

    let mut up = house.up("naps.toml");
    let tap = house.start(&["bus", "tap", ">"]);
    up.until("it listens", || house.says_somewhere("listening to >"));
    house.done(&["stop"]);
    up.end();
    assert_eq!(tap.end().code, Some(0), "nothing more passes");
}

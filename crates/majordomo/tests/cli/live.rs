//! What agents write, seen from another terminal while they write it: by models and by programs, in
//! words and as JSON, and nothing of it obeyed by the terminal.

use crate::house::{Going, House, PROGRAM};
use adapters::testing::models::{Answer, Server};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

const POET: &str = r#"
name = "poets"

[agents.poet]
kind = "llm"
model = "compatible/scripted"
prompt = "You write."
serves = ["poem"]
"#;

/// What the model says; a terminal that obeyed it would be red, and empty.
const POEM: &str = "To be, or not to be,\nthat is \u{1b}[31m\u{1b}[2Jthe question: whether 'tis";

/// A program that waits until `go` is there and then writes a text, and what it has so far.
const PROSE: &str = r#"
name = "writers"

[agents.writer]
kind = "command"
protocol = "jsonl"
argv = ["sh", "writer.sh"]
serves = ["prose"]
"#;

const WRITER: &str = r#"read hello
echo '{"type":"ready","version":3,"serves":["prose"]}'
while read task; do
  case "$task" in *shutdown*) exit;; esac
  token=${task#*\"token\":\"}; token=${token%%\"*}
  until [ -e go ]; do sleep 0.02; done
  say() { echo "{\"token\":\"$token\",$1}"; }
  say '"type":"text","piece":"Once \\u001b[2Jupon","begins":true'
  say '"type":"text","piece":" a time"'
  say '"type":"partial","output":{"pages":1}'
  say '"type":"progress","fraction":0.5,"message":"half"'
  say '"type":"text","piece":"The end.","begins":true'
  say '"type":"result","output":"a book"'
done
"#;

fn up(house: &House, server: &Server) -> Going {
    house.write("poets.toml", POET);
    let mut command = Command::new(PROGRAM);
    command.args(["up", "poets.toml", "--quiet"]).env("PATH", house.path(".bin"));
    command.env("COMPATIBLE_BASE_URL", server.openai());
    house.at_home(&mut command);
    let mut up = house.spawn(command);
    up.until("it answers", || house.path(".majordomo/control.sock").exists());
    up
}

/// The objects on standard output.
fn objects(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The text that was said piece by piece, and in how many.
fn text(objects: &[Value]) -> (String, usize) {
    let pieces = objects.iter().filter(|it| it["said"] == "text");
    let pieces: Vec<&str> = pieces.map(|it| it["piece"].as_str().unwrap()).collect();
    (pieces.concat(), pieces.len())
}

#[test]
fn who_waits_for_a_task_reads_what_the_model_writes_before_it_has_ended() {
    let (house, server) = (House::new(), Server::start());
    server.then(Answer::text(POEM).stalling_after(3)).then(Answer::text(POEM));
    let mut up = up(&house, &server);
    let ask = house.start(&["submit", "poem", "\"the sea\"", "--wait", "--live"]);
    up.until("the first words are read", || ask.so_far().err.contains("poet (1): To be, or"));
    assert_eq!(ask.so_far().out, "", "it has not ended");
    server.release();
    let said = ask.end();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(serde_json::from_str::<Value>(&said.out).unwrap(), json!(POEM), "as it is kept");
    let shown = "or not to be,\n  that is \\u{1b}[31m\\u{1b}[2Jthe question: whether 'tis\n";
    assert!(said.err.ends_with(shown), "{said:?}");
    assert!(!said.err.contains('\u{1b}'), "{said:?}");

    let asked = ["submit", "poem", "\"the sky\"", "--wait", "--live", "--json"];
    let said = objects(&house.done(&asked));
    assert_eq!(text(&said).0, POEM);
    assert_eq!(said.last().unwrap()["completed"]["output"], POEM, "the answer comes last");
    assert_eq!((&said[0]["task"], &said[0]["agent"]), (&json!(2), &json!("poet")));
    house.stop(up);
}

#[test]
fn who_comes_in_the_middle_reads_on_and_the_log_keeps_none_of_it() {
    let (house, server) = (House::new(), Server::start());
    server.then(Answer::text(POEM).held().slowly(Duration::from_millis(40)));
    let mut up = up(&house, &server);
    house.submit("poem", "1");
    server.wait_for(1);
    let watch = house.start(&["watch"]);
    let programs = house.start(&["watch", "1", "--json"]);
    let log = house.start(&["logs", "1", "--follow"]);
    up.until("people listen", || watch.so_far().out.contains("0 of 1 tasks done"));
    up.until("programs listen", || programs.so_far().out.contains("status"));
    up.until("the log is read", || log.so_far().out.contains("no price is known for compatible"));
    server.release();
    let shown = "poet (1): To be, or not to be,\n  that is \\u{1b}[31m\\u{1b}[2Jthe question: \
                 whether 'tis\n";
    let (watch, log) = (watch.end(), log.end());
    assert!(watch.out.contains(shown), "{watch:?}");
    assert!(watch.out.ends_with("run 1 completed: 1 of 1 tasks done, 0 open\n"), "{watch:?}");
    assert!(log.out.contains(shown), "{log:?}");
    let (said, pieces) = text(&objects(&programs.end().out));
    assert_eq!(said, POEM);
    assert!(pieces > 2, "piece by piece: {pieces}");
    let kept = house.done(&["logs", "1"]);
    assert!(!kept.contains("To be"), "{kept}");
    house.stop(up);
}

#[test]
fn what_a_program_writes_is_seen_as_it_comes() {
    let house = House::new();
    house.write("prose.toml", PROSE);
    house.write("writer.sh", WRITER);
    let mut up = house.up("prose.toml");
    house.submit("prose", "1");
    let watch = house.start(&["watch"]);
    let programs = house.start(&["watch", "--json"]);
    up.until("they listen", || {
        watch.so_far().out.contains("running") && programs.so_far().out.contains("running")
    });
    house.write("go", "");
    let seen = watch.end();
    assert_eq!(seen.code, Some(0), "{seen:?}");
    let shown = [
        "writer (1): Once \\u{1b}[2Jupon a time",
        "writer (1): has {\"pages\":1}",
        "writer (1): 50 % half",
        "writer (1): The end.",
        "run 1 completed: 1 of 1 tasks done, 0 open",
    ];
    let lines: Vec<&str> = seen.out.lines().skip_while(|it| !it.starts_with("writer")).collect();
    assert_eq!(lines, shown, "{seen:?}");
    let objects = objects(&programs.end().out);
    let said: Vec<&Value> = objects.iter().filter(|it| !it["said"].is_null()).collect();
    assert_eq!(said[0]["piece"], "Once \u{1b}[2Jupon");
    let partial = said.iter().find(|it| it["said"] == "partial").unwrap();
    assert_eq!(partial["output"], json!({ "pages": 1 }));
    assert_eq!(house.done(&["submit", "prose", "2", "--wait"]), "\"a book\"\n");
    house.stop(up);
}

#[test]
fn where_nobody_works_nothing_is_said_and_the_end_is_told() {
    let house = House::new();
    house.write("naps.toml", crate::house::NAPS);
    house.done(&["run", "naps.toml", "0"]);
    let out = house.done(&["watch", "1"]);
    assert_eq!(out, "run 1 completed: 2 of 2 tasks done, 0 open\n");
    let live = house.run(&["submit", "nap", "0", "--live"]);
    assert_eq!(live.code, Some(2), "only with --wait: {live:?}");
}

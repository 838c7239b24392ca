//! A secret from the environment to programs that say it in every way they have, and nowhere else:
//! after that not a file in the house holds it, and nothing that any command prints.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::house::{House, PROGRAM, Said};

const CANARY: &str = "canary-7d1f4be09a2c";
/// Of a file, with a line break at its end that belongs to whoever wrote it.
const KEY: &str = "canary-of-a-file-55e1";

/// Tells what it was given on stdout and stderr, and how long it was.
const PLAIN: &str = r#"
read -r input
token=${input#*\"pass\":\"}; token=${token%%\"*}
echo "logging in with $token" >&2
length=$(printf %s "$token" | wc -c)
case "$input" in *'"how":"fail"'*) echo "no access with $token" >&2; exit 65;; esac
echo "{\"said\": \"$token\", \"within\": \"Bearer $token!\", \"length\": $length}"
"#;

/// The same of a resident program: its steps, its questions, its progress, its log, its error.
const RESIDENT: &str = r#"
say() { echo "{\"token\":\"$token\",\"type\":$1}"; }
while read -r line; do case "$line" in
  *'"type":"hello"'*) echo '{"type":"ready","version":1,"serves":["tell"]}';;
  *'"type":"shutdown"'*) exit 0;;
  *'"type":"task"'*)
    pass=${line#*\"pass\":\"}; pass=${pass%%\"*}
    token=${line#*\"token\":\"}; token=${token%%\"*}
    length=$(printf %s "$pass" | wc -c)
    echo "has $pass" >&2
    say "\"progress\",\"fraction\":0.5,\"message\":\"with $pass\""
    say "\"log\",\"level\":\"warn\",\"message\":\"logs $pass\""
    step="\"step\":\"use $pass\""
    say "\"once\",\"id\":1,$step,\"on_unknown\":\"fail\""
    read -r reply
    say "\"done\",\"id\":2,$step,\"outcome\":\"ok\",\"value\":\"got $pass\""
    read -r reply
    input="{\"pass\":\"$pass\",\"how\":\"well\"}"
    say "\"ask\",\"id\":3,\"capability\":\"push\",\"input\":$input"
    read -r reply
    case "$line" in
      *'"how":"fail"'*) say "\"error\",\"kind\":\"rejected\",\"message\":\"cannot use $pass\"";;
      *) say "\"result\",\"output\":{\"said\":\"$pass\",\"length\":$length}";;
    esac;;
esac; done
"#;

const TEAM: &str = r#"
name = "secrets"
output = { push = "{{ push }}", tell = "{{ tell }}", key = "{{ key }}" }

[agents.pusher]
kind = "command"
argv = ["sh", "plain.sh"]
serves = ["push"]
secrets = ["env:TOKEN", "file:deploy-key"]

[agents.teller]
kind = "command"
argv = ["sh", "resident.sh"]
protocol = "jsonl"
serves = ["tell"]
secrets = ["env:TOKEN"]

[capabilities.push.input]
required = ["pass"]
properties = { pass = { type = "string", x-secret = true } }
[capabilities.tell.input]
required = ["pass"]
properties = { pass = { type = "string", x-secret = true } }

[steps]
push = { ask = "push", input = { pass = { "$secret" = "env:TOKEN" } } }
tell = { ask = "tell", input = { pass = { "$secret" = "env:TOKEN" } } }
key = { ask = "push", input = { pass = { "$secret" = "file:deploy-key" } } }
"#;

fn house() -> House {
    let house = House::new();
    house.write("plain.sh", PLAIN);
    house.write("resident.sh", RESIDENT);
    house.write("team.toml", TEAM);
    house
}

/// The program, with the secrets that an operator has set.
fn with_secrets(house: &House, vault: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).env("PATH", house.path(".bin")).env("TOKEN", CANARY);
    command.env("MAJORDOMO_SECRETS_DIR", vault);
    house.at_home(&mut command);
    command
}

/// Every file below a directory that holds one of the secrets.
fn holding(directory: &Path, found: &mut Vec<String>) -> usize {
    let mut looked_at = 0;
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            looked_at += holding(&entry.path(), found);
        } else if kind.is_file() {
            looked_at += 1;
            let text = String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned();
            if text.contains(CANARY) || text.contains(KEY) {
                found.push(entry.path().display().to_string());
            }
        }
    }
    looked_at
}

fn assert_hidden(said: &Said) {
    let text = format!("{said:?}");
    assert!(!text.contains(CANARY) && !text.contains(KEY), "{text}");
}

/// Tasks that fail, and what is refused.
fn submit(house: &House) {
    let asked = json!({ "pass": { "$secret": "env:TOKEN" }, "how": "fail" }).to_string();
    for (capability, words) in
        [("push", "no access with [secret env:TOKEN]"), ("tell", "cannot use [secret env:TOKEN]")]
    {
        let failed = house.run(&["submit", capability, &asked, "--wait"]);
        assert_hidden(&failed);
        assert!(format!("{failed:?}").contains(words), "{failed:?}");
    }
    // In plain it is refused, and not repeated.
    let plain = json!({ "pass": CANARY, "how": "well" }).to_string();
    let refused = house.run(&["submit", "push", &plain]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.err.contains("/pass") && refused.err.contains("$secret"), "{refused:?}");
    assert_hidden(&refused);
    // One that the agent may not have is told to the operator.
    let other = json!({ "pass": { "$secret": "env:HOME" } }).to_string();
    let told = house.run(&["submit", "tell", &other, "--wait"]);
    let told = format!("{told:?}").replace('\\', "");
    assert!(told.contains("add \"env:HOME\" to its `secrets`"), "{told}");
}

/// Every way to look at what has become of them.
fn look_at_everything(house: &House) {
    for args in [
        &["runs"][..],
        &["tasks"],
        &["agents"],
        &["logs", "1"],
        &["timeline", "1"],
        &["topics", "list"],
    ] {
        assert_hidden(&house.run(args));
        assert_hidden(&house.run(&[args, &["--json"]].concat()));
    }
    let mut logs = String::new();
    for task in 1..=9 {
        let task = task.to_string();
        for verb in ["show", "why", "logs"] {
            let said = house.run(&[verb, &task]);
            assert_hidden(&said);
            logs.extend((verb == "logs").then_some(said.out));
            assert_hidden(&house.run(&[verb, &task, "--json"]));
        }
    }
    for said in ["with", "logs", "has"] {
        assert!(logs.contains(&format!("{said} [secret env:TOKEN]")), "{said}: {logs}");
    }
}

#[test]
fn a_secret_is_in_the_hands_of_its_agents_and_in_no_file_and_no_output() {
    let (house, vault) = (house(), tempfile::tempdir().unwrap());
    let key = vault.path().join("deploy-key");
    fs::write(&key, format!("{KEY}\n")).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();

    let ran =
        house.spawn(with_secrets(&house, vault.path(), &["run", "team.toml", "--json"])).end();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_hidden(&ran);
    let last = serde_json::Deserializer::from_str(&ran.out).into_iter::<Value>().last();
    let last = last.expect("it prints the end").unwrap().to_string();
    // It was there, whole: the programs counted it.
    for length in [CANARY.len(), KEY.len()] {
        assert!(last.contains(&format!("\"length\":{length}")), "{last}");
    }
    for mark in ["[secret env:TOKEN]", "Bearer [secret env:TOKEN]!", "[secret file:deploy-key]"] {
        assert!(last.contains(mark), "{mark}: {last}");
    }

    // A team that stays up, and tasks that fail with the secret in their last words.
    let mut up = house.spawn(with_secrets(&house, vault.path(), &["up", "team.toml", "--quiet"]));
    up.until("it answers", || house.path(".majordomo/control.sock").exists());
    submit(&house);
    look_at_everything(&house);
    house.stop(up);
    let mut found = Vec::new();
    let looked_at = holding(house.home.path(), &mut found);
    assert!(looked_at > 50, "only {looked_at} files were looked at");
    assert_eq!(found, Vec::<String>::new(), "these hold a secret");
}

#[test]
fn a_secret_that_is_missing_is_told_at_the_start_by_its_name() {
    let house = house();
    let said = house.run(&["run", "team.toml"]);
    assert_ne!(said.code, Some(0), "{said:?}");
    assert!(
        said.err.contains("note: agent `pusher`: secret env:TOKEN: the variable TOKEN is not set")
    );
    assert!(said.err.contains("MAJORDOMO_SECRETS_DIR"), "{said:?}");
}

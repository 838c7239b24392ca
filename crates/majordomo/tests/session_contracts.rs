//! What a team file says of capabilities: held by programs, pinned with the run, kept in a reload.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use majordomo::data::DataDir;
use majordomo::session::{Options, Session};
use majordomo::team::{self, file::TeamFile, roster::ThisMachine};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const TEAM: &str = r#"
name = "words"
[agents.count]
kind = "command"
argv = ["sh", "-c", "cat > /dev/null; echo $SAYS"]
env = ["SAYS"]
set = { SAYS = "12" }
serves = ["text.count"]
[steps]
count = { ask = "text.count", input = { text = "{{ args[0] }}" }, retry = { attempts = 1 } }
[capabilities."text.count"]
input = "text.json"
output = { type = "integer" }
"#;

fn read(directory: &Path, text: &str) -> TeamFile {
    let file = directory.join("words.toml");
    let reading = team::read("words.toml", text, &ThisMachine::now().beside(&file));
    let said = reading.render(false);
    reading.definition.unwrap_or_else(|| panic!("{said}"))
}

fn with_schema(directory: &Path) {
    let schema = json!({ "required": ["text"], "properties": { "text": { "type": "string" } } });
    fs::write(directory.join("text.json"), schema.to_string()).unwrap();
}

async fn run(session: &Session, args: Value) -> Result<Value, String> {
    let ticket = session.run(args).await.unwrap();
    ticket.outcome().await.map_err(|failure| failure.message)
}

#[tokio::test]
async fn a_program_is_held_to_what_the_file_says_of_its_capability() {
    let directory = tempfile::tempdir().unwrap();
    with_schema(directory.path());
    let data = DataDir::new(directory.path().join("data"));
    let definition = read(directory.path(), TEAM);
    fs::remove_file(directory.path().join("text.json")).unwrap(); // It stands in the definition.
    let session = Session::start(definition, &data, Options::default()).await.unwrap();
    assert_eq!(run(&session, json!(["a"])).await, Ok(json!(12)));
    let why = run(&session, json!([1])).await.unwrap_err();
    let wanted = "the input of text.count@1 does not match: at /text: wanted a text, was given the \
                  number 1";
    assert!(why.contains(wanted), "{why}");

    let changed = TEAM.replace("\"12\"", "'\"twelve\"'");
    with_schema(directory.path());
    let definition = read(directory.path(), &changed);
    session.reload("words", definition, false).await.unwrap();
    let why = run(&session, json!(["a"])).await.unwrap_err();
    let wanted = "output does not match: wanted an integer, was given a text of 6 characters";
    assert!(why.contains(wanted), "{why}");
}

#[tokio::test]
async fn schemas_do_not_change_under_those_at_work() {
    let directory = tempfile::tempdir().unwrap();
    with_schema(directory.path());
    let data = DataDir::new(directory.path().join("data"));
    let session = Session::start(read(directory.path(), TEAM), &data, Options::default()).await;
    let session = session.unwrap();
    let changed = read(directory.path(), &TEAM.replace("\"integer\"", "\"number\""));
    let refused = session.reload("words", changed, false).await.unwrap_err().to_string();
    assert!(refused.contains("text.count@1") && refused.contains("new version"), "{refused}");
    let more = "\n[agents.other]\nkind = \"command\"\nargv = [\"cat\"]\n\
                serves = [\"text.count@2\"]\n\
                [capabilities.\"text.count@2\"]\noutput = { type = \"number\" }\n";
    let changed = read(directory.path(), &format!("{TEAM}{more}"));
    session.reload("words", changed, false).await.unwrap();
}

#[test]
fn a_schema_that_cannot_be_read_is_told_where_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let large = format!("{{ \"title\": \"{}\" }}", "x".repeat(1 << 20));
    for (written, word) in [
        (None, "cannot be read"),
        (Some("{"), "is no JSON"),
        (Some(&*large), "it has more than 1048576 bytes"),
    ] {
        if let Some(text) = written {
            fs::write(directory.path().join("text.json"), text).unwrap();
        }
        let machine = ThisMachine::now().beside(&directory.path().join("words.toml"));
        let reading = team::read("words.toml", TEAM, &machine);
        let said = reading.render(false);
        assert!(said.contains("team-schema") && said.contains(word), "{said}");
        assert!(said.contains("input = \"text.json\""), "{said}");
    }
}

//! The corpus through programs of both protocols and the templates of a workflow.

use super::{Watched, assert_only};
use majordomo::data::DataDir;
use majordomo::session::{Options, Session};
use majordomo::team;
use majordomo::team::check::Anywhere;
use majordomo::testing::Record;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Says what it hears, as a process for each task and as lines of one process; a third step puts
/// both into a text.
const TEAM: &str = r#"
name = "echoes"
output = { plain = "{{ plain }}", wired = "{{ wired }}", mixed = "{{ mixed }}" }

[agents.plain]
kind = "command"
argv = ["cat"]
stdin = "text"
stdout = "text"
serves = ["say.plain"]
slots = 8

[agents.wired]
kind = "command"
protocol = "jsonl"
argv = ["python3", "ECHO"]
serves = ["say.wired"]
slots = 8

[steps.plain]
ask = "say.plain"
for_each = "args"
key = "index"
input = "{{ item }}"

[steps.wired]
ask = "say.wired"
for_each = "plain"
key = "index"
input = { said = "{{ item }}" }

[steps.mixed]
ask = "say.wired"
input = '''of {{ wired | length }}: {{ plain | join(' ') }} |
{{ wired | map(attribute='said') | join(' ') }}'''
"#;

const ECHO: &str = r#"
import sys
sys.path.insert(0, "CLIENT")
import majordomo

@majordomo.serve("say.wired")
def say(cx, input):
    return input

majordomo.run()
"#;

#[tokio::test]
async fn programs_and_templates_hand_it_on_as_it_is() {
    let (watched, record) = (Watched::new(), Record::default());
    let home = tempfile::tempdir().unwrap();
    let client = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../clients/python");
    let echo = home.path().join("echo.py");
    std::fs::write(&echo, ECHO.replace("CLIENT", client.to_str().unwrap())).unwrap();
    let text = TEAM.replace("ECHO", echo.to_str().unwrap());
    let reading = team::read("echoes.toml", &text, &Anywhere);
    let said = reading.render(false);
    let definition = reading.definition.unwrap_or_else(|| panic!("{said}"));
    let mut options = Options::default();
    options.observers.push(Arc::new(record.clone()));
    let data = DataDir::new(home.path().join("data"));
    let session = Session::start(definition, &data, options).await.unwrap();

    // The newline at the end of what a program prints is no part of the text.
    let texts: Vec<&str> =
        watched.prompts.iter().map(|it| it.strip_suffix('\n').unwrap_or(it)).collect();
    let prompts = json!(texts);
    let ticket = session.run(prompts.clone()).await.unwrap();
    let gave: Value = ticket.outcome().await.unwrap();
    session.drain(Duration::from_secs(1)).await;

    assert_eq!(gave["plain"], prompts);
    let wrapped: Vec<Value> = texts.iter().map(|it| json!({ "said": it })).collect();
    assert_eq!(gave["wired"], json!(wrapped));
    let (count, all) = (texts.len(), texts.join(" "));
    assert_eq!(gave["mixed"], json!(format!("of {count}: {all} |\n{all}")), "filled in once");
    let expected = [("run.echoes", 1), ("say.plain", count), ("say.wired", count + 1)];
    assert_only(&record, &expected);
    watched.assert_untouched();
}

//! `--json` everywhere: whatever a verb prints to standard output is JSON, also when it refuses.

use crate::house::House;
use crate::verbs::reviewed;
use serde_json::Value;
use std::collections::BTreeSet;

/// A line for each verb; what needs a team at work is refused here, and says so in JSON too.
const LINES: &[&str] = &[
    "run review.toml src",
    "up nowhere.toml",
    "reload",
    "resume",
    "replay 1",
    "demo nothing",
    "check review.toml",
    "init mine.toml",
    "teams",
    "teams code-review",
    "submit nap 0",
    "inbox",
    "answer 1 yes",
    "schedule list",
    "bus stats",
    "topics list",
    "cancel 1",
    "stop",
    "pause analyst",
    "unpause analyst",
    "dead list",
    "watch 1",
    "runs",
    "tasks",
    "show 1",
    "why 3",
    "logs 1",
    "timeline 1",
    "agents",
    "cost",
    "models",
    "health",
    "views rebuild",
    "journal verify",
    "journal export",
    "journal collect",
    "backup copy",
    "--data back restore copy",
    "forget 1",
    "completions bash",
];

/// The verbs that the program has, from its own help.
fn verbs(house: &House) -> BTreeSet<String> {
    let help = house.done(&["--help"]);
    let below = help.lines().skip_while(|it| *it != "Commands:").skip(1);
    let entries = below.take_while(|it| !it.is_empty());
    // What goes on on a second line is further in.
    let first = entries.filter_map(|it| it.strip_prefix("  ").filter(|it| !it.starts_with(' ')));
    first.map(|it| it.split(' ').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_verb_speaks_json() {
    let house = reviewed();
    let spoken = LINES.iter().map(|line| {
        let line = line.strip_prefix("--data back ").unwrap_or(line);
        line.split(' ').next().unwrap_or_default().to_owned()
    });
    assert_eq!(spoken.collect::<BTreeSet<_>>(), verbs(&house), "a line for each verb");
    for line in LINES {
        let args: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        let said = house.run(&args);
        let values: Result<Vec<Value>, _> =
            serde_json::Deserializer::from_str(&said.out).into_iter().collect();
        let values = values.unwrap_or_else(|why| panic!("{line}: {why}: {said:?}"));
        assert!(matches!(said.code, Some(0..=2)), "{line}: {said:?}");
        // The parser refuses a wrong command line in words, and where nothing is unfinished there
        // is no summary.
        let may_be_silent = said.code == Some(2) || *line == "resume";
        assert!(!values.is_empty() || may_be_silent, "{line}: {said:?}");
    }
}

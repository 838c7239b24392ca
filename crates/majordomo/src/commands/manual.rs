//! `docs/cli.md`: the manual of the command line, written from the command line itself.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p majordomo --bin majordomo manual` writes it anew.

use super::Cli;
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::fmt::Write;
use std::path::PathBuf;

/// The whole page.
fn page() -> String {
    let mut cli = Cli::command();
    cli.build();
    let mut page = String::from(
        "# The command line\n\nWritten from the program itself: `majordomo VERB --help` says the \
         same.\n\n",
    );
    let about = cli.get_long_about().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(page, "{about}\n\nEvery verb takes:\n");
    options(&mut page, cli.get_arguments().filter(|it| it.is_global_set()));
    for verb in cli.get_subcommands() {
        section(&mut page, verb, "majordomo");
    }
    page
}

/// A verb, then those below it.
fn section(page: &mut String, verb: &Command, above: &str) {
    let name = format!("{above} {}", verb.get_name());
    let about = verb.get_long_about().or(verb.get_about());
    let about = sentences(&about.map(ToString::to_string).unwrap_or_default());
    let usage = usage(verb, &name);
    let _ = writeln!(page, "\n## `{name}`\n\n{about}\n\n```text\n{usage}\n```\n");
    options(page, verb.get_arguments().filter(|it| !it.is_global_set()));
    for below in verb.get_subcommands() {
        section(page, below, &name);
    }
}

/// Each paragraph ends with one full stop: clap takes it from some and leaves it to others.
fn sentences(text: &str) -> String {
    let ended = text.split("\n\n").map(|it| format!("{}.", it.trim_end_matches('.')));
    ended.collect::<Vec<_>>().join("\n\n")
}

/// What stands on a line: `majordomo submit CAPABILITY [INPUT] [OPTIONS]`.
fn usage(verb: &Command, name: &str) -> String {
    let mut line = name.to_owned();
    for word in verb.get_positionals() {
        let many = if is_list(word) { "..." } else { "" };
        let value = value(word);
        let _ = match word.is_required_set() {
            true => write!(line, " {value}{many}"),
            false => write!(line, " [{value}]{many}"),
        };
    }
    if verb.has_subcommands() {
        line.push_str(if verb.is_subcommand_required_set() { " VERB" } else { " [VERB]" });
    }
    let own = |it: &&Arg| !it.is_positional() && !it.is_global_set() && !is_help(it);
    if verb.get_arguments().any(|it| own(&it)) {
        line.push_str(" [OPTIONS]");
    }
    line
}

/// A table of words and options; nothing if there are none.
fn options<'a>(page: &mut String, options: impl Iterator<Item = &'a Arg>) {
    let mut rows = options.filter(|it| !is_help(it)).peekable();
    if rows.peek().is_some() {
        page.push_str("| | meaning | default |\n|---|---|---|\n");
    }
    for option in rows {
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.replace('|', "\\|") + &unsaid(option, &help);
        let is_flag = !option.get_action().takes_values();
        let default = match option.get_default_values() {
            [value] if !is_flag && !value.is_empty() => format!("`{}`", value.to_string_lossy()),
            _ => String::new(),
        };
        let _ = writeln!(page, "| `{}` | {help} | {default} |", called(option));
    }
}

/// The words that an option takes, if what is said of it does not name them all.
fn unsaid(option: &Arg, help: &str) -> String {
    let words = option.get_possible_values();
    let takes = option.get_action().takes_values();
    if !takes || words.iter().all(|it| help.contains(it.get_name())) {
        return String::new();
    }
    let words: Vec<String> = words.iter().map(|it| format!("`{}`", it.get_name())).collect();
    format!(" ({})", words.join(", "))
}

/// `--data DIR`, `-f, --follow`, `TASK`.
fn called(option: &Arg) -> String {
    let short = option.get_short().map(|it| format!("-{it}, ")).unwrap_or_default();
    match option.get_long() {
        Some(long) if option.get_action().takes_values() => {
            format!("{short}--{long} {}", value(option))
        }
        Some(long) => format!("{short}--{long}"),
        None => value(option),
    }
}

fn value(option: &Arg) -> String {
    let names = option.get_value_names().unwrap_or_default();
    let names: Vec<String> = names.iter().map(|it| it.to_uppercase()).collect();
    if names.is_empty() { option.get_id().as_str().to_uppercase() } else { names.join(" ") }
}

fn is_list(word: &Arg) -> bool {
    matches!(word.get_action(), ArgAction::Append)
}

fn is_help(option: &Arg) -> bool {
    matches!(option.get_id().as_str(), "help" | "version")
}

#[test]
fn the_manual_is_that_of_the_program() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = page();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &page).expect("the manual can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let anew = "UPDATE_SNAPSHOTS=1 cargo test -p majordomo --bin majordomo manual";
    assert!(written == page, "docs/cli.md is not that of the program; `{anew}` writes it anew");
}

#[test]
fn every_verb_and_every_option_says_what_it_does() {
    let mut cli = Cli::command();
    cli.build();
    let mut rooms: Vec<&Command> = vec![&cli];
    let mut seen = 0;
    while let Some(verb) = rooms.pop() {
        assert!(verb.get_about().is_some(), "{} says nothing of itself", verb.get_name());
        for option in verb.get_arguments().filter(|it| !is_help(it)) {
            let name = (verb.get_name(), option.get_id());
            assert!(option.get_help().is_some(), "{name:?} says nothing of itself");
        }
        seen += 1;
        rooms.extend(verb.get_subcommands());
    }
    assert!(seen > 20, "{seen} verbs");
}

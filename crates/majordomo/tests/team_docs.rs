//! What is written about team files is true: the manual, its examples, the schema, the teams that
//! come along.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use std::fs;
use std::path::{Path, PathBuf};

use majordomo::team::check::Anywhere;
use majordomo::team::vocabulary::{FILTERS, FUNCTIONS, TESTS};
use majordomo::team::{self, catalogue, init, plan::Plan, schema};
use serde_json::Value as Json;

fn docs(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file)
}

fn manual() -> String {
    fs::read_to_string(docs("teams.md")).unwrap()
}

fn assert_sound(name: &str, text: &str) {
    let reading = team::read(name, text, &Anywhere);
    assert!(reading.problems.is_empty(), "{}", reading.render(false));
    Plan::new(&reading.definition.unwrap()).unwrap();
}

#[test]
fn every_example_of_the_manual_is_sound() {
    let manual = manual();
    let examples: Vec<&str> =
        manual.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 4);
    for (number, example) in examples.iter().enumerate() {
        assert_sound(&format!("example {}", number + 1), example);
    }
}

#[test]
fn the_team_on_the_front_page_is_sound() {
    let page = fs::read_to_string(docs("../README.md")).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_sound("README.md", example);
}

/// The team with which the design begins, and a lead, who serves what its first step asks for.
#[test]
fn the_hello_of_the_design_is_sound() {
    assert_sound("hello.toml", include_str!("hello.toml"));
}

#[test]
fn the_starter_and_the_teams_that_come_along_are_sound() {
    assert_sound(init::FILE_NAME, init::STARTER);
    for (name, text) in init::TEAMS {
        assert_sound(&format!("{name}.toml"), text);
        assert_eq!(init::team(name), Some(*text));
        let definition = team::read(name, text, &Anywhere).definition.unwrap();
        assert_eq!(definition.name.as_deref(), Some(*name));
    }
    assert_eq!(init::team("no such team"), None);
}

/// The starter must run for someone who has neither a network nor a model.
#[test]
fn the_starter_runs_offline() {
    let definition = team::read("t.toml", init::STARTER, &Anywhere).definition.unwrap();
    for (name, agent) in &definition.agents {
        assert!(["builtin", "command"].contains(&agent.kind()), "{name}");
    }
}

/// `UPDATE_SNAPSHOTS=1 cargo test -p majordomo --test team_docs` writes it anew.
#[test]
fn the_published_schema_is_that_of_the_structs() {
    let path = docs("team.schema.json");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, schema::text()).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), schema::text());
}

#[test]
fn the_manual_names_every_field_and_every_word() {
    let manual = manual();
    let mut fields = Vec::new();
    collect_fields(schema::schema(), &mut fields);
    assert!(fields.len() > 30);
    for field in fields {
        assert!(manual.contains(&format!("`{field}`")), "docs/teams.md does not name `{field}`");
    }
    for words in [FILTERS, TESTS, FUNCTIONS] {
        for word in words {
            let named = manual.split(|c: char| !c.is_alphanumeric()).any(|other| other == *word);
            assert!(named, "docs/teams.md does not name {word}");
        }
    }
    for builtin in catalogue::BUILTINS {
        let capability = builtin.serves[0].trim_end_matches("@1");
        assert!(manual.contains(&format!("`{}`", builtin.name)) && manual.contains(capability));
    }
}

/// Fields have descriptions, which editors show; those of the schema come from the structs.
fn collect_fields(schema: &Json, fields: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        fields.push(name.clone());
        let described = field["description"].is_string() || field["const"].is_string();
        assert!(described, "`{name}` has no description");
        collect_fields(field, fields);
    }
    collect_more(&schema["additionalProperties"], fields);
    for forms in ["oneOf", "anyOf"] {
        for form in schema[forms].as_array().into_iter().flatten() {
            collect_fields(form, fields);
        }
    }
}

fn collect_more(others: &Json, fields: &mut Vec<String>) {
    if others.is_object() {
        collect_fields(others, fields);
    }
}

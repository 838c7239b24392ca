//! What differs between two definitions of one team, as people speak of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::file::TeamFile;

/// What differs between two definitions of a team.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Agents, by name.
    pub agents: Vec<Change>,
    /// What holds for the team: supervisors, breakers, routing, quotas, and what gives way to what.
    pub policies: Vec<Field>,
    /// Steps, by name.
    pub steps: Vec<Change>,
    /// Schedules, by name.
    pub schedules: Vec<Change>,
    /// The rest of the file: its description, its output, what a run may use.
    pub file: Vec<Field>,
}

/// One that is there, or is no more, or is another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// What has become of it.
    pub change: Kind,
    /// What differs, if it is in both.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// What follows from it, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub then: String,
}

/// What has become of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is there no more.
    Removed,
    /// Something about it is different.
    Changed,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Where: `slots`, `limits.capability.nap.working`.
    pub name: String,
    /// What it was; nothing if nothing was said.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub from: Json,
    /// What it is.
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub to: Json,
}

impl Difference {
    /// From one definition to the other.
    #[must_use]
    pub fn between(old: &TeamFile, new: &TeamFile) -> Difference {
        let (mut old, mut new) = (table(old), table(new));
        let mut members = |name: &str| changes(&take(&mut old, name), &take(&mut new, name));
        let (agents, steps, schedules) =
            (members("agents"), members("steps"), members("schedules"));
        let (mut policies, mut file) = (Vec::new(), Vec::new());
        fields("", &old, &new, usize::MAX, &mut file);
        file.retain(|field| {
            let holds = HOLDS.iter().any(|table| field.name.starts_with(table));
            if holds {
                policies.push(field.clone());
            }
            !holds
        });
        Difference { agents, policies, steps, schedules, file }
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Difference::default()
    }
}

/// Where it stands what holds for the team.
const HOLDS: [&str; 7] = [
    "breaker",
    "ceilings",
    "limits.capability",
    "limits.tenant",
    "policy",
    "routing",
    "supervisors",
];

fn table(file: &TeamFile) -> Map<String, Json> {
    match serde_json::to_value(file) {
        Ok(Json::Object(table)) => table,
        Ok(_) | Err(_) => Map::new(), // A definition can always be written, as a table.
    }
}

fn take(table: &mut Map<String, Json>, name: &str) -> Map<String, Json> {
    match table.remove(name) {
        Some(Json::Object(table)) => table,
        Some(_) | None => Map::new(),
    }
}

fn changes(old: &Map<String, Json>, new: &Map<String, Json>) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| {
        let (change, fields) = match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old == new => return None,
            (Some(old), Some(new)) => (Kind::Changed, fields_of(old, new)),
            (None, _) => (Kind::Added, Vec::new()),
            (Some(_), None) => (Kind::Removed, Vec::new()),
        };
        Some(Change { name: name.clone(), change, fields, then: String::new() })
    };
    names.into_iter().filter_map(change).collect()
}

fn fields_of(old: &Json, new: &Json) -> Vec<Field> {
    let empty = Map::new();
    let table = |value: &'_ Json| value.as_object().cloned().unwrap_or_else(|| empty.clone());
    let mut found = Vec::new();
    fields("", &table(old), &table(new), 1, &mut found);
    found
}

/// What differs below `path`; tables within `depth` are looked into.
fn fields(
    path: &str,
    old: &Map<String, Json>,
    new: &Map<String, Json>,
    depth: usize,
    found: &mut Vec<Field>,
) {
    let names: BTreeMap<&String, ()> = old.keys().chain(new.keys()).map(|it| (it, ())).collect();
    for name in names.into_keys() {
        let null = Json::Null;
        let (from, to) = (old.get(name).unwrap_or(&null), new.get(name).unwrap_or(&null));
        if from == to {
            continue;
        }
        let name = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let empty = Map::new();
        let within = |value: &Json| value.is_object() || value.is_null();
        if depth > 1 && within(from) && within(to) {
            let table = |value: &Json| value.as_object().cloned().unwrap_or_else(|| empty.clone());
            fields(&name, &table(from), &table(to), depth - 1, found);
        } else {
            found.push(Field { name, from: from.clone(), to: to.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team::{check::Anywhere, read};
    use serde_json::json;

    fn definition(text: &str) -> TeamFile {
        let reading = read("t.toml", text, &Anywhere);
        let said = reading.render(false);
        reading.definition.unwrap_or_else(|| panic!("{said}"))
    }

    const OLD: &str = r#"
        description = "old"
        [agents]
        a = { kind = "command", argv = ["a"], serves = ["x"] }
        b = { kind = "command", argv = ["b"], serves = ["x"], slots = 2 }
        [steps]
        one = { ask = "x" }
        [schedules]
        tick = { every = "1h" }
        [routing]
        x = "power_of_two"
        [limits.capability.x]
        working = 1
    "#;

    #[test]
    fn nothing_differs_between_notations() {
        let same = OLD.replace("\"1h\"", "\"60m\"");
        assert!(Difference::between(&definition(OLD), &definition(&same)).is_nothing());
    }

    #[test]
    fn each_difference_is_told_where_people_would_look_for_it() {
        let new = OLD
            .replace("\"old\"", "\"new\"")
            .replace("a = { kind", "c = { kind")
            .replace("slots = 2", "slots = 3, labels = { gpu = true }")
            .replace("one = { ask = \"x\" }", "two = { ask = \"x\" }")
            .replace("\"1h\"", "\"2h\"")
            .replace("\"power_of_two\"", "\"sticky\"")
            .replace(
                "working = 1",
                "queued = 9\n[policy]\npreempt = [\"high\"]\nshed = \"normal\"",
            );
        let it = Difference::between(&definition(OLD), &definition(&new));
        let kinds = |changes: &[Change]| {
            let said = changes.iter().map(|it| format!("{} {:?}", it.name, it.change));
            said.collect::<Vec<_>>()
        };
        assert_eq!(kinds(&it.agents), ["a Removed", "b Changed", "c Added"]);
        assert_eq!(kinds(&it.steps), ["one Removed", "two Added"]);
        assert_eq!(kinds(&it.schedules), ["tick Changed"]);
        let field = |name: &str, from: Json, to: Json| Field { name: name.into(), from, to };
        assert_eq!(
            it.agents[1].fields,
            [
                field("labels", json!({}), json!({ "gpu": true })),
                field("slots", json!(2), json!(3)),
            ]
        );
        assert_eq!(it.schedules[0].fields, [field("every", json!("1h"), json!("2h"))]);
        assert_eq!(
            it.policies,
            [
                field("limits.capability.x.queued", Json::Null, json!(9)),
                field("limits.capability.x.working", json!(1), Json::Null),
                field("policy.preempt", Json::Null, json!(["high"])),
                field("policy.shed", Json::Null, json!("normal")),
                field("routing.x.policy", json!("power_of_two"), json!("sticky")),
                field("routing.x.wait", Json::Null, json!("1s")),
            ]
        );
        assert_eq!(it.file, [field("description", json!("old"), json!("new"))]);
    }
}

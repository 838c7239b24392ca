//! Durable topics: each is one subject, its schema has a version, and no time in it is none at all.

use super::{Code, Member, Problem, Problems, Team};
use crate::team::document::join;
use crate::team::quantity::{Duration, Size};
use runtime::bus::Subject;

pub(super) fn check(team: &Team<'_>, problems: &mut Problems) {
    for (name, topic) in &team.topics {
        if problems.are_enough() {
            return;
        }
        subject(team, name, topic, problems);
        schema(team, topic, problems);
        if let Some(size) = topic.text("size")
            && Size::parse(size).is_ok_and(|it| it.as_bytes() == 0)
        {
            nothing(team, &topic.field("size"), "a topic that keeps nothing", problems);
        }
        times(team, topic, problems);
        let named = topic.fields.get("subscribers").and_then(serde_json::Value::as_object);
        for (who, fields) in named.into_iter().flatten() {
            let path = join(&topic.field("subscribers"), who);
            if who.is_empty() {
                let at = team.document.key_at(&path);
                problems.push(Problem::error(Code::Empty, at, "a durable name is empty"));
            }
            if let Some(fields) = fields.as_object() {
                times(team, &Member { path, fields }, problems);
            }
        }
    }
}

fn subject(team: &Team<'_>, name: &str, topic: &Member<'_>, problems: &mut Problems) {
    let Err(why) = Subject::new(name) else { return };
    let at = team.document.key_at(&topic.path);
    let problem = if name.contains(['*', '>']) {
        let message = "a durable topic is one subject, and this is many";
        let help = "name each; `*` and `>` are for those who subscribe on the bus";
        Problem::error(Code::BadSubject, at, message).help(help)
    } else {
        Problem::error(Code::BadSubject, at, "this is no subject").help(why.to_string())
    };
    problems.push(problem);
}

fn schema(team: &Team<'_>, topic: &Member<'_>, problems: &mut Problems) {
    let Some(schema) = topic.text("schema") else { return };
    let at = team.document.value_at(&topic.field("schema"));
    let name = match schema.rsplit_once('@') {
        Some((name, version)) if version.parse::<u32>().is_ok_and(|it| it > 0) => name,
        Some((name, _)) => {
            let problem = Problem::error(Code::BadName, at, "the version of a schema is a number");
            let with = format!("\"{name}@1\"");
            let at = team.document.value_at(&topic.field("schema"));
            return problems.push(problem.replace("write a number from 1 on", at, with));
        }
        None => {
            let message = "a schema is named with its version";
            let problem = Problem::error(Code::BadName, at.clone(), message);
            let with = format!("\"{schema}@1\"");
            return problems.push(problem.replace("say which version", at, with));
        }
    };
    if name.is_empty() {
        let problem = Problem::error(Code::BadName, at, "a schema has a name before its version");
        problems.push(problem.help("write what the messages are, as in `\"Order@1\"`"));
    }
}

fn times(team: &Team<'_>, member: &Member<'_>, problems: &mut Problems) {
    for field in ["ttl", "ack"] {
        if let Some(text) = member.text(field)
            && Duration::parse(text).is_ok_and(|it| it.as_ms() == 0)
        {
            let what = match field {
                "ttl" => "its messages would be over at once",
                _ => "nobody can handle a message in no time",
            };
            nothing(team, &member.field(field), what, problems);
        }
    }
}

fn nothing(team: &Team<'_>, path: &str, what: &str, problems: &mut Problems) {
    let at = team.document.value_at(path);
    let problem = Problem::error(Code::OutOfRange, at, what);
    problems.push(problem.help("write more than 0, or leave it away"));
}

//! Contracts: each is of a capability that somebody serves, and made of schemas that are some.

use serde_json::Value as Json;

use super::policies::is_served;
use super::{Code, Problem, Problems, Surroundings, Team};
use crate::team::capability::Capability;
use crate::team::document::join;

/// The fields that are schemas.
const WAYS: [&str; 2] = ["input", "output"];

pub(super) fn check(team: &Team<'_>, surroundings: &dyn Surroundings, problems: &mut Problems) {
    let served = team.served();
    let named = team.document.json().get("capabilities").and_then(Json::as_object);
    for (name, said) in named.into_iter().flatten() {
        if problems.are_enough() {
            return;
        }
        let path = join("/capabilities", name);
        match Capability::parse(name) {
            Err(error) => {
                let at = team.document.key_at(&path);
                let problem = Problem::error(Code::BadName, at, "this names no capability");
                problems.push(problem.help(error.to_string()));
            }
            Ok(capability) => {
                is_served(team, &path, &capability.name, served.as_deref(), problems);
            }
        }
        for way in WAYS {
            if let Some(schema) = said.get(way)
                && let Err(why) = schema_of(schema, surroundings)
            {
                let help = "write a JSON schema, as in `{ type = \"string\" }`, or the name of a \
                            file with one";
                no_schema(team, &join(&path, way), why, help, problems);
            }
        }
    }
}

/// What stands at this path is no schema.
pub(super) fn no_schema(
    team: &Team<'_>,
    path: &str,
    why: String,
    help: &str,
    problems: &mut Problems,
) {
    let at = team.document.value_at(path);
    problems.push(Problem::error(Code::Schema, at, why).help(help));
}

/// The schema that stands there or in the file that is named there.
///
/// # Errors
/// Why it is none.
pub(in crate::team) fn schema_of(
    said: &Json,
    surroundings: &dyn Surroundings,
) -> Result<Json, String> {
    let schema = match said {
        Json::String(file) => surroundings.schema(file)?,
        said => said.clone(),
    };
    runtime::contract::compile(&schema, &adapters::schema::JsonSchemas)?;
    Ok(schema)
}

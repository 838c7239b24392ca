//! Instructions of a model: a text or a file of one → a template → what one task's model is told.
//!
//! A file is read with the team file and stands in the definition from then on: a run that is
//! resumed goes by the instructions that it began with.

use std::path::Path;

use serde_json::{Value as Json, json};

use runtime::llm::fence;

use super::check::Surroundings;
use super::expr::{Error, Expression};
use super::file::{Agent, TeamFile};
use super::scan::Fault;
use super::scope::Scope;
use super::template::{Part, Template};

/// What the expressions of a prompt see.
pub const NAMES: [&str; 2] = ["input", "capability"];

/// Longer instructions are none.
pub const PROMPT_MAX_BYTES: usize = 256 << 10;

/// A compiled prompt.
#[derive(Clone, Debug)]
pub struct Prompt(Template);

impl Prompt {
    /// Compiles a text.
    ///
    /// # Errors
    /// The first word in it that cannot be meant.
    pub fn compile(text: &str) -> Result<Prompt, String> {
        let mut first: Option<String> = None;
        let template = template(text, &mut |fault| {
            first.get_or_insert(fault.message);
        });
        match first {
            Some(why) => Err(why),
            None => Ok(Prompt(template)),
        }
    }

    /// What the model is told for one task. What is filled in of its input is marked as data, but
    /// for numbers and the like.
    ///
    /// # Errors
    /// An expression without a value.
    pub fn fill(&self, capability: &str, input: &Json) -> Result<String, String> {
        let mut scope = Scope::default();
        scope.set("input", input);
        scope.set("capability", &json!(capability));
        let one =
            |expression: &Expression| told(expression, &scope).map_err(|error| error.to_string());
        match &self.0 {
            Template::Plain(Json::String(text)) => Ok(text.clone()),
            Template::Whole(expression) => one(expression),
            Template::Text(parts) => {
                let part = |part: &Part| match part {
                    Part::Text(text) => Ok(text.clone()),
                    Part::Expression(expression) => one(expression),
                };
                parts.iter().map(part).collect()
            }
            // A text gives none of these.
            Template::Plain(_) | Template::List(_) | Template::Table(_) => Ok(String::new()),
        }
    }
}

/// What an expression gives, as a model is told it.
fn told(expression: &Expression, scope: &Scope) -> Result<String, Error> {
    let of_input = expression.variables().contains("input");
    Ok(match expression.value(scope)? {
        Json::String(text) if of_input => fence(&text),
        Json::String(text) => text,
        value @ (Json::Array(_) | Json::Object(_)) => fence(&value.to_string()),
        value @ (Json::Null | Json::Bool(_) | Json::Number(_)) => value.to_string(),
    })
}

/// Compiles a text; `found` hears of everything that cannot be meant, with its place.
pub(super) fn template(text: &str, found: &mut dyn FnMut(Fault)) -> Template {
    if text.len() > PROMPT_MAX_BYTES {
        let said = format!("instructions have at most {PROMPT_MAX_BYTES} bytes");
        found(Fault::new(super::problem::Code::TooLarge, 0..0, said));
    }
    let template = Template::compile(&Json::from(text), "", &mut |_, fault| found(fault));
    for name in template.variables().into_iter().filter(|name| !NAMES.contains(&name.as_str())) {
        let said = format!("`{name}` stands for nothing in a prompt");
        let at = text.find(&name).unwrap_or(0);
        let fault = Fault::new(super::problem::Code::UnknownName, at..at + name.len(), said);
        found(fault.help("a prompt sees `input` and `capability`"));
    }
    template
}

/// The file that a prompt names, if it names one.
pub(super) fn file_of(prompt: &str) -> Option<&Path> {
    let ends = [".md", ".txt"].iter().any(|end| prompt.ends_with(end));
    (ends && !prompt.contains(char::is_whitespace)).then(|| Path::new(prompt))
}

/// Puts the texts of prompt files in the place of their names.
pub(super) fn inline(definition: &mut TeamFile, surroundings: &dyn Surroundings) {
    for agent in definition.agents.values_mut() {
        if let Agent::Llm(llm) = agent
            && let Some(file) = file_of(&llm.prompt)
            && let Some(Ok(text)) = surroundings.text(file)
        {
            llm.prompt = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_sees_the_task_and_nothing_else() {
        let prompt = Prompt::compile("Answer {{ capability }} on {{ input.path }}.").unwrap();
        let filled = prompt.fill("code.review", &json!({ "path": "a.rs" }));
        let marked = format!("Answer code.review on {}.", fence("a.rs"));
        assert_eq!(filled, Ok(marked), "its own words are instructions, the input is data");
        let mixed = Prompt::compile("At most {{ input.n }} of {{ input.list }}.").unwrap();
        let filled = mixed.fill("x", &json!({ "n": 3, "list": ["a"] }));
        assert_eq!(filled, Ok(format!("At most 3 of {}.", fence("[\"a\"]"))));
        let whole = Prompt::compile("{{ input }}").unwrap();
        assert_eq!(whole.fill("x", &json!("Do it")), Ok(fence("Do it")));
        assert!(prompt.fill("x", &json!({})).unwrap_err().contains("input.path"));
        let unknown = Prompt::compile("{{ args[0] }}").unwrap_err();
        assert_eq!(unknown, "`args` stands for nothing in a prompt");
        assert!(Prompt::compile("{% for x in input %}").is_err());
    }

    #[test]
    fn a_file_is_told_from_a_text() {
        assert_eq!(file_of("critic.md"), Some(Path::new("critic.md")));
        assert_eq!(file_of("Answer as in README.md"), None);
        assert_eq!(file_of("Be brief."), None);
    }
}

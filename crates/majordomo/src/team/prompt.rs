//! Instructions of a model: a text or a file of one → a template → what one task's model is told.
//!
//! A file is read with the team file and stands in the definition from then on: a run that is
//! resumed goes by the instructions that it began with.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::check::Surroundings;
use super::file::{Agent, TeamFile};
use super::scan::Fault;
use super::scope::Scope;
use super::template::Template;

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

    /// What the model is told for one task.
    ///
    /// # Errors
    /// An expression without a value.
    pub fn fill(&self, capability: &str, input: &Json) -> Result<String, String> {
        let mut scope = Scope::default();
        scope.set("input", input);
        scope.set("capability", &json!(capability));
        match self.0.fill(&scope).map_err(|error| error.to_string())? {
            Json::String(text) => Ok(text),
            other => Ok(other.to_string()),
        }
    }
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
        assert_eq!(filled.as_deref(), Ok("Answer code.review on a.rs."));
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

//! Who answers: the word before the slash of a model's name → where, in which words, with which
//! key.

use std::fmt;

/// Somebody with models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// OpenAI.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Google, by its door for OpenAI's format.
    Gemini,
    /// Models on one's own machine, by the same format.
    Ollama,
    /// Whatever else speaks that format: vLLM, llama.cpp, LM Studio, OpenRouter.
    Compatible,
}

/// The form of requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// OpenAI's chat completions.
    ChatCompletions,
    /// Anthropic's messages.
    Messages,
}

impl Provider {
    /// All of them.
    pub const ALL: [Provider; 5] = [
        Provider::OpenAi,
        Provider::Anthropic,
        Provider::Gemini,
        Provider::Ollama,
        Provider::Compatible,
    ];

    /// The word before the slash.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Provider::OpenAi => "openai",
            Provider::Anthropic => "anthropic",
            Provider::Gemini => "gemini",
            Provider::Ollama => "ollama",
            Provider::Compatible => "compatible",
        }
    }

    /// Where it is if nothing else is said.
    #[must_use]
    pub fn usual_base_url(self) -> Option<&'static str> {
        match self {
            Provider::OpenAi => Some("https://api.openai.com/v1"),
            Provider::Anthropic => Some("https://api.anthropic.com"),
            Provider::Gemini => Some("https://generativelanguage.googleapis.com/v1beta/openai"),
            Provider::Ollama => Some("http://127.0.0.1:11434/v1"),
            Provider::Compatible => None,
        }
    }

    /// Whether it answers nobody without a key.
    #[must_use]
    pub fn needs_key(self) -> bool {
        match self {
            Provider::OpenAi | Provider::Anthropic | Provider::Gemini => true,
            Provider::Ollama | Provider::Compatible => false,
        }
    }

    /// The variable that has the key; with `_FILE` behind it, the file that has it.
    #[must_use]
    pub fn key_variable(self) -> String {
        format!("{}_API_KEY", self.name().to_uppercase())
    }

    /// The variable that says where it is.
    #[must_use]
    pub fn base_url_variable(self) -> String {
        format!("{}_BASE_URL", self.name().to_uppercase())
    }

    pub(super) fn wire(self) -> Wire {
        match self {
            Provider::Anthropic => Wire::Messages,
            Provider::OpenAi | Provider::Gemini | Provider::Ollama | Provider::Compatible => {
                Wire::ChatCompletions
            }
        }
    }

    /// What stands between the base and the rest of an address.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            // As in Anthropic's own libraries, the base is that of the site.
            Provider::Anthropic => "/v1",
            Provider::OpenAi | Provider::Gemini | Provider::Ollama | Provider::Compatible => "",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A model's name in its two parts: `ollama/qwen3`, `compatible/meta-llama/llama-3`.
///
/// # Errors
/// In words for people, what a name looks like.
pub fn parse(name: &str) -> Result<(Provider, &str), String> {
    let names = || Provider::ALL.map(Provider::name).join(", ");
    let Some((provider, model)) = name.split_once('/') else {
        let names = names();
        return Err(format!("say whose model it is, as in `ollama/{name}`: one of {names}"));
    };
    let found = Provider::ALL.into_iter().find(|it| it.name() == provider);
    let Some(found) = found else {
        return Err(format!("there is no provider `{provider}`; there are {}", names()));
    };
    let fit = |c: char| c.is_ascii_graphic();
    if model.is_empty() || model.len() > 200 || !model.chars().all(fit) {
        return Err(format!("after `{provider}/` stands the model's name, without spaces"));
    }
    Ok((found, model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_model_it_is() {
        assert_eq!(parse("ollama/qwen3:8b"), Ok((Provider::Ollama, "qwen3:8b")));
        assert_eq!(parse("compatible/a/b"), Ok((Provider::Compatible, "a/b")));
        for (wrong, said) in [
            ("qwen3", "`ollama/qwen3`"),
            ("opanai/gpt", "there are openai, anthropic, gemini, ollama, compatible"),
            ("openai/", "the model's name"),
            ("openai/a b", "the model's name"),
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
        assert_eq!(Provider::Compatible.key_variable(), "COMPATIBLE_API_KEY");
    }
}

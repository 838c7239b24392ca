//! The environment → where each provider is and with which key.
//!
//! Addresses come from the operator's environment and from nowhere else. A team file could name
//! one of its own, and a key would be sent to whoever wrote it.

use super::provider::Provider;
use crate::web::secret::Secret;
use crate::web::{has_user, is_this_machine};
use hyper::Uri;
use std::path::Path;

/// Where a provider is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Who.
    pub provider: Provider,
    /// The address that all others begin with, without a slash at its end.
    pub base_url: String,
    /// The key, if there is one.
    pub key: Option<Secret>,
}

/// What a provider is set up as; else why it cannot be used, in words for people.
pub type Setting = Result<Endpoint, String>;

impl Endpoint {
    /// An endpoint, checked: an `http` or `https` address, and a key only where nobody on the way
    /// can read it.
    ///
    /// # Errors
    /// In words for people, what to change.
    pub fn new(provider: Provider, base_url: &str, key: Option<Secret>) -> Setting {
        let variable = provider.base_url_variable();
        let base_url = base_url.trim().trim_end_matches('/');
        let base_url = base_url.strip_suffix(provider.prefix()).unwrap_or(base_url).to_owned();
        let uri: Option<Uri> = base_url.parse().ok();
        let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.host()?)));
        let fit = uri.as_ref().is_some_and(|uri| uri.query().is_none() && !has_user(uri));
        let Some((scheme @ ("http" | "https"), host)) = parts.filter(|_| fit) else {
            let hint = "an address like `http://127.0.0.1:8000/v1`, without a user or a query";
            return Err(format!("{variable} is not {hint}"));
        };
        if scheme == "http" && key.is_some() && !is_this_machine(host) {
            return Err(format!(
                "a key for {base_url} could be read on the way: use https there, or no key"
            ));
        }
        Ok(Endpoint { provider, base_url, key })
    }

    /// What the environment says of a provider.
    ///
    /// # Errors
    /// In words for people, what is missing or wrong.
    pub fn from_variables(
        provider: Provider,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Setting {
        let said = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let base_url = said(&provider.base_url_variable())
            .or_else(|| ollama_host(provider, said("OLLAMA_HOST")?))
            .or_else(|| provider.usual_base_url().map(str::to_owned));
        let Some(base_url) = base_url else {
            let variable = provider.base_url_variable();
            return Err(format!("{variable} says where it is, and is not set"));
        };
        let name = provider.key_variable();
        let key = match said(&name) {
            Some(key) => Some(Secret::new(&key, &name)),
            None => said(&format!("{name}_FILE")).map(|path| Secret::from_file(Path::new(&path))),
        };
        let key = key.transpose().map_err(|error| error.to_string())?;
        if key.is_none() && provider.needs_key() {
            return Err(format!("neither {name} nor {name}_FILE is set"));
        }
        Endpoint::new(provider, &base_url, key)
    }
}

/// Ollama's own variable: a host, perhaps with a scheme and a port.
fn ollama_host(provider: Provider, host: String) -> Option<String> {
    (provider == Provider::Ollama).then_some(())?;
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    // What a server listens on everywhere, a client finds here.
    let rest = rest.replace("0.0.0.0", "127.0.0.1");
    let port = if scheme == "http" && !rest.contains(':') { ":11434" } else { "" };
    Some(format!("{scheme}://{rest}{port}/v1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(provider: Provider, variables: &[(&str, &str)]) -> Setting {
        Endpoint::from_variables(provider, &|name| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_says_where_and_with_which_key() {
        let openai = with(Provider::OpenAi, &[("OPENAI_API_KEY", "sk-canary-3")]).unwrap();
        assert_eq!(openai.base_url, "https://api.openai.com/v1");
        assert!(openai.key.is_some() && !format!("{openai:?}").contains("canary"));

        let missing = with(Provider::OpenAi, &[("OPENAI_API_KEY", " ")]).unwrap_err();
        assert_eq!(missing, "neither OPENAI_API_KEY nor OPENAI_API_KEY_FILE is set");
        let nowhere = with(Provider::Compatible, &[]).unwrap_err();
        assert_eq!(nowhere, "COMPATIBLE_BASE_URL says where it is, and is not set");

        let site = ("ANTHROPIC_BASE_URL", "http://localhost:1/v1/");
        let claude = with(Provider::Anthropic, &[("ANTHROPIC_API_KEY", "k"), site]).unwrap();
        assert_eq!(claude.base_url, "http://localhost:1", "with and without /v1");
    }

    #[test]
    fn ollama_is_found_by_its_own_variable() {
        let at = |host| with(Provider::Ollama, &[("OLLAMA_HOST", host)]).unwrap().base_url;
        assert_eq!(with(Provider::Ollama, &[]).unwrap().base_url, "http://127.0.0.1:11434/v1");
        assert_eq!(at("0.0.0.0"), "http://127.0.0.1:11434/v1");
        assert_eq!(at("gpu:8080"), "http://gpu:8080/v1");
        assert_eq!(at("https://ollama.example.org/"), "https://ollama.example.org/v1");
    }

    #[test]
    fn a_key_goes_nowhere_in_clear() {
        let compatible = |url| {
            let key = Secret::new("k", "test").unwrap();
            Endpoint::new(Provider::Compatible, url, Some(key))
        };
        for near in ["http://127.0.0.1:8/v1", "http://localhost:8", "http://[::1]:8/v1"] {
            assert!(compatible(near).is_ok(), "{near}");
        }
        let far = compatible("http://models.example.org/v1").unwrap_err();
        assert!(far.contains("use https"), "{far}");
        assert!(compatible("https://models.example.org/v1").is_ok());
        for wrong in ["", "127.0.0.1:80", "ftp://a/b", "https://u:p@a/v1", "https://a/v1?x=1"] {
            let error = compatible(wrong).unwrap_err();
            assert!(error.starts_with("COMPATIBLE_BASE_URL is not"), "{wrong}: {error}");
        }
    }
}

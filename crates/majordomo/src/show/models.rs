//! Providers of models, as a table and as JSON.

use super::style::{BAD, DIM, PLAIN};
use super::table::Rows;
use super::{Format, json};
use serde::Serialize;

/// So many names stand in the table.
const NAMES_SHOWN: usize = 3;

/// How a provider stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    provider: String,
    /// Where it is; nothing if it is not set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
    /// Whether it is given a key.
    key: bool,
    /// `reachable`, `unreachable` or `not set up`.
    status: &'static str,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What it has.
    models: Vec<String>,
}

impl Standing {
    /// Something is missing.
    #[must_use]
    pub fn not_set_up(provider: &str, why: &str) -> Standing {
        Standing {
            provider: provider.to_owned(),
            base_url: None,
            key: false,
            status: "not set up",
            why: Some(why.to_owned()),
            models: Vec::new(),
        }
    }

    /// It was asked for its models.
    #[must_use]
    pub fn set_up(
        provider: &str,
        base_url: &str,
        key: bool,
        models: Result<Vec<String>, String>,
    ) -> Standing {
        let status = if models.is_ok() { "reachable" } else { "unreachable" };
        let why = models.as_ref().err().cloned();
        let mut models = models.unwrap_or_default();
        models.sort_unstable();
        let (provider, base_url) = (provider.to_owned(), Some(base_url.to_owned()));
        Standing { provider, base_url, key, status, why, models }
    }

    /// Whether it can be used.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.status == "reachable"
    }

    fn says(&self) -> String {
        if let Some(why) = &self.why {
            return why.clone();
        }
        let shown: Vec<String> =
            self.models.iter().take(NAMES_SHOWN).map(|it| self.whole_name(it)).collect();
        match self.models.len() - shown.len() {
            0 if shown.is_empty() => "no models".to_owned(),
            0 => shown.join(", "),
            more => format!("{}, and {more} more", shown.join(", ")),
        }
    }

    /// As it stands in a team file.
    fn whole_name(&self, model: &str) -> String {
        format!("{}/{model}", self.provider)
    }
}

/// How providers stand; with the names of all their models, if that is wanted.
#[must_use]
pub fn models(standings: &[Standing], all: bool, format: &Format) -> String {
    let screen = match format {
        Format::Json => return json(&standings),
        Format::Text(screen) => screen,
    };
    let mut rows = Rows::new(&["PROVIDER", "STATUS", "WHERE", "KEY", "MODELS"]);
    for it in standings {
        let style = match it.status {
            "reachable" => PLAIN,
            "unreachable" => BAD,
            _ => DIM,
        };
        let at = it.base_url.clone().unwrap_or_else(|| "-".to_owned());
        let key = if it.key { "yes" } else { "no" };
        rows.push(
            style,
            vec![it.provider.clone(), it.status.to_owned(), at, key.to_owned(), it.says()],
        );
    }
    let mut shown = rows.shown(screen.width, "no providers");
    for it in standings.iter().filter(|_| all) {
        for model in &it.models {
            shown.push_str(&super::escape::terminal(&it.whole_name(model)));
            shown.push('\n');
        }
    }
    shown
}

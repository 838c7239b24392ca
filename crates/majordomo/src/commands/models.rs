//! `majordomo models`: which providers are set up, which answer, and what they have.

use super::Global;
use super::read::format;
use crate::exit::Exit;
use futures_util::future::join_all;
use majordomo::models::{Limits, Models as Providers, provider::Provider};
use majordomo::show::{self, Standing};

/// How long a provider may take to say what it has, milliseconds.
const PATIENCE_MS: u64 = 10_000;

/// Say which providers of language models are set up and can be reached
///
/// Each provider that is set up is asked for the names of its models, which costs nothing. Keys are
/// looked for in the environment (OPENAI_API_KEY and so on, or OPENAI_API_KEY_FILE), and are not
/// shown.
///
/// Exit codes: 0 a provider can be reached; 1 none can.
#[derive(clap::Args)]
pub(crate) struct Models {
    /// Only this provider, with the names of all its models
    provider: Option<String>,
}

impl Models {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let wanted = match &self.provider {
            None => None,
            Some(name) => {
                let found = Provider::ALL.into_iter().find(|it| it.name() == name);
                let names = Provider::ALL.map(Provider::name).join(", ");
                let unknown = || anyhow::anyhow!("there is no provider {name}; there are {names}");
                Some(found.ok_or_else(unknown)?)
            }
        };
        let limits = Limits {
            connect_ms: PATIENCE_MS,
            answer_ms: PATIENCE_MS,
            whole_ms: PATIENCE_MS,
            ..Limits::default()
        };
        let providers = Providers::from_environment(limits);
        let chosen = providers.settings().filter(|(it, _)| wanted.is_none_or(|one| one == *it));
        let looks = chosen.map(|(provider, setting)| {
            let providers = &providers;
            async move {
                let name = provider.name();
                match setting {
                    Err(why) => Standing::not_set_up(name, why),
                    Ok(at) => {
                        let models = providers.list(provider).await;
                        let models = models.map_err(|error| error.to_string());
                        Standing::set_up(name, &at.base_url, at.key.is_some(), models)
                    }
                }
            }
        });
        let standings = join_all(looks).await;
        let shown = show::models(&standings, wanted.is_some(), &format(global));
        anstream::print!("{shown}");
        let reached = standings.iter().any(Standing::is_reachable);
        Ok(if reached { Exit::Done } else { Exit::Failed })
    }
}

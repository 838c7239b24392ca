//! Models of a team file, made ready to join.

use super::{Error, Outside, Said};
use crate::team::capability::Capability;
use crate::team::file::{Contract, Llm, Model};
use crate::team::llm as file;
use crate::team::prompt::Prompt;
use adapters::agent::llm::{self, LlmAgent, Spec, Tool, advice_schema};
use adapters::llm::price::Price;
use adapters::llm::rate::{Governor, Rate};
use adapters::llm::{Limits, Models};
use adapters::schema::JsonSchemas;
use runtime::api::Failure;
use runtime::port::{Agent, Llm as Brain};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The providers that the environment of this process sets up; looked for once.
pub(crate) fn models() -> &'static Models {
    static MODELS: OnceLock<Models> = OnceLock::new();
    MODELS.get_or_init(|| Models::from_environment(Limits::default()))
}

/// The rates of models, shared by every agent of this process.
fn governor() -> &'static Governor {
    static GOVERNOR: OnceLock<Governor> = OnceLock::new();
    GOVERNOR.get_or_init(Governor::default)
}

/// What a team file says of rates holds from now on, for all who call these models.
pub(super) fn govern(models: &BTreeMap<String, Model>) {
    for (name, said) in models {
        let rate = Rate {
            requests_per_minute: said.requests_per_minute,
            tokens_per_minute: said.tokens_per_minute,
            concurrency: said.concurrency,
        };
        governor().set(name, rate);
    }
}

fn price(said: &file::Price) -> Price {
    let file::Price { input_usd, output_usd, cached_usd } = *said;
    Price {
        input_micros: input_usd.as_micro_usd(),
        output_micros: output_usd.as_micro_usd(),
        cached_micros: cached_usd.unwrap_or(input_usd).as_micro_usd(),
    }
}

/// Those of its models that can be called here; why not, where none can.
fn callable<'a>(said: &'a Llm, llm: &dyn Brain) -> Result<Vec<&'a str>, String> {
    let chain = said.model.as_ref().ok_or("it has no model: say `model`, or `--model`")?;
    let (mut able, mut why) = (Vec::new(), Vec::new());
    for model in chain.models() {
        match llm.check(model) {
            Ok(()) => able.push(model.as_str()),
            Err(error) => why.push(error.to_string()),
        }
    }
    if able.is_empty() { Err(why.join("; ")) } else { Ok(able) }
}

fn model(name: &str, said: Option<&Model>) -> llm::Model {
    let mut model = llm::Model::new(name);
    model.context_tokens = said.and_then(|it| it.context_tokens).or(model.context_tokens);
    model.price = said.and_then(|it| it.price.as_ref()).map(price).or(model.price);
    model
}

/// What a tool takes and what the agent answers is, where it says nothing of its own, what the team
/// file says of the capability.
pub(super) fn agent(
    name: &str,
    said: &Llm,
    of: Said<'_>,
    outside: &Outside,
) -> Result<Arc<dyn Agent>, Error> {
    let unfit = |why: String| Error::Llm { agent: name.to_owned(), why };
    let llm = outside.llm.clone().unwrap_or_else(|| Arc::new(models().clone()));
    let able = callable(said, &*llm).map_err(&unfit)?;
    let prompt = Prompt::compile(&said.prompt).map_err(&unfit)?;
    let mut spec = match said.confidence_min {
        Some(min) => Spec::adviser(name, "").confidence_min(min),
        None => Spec::new(name, "", ""),
    };
    let model = |name: &str| model(name, of.models.get(name));
    spec.models = able.iter().map(|name| model(name)).collect();
    let chain = said.model.iter().flat_map(file::Chain::models);
    spec.chain = chain.map(|name| model(name)).collect();
    spec.prompt = Arc::new(move |capability: &str, input: &Value| {
        let filled = prompt.fill(capability, input);
        filled.map_err(|why| {
            Failure::rejected(format!("its instructions cannot be filled in: {why}"))
        })
    });
    let contract =
        |capability: &str| Contract::of(of.contracts, &Capability::parse(capability).ok()?);
    let tools = said.tools.iter().map(|(name, it)| {
        let takes = contract(&it.ask).and_then(|it| it.input.clone());
        tool(name, it, takes)
    });
    spec.tools = tools.collect();
    spec.schema = said.schema.clone().or_else(|| match &said.common.serves[..] {
        [one] => contract(one)?.output.clone(),
        _ => None,
    });
    if said.confidence_min.is_some() {
        spec.schema.get_or_insert_with(advice_schema);
    }
    let example =
        |it: &file::Example| llm::Example { input: it.input.clone(), output: it.output.clone() };
    spec.examples = said.examples.iter().map(example).collect();
    spec.history = history(said.history);
    spec.temperature = said.temperature;
    spec.output_tokens_max = said.output_tokens;
    spec.streams = said.stream;
    spec.limits.turns = said.turns;
    spec.limits.repairs = said.repairs;
    let agent = LlmAgent::new(spec, llm, &JsonSchemas);
    Ok(Arc::new(agent.map_err(|error| unfit(error.to_string()))?.governed(governor())))
}

fn history(said: file::History) -> llm::History {
    match said {
        file::History::Word(file::Kept::Trim) => llm::History::Trim,
        file::History::Word(file::Kept::All) => llm::History::All,
        file::History::Latest(file::Latest { turns }) => llm::History::Turns(turns),
    }
}

fn tool(name: &str, said: &crate::team::llm::Tool, takes: Option<Value>) -> Tool {
    let mut tool = Tool::new(name, &said.ask);
    tool.input = said.input.clone().or(takes);
    tool.approval.clone_from(&said.approval);
    match &said.about {
        Some(about) => tool.about(about),
        None => tool,
    }
}

//! Tools: what a model may call is what other agents serve, and each call is a child task.

use super::Inner;
use super::approval::Wanted;
use super::conversation::text_of;
use super::schema::Schema;
use super::spec::Error;
use kernel::FailureKind;
use runtime::api::{Context, Contract, Failure, OnUnknown};
use runtime::llm::{self, Message, ToolCall};
use runtime::port::Schemas;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The field around an input that is no object, as a tool's arguments are always one.
const WRAPPED: &str = "input";

/// A capability that a model may ask for.
#[derive(Clone, Debug)]
pub struct Tool {
    /// As the model calls it.
    pub name: String,
    /// The capability, as in `code.lint` or `code.lint@2`.
    pub ask: String,
    /// What it does, for the model; what its agent says of it if nothing is said.
    pub about: Option<String>,
    /// The JSON schema of its input; that of its agent if nothing is said, and any object if that
    /// says none either.
    pub input: Option<Value>,
    /// The capability by which a call must be approved before it is made: somebody is asked for it
    /// with the call, and only `approved: true` is a yes.
    pub approval: Option<String>,
}

impl Tool {
    /// A tool of this name that asks for this capability.
    #[must_use]
    pub fn new(name: &str, ask: &str) -> Tool {
        let (name, ask) = (name.to_owned(), ask.to_owned());
        Tool { name, ask, about: None, input: None, approval: None }
    }

    /// Whether models can call it by this name: 1 to 64 letters, digits, `_` and `-`, as every
    /// provider takes them.
    #[must_use]
    pub fn can_be_called(name: &str) -> bool {
        let fit = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        (1..=64).contains(&name.len()) && name.chars().all(fit)
    }

    /// What it does, for the model.
    #[must_use]
    pub fn about(mut self, about: &str) -> Tool {
        self.about = Some(about.to_owned());
        self
    }

    /// The JSON schema of its input. Arguments that do not fit are not asked with.
    #[must_use]
    pub fn input(mut self, schema: Value) -> Tool {
        self.input = Some(schema);
        self
    }

    /// Each call must be approved before it is made, by whoever serves this capability: a person,
    /// or any other agent. A no, an error, silence for a day, and nobody who serves it are all no.
    #[must_use]
    pub fn approval(mut self, capability: &str) -> Tool {
        self.approval = Some(capability.to_owned());
        self
    }
}

/// The tools of one agent, by name.
pub(super) struct Tools(BTreeMap<String, (Tool, Schema)>);

impl Tools {
    pub(super) fn new(tools: &[Tool], schemas: &dyn Schemas) -> Result<Tools, Error> {
        let mut known = BTreeMap::new();
        for tool in tools {
            let name = tool.name.clone();
            if !Tool::can_be_called(&name) || known.contains_key(&name) {
                return Err(Error::ToolName { name });
            }
            let schema = tool.input.clone().unwrap_or_else(|| json!({ "type": "object" }));
            let schema = Schema::new(schema, schemas)
                .map_err(|why| Error::Schema { of: format!("tool `{name}`"), why })?;
            known.insert(name, (tool.clone(), schema));
        }
        Ok(Tools(known))
    }

    /// As the model is told of them: where nothing is said of one, as those tell of it who serve it
    /// now.
    pub(super) fn told(&self, cx: &Context) -> Vec<llm::Tool> {
        self.each(|tool| {
            let own = tool.about.is_some() && tool.input.is_some();
            if own { None } else { cx.contract(&tool.ask).ok().flatten() }
        })
    }

    /// The same as the agent alone says it, whoever serves them.
    pub(super) fn said(&self) -> Vec<llm::Tool> {
        self.each(|_| None)
    }

    fn each(&self, served: impl Fn(&Tool) -> Option<Contract>) -> Vec<llm::Tool> {
        let told = self.0.values().map(|(tool, schema)| {
            let served = served(tool);
            // An object only: how arguments are read may not depend on who is here.
            let takes = served.as_ref().and_then(|it| it.takes()).filter(|it| llm::is_object(it));
            let takes = takes.filter(|_| tool.input.is_none()).unwrap_or(&schema.value);
            let does = tool.about.as_deref().or_else(|| served.as_ref().and_then(|it| it.does()));
            let usual = || format!("Asks an agent for {}.", tool.ask);
            llm::Tool {
                name: tool.name.clone(),
                description: does.map_or_else(usual, str::to_owned),
                schema: llm::arguments_of(takes, WRAPPED),
            }
        });
        told.collect()
    }

    /// What is said of them, bytes, without what depends on who is here: what a conversation has
    /// room for must be the same in every life.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |(tool, schema): &(Tool, Schema)| {
            tool.about.as_ref().map_or(0, String::len) + schema.value.to_string().len()
        };
        self.0.values().map(bytes).sum()
    }

    /// What is to be asked for a call, or what the model did wrong.
    fn read(&self, call: &ToolCall) -> Result<(&Tool, Value), String> {
        let Some((tool, schema)) = self.0.get(&call.name) else {
            let names: Vec<&str> = self.0.keys().map(String::as_str).collect();
            return Err(format!("there is no such tool; there are: {}", names.join(", ")));
        };
        let arguments: Value = serde_json::from_str(&call.arguments)
            .map_err(|why| format!("the arguments are no JSON ({why})"))?;
        let input = match llm::is_object(&schema.value) {
            true => arguments,
            false => arguments.get(WRAPPED).cloned().unwrap_or_default(),
        };
        schema.check(&input).map_err(|why| format!("the arguments do not fit: {why}"))?;
        Ok((tool, input))
    }
}

impl Inner {
    /// Makes the calls of one reply, some at once, each a child task whose step is named by its
    /// place; gives what the model is told of each, in their order. A call that fails is told too:
    /// the model may know another way.
    ///
    /// # Errors
    /// Only when this attempt cannot go on.
    pub(super) async fn make_calls(
        &self,
        cx: &Context,
        turn: &str,
        calls: &[ToolCall],
    ) -> Result<Vec<Message>, Failure> {
        let limits = &self.spec.limits;
        let each = calls.iter().enumerate().map(|(at, call)| async move {
            let read =
                if at < limits.calls_max { self.tools.read(call) } else { Err(too_many(at)) };
            let gave = match read {
                Err(why) => Err(why),
                Ok((tool, input)) => {
                    self.make_call(cx, &format!("{turn}/{at}"), tool, input).await?
                }
            };
            let is_error = gave.is_err();
            let text = shortened(gave.unwrap_or_else(|why| why), limits.result_max_bytes);
            let text = llm::fence(&text);
            let (id, name) = (call.id.clone(), call.name.clone());
            Ok(Message::Tool { id, name, text, is_error })
        });
        runtime::api::map(each.collect(), limits.calls_at_once).await
    }

    /// Makes one call, once it is approved if it must be; what it gave, or why it gave nothing.
    async fn make_call(
        &self,
        cx: &Context,
        place: &str,
        tool: &Tool,
        input: Value,
    ) -> Result<Result<String, String>, Failure> {
        let Tool { name, ask, approval, .. } = tool;
        let step = format!("{place}-{name}");
        if let Some(approver) = approval {
            let wanted = Wanted { tool: name, ask, arguments: &input, step: &step };
            if let Err(why) = self.approved(cx, approver, wanted).await? {
                return Ok(Err(why));
            }
        }
        if let Some(why) = refused(cx, &step) {
            return Ok(Err(why));
        }
        match cx.ask_value_as(&step, ask, input).await {
            Ok(output) => Ok(Ok(text_of(&output))),
            Err(failure) => told(cx, &step, failure).await.map(Err),
        }
    }
}

/// What is told of a question that failed. Of one that was refused at the door there is no record,
/// and the model goes on from what it was told: so that is recorded, and holds in every later life,
/// which may not ask then what this one could not.
///
/// # Errors
/// Not the question's failure: this attempt is over.
pub(super) async fn told(cx: &Context, step: &str, failure: Failure) -> Result<String, Failure> {
    match failure {
        over if over.kind == FailureKind::Lost => Err(over),
        Failure { message, attempt: Some(_), .. } => Ok(message),
        Failure { message, .. } => {
            cx.once(&refusal(step), async { Ok(message) }).on_unknown(OnUnknown::Retry).await
        }
    }
}

/// What an earlier life was told of a question that it could not ask.
pub(super) fn refused(cx: &Context, step: &str) -> Option<String> {
    let recorded = cx.recalled(&refusal(step))?.ok()?;
    serde_json::from_value(recorded).ok()
}

fn refusal(step: &str) -> String {
    format!("{step}/refused")
}

fn too_many(made: usize) -> String {
    format!("not made: {made} calls were made for you at once, which is the limit; call it again")
}

/// A long text is cut, and the model told so.
pub(super) fn shortened(text: String, max_bytes: usize) -> String {
    let bytes = text.len();
    if bytes <= max_bytes {
        return text;
    }
    format!(
        "{} (cut: these are the first {max_bytes} of {bytes} bytes)",
        crate::agent::cut(text, max_bytes)
    )
}

//! Language models as agents: instructions, a task, tools that are other agents' capabilities, and
//! an answer of a promised form.
//!
//! ```text
//! instructions + task ─▶ model ─▶ calls? ─▶ each a child task ─────┐
//!                         ▲ ▲       └ no: answer ─▶ fits? ─▶ done  │
//!                         │ └───────── no: ask again ◀┘            │
//!                         └────────────────────────────────────────┘
//! ```
//!
//! Every call of the model is a recorded step, and so is every call of a tool. After a crash the
//! loop runs from its first line, finished calls answer at once from the record, and the model is
//! asked for what comes next. What a model says is data: it names tools out of those it was given,
//! its arguments are checked, and its answer is nobody's command.

mod adviser;
mod aloud;
mod answer;
mod approval;
mod call;
mod chain;
mod circle;
mod conversation;
mod schema;
mod spec;
mod tool;
mod turns;

pub use adviser::{PROMPT as ADVISER_PROMPT, schema as advice_schema};
pub use spec::{Error, Example, History, Limits, Model, Prompt, Spec};
pub use tool::Tool;

use crate::llm::rate::Governor;
use runtime::api::{AgentEntry, Context, Failure};
use runtime::port::{Agent, BoxFuture, Llm, Schemas};
use schema::Schema;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tool::Tools;

/// A model with instructions, ready to join.
pub struct LlmAgent {
    inner: Arc<Inner>,
}

/// What its attempts share.
struct Inner {
    spec: Spec,
    tools: Tools,
    schema: Option<Schema>,
    /// What goes with every call beside the conversation.
    beside_bytes: usize,
    llm: Arc<dyn Llm>,
    governor: Governor,
    /// That no price is known was said, of each model.
    has_said_no_price: Vec<AtomicBool>,
}

impl LlmAgent {
    /// An agent that thinks with `llm`; what its schemas mean, `schemas` knows.
    ///
    /// # Errors
    /// No model, a schema that is none, or tools that cannot be told apart.
    pub fn new(spec: Spec, llm: Arc<dyn Llm>, schemas: &dyn Schemas) -> Result<LlmAgent, Error> {
        if spec.models.is_empty() {
            return Err(Error::NoModel);
        }
        let schema = spec.schema.clone().map(|it| Schema::new(it, schemas)).transpose();
        let schema = schema.map_err(|why| Error::Schema { of: "the answer".to_owned(), why })?;
        let tools = Tools::new(&spec.tools, schemas)?;
        let governor = if llm.is_limited() { Governor::default() } else { Governor::idle() };
        let has_said_no_price = spec.models.iter().map(|_| AtomicBool::default()).collect();
        let beside_bytes = tools.bytes() + call::beside(&[], spec.schema.as_ref());
        let inner = Inner { spec, tools, schema, beside_bytes, llm, governor, has_said_no_price };
        Ok(LlmAgent { inner: Arc::new(inner) })
    }

    /// Shares the rates of its models with all others under this governor; one whose models have no
    /// limit waits for nobody.
    #[must_use]
    pub fn governed(mut self, governor: &Governor) -> LlmAgent {
        let inner = Arc::get_mut(&mut self.inner).expect("it works on nothing yet");
        if inner.llm.is_limited() {
            inner.governor = governor.clone();
        }
        self
    }

    /// Without a governor: its calls wait for nobody, also not for what the other side has said.
    #[must_use]
    pub fn ungoverned(self) -> LlmAgent {
        self.governed(&Governor::idle())
    }

    /// Under the name of its spec, as one that serves these capabilities in `slots` at once.
    #[must_use]
    pub fn joins(self, serves: &[&str], slots: u32) -> AgentEntry {
        let name = self.inner.spec.name.clone();
        AgentEntry::new(&name, "llm", serves, slots, Arc::new(self))
    }
}

impl Agent for LlmAgent {
    fn run(&self, cx: Context) -> BoxFuture<'static, Result<Value, Failure>> {
        let inner = self.inner.clone();
        Box::pin(async move {
            let answer = turns::run(inner.clone(), cx).await?;
            Ok(adviser::judged(answer, &inner.spec))
        })
    }
}

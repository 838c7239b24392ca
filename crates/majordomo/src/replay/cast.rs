//! Whose code is run for a task, and from which definition.

use super::Error;
use super::walk::Moment;
use crate::crew::{self, Outside, Said};
use crate::team::definitions::{Definition, Definitions};
use crate::team::file::TeamFile;
use crate::team::workflow::{Fallback, Workflow};
use kernel::{Digest, Entry, Event, Kernel, TaskId};
use runtime::llm::{Error as CallError, Reply, Request};
use runtime::port::{Agent, Blobs, BoxFuture, Llm};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where the code of the agents comes from.
pub(super) struct Cast {
    definitions: Arc<Definitions>,
    /// What the run is held against, if that is not what it follows.
    edited: Option<Arc<Definition>>,
}

/// Whose code it is.
pub(super) struct Role {
    pub(super) agent: Arc<dyn Agent>,
    /// The definition that the run follows now; `None`: as it did.
    pub(super) follows: Option<Digest>,
    /// It is the steps of a team.
    pub(super) is_workflow: bool,
}

impl Cast {
    pub(super) fn new(blobs: Arc<dyn Blobs>, edited: Option<TeamFile>) -> Result<Cast, Error> {
        let definitions = Arc::new(Definitions::new(blobs));
        let edited = edited.map(|file| definitions.keep(file)).transpose()?;
        Ok(Cast { definitions, edited })
    }

    /// Whose code is run; or why none is, in words for people.
    pub(super) fn role(&self, moment: &Moment) -> Result<Role, String> {
        let follows = self.edited.as_ref().map(|it| it.digest);
        let is_workflow = kind_of(moment)? == "workflow";
        let definition = match &self.edited {
            Some(edited) => edited.clone(),
            None => self.followed(moment)?,
        };
        let agent = self.agent(moment, &definition)?;
        Ok(Role { agent, follows, is_workflow })
    }

    /// The same of the definition that the run follows, where it is held against another one.
    pub(super) fn original(&self, moment: &Moment) -> Option<Arc<dyn Agent>> {
        self.edited.as_ref()?;
        self.agent(moment, &*self.followed(moment).ok()?).ok()
    }

    /// The definition that the run followed at that moment.
    fn followed(&self, moment: &Moment) -> Result<Arc<Definition>, String> {
        let state = moment.recorded.kernel.state();
        let run = state.task(moment.recorded.task).map(|it| it.run);
        let Some(pin) = run.and_then(|it| state.pins.get(&it)) else {
            return Err("its run follows no definition: say which with --team".to_owned());
        };
        self.definitions.get(pin.definition).map_err(|why| why.to_string())
    }

    fn agent(&self, moment: &Moment, definition: &Definition) -> Result<Arc<dyn Agent>, String> {
        if kind_of(moment)? == "workflow" {
            let fallback = Arc::new(Fallback::new(definition.digest));
            return Ok(Arc::new(Workflow::new(self.definitions.clone(), fallback)));
        }
        let spec = moment.agent.as_ref().ok_or("nobody has had it")?;
        // In a scope that is not its team's alone, an agent says that with its name.
        let name = spec.name.split('@').next().unwrap_or_default();
        let Some(agent) = definition.file.agents.get(name) else {
            return Err(format!("there is no agent `{name}` in the team file"));
        };
        if agent.kind() != &*spec.kind {
            return Err(format!("agent `{name}` is of kind `{}` in the team file", agent.kind()));
        }
        let one = BTreeMap::from([(name.to_owned(), agent.clone())]);
        let outside = Outside { inbox: Default::default(), llm: Some(nobody()) };
        let entries = crew::members(&one, Said::of(&definition.file), &outside, &spec.team);
        let mut entries = entries.map_err(|why| why.to_string())?;
        entries.pop().map(|entry| entry.agent).ok_or_else(|| "it has no agent".to_owned())
    }
}

/// The kind of agent that had a task, if its code can be run over the record.
fn kind_of(moment: &Moment) -> Result<&str, String> {
    let state = moment.recorded.kernel.state();
    if state.task(moment.recorded.task).is_some_and(|it| it.is_bid) {
        return Err("a bid".to_owned());
    }
    let Some(spec) = &moment.agent else { return Err("nobody has had it".to_owned()) };
    match &*spec.kind {
        kind @ ("workflow" | "llm") => Ok(kind),
        kind => Err(kind.to_owned()),
    }
}

/// From now on the run of this task follows another definition.
pub(super) fn follow(kernel: &mut Kernel, task: TaskId, definition: Digest) {
    let state = kernel.state();
    let Some((run, team)) = state.task(task).map(|it| (it.run, it.terms.team.clone())) else {
        return;
    };
    let entry = Entry { at: state.time, event: Event::RunStarted { run, team, definition } };
    kernel.apply(&entry);
}

/// A model that is not called: whatever is asked of it is recorded, or the end of the record.
pub(super) fn nobody() -> Arc<dyn Llm> {
    struct Nobody;
    impl Llm for Nobody {
        fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, CallError>> {
            let (model, what) = (request.model.clone(), "a replay calls no model".to_owned());
            Box::pin(std::future::ready(Err(CallError::NotRecorded { model, what })))
        }

        fn is_limited(&self) -> bool {
            false
        }
    }
    Arc::new(Nobody)
}

//! Whoever an adviser names: an agent that serves `route`, so a model can route with no special
//! feature. What it says is data: it is held against the agents of the moment in which the task is
//! granted, and where it does not fit, comes late or not at all, the lowest load decides.

use super::Route;
use super::decision::{Decision, Dismissed, Fallback, PolicyKind, Reason, Unadvisable};
use crate::mutant::{Mutant, planted};
use crate::state::{Advice, Deliberation};
use crate::{
    AgentId, Event, Payload, Presence, Record, RetryPolicy, Routing, Serves, State, Task, TaskId,
    Terms, Text, Time,
};

/// The capability by which agents advise; with a dot and another capability behind it, on that one
/// alone.
pub(crate) const ROUTE: &str = "route";

/// How often one question is put: advice that takes longer is worth less than an agent at work.
const ATTEMPTS_MAX: u32 = 2;

/// What an adviser is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which task is to be routed.
    pub task: TaskId,
    /// Its advice counts until then.
    pub until: Time,
    /// Which question it is, of several about one task: how many leases the task has had.
    pub turn: u32,
    /// What is asked of the agent.
    pub capability: Text,
    /// Whose work it is.
    pub tenant: Text,
    /// With what.
    pub input: Payload,
    /// Who could have it now, at most [`Decision::CANDIDATES_MAX`].
    pub candidates: Vec<Advisable>,
}

/// One agent that an adviser may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisable {
    /// Its name.
    pub agent: Text,
    /// What it is good at, in words of whoever made the team.
    pub about: Option<Text>,
    /// What it serves.
    pub serves: Vec<Serves>,
    /// Slots in use, in 1/1024 of its slots; of fewer while it is new and has completed little.
    pub load: u32,
    /// Its declared preference.
    pub prefer: i32,
    /// How well it has done lately.
    pub record: Record,
}

/// Asks first, then takes the first one named that may have the task now. With nobody to choose
/// from, nobody is asked; nor is anybody about work for advice, or it would never end.
pub(super) fn route(
    state: &State,
    now: Time,
    task: &Task,
    wait_ms: u64,
    plain: (AgentId, Decision),
) -> Route {
    let policy = PolicyKind::External;
    let (agent, decision) = plain;
    let (advice, until) = match state.deliberations.get(&task.id) {
        Some(Deliberation::Asked { until, advice, .. }) => (advice, *until),
        Some(Deliberation::Held { .. }) | None
            if decision.candidates.len() < 2 || state.upwards(task).any(|it| it.is_advice) =>
        {
            return Route::To(agent, Decision { policy, ..decision });
        }
        Some(Deliberation::Held { .. }) | None => {
            let step = Routing::AdviceAsked { until: now.after(wait_ms) };
            return Route::Later(Event::Routing { task: task.id, step });
        }
    };
    let fits = |agent: &&AgentId| {
        state.index.is_free_for(**agent, task.shape) || planted(Mutant::AdviceUnchecked)
    };
    let words = advice.as_ref().map(|it| it.words.clone()).filter(|it| !it.is_empty());
    let named = advice.as_ref().and_then(|it| it.ranking.iter().find(fits)).copied();
    let fallback = match advice {
        Some(_) if named.is_some() => None,
        Some(Advice { ranking, nobody, .. }) if ranking.is_empty() && nobody.is_empty() => {
            Some(Fallback::NoOpinion)
        }
        Some(_) => Some(Fallback::AdviceUnfit),
        None => Some(Fallback::NoAdvice),
    };
    debug_assert!(advice.is_some() || until <= now);
    let reason = if named.is_some() { Reason::Advised } else { decision.reason };
    let dismissed = advice.as_ref().map(|it| dismissed(state, task, it, named));
    let dismissed = dismissed.unwrap_or_default();
    let decision = Decision { policy, reason, fallback, words, dismissed, ..decision };
    Route::To(named.unwrap_or(agent), decision)
}

/// Those who were named before the one who gets it, and why they do not.
fn dismissed(
    state: &State,
    task: &Task,
    advice: &Advice,
    named: Option<AgentId>,
) -> Vec<Dismissed> {
    let nobody = advice.nobody.iter();
    let nobody = nobody.map(|name| Dismissed { name: name.clone(), why: Unadvisable::Unknown });
    let before = advice.ranking.iter().take_while(|it| Some(**it) != named);
    let unfit = before.filter_map(|it| {
        let agent = state.agent(*it)?;
        let serves = crate::index::serves(&agent.spec, &task.terms);
        let why = match (serves, agent.presence) {
            (false, _) => Unadvisable::NotServing,
            (true, Presence::Paused | Presence::Draining | Presence::Left) => Unadvisable::Away,
            (true, Presence::Active) if state.index.may_have(*it, task.shape) => Unadvisable::Busy,
            (true, Presence::Active) => Unadvisable::Barred,
        };
        Some(Dismissed { name: agent.spec.name.clone(), why })
    });
    nobody.chain(unfit).take(Decision::CANDIDATES_MAX).collect()
}

impl Question {
    /// Its key: asked again, by a later process too, it is the same task.
    #[must_use]
    pub fn key(&self) -> Text {
        question_key(self.task, self.turn, self.until)
    }
}

pub(crate) fn question_key(task: TaskId, turn: u32, until: Time) -> Text {
    format!("{ROUTE}/{task}/{turn}/{}", until.0).into()
}

/// Whether a capability is one by which agents advise.
pub(crate) fn is_advising(capability: &str) -> bool {
    let rest = capability.strip_prefix(ROUTE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// On which terms advice about such work is asked for: of whoever advises on its capability alone
/// if somebody is here, else of whoever advises on everything. It may use no more than the work.
pub(crate) fn advised_by(state: &State, work: &Terms) -> Terms {
    let on = |capability: &str| Terms {
        team: work.team.clone(),
        tenant: work.tenant.clone(),
        class: work.class,
        may: work.may.clone(),
        retry: RetryPolicy { attempts_max: ATTEMPTS_MAX, ..RetryPolicy::default() },
        ..Terms::new(capability)
    };
    let own = on(&format!("{ROUTE}.{}", work.capability));
    if state.is_served(&own) { own } else { on(ROUTE) }
}

impl State {
    /// Whether anybody present serves what these terms ask for.
    #[must_use]
    pub fn is_served(&self, terms: &Terms) -> bool {
        self.facts.agents.iter().any(|agent| {
            agent.presence != Presence::Left && crate::index::serves(&agent.spec, terms)
        })
    }

    /// Whether somebody is here who advises on a task.
    #[must_use]
    pub fn is_advised(&self, task: TaskId) -> bool {
        self.task(task).is_some_and(|task| self.is_served(&advised_by(self, &task.terms)))
    }
}

/// What to ask about a task, as things are now.
pub(crate) fn question(state: &State, task: &Task, until: Time) -> Question {
    let turn = until.0;
    let able = state.index.candidates(task.shape, task.terms.wish.as_deref(), turn);
    let advisable = |it: &crate::index::Able| {
        let agent = state.agent(it.free.agent)?;
        Some(Advisable {
            agent: agent.spec.name.clone(),
            about: agent.spec.about.clone(),
            serves: agent.spec.serves.clone(),
            load: it.free.load,
            prefer: it.prefer,
            record: agent.record,
        })
    };
    let candidates = able.iter().filter_map(advisable).take(Decision::CANDIDATES_MAX);
    Question {
        task: task.id,
        until,
        turn: task.grants,
        capability: task.terms.capability.clone(),
        tenant: task.terms.tenant.clone(),
        input: task.input.clone(),
        candidates: candidates.collect(),
    }
}

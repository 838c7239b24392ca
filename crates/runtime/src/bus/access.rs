//! Who may publish and subscribe to what; closed unless opened. Where the subjects of a team are.

use super::{BadSubject, Error, Pattern, Subject};
use kernel::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one agent may do on the bus. What is not listed is refused; nothing listed is nothing
/// allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Subjects that it may publish to.
    pub publish: Vec<Pattern>,
    /// What it may subscribe to: a pattern within one of these.
    pub subscribe: Vec<Pattern>,
}

/// Who may do what in a team. An agent that is not named may publish and subscribe within its own
/// team, and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// By the agent's name, in place of what it might else.
    pub agents: BTreeMap<Text, Access>,
}

/// The subjects of one team, by convention below `team.NAME`.
///
/// ```
/// use majordomo_runtime::bus::TeamSubjects;
///
/// let team = TeamSubjects::of("review");
/// assert_eq!(team.named("findings")?.as_str(), "team.review.findings");
/// assert_eq!(team.role("critic")?.as_str(), "team.review.role.critic");
/// assert_eq!(TeamSubjects::of("a.b").everybody()?.as_str(), "team.a%2Eb.everybody");
/// # Ok::<(), majordomo_runtime::bus::BadSubject>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamSubjects(String);

/// What a team is called that has no name.
const UNNAMED: &str = "main";

impl Access {
    /// Everything: for whoever holds the team in their hands.
    #[must_use]
    pub fn all() -> Access {
        let all = vec![Pattern::new(">").expect("it is one")];
        Access { publish: all.clone(), subscribe: all }
    }

    /// Everything within one team; nothing if its name is too long for a subject.
    #[must_use]
    pub fn of_team(team: &str) -> Access {
        let all: Vec<Pattern> = TeamSubjects::of(team).all().into_iter().collect();
        Access { publish: all.clone(), subscribe: all }
    }

    /// Whether it may publish.
    ///
    /// # Errors
    /// It may not; the error says what it may.
    #[inline]
    pub fn publish(&self, who: &Text, subject: &Subject) -> Result<(), Error> {
        if self.publish.iter().any(|it| it.matches(subject)) {
            return Ok(());
        }
        Err(denied(who, "publish to", subject.as_str(), &self.publish))
    }

    /// Whether it may subscribe.
    ///
    /// # Errors
    /// It may not; the error says what it may.
    pub fn subscribe(&self, who: &Text, pattern: &Pattern) -> Result<(), Error> {
        if self.subscribe.iter().any(|it| it.covers(pattern)) {
            return Ok(());
        }
        Err(denied(who, "subscribe to", pattern.as_str(), &self.subscribe))
    }
}

fn denied(who: &Text, verb: &'static str, subject: &str, allowed: &[Pattern]) -> Error {
    let allowed: Vec<&str> = allowed.iter().map(Pattern::as_str).collect();
    let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
    Error::Denied { who: who.clone(), verb, subject: subject.to_owned(), allowed }
}

impl Policy {
    /// Lets an agent do this, in place of what it might else.
    #[must_use]
    pub fn allow(mut self, agent: &str, access: Access) -> Policy {
        self.agents.insert(agent.into(), access);
        self
    }

    /// What an agent of a team may do.
    #[must_use]
    pub fn access(&self, agent: &str, team: &str) -> Access {
        self.agents.get(agent).cloned().unwrap_or_else(|| Access::of_team(team))
    }
}

impl TeamSubjects {
    /// Those of a team; of one without a name, `team.main`.
    #[must_use]
    pub fn of(team: &str) -> TeamSubjects {
        let team = if team.is_empty() { UNNAMED } else { team };
        TeamSubjects(format!("team.{}", Subject::word(team)))
    }

    /// All of them.
    ///
    /// # Errors
    /// The team's name is too long for a subject.
    pub fn all(&self) -> Result<Pattern, BadSubject> {
        Pattern::new(format!("{}.>", self.0))
    }

    /// One of them, given what stands after the team: `findings`.
    ///
    /// # Errors
    /// What is given does not make a subject.
    pub fn named(&self, rest: &str) -> Result<Subject, BadSubject> {
        Subject::new(format!("{}.{rest}", self.0))
    }

    /// For everybody in the team.
    ///
    /// # Errors
    /// The team's name is too long for a subject.
    pub fn everybody(&self) -> Result<Subject, BadSubject> {
        self.named("everybody")
    }

    /// For everybody with this role.
    ///
    /// # Errors
    /// The names are too long for a subject.
    pub fn role(&self, role: &str) -> Result<Subject, BadSubject> {
        self.named(&format!("role.{}", Subject::word(role)))
    }

    /// For one agent.
    ///
    /// # Errors
    /// The names are too long for a subject.
    pub fn agent(&self, agent: &str) -> Result<Subject, BadSubject> {
        self.named(&format!("agent.{}", Subject::word(agent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(access: &Access, publish: &str, subscribe: &str) -> (bool, bool) {
        let who = Text::from("a");
        let publish = access.publish(&who, &Subject::new(publish).expect("a subject"));
        let subscribe = access.subscribe(&who, &Pattern::new(subscribe).expect("a pattern"));
        (publish.is_ok(), subscribe.is_ok())
    }

    #[test]
    fn an_agent_may_what_is_its_teams_and_nothing_else() {
        let access = Policy::default().access("critic", "review");
        assert_eq!(may(&access, "team.review.findings", "team.review.>"), (true, true));
        assert_eq!(may(&access, "team.other.findings", "team.other.x"), (false, false));
        assert_eq!(may(&access, "team.review", "team.>"), (false, false));
        assert_eq!(may(&access, "_inbox.1", "*.review.>"), (false, false));
        assert_eq!(may(&access, "x", ">"), (false, false));
        let of_dotted = Policy::default().access("critic", "review.b");
        assert_eq!(may(&of_dotted, "team.review.b.x", "team.review.>"), (false, false));
        assert_eq!(may(&access, "team.review%2Eb.x", "team.review%2Eb.>"), (false, false));
    }

    #[test]
    fn who_is_named_may_what_is_listed_and_nothing_if_nothing_is() {
        let silent = Policy::default().allow("critic", Access::default());
        let access = silent.access("critic", "review");
        assert_eq!(may(&access, "team.review.findings", "team.review.findings"), (false, false));
        let everybody = TeamSubjects::of("review").everybody().expect("a subject");
        let error = access.publish(&"critic".into(), &everybody);
        let error = error.expect_err("nothing is allowed").to_string();
        assert!(error.contains("critic may not publish to team.review.everybody"), "{error}");
        assert!(error.contains("it may publish to nothing"), "{error}");
        let text = r#"{"agents":{"critic":{"publish":["team.review.findings"]}}}"#;
        let policy: Policy = serde_json::from_str(text).expect("as it stands in a file");
        let access = policy.access("critic", "review");
        assert_eq!(may(&access, "team.review.findings", "team.review.findings"), (true, false));
        assert!(serde_json::from_str::<Policy>(r#"{"agent":{}}"#).is_err(), "a slip is no policy");
    }

    #[test]
    fn names_too_long_for_a_subject_are_refused_and_reach_nobody_else() {
        let long = "x".repeat(500);
        let review = TeamSubjects::of("review");
        let too_long = |it: Result<Subject, BadSubject>| {
            assert!(matches!(it, Err(BadSubject::TooLong { .. })), "{it:?}");
        };
        too_long(review.agent(&long));
        too_long(review.role(&long));
        too_long(TeamSubjects::of(&long).everybody());
        let all = TeamSubjects::of(&long).all();
        assert!(matches!(all, Err(BadSubject::TooLong { .. })), "{all:?}");
        assert_eq!(Policy::default().access("critic", &long), Access::default());
        assert_eq!(may(&Access::of_team(&long), "team.review.findings", ">"), (false, false));
        let fits = "x".repeat(256 - "team..>".len());
        assert_ne!(Access::of_team(&fits), Access::default());
        assert_eq!(Access::of_team(&format!("{fits}x")), Access::default());
    }
}

//! A model that makes the same calls turn after turn and is told the same: it goes round in a
//! circle.
//!
//! Why is it told, and not stopped at once? Asking again may make sense, for a thing that takes its
//! time, and a model that knows that nothing has changed mostly finds another way. The one that
//! does not would use up its turns and its budget.

use runtime::llm::{Message, ToolCall};

/// Turns alike after which the model is told.
const ALIKE_MAX: u32 = 3;

/// What is said to it.
pub(super) const SAID: &str = "You have made the same calls three times and were told the same \
                               each time. Making them again will tell you nothing new: do \
                               something else, or answer with what you have.";

/// The latest turn, and how many like it came one after the other.
#[derive(Default)]
pub(super) struct Circle {
    asked: Vec<(String, String)>,
    heard: Vec<String>,
    alike: u32,
}

impl Circle {
    /// Whether these calls are those that it was told not to make again.
    pub(super) fn closes(&self, calls: &[ToolCall]) -> bool {
        self.alike >= ALIKE_MAX && self.asked == named(calls)
    }

    /// These calls gave these results; `true` when the model is to be told.
    pub(super) fn goes_on(&mut self, calls: &[ToolCall], results: &[Message]) -> bool {
        let asked = named(calls);
        let heard: Vec<String> = results.iter().map(|it| it.text().to_owned()).collect();
        let is_alike = self.alike > 0 && self.asked == asked && self.heard == heard;
        self.alike = if is_alike { self.alike + 1 } else { 1 };
        (self.asked, self.heard) = (asked, heard);
        self.alike == ALIKE_MAX
    }
}

/// Without the ids, which differ from turn to turn.
fn named(calls: &[ToolCall]) -> Vec<(String, String)> {
    calls.iter().map(|it| (it.name.clone(), it.arguments.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_and_told_alike_is_a_circle() {
        let call = |arguments: &str| {
            let (id, name) = (arguments.len().to_string(), "look".to_owned());
            vec![ToolCall { id, name, arguments: arguments.to_owned() }]
        };
        let told = |text: &str| vec![Message::User { text: text.to_owned() }];
        let mut circle = Circle::default();
        let rounds = ["a", "a", "b", "b", "b"].map(|it| circle.goes_on(&call("1"), &told(it)));
        assert_eq!(rounds, [false, false, false, false, true], "a changed answer is progress");
        assert!(circle.closes(&call("1")) && !circle.closes(&call("2")));
        assert!(!circle.goes_on(&call("2"), &told("b")));
        assert!(!circle.closes(&call("2")) && !circle.closes(&call("1")));
    }
}

//! What is said of a capability, for those who do not know it yet: a model that may ask for it.

use super::Contract;
use super::registry::{Agreed, Contracts, Way};
use kernel::{Text, Versions};
use std::sync::PoisonError;

impl Contracts {
    /// Of the newest version that will do, by whoever said it first.
    pub(crate) fn told(&self, asked: (&Text, &str, Versions)) -> Option<Contract> {
        let (_, agreed) = self.asked(asked).pop()?;
        Some(agreed.told())
    }
}

impl Agreed {
    fn told(&self) -> Contract {
        let first = |way| {
            let sides = self.sides(way).read().unwrap_or_else(PoisonError::into_inner);
            sides.first().map(|side| side.said.clone())
        };
        let about = self.about.read().unwrap_or_else(PoisonError::into_inner);
        let about = about.values().next().cloned();
        Contract { input: first(Way::In), output: first(Way::Out), about, of: None }
    }
}

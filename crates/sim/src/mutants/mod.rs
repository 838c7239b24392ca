//! Planted bugs: those of the kernel, and those of the runtime and the journal, which the world
//! itself commits. Each must be caught by a check; without any, all is green.

use crate::run::On;
use adapters::journal::log::mutant as log;
use kernel::mutant::Mutant;
use std::cell::Cell;

/// Bugs of the runtime and the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Effects are performed when they are decided, not when they are durable.
    EffectBeforeDurable,
    /// Answers are given when they are decided, not when they are durable.
    AnswerBeforeDurable,
    /// The journal takes appends of a writer that was taken over.
    OldEpochMayAppend,
    /// After a restart nobody performs what is outstanding.
    OutstandingForgotten,
    /// A process that ends in order leaves without handing its work back or waiting for it.
    DrainSkipsHandBack,
}

/// One bug, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// In the kernel.
    Kernel(Mutant),
    /// In the world around it.
    World(Planted),
    /// In the log journal; it shows on a disk only.
    Log(log::Mutant),
}

impl Bug {
    /// Every bug there is a switch for.
    pub fn all() -> impl Iterator<Item = Bug> {
        const WORLD: [Planted; 5] = [
            Planted::EffectBeforeDurable,
            Planted::AnswerBeforeDurable,
            Planted::OldEpochMayAppend,
            Planted::OutstandingForgotten,
            Planted::DrainSkipsHandBack,
        ];
        let log = [Bug::Log(log::Mutant::TornAcceptedWhole)];
        let kernel = Mutant::ALL.into_iter().map(Bug::Kernel);
        kernel.chain(WORLD.into_iter().map(Bug::World)).chain(log)
    }

    /// Where it can be seen.
    #[must_use]
    pub fn shows_on(self) -> On {
        match self {
            Bug::Kernel(_) | Bug::World(_) => On::Memory,
            Bug::Log(_) => On::Disk,
        }
    }

    /// Its name in words.
    #[must_use]
    pub fn name(self) -> String {
        let name = match self {
            Bug::Kernel(mutant) => format!("{mutant:?}"),
            Bug::World(planted) => format!("{planted:?}"),
            Bug::Log(mutant) => format!("{mutant:?}"),
        };
        let mut words = String::new();
        for letter in name.chars() {
            if letter.is_uppercase() && !words.is_empty() {
                words.push(' ');
            }
            words.extend(letter.to_lowercase());
        }
        words
    }
}

thread_local! {
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Plants one bug on this thread, or none.
pub fn plant(bug: Option<Bug>) {
    let (mut kernel, mut world, mut disk) = (None, None, None);
    match bug {
        Some(Bug::Kernel(mutant)) => kernel = Some(mutant),
        Some(Bug::World(planted)) => world = Some(planted),
        Some(Bug::Log(mutant)) => disk = Some(mutant),
        None => {}
    }
    kernel::mutant::plant(kernel);
    log::plant(disk);
    PLANTED.set(world);
}

/// Whether this bug is planted on this thread.
#[must_use]
pub fn planted(bug: Planted) -> bool {
    PLANTED.get() == Some(bug)
}

//! What the work of a task is: a short program that follows from its input alone, so that every
//! attempt runs the same one from its first line.

use crate::rng::Rng;
use kernel::{
    Budget, Class, Comparison, Constraint, Cost, Digest, Label, Labels, Payload, RetryPolicy,
    Submit, Terms, Text,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The capabilities of the simulated world.
pub(crate) const CAPABILITIES: [&str; 5] = ["add", "brew", "carve", "draw", "edit"];

/// What kind of work an input describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Works, then answers.
    Leaf,
    /// Delegates, sleeps, spends, performs side effects, waits.
    Flow,
    /// Fails every time in a way that may be retried.
    Poison,
    /// Fails in a way that is not worth a retry.
    Hopeless,
    /// Always delegates one deeper.
    Deeper,
    /// Asks its own question again.
    Looper,
    /// Asks for more and more.
    Asker,
    /// Spends until it is told to stop.
    Spender,
    /// Asks, and ends without waiting.
    Deserter,
    /// Fails twice, then answers.
    Flaky,
    /// Asks the same again and again.
    Stubborn,
}

const KINDS: [Kind; 11] = [
    Kind::Leaf,
    Kind::Flow,
    Kind::Poison,
    Kind::Hopeless,
    Kind::Deeper,
    Kind::Looper,
    Kind::Asker,
    Kind::Spender,
    Kind::Deserter,
    Kind::Flaky,
    Kind::Stubborn,
];

/// One line of a program.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// Works for so many milliseconds.
    Work(u64),
    /// Delegates.
    Ask(Text, Box<Submit>),
    /// A side effect; the flag says what to do when its fate is unknown: perform again, or fail.
    Once(Text, bool),
    /// A timer.
    Sleep(Text, u64),
    /// Costs something.
    Spend(Cost),
    /// Waits until everything asked so far is there.
    Join,
    /// Answers.
    Complete,
    /// Says what it would do the task on offer for.
    Bid,
    /// Fails: retryable, or not, or only in the first attempts.
    Fail {
        /// Whether another attempt may go better.
        retryable: bool,
        /// From this attempt on it answers instead.
        until_attempt: u32,
    },
}

/// An input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// What kind of work.
    pub kind: Kind,
    /// How deep in its tree.
    pub depth: u8,
    /// Whatever else it is made of.
    pub seed: u32,
}

impl Input {
    /// An input by the odds of the house, for a task at this depth.
    pub(crate) fn draw(rng: &mut Rng, depth: u8) -> Input {
        let kind = match rng.below(if depth < 4 { 21 } else { 8 }) {
            0..=4 => Kind::Leaf,
            5 => Kind::Poison,
            6 => Kind::Hopeless,
            7 => Kind::Flaky,
            8..=14 => Kind::Flow,
            15 => Kind::Deeper,
            16 => Kind::Looper,
            17 => Kind::Asker,
            18 => Kind::Spender,
            19 => Kind::Stubborn,
            _ => Kind::Deserter,
        };
        Input { kind, depth, seed: rng.below(1 << 20) as u32 }
    }

    /// As it travels: eight bytes, named by a digest.
    #[must_use]
    pub(crate) fn payload(self) -> Payload {
        let mut bytes = [0; 8];
        (bytes[0], bytes[1]) = (self.kind as u8, self.depth);
        bytes[4..].copy_from_slice(&self.seed.to_le_bytes());
        payload(&bytes)
    }

    /// Read back; anything strange is a leaf.
    #[must_use]
    pub(crate) fn of(payload: &Payload) -> Input {
        let bytes: [u8; 8] =
            payload.inline.as_deref().and_then(|it| it.try_into().ok()).unwrap_or_default();
        let kind = KINDS.get(bytes[0] as usize).copied().unwrap_or(Kind::Leaf);
        let seed = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        Input { kind, depth: bytes[1], seed }
    }

    /// What is done when a bid for such a task is asked.
    #[must_use]
    pub(crate) fn bidding(self) -> Vec<Op> {
        let mut rng = Rng::new(u64::from(self.seed), 0xB1D);
        let cost =
            Cost { money_micros: rng.below(2_000), tokens: rng.below(100), ..Cost::default() };
        vec![Op::Work(rng.between(1, 1_500)), Op::Spend(cost), Op::Bid]
    }

    /// The program of a task that was asked for under `capability`.
    #[must_use]
    pub(crate) fn program(self, capability: &str) -> Vec<Op> {
        let mut rng = Rng::new(u64::from(self.seed), 0xF10 + self.kind as u64);
        let mut program = vec![Op::Work(rng.between(1, 3_000))];
        let fail = |retryable, until_attempt| Op::Fail { retryable, until_attempt };
        match self.kind {
            Kind::Leaf => {}
            Kind::Flow => flow(&mut rng, self.depth, &mut program),
            Kind::Poison => program.push(fail(true, u32::MAX)),
            Kind::Hopeless => program.push(fail(false, u32::MAX)),
            Kind::Flaky => program.push(fail(true, 3)),
            Kind::Deeper => {
                let deeper = Input { depth: self.depth.saturating_add(1), ..self };
                program.push(Op::Ask("deeper".into(), Box::new(ask(&mut rng, deeper, None))));
                program.push(Op::Join);
            }
            Kind::Looper => {
                let mut same = ask(&mut rng, self, None);
                same.terms = Arc::new(Terms::new(capability));
                program.push(Op::Ask("again".into(), Box::new(same)));
                program.push(Op::Join);
            }
            Kind::Asker => {
                for at in 0..rng.between(5, 60) {
                    let child = Input { kind: Kind::Leaf, depth: self.depth + 1, seed: at as u32 };
                    let submit = ask(&mut rng, child, None);
                    program.push(Op::Ask(format!("more#{at}").into(), Box::new(submit)));
                }
                program.push(Op::Join);
            }
            Kind::Stubborn => {
                let leaf = Input { kind: Kind::Leaf, depth: self.depth + 1, seed: self.seed };
                let submit = Box::new(ask(&mut rng, leaf, None));
                for at in 0..12 {
                    program.push(Op::Ask(format!("again#{at}").into(), submit.clone()));
                    program.push(Op::Join);
                }
            }
            Kind::Spender => {
                let cost =
                    Cost { money_micros: 9_000, tokens: rng.between(1, 20_000), ..Cost::default() };
                program.extend(std::iter::repeat_n(Op::Spend(cost), 60));
            }
            Kind::Deserter => {
                flow(&mut rng, self.depth, &mut program);
                program.retain(|op| !matches!(op, Op::Join));
            }
        }
        program.push(Op::Complete);
        program
    }
}

/// A few steps of every sort.
fn flow(rng: &mut Rng, depth: u8, program: &mut Vec<Op>) {
    for at in 0..rng.between(1, 5) {
        let step: Text = format!("step#{at}").into();
        program.push(match rng.below(12) {
            0..=4 => {
                let child = Input::draw(rng, depth + 1);
                let budget = rng.chance(300).then(|| Budget {
                    money_micros: rng.chance(700).then(|| rng.below(400_000)),
                    tokens: rng.chance(300).then(|| rng.below(400_000)),
                    work_ms: rng.chance(300).then(|| rng.between(1_000, 90_000)),
                    tasks: rng.chance(500).then(|| rng.below(40)),
                    calls: None,
                });
                Op::Ask(step, Box::new(ask(rng, child, budget)))
            }
            5 | 6 => Op::Once(step, rng.chance(500)),
            7 => Op::Sleep(step, rng.between(1, 20_000)),
            8 => Op::Spend(Cost {
                money_micros: rng.below(60_000),
                tokens: rng.below(50_000),
                ..Cost::default()
            }),
            9 => Op::Work(rng.between(1, 5_000)),
            _ => Op::Join,
        });
    }
    program.push(Op::Join);
}

/// A child's terms: any capability, sometimes one that it may not have, sometimes fewer below it.
fn ask(rng: &mut Rng, input: Input, budget: Option<Budget>) -> Submit {
    let mut terms = Terms::new(capability(rng));
    terms.class = Class::ALL[rng.below(5) as usize];
    terms.retry = retry(rng);
    demand(rng, &mut terms);
    if rng.chance(200) {
        terms.may = Some(Arc::new(subset(rng)));
    }
    Submit {
        deadline_ms: rng.chance(100).then(|| rng.between(1_000, 60_000)),
        delay_ms: if rng.chance(100) { rng.below(10_000) } else { 0 },
        budget,
        affinity: rng.chance(400).then(|| affinity(rng)),
        ..Submit::new(terms, input.payload())
    }
}

/// One capability of the world.
pub(crate) fn capability(rng: &mut Rng) -> &'static str {
    CAPABILITIES[rng.below(CAPABILITIES.len() as u64) as usize]
}

/// One of a few affinity keys.
pub(crate) fn affinity(rng: &mut Rng) -> Text {
    format!("key-{}", rng.below(6)).into()
}

/// Some of the capabilities.
pub(crate) fn subset(rng: &mut Rng) -> BTreeSet<Text> {
    CAPABILITIES.iter().filter(|_| rng.chance(700)).map(|it| Text::from(*it)).collect()
}

/// The heaviest task of the world; its first agent can take it.
pub(crate) const WEIGHT_MAX: u32 = 3;

/// The most slots that an agent ever has.
pub(crate) const SLOTS_MAX: u32 = 5;

/// Labels that meet everything that anybody requires here.
pub(crate) fn all_labels() -> Labels {
    let labels = [("gpu", true.into()), ("region", "eu".into()), ("memory", Label::from(64))];
    labels.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

/// Some labels, of other values too.
pub(crate) fn labels(rng: &mut Rng) -> Labels {
    let mut labels = all_labels();
    labels.retain(|_, _| rng.chance(600));
    if rng.chance(300) {
        labels.insert("region".into(), "us".into());
    }
    if rng.chance(300) {
        labels.insert("memory".into(), (rng.below(64) as i64).into());
    }
    labels
}

/// What a task may require: the first agent meets each of these.
fn constraint(rng: &mut Rng) -> Arc<Constraint> {
    let gpu = Constraint::Has("gpu".into());
    let memory = rng.below(65) as i64;
    let large = Constraint::Is("memory".into(), Comparison::GreaterOrEqual, memory.into());
    let region = Constraint::In("region".into(), vec!["eu".into(), "uk".into()]);
    Arc::new(match rng.below(5) {
        0 => gpu,
        1 => large,
        2 => region,
        3 => Constraint::All(vec![gpu, region]),
        _ => Constraint::Not(Box::new(Constraint::Any(vec![
            Constraint::Has("absent".into()),
            Constraint::Is("region".into(), Comparison::Equal, "us".into()),
        ]))),
    })
}

/// Some tasks require labels, wish for some, take more than one slot, or may be put off.
pub(crate) fn demand(rng: &mut Rng, terms: &mut Terms) {
    if rng.chance(150) {
        terms.require = Some(constraint(rng));
    }
    if rng.chance(100) {
        terms.wish = Some(constraint(rng));
    }
    if rng.chance(150) {
        terms.weight = rng.between(2, WEIGHT_MAX.into()) as u32;
    }
    terms.preemptible = rng.chance(500);
}

/// Few attempts, short waits.
pub(crate) fn retry(rng: &mut Rng) -> RetryPolicy {
    let base_ms = [0, 50, 1_000][rng.below(3) as usize];
    RetryPolicy { attempts_max: rng.between(1, 5) as u32, base_ms, cap_ms: 20_000 }
}

/// Bytes with a name that follows from them.
#[must_use]
pub(crate) fn payload(bytes: &[u8]) -> Payload {
    let mut digest = [0; 32];
    let mut seed = bytes.len() as u64;
    for byte in bytes {
        seed = Rng::new(seed ^ u64::from(*byte), 1).next();
    }
    let mut rng = Rng::new(seed, 2);
    digest.chunks_exact_mut(8).for_each(|it| it.copy_from_slice(&rng.next().to_le_bytes()));
    Payload { digest: Digest(digest), len: bytes.len() as u32, inline: Some(Arc::from(bytes)) }
}

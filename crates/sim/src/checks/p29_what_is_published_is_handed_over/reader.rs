//! One durable name, by the journal alone: what it has in hand, has handled, or has lost.

use crate::oracle::Verdict;
use kernel::topic::{Ended, Runs, Subscriber, SubscriberTerms};
use kernel::{Time, Token};
use std::collections::{BTreeMap, BTreeSet};

/// One durable name.
pub(super) struct Reader {
    terms: SubscriberTerms,
    /// The widest window and the most deliveries that it ever had: what came back under wider terms
    /// comes again under narrower ones.
    widest: (u32, u32),
    /// The first that it was never given.
    fresh: u64,
    done: BTreeSet<u64>,
    hands: BTreeMap<Token, BTreeSet<u64>>,
    /// What came back: failed, lost, and when it comes again.
    back: BTreeMap<u64, Back>,
    dead: BTreeMap<u64, u32>,
    /// Handled, expired, dropped.
    counts: (u64, u64, u64),
}

#[derive(Clone, Copy, Default)]
struct Back {
    failed: u32,
    lost: u32,
    due: Time,
    /// It was dead, and is its own.
    own: bool,
}

impl Reader {
    pub(super) fn at(fresh: u64, terms: SubscriberTerms) -> Reader {
        Reader {
            terms,
            widest: (terms.window, terms.deliveries_max),
            fresh,
            done: BTreeSet::new(),
            hands: BTreeMap::new(),
            back: BTreeMap::new(),
            dead: BTreeMap::new(),
            counts: (0, 0, 0),
        }
    }

    pub(super) fn serve(&mut self, terms: SubscriberTerms) {
        let (window, deliveries_max) = self.widest;
        self.widest = (window.max(terms.window), deliveries_max.max(terms.deliveries_max));
        self.terms = terms;
    }

    pub(super) fn replay(&mut self, fresh: u64) {
        self.fresh = fresh;
        self.done.retain(|seq| *seq < fresh);
        self.dead.retain(|seq, _| *seq < fresh);
        self.hands.clear();
        self.back.clear();
    }

    fn in_hand(&self, seq: u64) -> bool {
        self.hands.values().any(|hand| hand.contains(&seq))
    }

    fn unsettled(&self) -> usize {
        let hands = self.hands.values().map(BTreeSet::len).sum::<usize>();
        hands + self.back.keys().filter(|seq| !self.in_hand(**seq)).count()
    }

    pub(super) fn delivered(
        &mut self,
        at: Time,
        token: Token,
        runs: &Runs,
        kept: &[u64],
    ) -> Verdict {
        let mut hand = BTreeSet::new();
        for seq in runs.each() {
            if self.done.contains(&seq) && !self.back.contains_key(&seq) {
                return Err(format!("{seq} is delivered again, and was over"));
            }
            if self.in_hand(seq) {
                return Err(format!("{seq} is in two deliveries"));
            }
            match self.back.get(&seq) {
                Some(back) if back.due > at => {
                    return Err(format!("{seq} comes again at {}, due {}", at.0, back.due.0));
                }
                Some(back) if back.failed >= self.widest.1 => {
                    return Err(format!("{seq} comes again after {} failures", back.failed));
                }
                Some(back) if back.own => {}
                Some(_) if !kept.contains(&seq) => {
                    return Err(format!("{seq} comes again, and is not kept"));
                }
                Some(_) => {}
                None => self.takes_fresh(seq, kept)?,
            }
            hand.insert(seq);
        }
        self.hands.insert(token, hand);
        // What was dead and is given another life stands beside the window.
        let own = self.back.values().filter(|it| it.own).count();
        if self.unsettled() > self.widest.0 as usize + own {
            return Err(format!("{} in a window of {}", self.unsettled(), self.widest.0));
        }
        Ok(())
    }

    /// New messages come in their order, and none that is kept is left out.
    fn takes_fresh(&mut self, seq: u64, kept: &[u64]) -> Verdict {
        let next = kept.iter().find(|it| **it >= self.fresh);
        if next != Some(&seq) {
            return Err(format!("{seq} is delivered, the next one is {next:?}"));
        }
        self.fresh = seq + 1;
        Ok(())
    }

    fn takes_back(&mut self, token: Token, seq: u64) -> Verdict {
        let hand = self.hands.get_mut(&token).ok_or(format!("delivery {token} is over"))?;
        if !hand.remove(&seq) {
            return Err(format!("{seq} is not in delivery {token}"));
        }
        if hand.is_empty() {
            self.hands.remove(&token);
        }
        Ok(())
    }

    pub(super) fn handled(&mut self, token: Token, runs: &Runs) -> Verdict {
        for seq in runs.each() {
            self.takes_back(token, seq)?;
            self.back.remove(&seq);
            self.done.insert(seq);
            self.counts.0 += 1;
        }
        Ok(())
    }

    /// How often it has come to nothing now.
    fn counted(&self, seq: u64, why: Ended) -> Back {
        let mut back = self.back.get(&seq).copied().unwrap_or_default();
        match why {
            Ended::Nacked | Ended::Silent => back.failed += 1,
            Ended::RuntimeEnded => back.lost += 1,
            Ended::LetGo => {}
        }
        back
    }

    pub(super) fn returned(
        &mut self,
        token: Token,
        runs: &Runs,
        due: Time,
        why: Ended,
        lost_max: u32,
    ) -> Verdict {
        for seq in runs.each() {
            self.takes_back(token, seq)?;
            let back = Back { due, ..self.counted(seq, why) };
            if back.failed >= self.terms.deliveries_max || back.lost >= lost_max {
                let Back { failed, lost, .. } = back;
                return Err(format!("{seq} comes again after {failed} failures, {lost} crashes"));
            }
            self.back.insert(seq, back);
        }
        Ok(())
    }

    pub(super) fn died(&mut self, token: Token, seq: u64, why: Ended, lost_max: u32) -> Verdict {
        self.takes_back(token, seq)?;
        let back = self.counted(seq, why);
        if back.failed < self.terms.deliveries_max && back.lost < lost_max {
            return Err(format!("{seq} died after {} of its deliveries", back.failed));
        }
        self.back.remove(&seq);
        self.done.insert(seq);
        self.dead.insert(seq, back.failed);
        Ok(())
    }

    pub(super) fn redelivered(&mut self, seq: u64) -> Verdict {
        self.dead.remove(&seq).ok_or(format!("{seq} lives again, and was not dead"))?;
        self.back.insert(seq, Back { own: true, ..Back::default() });
        Ok(())
    }

    pub(super) fn discarded(&mut self, seq: u64) -> Verdict {
        self.dead.remove(&seq).map(|_| ()).ok_or(format!("{seq} is forgotten, and was not dead"))
    }

    /// The topic keeps a message no more; whether this one missed it.
    pub(super) fn loses(&mut self, seq: u64, expired: bool) -> bool {
        let own = self.back.get(&seq).is_some_and(|it| it.own);
        let waits = seq >= self.fresh || self.back.contains_key(&seq) || self.in_hand(seq);
        if own || !waits {
            return false;
        }
        *(if expired { &mut self.counts.1 } else { &mut self.counts.2 }) += 1;
        self.back.remove(&seq);
        self.hands.values_mut().for_each(|hand| _ = hand.remove(&seq));
        self.hands.retain(|_, hand| !hand.is_empty());
        self.done.insert(seq);
        true
    }

    /// What is kept in memory is what the journal says.
    pub(super) fn agrees(&self, held: &Subscriber) -> Verdict {
        let counts = (held.handled, held.expired, held.dropped);
        if counts != self.counts {
            return Err(format!("counts {counts:?}, not {:?}", self.counts));
        }
        for (seq, failed) in &self.dead {
            let reasons = held.dead.get(seq).map(|it| it.reasons.len() as u32);
            if reasons != Some(*failed) {
                return Err(format!("dead letter {seq} has {reasons:?} reasons of {failed}"));
            }
        }
        if held.dead.len() != self.dead.len() {
            return Err(format!("{} dead letters, not {}", held.dead.len(), self.dead.len()));
        }
        Ok(())
    }

    /// Nothing is left that it should have got.
    pub(super) fn is_through(&self, mut kept: impl Iterator<Item = u64>) -> Verdict {
        if let Some((seq, _)) = self.back.first_key_value() {
            return Err(format!("{seq} came back, and never came again"));
        }
        if let Some((token, hand)) = self.hands.first_key_value() {
            return Err(format!("{hand:?} of delivery {token} are in hand for ever"));
        }
        match kept.find(|seq| *seq >= self.fresh) {
            Some(seq) => Err(format!("{seq} is kept, and was never handed over")),
            None => Ok(()),
        }
    }
}

//! One checker a promise, each with a model of its own, kept from what is seen from outside.

pub mod everybody_is_tried;
pub mod keys_stay;
pub mod p01_no_accepted_task_is_lost;
pub mod p02_receipt_only_after_sync;
pub mod p03_no_stale_completion;
pub mod p04_tokens_rise_for_ever;
pub mod p05_one_command_one_set_of_facts;
pub mod p06_side_effects_once_an_attempt;
pub mod p07_crash_anywhere_recover;
pub mod p10_everything_is_bounded;
pub mod p10_the_least_urgent_makes_room;
pub mod p11_heavy_tasks_have_their_turn;
pub mod p11_priority_without_starvation;
pub mod p11_urgent_work_takes_its_place;
pub mod p12_poison_hurts_only_itself;
pub mod p13_restart_storms_are_capped;
pub mod p14_retries_cannot_amplify;
pub mod p15_breakers_open_probe_close;
pub mod p16_time_and_leases;
pub mod p18_every_run_ends;
pub mod p18_nobody_asks_for_ever;
pub mod p18_nothing_beyond_a_ceiling;
pub mod p19_advice_is_data;
pub mod p25_counters_equal_events;
pub mod p27_one_writer;
pub mod p28_a_due_fires_once;
pub mod p29_what_is_published_is_handed_over;
pub mod records_outweigh_promises;
pub mod the_market_keeps_its_word;

use crate::oracle::{Act, Recorded, Stepped, Verdict};
use kernel::{Kernel, Limits};

/// A promise under watch. Each hook may find it broken.
pub trait Check {
    /// Its name: the promise's number and what it says.
    fn name(&self) -> &'static str;

    /// The kernel has decided something; it is not durable yet and may never be.
    fn step(&mut self, _: &Stepped<'_>) -> Verdict {
        Ok(())
    }

    /// An entry has become durable.
    fn entry(&mut self, _: &Recorded<'_>) -> Verdict {
        Ok(())
    }

    /// Something happened outside the kernel.
    fn act(&mut self, _: &Act<'_>) -> Verdict {
        Ok(())
    }

    /// All is quiet.
    fn end(&mut self, _: &Kernel) -> Verdict {
        Ok(())
    }
}

/// Every check that watches a world. P11's, P24's and P26's own scenes are apart.
#[must_use]
pub fn all(limits: &Limits) -> Vec<Box<dyn Check>> {
    vec![
        // First, for what a second writer or a clock that falls does breaks much else.
        Box::new(p27_one_writer::Epochs::default()),
        Box::new(p16_time_and_leases::Clocks::new(limits)),
        Box::new(p01_no_accepted_task_is_lost::Settlement::default()),
        Box::new(p02_receipt_only_after_sync::Order),
        Box::new(p03_no_stale_completion::Leases::default()),
        Box::new(p04_tokens_rise_for_ever::Tokens::default()),
        Box::new(p05_one_command_one_set_of_facts::Facts::default()),
        Box::new(p06_side_effects_once_an_attempt::SideEffects::default()),
        Box::new(p07_crash_anywhere_recover::Recovery::default()),
        Box::new(p10_everything_is_bounded::Bounds::new(limits)),
        Box::new(p10_the_least_urgent_makes_room::Shed::new(limits)),
        Box::new(p11_urgent_work_takes_its_place::Preemptions::new(limits)),
        Box::new(p12_poison_hurts_only_itself::Attempts::new(limits)),
        Box::new(p13_restart_storms_are_capped::Storms::default()),
        Box::new(p14_retries_cannot_amplify::Retries::new(limits)),
        Box::new(p15_breakers_open_probe_close::Breakers::default()),
        Box::new(p18_every_run_ends::Trees::new(limits)),
        Box::new(p18_nobody_asks_for_ever::Rows::new(limits)),
        Box::new(p18_nothing_beyond_a_ceiling::Days::new(limits)),
        Box::new(p19_advice_is_data::Advisers::default()),
        Box::new(keys_stay::Keys::default()),
        Box::new(the_market_keeps_its_word::Markets::new(limits)),
        Box::new(p25_counters_equal_events::Counters::default()),
        Box::new(p28_a_due_fires_once::Schedules::default()),
        Box::new(p29_what_is_published_is_handed_over::Topics::new(limits)),
    ]
}

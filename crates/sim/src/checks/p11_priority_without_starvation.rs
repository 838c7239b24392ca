//! P11: weighted shares under a flood. A scene of its own: one shape, one pool of agents, every
//! class and several tenants with more work than can be done.

use crate::flood::{Flood, TENANTS};
use crate::oracle::Verdict;
use crate::rng::Rng;
use kernel::Class;

/// The name of this check.
pub const NAME: &str = "p11_priority_without_starvation";

/// Grants in a window.
const WINDOW: usize = 1_000;

/// Floods a pool and looks at who is served.
pub fn scene(seed: u64) -> Verdict {
    let mut rng = Rng::new(seed, 11);
    let mut flood = Flood::of_seed(&mut rng);
    flood.work(&mut rng, 4_000);
    judge_classes(&flood)?;
    judge_tenants(&flood)
}

/// In every window each class gets 0.9 of its share.
fn judge_classes(flood: &Flood) -> Verdict {
    let grants: Vec<Class> = flood.grants().iter().skip(100).map(|grant| grant.class).collect();
    for (at, window) in grants.windows(WINDOW).enumerate().step_by(50) {
        for class in Class::ALL {
            let got = window.iter().filter(|it| **it == class).count() as f64;
            let share = f64::from(class.weight()) / 31.0 * WINDOW as f64;
            if got < 0.9 * share {
                let why = format!("{class:?} got {got} of {WINDOW} grants at {at}");
                return Err(format!("{why}; its share is {share:.0}"));
            }
        }
    }
    Ok(())
}

/// The tenants that do not flood each get their third, less 5 %.
fn judge_tenants(flood: &Flood) -> Verdict {
    let grants = || flood.grants().iter().skip(100);
    let all = grants().count() as f64;
    for tenant in TENANTS.into_iter().filter(|tenant| *tenant != flood.flooding()) {
        let got = grants().filter(|grant| grant.tenant == tenant).count() as f64;
        if got < 0.95 * all / 3.0 {
            return Err(format!("{tenant} got {got} of {all} grants beside a flood"));
        }
    }
    Ok(())
}

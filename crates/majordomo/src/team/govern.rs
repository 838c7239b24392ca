//! What holds for a team's work, as the kernel is told: the tables of a team file → policies.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    BreakerPolicy, CapabilityPolicy, Intensity, Policies, Policy, Quota, Restart, Strategy,
    Supervisor, Supervisors,
};

use super::assign::EVERYTHING;
use super::file::TeamFile;
use super::policy::{self, Breaker, Choice, Label, Patience, Routing};

/// The policies of a definition. `named` says under which name an agent of the file has joined.
pub(crate) fn policies(file: &TeamFile, named: &dyn Fn(&str) -> String) -> Policies {
    let limits = &file.limits;
    let apart = file.breaker.capability.keys();
    let names: BTreeSet<&String> = file
        .routing
        .keys()
        .filter(|it| *it != EVERYTHING)
        .chain(limits.capability.keys())
        .chain(apart)
        .collect();
    let capability = |name: &String| CapabilityPolicy {
        quota: limits.capability.get(name).map(quota).unwrap_or_default(),
        breaker: file.breaker.capability.get(name).map(|own| breaker(&[&file.breaker.all, own])),
        routing: file.routing.get(name).map(routing).unwrap_or_default(),
    };
    let tenants = limits.tenant.iter().map(|(name, it)| (name.as_str().into(), quota(it)));
    let capabilities = names.into_iter().map(|name| (name.as_str().into(), capability(name)));
    Policies {
        capabilities: capabilities.collect::<BTreeMap<_, _>>(),
        tenants: tenants.collect(),
        ceilings: file.ceilings.told(),
        breaker: breaker(&[&file.breaker.all]),
        supervisors: supervisors(&file.supervisors, named),
        preempt: file.policy.preempt.iter().map(|it| (*it).into()).collect(),
        shed: file.policy.shed.map(Into::into),
    }
}

fn quota(said: &policy::Quota) -> Quota {
    Quota { queued_max: said.queued, working_max: said.working }
}

fn routing(said: &Routing) -> Policy {
    match &said.0 {
        Choice::LeastLoaded => Policy::LeastLoaded,
        Choice::PowerOfTwo => Policy::PowerOfTwo,
        Choice::BestRecord { explore_percent } => {
            Policy::BestRecord { explore_percent: *explore_percent }
        }
        Choice::Sticky { wait } => Policy::Sticky { wait_ms: wait.as_ms() },
        Choice::External { wait } => Policy::External { wait_ms: wait.as_ms() },
        Choice::Llm { deadline, .. } => Policy::External { wait_ms: deadline.as_ms() },
        Choice::Auction { bids, bidders_max, price_percent } => {
            let (bidders_max, price_percent) = (*bidders_max, *price_percent);
            Policy::Auction { bids_ms: bids.as_ms(), bidders_max, price_percent }
        }
    }
}

/// Later settings go before earlier ones, and both before the usual.
fn breaker(settings: &[&Breaker]) -> BreakerPolicy {
    let mut policy = BreakerPolicy::default();
    for said in settings {
        policy = BreakerPolicy {
            on: said.on.unwrap_or(policy.on),
            window: said.window.unwrap_or(policy.window),
            minimum: said.minimum.unwrap_or(policy.minimum),
            failed_percent: said.failed_percent.unwrap_or(policy.failed_percent),
            slow_ms: said.slow.map_or(policy.slow_ms, |it| it.as_ms()),
            slow_percent: said.slow_percent.unwrap_or(policy.slow_percent),
            open_ms: said.open.map_or(policy.open_ms, |it| it.as_ms()),
            open_max_ms: said.open_max.map_or(policy.open_max_ms, |it| it.as_ms()),
            probes: said.probes.unwrap_or(policy.probes),
        };
    }
    policy
}

fn supervisors(said: &policy::Supervisors, named: &dyn Fn(&str) -> String) -> Supervisors {
    let usual = Supervisors::default();
    let patience = |said: Option<Patience>, usual| {
        said.map_or(usual, |it| intensity(it.intensity, it.period.as_ms()))
    };
    let child = |name: &String| match said.named.contains_key(name) {
        true => name.as_str().into(),
        false => named(name).into(),
    };
    let supervisor = |(name, it): (&String, &policy::Supervisor)| Supervisor {
        name: name.as_str().into(),
        strategy: match it.strategy {
            policy::Strategy::OneForOne => Strategy::OneForOne,
            policy::Strategy::OneForAll => Strategy::OneForAll,
            policy::Strategy::RestForOne => Strategy::RestForOne,
        },
        intensity: intensity(it.intensity, it.period.as_ms()),
        restart: it.restart.into(),
        children: it.children.iter().map(child).collect(),
    };
    Supervisors {
        named: said.named.iter().map(supervisor).collect(),
        agent: patience(said.agent, usual.agent),
        root: patience(said.root, usual.root),
    }
}

fn intensity(restarts: u32, period_ms: u64) -> Intensity {
    Intensity { restarts, period_ms }
}

impl From<policy::Restart> for Restart {
    fn from(said: policy::Restart) -> Restart {
        match said {
            policy::Restart::Permanent => Restart::Permanent,
            policy::Restart::Transient => Restart::Transient,
            policy::Restart::Temporary => Restart::Temporary,
        }
    }
}

impl From<policy::Class> for kernel::Class {
    fn from(said: policy::Class) -> kernel::Class {
        match said {
            policy::Class::Critical => kernel::Class::Critical,
            policy::Class::High => kernel::Class::High,
            policy::Class::Normal => kernel::Class::Normal,
            policy::Class::Low => kernel::Class::Low,
            policy::Class::Background => kernel::Class::Background,
        }
    }
}

impl From<&Label> for kernel::Label {
    fn from(said: &Label) -> kernel::Label {
        match said {
            Label::Flag(flag) => kernel::Label::Flag(*flag),
            Label::Integer(number) => kernel::Label::Integer(*number),
            Label::Text(text) => kernel::Label::Text(text.as_str().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::team::{check::Anywhere, read};
    use kernel::Part;

    const TEAM: &str = r#"
        [agents]
        a = { kind = "command", argv = ["a"], serves = ["x"] }
        b = { kind = "command", argv = ["b"], serves = ["y"] }
        [supervisors]
        agent = { intensity = 2, period = "10s" }
        top = { children = ["pair"], intensity = 1, period = "1m", restart = "transient" }
        pair = { children = ["b", "a"], strategy = "rest_for_one" }
        [breaker]
        minimum = 4
        [breaker.capability.x]
        slow = "2s"
        [routing]
        x = "power_of_two"
        y = { policy = "sticky", wait = "2s" }
        [policy]
        preempt = ["critical", "high"]
        shed = "normal"
        [limits.capability.x]
        queued = 9
        [limits.tenant.acme]
        working = 1
        [ceilings]
        day = { money_usd = 2.5 }
        tenant_day = { calls = 9 }
        [ceilings.tenants.acme]
        day = { tokens = 7 }
    "#;

    #[test]
    fn every_table_says_to_the_kernel_what_it_says_to_people() {
        let file = read("t.toml", TEAM, &Anywhere);
        let said = file.render(false);
        let file = file.definition.unwrap_or_else(|| panic!("{said}"));
        let policies = policies(&file, &|name| format!("{name}@here"));

        let x = &policies.capabilities["x"];
        assert_eq!((x.quota.queued_max, x.quota.working_max), (Some(9), None));
        assert_eq!(x.routing, Policy::PowerOfTwo);
        let own = x.breaker.as_ref().unwrap();
        assert_eq!(
            (own.minimum, own.slow_ms, own.window),
            (4, 2_000, 20),
            "the team's, then its own"
        );
        assert_eq!((policies.breaker.minimum, policies.breaker.slow_ms), (4, 0));
        let y = &policies.capabilities["y"];
        assert_eq!((y.routing, &y.breaker), (Policy::Sticky { wait_ms: 2_000 }, &None));
        assert_eq!(policies.preempt, [kernel::Class::Critical, kernel::Class::High].into());
        assert_eq!(policies.shed, Some(kernel::Class::Normal));
        assert_eq!(policies.tenants["acme"].working_max, Some(1));
        let (ceilings, acme) = (&policies.ceilings, "acme".into());
        assert_eq!(ceilings.day.money_micros, Some(2_500_000));
        let of_acme = |part| ceilings.of_tenant(&acme, part);
        assert_eq!((of_acme(Part::Tokens), of_acme(Part::Calls)), (Some(7), Some(9)));

        let tree = &policies.supervisors;
        assert_eq!(tree.agent, Intensity { restarts: 2, period_ms: 10_000 });
        assert_eq!(tree.root, Intensity::GROUP);
        let pair = tree.named("pair").unwrap();
        assert_eq!((pair.strategy, pair.intensity), (Strategy::RestForOne, Intensity::GROUP));
        assert_eq!(pair.children, ["b@here".into(), "a@here".into()], "in the order of the file");
        let top = tree.named("top").unwrap();
        assert_eq!((top.restart, &top.children), (Restart::Transient, &vec!["pair".into()]));
    }

    #[test]
    fn a_file_that_says_nothing_leaves_everything_as_it_is() {
        let (agents, _) = TEAM.split_once("[supervisors]").unwrap();
        let file = read("t.toml", agents, &Anywhere).definition.unwrap();
        assert_eq!(policies(&file, &str::to_owned), Policies::default());
    }
}

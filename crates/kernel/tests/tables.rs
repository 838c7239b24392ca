//! The fair queue and the faults by their tables; other tables are read where their functions are.

use majordomo_kernel::{Class, FailureKind, FairQueue, TaskId, Text, Time};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use std::collections::BTreeMap;

#[test]
fn the_fair_queue_grants_in_the_order_of_its_table() {
    let table = include_str!("tables/fair_queue.txt");
    let mut grants = 0;
    for case in table.split("\n\n") {
        grants += run(case);
    }
    assert_eq!(grants, 37, "every case was run");
}

#[test]
fn whose_fault_a_failure_is_stands_in_its_table() {
    let mut kinds = Vec::new();
    let table = include_str!("tables/faults.txt");
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [name, again, whose] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let word: StrDeserializer<'_, Error> = name.into_deserializer();
        let kind = FailureKind::deserialize(word).expect("a kind of failure");
        assert_eq!(kind.is_retryable(), again == "yes", "{name}");
        assert_eq!(kind.is_agents_fault(), whose == "agent", "{name}");
        kinds.push(kind);
    }
    kinds.sort_unstable();
    assert_eq!(kinds.len(), FailureKind::Lost as usize + 1, "every kind stands in the table");
    kinds.dedup();
    assert_eq!(kinds.len(), FailureKind::Lost as usize + 1, "and none stands there twice");
}

/// Runs one case; gives how many grants it compared.
fn run(case: &str) -> usize {
    let mut queue = FairQueue::default();
    let mut waiting = BTreeMap::new();
    let lines = case.lines().filter(|line| !line.starts_with('#'));
    let mut grants = 0;
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["wait", class, tenant, deadline, task] => {
                let class = class_named(class);
                let deadline = deadline.parse().map_or(Time::NEVER, Time);
                let task = TaskId(task.parse().expect("a number"));
                queue.insert(class, &tenant.into(), deadline, task);
                waiting.insert(task, (Text::from(tenant), deadline));
            }
            ["next", ref expected @ ..] => {
                let granted: Vec<String> =
                    expected.iter().map(|_| grant(&mut queue, &waiting)).collect();
                assert_eq!(granted, expected, "{case}");
                grants += granted.len();
            }
            _ => panic!("{line}"),
        }
    }
    grants
}

fn grant(queue: &mut FairQueue, waiting: &BTreeMap<TaskId, (Text, Time)>) -> String {
    let (class, task) = queue.next().expect("somebody waits");
    let (tenant, deadline) = &waiting[&task];
    queue.granted(class, tenant);
    assert!(queue.remove(class, tenant, *deadline, task));
    task.to_string()
}

fn class_named(name: &str) -> Class {
    let named = |class: &Class| format!("{class:?}").to_lowercase() == name;
    Class::ALL.into_iter().find(named).expect("one of the five")
}

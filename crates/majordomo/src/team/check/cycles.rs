//! Cycles: steps that wait for each other would wait for ever → each circle once, with every link
//! of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::expressions::Waits;
use super::{Code, Problem, Problems, Team};

pub(super) fn check(team: &Team<'_>, waits: &Waits<'_>, problems: &mut Problems) {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (step, needed) in waits.keys() {
        next.entry(step).or_default().push(needed);
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for step in stuck(team, waits) {
        if told.contains(step) || problems.are_enough() {
            continue;
        }
        let Some(circle) = shortest_circle(step, &next) else { continue };
        told.extend(&circle);
        problems.push(problem(&circle, waits));
    }
}

/// The steps that are never ready when each waits for all it needs: those on a circle, and those
/// that wait for one. Everything else is peeled off in the order it could run.
fn stuck<'a>(team: &Team<'a>, waits: &Waits<'a>) -> Vec<&'a str> {
    let mut missing: BTreeMap<&str, usize> = team.steps.keys().map(|step| (*step, 0)).collect();
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (step, needed) in waits.keys() {
        *missing.entry(step).or_default() += 1;
        dependents.entry(needed).or_default().push(step);
    }
    let mut ready: VecDeque<&str> =
        missing.iter().filter(|(_, count)| **count == 0).map(|(step, _)| *step).collect();
    while let Some(step) = ready.pop_front() {
        missing.remove(step);
        for dependent in dependents.get(step).into_iter().flatten() {
            let Some(count) = missing.get_mut(dependent) else { continue };
            *count -= 1;
            if *count == 0 {
                ready.push_back(dependent);
            }
        }
    }
    missing.into_keys().collect()
}

/// The shortest way from `start` back to itself, `start` first; `None` if it only waits for a
/// circle.
fn shortest_circle<'a>(
    start: &'a str,
    next: &BTreeMap<&'a str, Vec<&'a str>>,
) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(step) = queue.pop_front() {
        for needed in next.get(step).into_iter().flatten().copied() {
            if needed == start {
                let mut circle = vec![step];
                while let Some(before) = came_from.get(circle[circle.len() - 1]) {
                    circle.push(before);
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(needed) {
                came_from.insert(needed, step);
                queue.push_back(needed);
            }
        }
    }
    None
}

fn problem(circle: &[&str], waits: &Waits<'_>) -> Problem {
    let link = |index: usize| (circle[index], circle[(index + 1) % circle.len()]);
    let at = |index: usize| waits.get(&link(index)).cloned().unwrap_or_default();
    if let [alone] = circle {
        let message = format!("step `{alone}` waits for itself");
        return Problem::error(Code::Cycle, at(0), message)
            .help("a step cannot see its own output");
    }
    let shown = if circle.len() > 10 { &circle[..10] } else { circle };
    let more = if circle.len() > 10 { " → …" } else { "" };
    let way = shown.join(" → ");
    let message = format!("steps wait for each other: {way}{more} → {}", circle[0]);
    let label = |index: usize| format!("`{}` waits for `{}`", link(index).0, link(index).1);
    let mut problem = Problem::error(Code::Cycle, at(0), message).label(label(0));
    for index in 1..shown.len() {
        problem = problem.also(at(index), label(index));
    }
    problem.help("take one of these links away")
}

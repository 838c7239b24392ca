//! `cargo xtask bench`: speeds and sizes, in release, beside the least that must be done.

use std::process::ExitCode;

use anyhow::Result;

use crate::invoke::Line;
use crate::sim::passed;
use crate::{Verb, review};

/// The measurements start the binary that users get, found beside them.
const BUILD: &str = "cargo build --quiet --release --locked -p majordomo -p majordomo-bench";
const PROGRAM: &str = "cargo run --quiet --release --locked -p majordomo-bench --";
/// The bus beside its peers: a workspace of its own, so that nobody else waits for them.
const PEERS: &str = "cargo run --quiet --release --locked --manifest-path benches/peers/Cargo.toml \
                     --target-dir target/peers --";

/// The verb.
pub(crate) const VERB: Verb = Verb {
    name: "bench",
    about: "Measure speeds and sizes beside a spike of the least possible; --json for programs",
    help: "\
Usage: cargo xtask bench [--json] [SECTION...]

Builds in release and measures, each section in a process of its own:
  durable   tasks/s, p50, p99, processor time at 1, 64, 512 in flight, beside the spike
  workflow  durable runs of three steps: children asked for, side effects recorded
  memory    lives without a disk, beside tokio's JoinSet
  restart   from a panic to the next attempt, back-off apart
  cancel    from a root's cancellation to the end of the last process below it
  deadline  how long after its deadline a task has ended
  classes   how long each class waits when ten times too much is offered
  recovery  a start after a million tasks: from the log, from a snapshot
  kernel    what a life costs by queue, agents and capabilities; bytes of a task, of an agent
  fleet     100 000 and a million idle agents: how fast they come, what each takes of memory
  bus       tell, ask, fan-out to a thousand, envelopes, beside tokio's channels; alone,
            `bench bus`, with restart and fleet and beside ractor, kameo and actix, which are
            fetched and built for it
  llm       agents that are models beside the bare HTTP client: one call, 64 agents, memory
  review    alone, `bench review`: the code review of 3,600 real files, from outside
  process   how long the binary takes to start, and what it holds while idle

Sides are measured in turn and the median round is told, because the machine may be busy. Needs
about 1 GiB in the current directory for as long as it runs. What the figures should be stands in
docs/PERFORMANCE.md.
",
    run,
};

fn run(arguments: &[String]) -> Result<ExitCode> {
    let sections: Vec<_> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    if sections == ["bus"] {
        let flags: Vec<String> = arguments.iter().filter(|it| *it != "bus").cloned().collect();
        return Line::new(PEERS).with(passed(&flags)).hand_over();
    }
    if sections == ["review"] {
        return review::run(arguments.iter().any(|word| word == "--json"));
    }
    let built = Line::new(BUILD).hand_over()?;
    if built != ExitCode::SUCCESS {
        return Ok(built);
    }
    Line::new(PROGRAM).with(passed(arguments)).hand_over()
}

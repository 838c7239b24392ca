//! Fifty agents, and a model that takes sixty calls a minute: what becomes of them?
//!
//! `cargo xtask storm` runs it. Time is driven, so that an hour of waiting takes a moment. The
//! model counts calls over a minute that slides; what is too much it refuses, with the time after
//! which to come back, as servers do.

#![allow(clippy::unwrap_used)] // A program for measuring.

use majordomo::kernel::{Event, Terms};
use majordomo::llm::{LlmAgent, Spec};
use majordomo::models::rate::{Governor, Rate};
use majordomo::runtime::llm::{Error, Reply, Request, Usage};
use majordomo::runtime::port::{BoxFuture, Llm};
use majordomo::testing::Disk;
use majordomo::{Context, JsonSchemas, Result, SubmitOptions, capability};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const AGENTS: usize = 50;
const TASKS: usize = 300;
const PER_MINUTE: usize = 60;
/// How long an answer takes.
const WORK: Duration = Duration::from_secs(3);
const MINUTE: Duration = Duration::from_secs(60);

/// What is known of the model's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Told,
    Nothing,
    /// Nobody waits for anybody: each agent asks when it likes.
    NoGovernor,
}

/// What it came to.
#[derive(Debug)]
struct Outcome {
    done: usize,
    dead: usize,
    calls: usize,
    refused: usize,
    took: Duration,
}

impl Outcome {
    fn done_percent(&self) -> usize {
        self.done * 100 / TASKS
    }

    fn wasted_percent(&self) -> f64 {
        self.refused as f64 * 100.0 / self.calls.max(1) as f64
    }

    fn is_good(&self) -> bool {
        self.done == TASKS && self.dead == 0 && self.wasted_percent() < 5.0
    }

    fn told(&self) -> String {
        format!(
            "done {} % · wasted {:.1} % ({} of {} calls) · dead {} · {} s, of {} s at best",
            self.done_percent(),
            self.wasted_percent(),
            self.refused,
            self.calls,
            self.dead,
            self.took.as_secs(),
            at_best().as_secs()
        )
    }
}

/// As fast as the model takes calls, if each were made at the moment at which it has room for it.
fn at_best() -> Duration {
    let full = TASKS.div_ceil(PER_MINUTE) - 1;
    let rounds = TASKS - full * PER_MINUTE;
    MINUTE * u32::try_from(full).unwrap() + WORK * u32::try_from(rounds.div_ceil(AGENTS)).unwrap()
}

/// A model that takes so many calls a minute.
#[derive(Default)]
struct Busy {
    taken: Mutex<Vec<Instant>>,
    refused: Mutex<usize>,
}

impl Busy {
    /// Takes a call, or says after how long there is room for one.
    fn take(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut taken = self.taken.lock().expect("nobody panics here");
        let lately: Vec<Instant> = taken.iter().copied().filter(|at| *at + MINUTE > now).collect();
        match lately.first() {
            Some(oldest) if lately.len() >= PER_MINUTE => {
                *self.refused.lock().expect("nobody panics here") += 1;
                Err(*oldest + MINUTE - now)
            }
            Some(_) | None => {
                taken.push(now);
                Ok(())
            }
        }
    }
}

impl Llm for Busy {
    fn complete(&self, request: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        let taken = self.take();
        Box::pin(async move {
            match taken {
                Ok(()) => {
                    tokio::time::sleep(WORK).await;
                    let usage = Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() };
                    Ok(Reply { text: "done".into(), usage, ..Reply::default() })
                }
                Err(after) => Err(Error::RateLimited {
                    model: request.model.clone(),
                    said: "too many requests".into(),
                    // Whole seconds, as in the header.
                    retry_after_ms: Some(after.as_secs() * 1_000 + 1_000),
                }),
            }
        })
    }
}

#[capability("storm@1")]
async fn storm(cx: Context, tasks: usize) -> Result<usize> {
    let ask = |cx: Context, _| async move {
        Ok(usize::from(cx.ask_value("answer", json!("?")).await.is_ok()))
    };
    Ok(cx.map(0..tasks, usize::to_string, tasks, ask).await?.into_iter().sum())
}

async fn run(known: Known) -> Outcome {
    let (disk, model, shared) = (Disk::new(), Arc::new(Busy::default()), Governor::default());
    if known == Known::Told {
        let requests_per_minute = Some(PER_MINUTE as u64);
        shared.set("scripted/model", Rate { requests_per_minute, ..Rate::default() });
    }
    let mut team = disk.team().with(storm);
    for number in 0..AGENTS {
        let spec = Spec::new(&format!("agent-{number}"), "scripted/model", "Answer.");
        let agent = LlmAgent::new(spec, model.clone(), &JsonSchemas).expect("it has no schema");
        let agent = match known {
            Known::Told | Known::Nothing => agent.governed(&shared),
            Known::NoGovernor => agent.ungoverned(),
        };
        team = team.agent(agent.joins(&["answer"], 1));
    }
    let team = team.start().await.expect("nothing stands in the way");
    let begun = Instant::now();
    let input = TASKS.to_string().into_bytes();
    let ticket = team.submit(Terms::new("storm"), input, SubmitOptions::default()).await;
    let done = ticket.expect("there is room").typed::<Value>().await.expect("it counts failures");
    let took = begun.elapsed();
    let died = |event: &Event| matches!(event, Event::TaskDied { .. });
    let dead = disk.record().entries().iter().filter(|it| died(&it.event)).count();
    let refused = *model.refused.lock().expect("nobody panics here");
    let calls = model.taken.lock().expect("nobody panics here").len() + refused;
    let done = usize::try_from(done.as_u64().unwrap_or_default()).unwrap_or_default();
    Outcome { done, dead, calls, refused, took }
}

fn driven(known: Known) -> Outcome {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().expect("a runtime can be had");
    runtime.block_on(run(known))
}

fn main() -> ExitCode {
    let (told, learned, bare) =
        (driven(Known::Told), driven(Known::Nothing), driven(Known::NoGovernor));
    println!("without the governor:   {}", bare.told());
    println!("the rate is learned:    {}", learned.told());
    println!("{}", told.told());
    match told.is_good() && learned.is_good() && !bare.is_good() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

#[test]
fn nobody_is_refused_who_could_have_waited() {
    let told = driven(Known::Told);
    assert!(told.is_good(), "{}", told.told());
    assert_eq!(told.refused, 0, "{}", told.told());
    let learned = driven(Known::Nothing);
    assert!(learned.is_good(), "{}", learned.told());
    let slow = [&told, &learned].map(|it| it.took.as_secs() * 100 / at_best().as_secs());
    assert!(slow.iter().all(|percent| *percent <= 135), "{slow:?} % of the best");
    let bare = driven(Known::NoGovernor);
    assert!(!bare.is_good(), "the storm is one: {}", bare.told());
}

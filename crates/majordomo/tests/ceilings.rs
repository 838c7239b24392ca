//! Ceilings of the day over many runs, their children and tenants, and over restarts.
#![cfg(feature = "llm")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use adapters::schema::JsonSchemas;
use majordomo::kernel::{Ceiling, Ceilings, Event, FailureKind, Policies, Terms};
use majordomo::llm::{LlmAgent, Spec};
use majordomo::models::price::Price;
use majordomo::testing::Disk;
use majordomo::{Context, Failure, Result, SubmitOptions, Team, capability};
use runtime::llm::{Error, Reply, Request, Usage};
use runtime::port::{BoxFuture, Calendar, Llm};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Of a call: with the price below, 60 millionths of a dollar.
const TOKENS: Usage =
    Usage { input_tokens: 40, output_tokens: 20, cached_tokens: 0, is_estimated: false };

const NOON_MS: u64 = 20_000 * 86_400_000 + 43_200_000;

/// A wall clock that goes with driven time, from noon of some day on.
struct Wall(Instant);

impl Calendar for Wall {
    fn wall_ms(&self) -> u64 {
        NOON_MS + self.0.elapsed().as_millis() as u64
    }

    fn next(&self, _: &str, _: &str, _: u64) -> Result<u64, String> {
        Err("nothing is due here".to_owned())
    }
}

/// A model that takes two seconds, and counts how often it is asked.
#[derive(Default)]
struct Slow(AtomicU64);

impl Llm for Slow {
    fn complete(&self, _: Arc<Request>) -> BoxFuture<'static, Result<Reply, Error>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(Reply { text: "done".into(), usage: TOKENS, ..Reply::default() })
        })
    }
}

#[capability("fan@1")]
async fn fan(cx: Context, tasks: usize) -> Result<usize> {
    let ask =
        |cx: Context, at: usize| async move { Ok(cx.ask_value("solve", json!(at)).await.is_ok()) };
    let solved: Vec<bool> = cx.map(0..tasks, usize::to_string, tasks, ask).await?;
    Ok(solved.into_iter().filter(|it| *it).count())
}

struct Scene {
    disk: Disk,
    model: Arc<Slow>,
    begun: Instant,
}

impl Scene {
    fn new() -> Scene {
        Scene { disk: Disk::new(), model: Arc::default(), begun: Instant::now() }
    }

    async fn team(&self, ceilings: Ceilings) -> Team {
        let dollar = Price { input_micros: 1_000_000, output_micros: 1_000_000, cached_micros: 0 };
        let spec = Spec::new("solver", "scripted/model", "You solve.").price(dollar);
        let agent = LlmAgent::new(spec, self.model.clone(), &JsonSchemas).unwrap();
        let team = self.disk.team().with(fan).agent(agent.joins(&["solve"], 64));
        let team = team.calendar(Arc::new(Wall(self.begun)));
        team.policies(Policies { ceilings, ..Policies::default() }).start().await.unwrap()
    }

    fn calls(&self) -> u64 {
        self.model.0.load(Ordering::Relaxed)
    }

    /// What is in the journal of a part, for a tenant, in millionths and calls.
    fn spent(&self) -> (u64, u64) {
        let entries = self.disk.record().entries();
        let spent = entries.iter().filter_map(|it| match &it.event {
            Event::Spent { cost, .. } => Some((cost.money_micros, cost.calls)),
            _ => None,
        });
        spent.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    }
}

async fn fanned(team: &Team, tenant: &str, tasks: usize) -> usize {
    let terms = Terms { tenant: tenant.into(), ..Terms::new("fan") };
    let input = tasks.to_string().into_bytes();
    let ticket = team.submit(terms, input, SubmitOptions::default()).await.unwrap();
    ticket.typed::<usize>().await.unwrap()
}

async fn solved(team: &Team, tenant: &str) -> Result<Value, Failure> {
    let terms = Terms { tenant: tenant.into(), ..Terms::new("solve") };
    team.submit(terms, b"1".to_vec(), SubmitOptions::default()).await?.outcome().await
}

fn money(micros: u64) -> Ceiling {
    Ceiling { money_micros: Some(micros), ..Ceiling::default() }
}

#[tokio::test(start_paused = true)]
async fn sixty_four_at_once_spend_a_ceiling_and_one_call_at_most() {
    let scene = Scene::new();
    let ceilings = Ceilings { tenant_day: money(500), ..Ceilings::default() };
    let team = scene.team(ceilings).await;
    let (acme, other) = tokio::join!(fanned(&team, "acme", 32), fanned(&team, "other", 32));
    // 480 are below 500, so a ninth call begins; the most that it can cost is not known before.
    assert_eq!((acme, other, scene.calls()), (9, 9, 18));
    assert_eq!(scene.spent(), (18 * 60, 18));
    let failure = solved(&team, "acme").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::OverBudget);
    let said = "the tenant acme has spent 0.00054 of its 0.0005 USD today; it goes on at 00:00 \
                UTC, or raise `money_usd` in `tenant_day` of [ceilings]";
    assert!(failure.message.contains(said), "{failure}");
    assert!(solved(&team, "third").await.is_ok(), "whoever has spent nothing may");
    scene.disk.record().assert_settled();
}

#[tokio::test(start_paused = true)]
async fn a_killed_team_goes_on_with_what_is_left_and_tomorrow_is_another_day() {
    let scene = Scene::new();
    let calls = Ceiling { calls: Some(10), ..Ceiling::default() };
    let ceilings = || Ceilings { day: calls, ..Ceilings::default() };
    let team = scene.team(ceilings()).await;
    assert_eq!(fanned(&team, "acme", 6).await, 6);
    scene.disk.kill(team);
    let team = scene.team(ceilings()).await;
    assert_eq!(fanned(&team, "other", 6).await, 4, "calls are counted to the last one");
    scene.disk.kill(team);
    let team = scene.team(ceilings()).await;
    let failure = solved(&team, "acme").await.unwrap_err();
    assert!(failure.message.contains("the team has made 10 of its 10 calls"), "{failure}");
    tokio::time::sleep(Duration::from_secs(11 * 3_600)).await;
    assert!(solved(&team, "acme").await.is_err(), "eleven at night");
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(fanned(&team, "acme", 12).await, 10);
    assert_eq!(scene.calls(), 20);
    // Raised while the team is at work, it goes on at once.
    let calls = Ceiling { calls: Some(12), ..Ceiling::default() };
    let ceilings = Ceilings { day: calls, ..Ceilings::default() };
    team.configure(Policies { ceilings, ..Policies::default() }).await.unwrap();
    assert_eq!(fanned(&team, "acme", 5).await, 2);
    scene.disk.record().assert_settled();
}

#[tokio::test(start_paused = true)]
async fn a_run_makes_the_calls_that_it_may_and_no_more() {
    let scene = Scene::new();
    let team = scene.team(Ceilings::default()).await;
    let budget = kernel::Budget { calls: Some(3), ..kernel::Budget::default() };
    let options = SubmitOptions { budget: Some(budget), ..SubmitOptions::default() };
    let ticket = team.submit(Terms::new("fan"), b"8".to_vec(), options).await.unwrap();
    assert_eq!(ticket.typed::<usize>().await.unwrap(), 3);
    assert_eq!(scene.calls(), 3);
}

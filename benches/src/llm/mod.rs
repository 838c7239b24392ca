//! Agents that are models, beside the bare HTTP client: what a call costs beyond it, and how many
//! calls there are where the server answers at once, and where it takes 50 ms.
//!
//! Both sides talk to the same server, one after the other within seconds, over the same client
//! (hyper's, with its pool) with a body of the same size; the bare side reads the answer and does
//! not look into it. Ours is a whole task: submitted, matched, leased, the prompt filled in, the
//! call's turn taken, its price set aside, the call begun, made, read, charged and recorded, and
//! the task completed.

pub(crate) mod server;

use crate::closed_loop::{Measured, measure};
use crate::disk;
use crate::report::Report;
use anyhow::{Context, Result, anyhow, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kernel::Terms;
use majordomo::llm::{LlmAgent, Spec};
use majordomo::models::{Endpoint, Limits, Models, provider::Provider};
use majordomo::{JsonSchemas, Team, TeamBuilder};
use runtime::port::BoxFuture;
use server::Server;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Rounds of which the one with the median is told.
const ROUNDS: usize = 5;
/// Agents, each with a call under way.
const AGENTS: usize = 64;
/// Measured alone, for its memory.
pub(crate) const NAME: &str = "llm-alone";

const MODEL: &str = "compatible/scripted";
const PROMPT: &str = "You review sentences. Say in one sentence what you think of the one given.";

/// One call after the other, then 64 at once, then the memory that they take.
pub(crate) async fn run(report: &Report) -> Result<()> {
    let at_once = Server::start(0)?;
    one(report, &at_once).await?;
    many(report, &at_once, 0, f64::INFINITY).await?;
    drop(at_once);
    let slow = Server::start(50)?;
    many(report, &slow, 50, AGENTS as f64 * 20.0).await?;
    alone(report, &slow)
}

/// What a call takes beyond the client's own time, one at a time.
async fn one(report: &Report, server: &Server) -> Result<()> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let bare = measure(1, bare(server)?).await?;
        let memory = calls(Team::in_memory(), 1, server.port, false).await?;
        let streamed = calls(Team::in_memory(), 1, server.port, true).await?;
        let dir = disk::scratch()?;
        let durable = calls(Team::open(dir.path()), 1, server.port, false).await?;
        rounds.push([bare, memory, streamed, durable]);
    }
    let told = [(1, "in memory"), (2, "in memory, streamed"), (3, "durable")];
    for (side, what) in told {
        let beyond = |round: &[Measured; 4]| round[side].p50_us - round[0].p50_us;
        rounds.sort_by(|a, b| beyond(a).total_cmp(&beyond(b)));
        let round = rounds[ROUNDS / 2];
        let figures = [
            ("client_us", round[0].p50_us),
            ("p50_us", round[side].p50_us),
            ("beyond_us", beyond(&round)),
            ("least_us", beyond(&rounds[0])),
            ("cpu_us", round[side].cpu_us - round[0].cpu_us),
        ];
        report.line("llm", &format!("one call, {what}"), &figures);
    }
    Ok(())
}

/// 64 agents with a call each under way.
async fn many(report: &Report, server: &Server, delay_ms: u64, ideal_per_s: f64) -> Result<()> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let bare = measure(AGENTS, bare(server)?).await?;
        let memory = calls(Team::in_memory(), AGENTS, server.port, false).await?;
        let dir = disk::scratch()?;
        let durable = calls(Team::open(dir.path()), AGENTS, server.port, false).await?;
        rounds.push([bare, memory, durable]);
    }
    for (side, what) in [(1, "in memory"), (2, "durable")] {
        let of_bare = |round: &[Measured; 3]| round[side].per_s / round[0].per_s;
        rounds.sort_by(|a, b| of_bare(a).total_cmp(&of_bare(b)));
        let round = rounds[ROUNDS / 2];
        let best = rounds.iter().map(|it| it[side].per_s).fold(0.0, f64::max);
        let mut figures = vec![
            ("client_per_s", round[0].per_s),
            ("per_s", round[side].per_s),
            ("best_per_s", best),
            ("of_client", of_bare(&round)),
            ("cpu_us", round[side].cpu_us),
        ];
        if ideal_per_s.is_finite() {
            figures.push(("of_ideal", round[side].per_s / ideal_per_s));
        }
        report.line("llm", &format!("{AGENTS} agents, {delay_ms} ms, {what}"), &figures);
    }
    Ok(())
}

/// The memory of a process that has 64 agents at work, and nothing else.
fn alone(report: &Report, server: &Server) -> Result<()> {
    for what in ["memory", "durable"] {
        let mut command = Command::new(std::env::current_exe()?);
        let out = command.args([NAME, what, &server.port.to_string()]).output()?;
        anyhow::ensure!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let peak: f64 = String::from_utf8(out.stdout)?.trim().parse()?;
        report.line("llm", &format!("{AGENTS} agents, {what}, alone"), &[("peak_mb", peak)]);
    }
    Ok(())
}

/// 64 agents at work for a while in a process of its own; prints its peak of memory, in megabytes.
pub(crate) fn run_alone(words: &[String]) -> Result<()> {
    let [what, port] = words else { bail!("usage: bench {NAME} memory|durable PORT") };
    let (port, dir) = (port.parse()?, disk::scratch()?);
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(async {
        let durable = || Team::open(dir.path());
        let builder = if what == "durable" { durable() } else { Team::in_memory() };
        calls(builder, AGENTS, port, false).await.map(drop)
    })?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|it| it.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    println!("{}", peak.context("the system tells the peak of memory")? / 1024.0);
    Ok(())
}

/// So many agents, each with one task at a time.
async fn calls(builder: TeamBuilder, agents: usize, port: u16, streams: bool) -> Result<Measured> {
    let endpoint =
        Endpoint::new(Provider::Compatible, &format!("http://127.0.0.1:{port}/v1"), None);
    let endpoint = endpoint.map_err(|why| anyhow!(why))?;
    let models = Arc::new(Models::at([endpoint], Limits::default()));
    let mut builder = builder;
    for number in 0..agents {
        let mut spec = Spec::new(&format!("critic-{number}"), MODEL, PROMPT);
        spec.streams = streams;
        let agent = LlmAgent::new(spec, models.clone(), &JsonSchemas)?;
        builder = builder.agent(agent.joins(&["critique"], 1));
    }
    let team = builder.start().await?;
    let work = team.clone();
    let measured = measure(agents, move || life(work.clone())).await;
    team.drain(Duration::from_secs(5)).await;
    measured
}

async fn life(team: Team) -> Result<()> {
    let input = br#""To be, or not to be, that is the question.""#.to_vec();
    let ticket = team.submit(Terms::new("critique"), input, Default::default()).await;
    let ticket = ticket.map_err(|why| anyhow!(why.message))?;
    ticket.outcome().await.map(drop).map_err(|why| anyhow!(why.message))
}

/// The client alone: a request with a body as long as ours, and the answer read to its end.
fn bare(server: &Server) -> Result<impl Fn() -> BoxFuture<'static, Result<()>> + Clone + use<>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    let uri: hyper::Uri =
        format!("http://127.0.0.1:{}/v1/chat/completions", server.port).parse()?;
    let body = Bytes::from(serde_json::to_vec(&serde_json::json!({
        "model": "scripted",
        "messages": [
            { "role": "system", "content": format!("{PROMPT}\n\n{}", runtime::llm::RULE) },
            { "role": "user", "content": "x".repeat(150) },
        ],
    }))?);
    Ok(move || {
        let (client, uri, body) = (client.clone(), uri.clone(), body.clone());
        Box::pin(async move {
            let request = Request::post(uri).header("content-type", "application/json");
            let answer = client.request(request.body(Full::new(body))?).await?;
            let body = answer.into_body().collect().await?.to_bytes();
            anyhow::ensure!(!body.is_empty(), "the server gave nothing");
            Ok(())
        }) as _
    })
}

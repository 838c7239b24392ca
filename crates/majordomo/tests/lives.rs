//! Many lives on one journal: random workflows are killed at random moments, twenty times, and end
//! as if nothing had happened.
//!
//! A life ends by [`runtime::Runtime::abandon`]: nothing is handed back, what was not durable is
//! gone. Beside the journal stands a *ledger*, the outside world: it survives every life and
//! counts what was done to it.

use majordomo::{AskOptions, Begun, Context, Failure, OnUnknown, Result, Team, capability};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

const KILLS: u64 = 20;
const ROOTS_PER_LIFE: u64 = 3;

/// What the outside world has seen, by the path of the step that did it.
#[derive(Default)]
struct Ledger {
    /// How often it was done.
    performed: u32,
    /// Its result was relied on: it may not be done again.
    relied_on: bool,
    /// Lives that did not know whether it was done.
    unknown: u32,
}

static LEDGER: Mutex<BTreeMap<String, Ledger>> = Mutex::new(BTreeMap::new());
static WINNERS: Mutex<BTreeMap<String, &str>> = Mutex::new(BTreeMap::new());
static BROKEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn ledger<T>(path: &str, change: impl FnOnce(&mut Ledger) -> T) -> T {
    let mut ledger = LEDGER.lock().expect("no panic under it");
    change(ledger.entry(path.to_owned()).or_default())
}

fn broken(what: String) {
    BROKEN.lock().expect("no panic under it").push(what);
}

/// A step of splitmix64: the only randomness, so that every life draws the same.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[derive(Clone, Serialize, Deserialize)]
struct Work {
    path: String,
    seed: u64,
    depth: u32,
}

impl Work {
    fn below(&self, name: &str, salt: u64) -> Work {
        let path = format!("{}/{name}", self.path);
        Work { path, seed: mix(self.seed ^ salt), depth: self.depth.saturating_sub(1) }
    }
}

#[capability("leaf@1")]
async fn leaf(_: Context, work: Work) -> Result<u64> {
    Ok(mix(work.seed))
}

/// An answer that travels as a blob.
#[capability("large@1")]
async fn large(_: Context, work: Work) -> Result<String> {
    Ok(format!("{:016x}", mix(work.seed)).repeat(400))
}

/// A random workflow; what it gives depends on its input alone.
#[capability("weave@1")]
async fn weave(cx: Context, work: Work) -> Result<u64> {
    let mut digest = work.seed;
    for at in 0..3 + work.seed % 3 {
        let step = work.below(&at.to_string(), at);
        let gave = match step.seed % 7 {
            0 => cx.ask::<leaf>(step).await?,
            1 => cx.ask::<large>(step).await?.bytes().map(u64::from).sum(),
            2 => spread(&cx, step).await?,
            3 => pay(&cx, step).await?,
            4 => mail(&cx, step).await?,
            5 => race(&cx, step).await?,
            _ if work.depth > 0 => cx.ask::<weave>(step).await?,
            _ => cx.sleep(Duration::from_millis(1 + step.seed % 4)).await.map(|()| 1)?,
        };
        digest = mix(digest ^ gave);
    }
    Ok(digest)
}

async fn spread(cx: &Context, work: Work) -> Result<u64> {
    let items =
        (0..2 + work.seed % 4).map(|at| (cx.branch(&work.path), work.below("item", at), at));
    let each = |cx: Context, (_, work, at): (Context, Work, u64)| async move {
        if at == 1 { pay(&cx, work).await } else { cx.ask::<leaf>(work).await }
    };
    let gave = cx.map(items, |(_, work, at)| format!("{}-{at}", work.path), 2, each).await?;
    Ok(gave.into_iter().fold(0, |all, one| mix(all ^ one)))
}

/// Something that may be repeated when nobody knows how it went, but never after its result stood.
async fn pay(cx: &Context, work: Work) -> Result<u64> {
    let path = format!("{}#{}", work.path, work.seed);
    let name = path.clone();
    let work = async move {
        tokio::time::sleep(Duration::from_micros(work.seed % 3_000)).await;
        let late = ledger(&name, |it| {
            it.performed += 1;
            it.relied_on
        });
        if late {
            broken(format!("{name} was done again after its result stood"));
        }
        Ok(mix(work.seed))
    };
    let gave = cx.once(&path, work).on_unknown(OnUnknown::Retry).await?;
    ledger(&path, |it| it.relied_on = true);
    Ok(gave)
}

/// Something that may never be repeated: when it is not known how it went, the other side is asked.
async fn mail(cx: &Context, work: Work) -> Result<u64> {
    let path = format!("{}#{}", work.path, work.seed);
    let mut begun = cx.once_begin(&path, OnUnknown::Fail).await?;
    let unknown = begun == Begun::Unknown;
    if unknown {
        ledger(&path, |it| it.unknown += 1);
        begun = cx.once_begin(&path, OnUnknown::Retry).await?;
    }
    let result = match begun {
        Begun::Recorded(result) => return Ok(serde_json::from_value(result?)?),
        Begun::Unknown => return Err(Failure::rejected("leave was given and taken back")),
        Begun::Run { .. } => {
            tokio::time::sleep(Duration::from_micros(work.seed % 2_000)).await;
            let done = ledger(&path, |it| std::mem::replace(&mut it.performed, 1));
            if done > 0 && !unknown {
                broken(format!("{path} was to be done again, and nobody wondered"));
            }
            mix(work.seed)
        }
    };
    cx.once_end(&path, Ok(result.into())).await?;
    Ok(result)
}

/// Who wins is chance in the first life, and must be history in every later one.
async fn race(cx: &Context, work: Work) -> Result<u64> {
    let options = AskOptions { delay: Some(Duration::from_millis(2)), ..AskOptions::default() };
    let mut slow = cx.ask::<large>(work.below("slow", 1)).into_future();
    let mut other = cx.ask::<leaf>(work.below("other", 2)).with(options).into_future();
    let (winner, gave) = tokio::select! {
        text = &mut slow => ("slow", text?.len() as u64 + other.await?),
        number = &mut other => ("other", number? + slow.await?.len() as u64),
    };
    let before =
        *WINNERS.lock().expect("no panic under it").entry(work.path.clone()).or_insert(winner);
    if before != winner {
        broken(format!("{}: {before} had won, now {winner}", work.path));
    }
    Ok(gave)
}

async fn outcomes(team: &Team, roots: u64) -> Vec<Result<u64>> {
    let mut tickets = Vec::new();
    for root in 0..roots {
        tickets.push(submit(team, root).await.expect("accepted"));
    }
    let mut outcomes = Vec::new();
    for ticket in tickets {
        outcomes.push(ticket.typed().outcome().await);
    }
    outcomes
}

/// The same root under the same key, however often it is handed over.
async fn submit(team: &Team, root: u64) -> Result<majordomo::Ticket> {
    let work = Work { path: format!("r{root}"), seed: mix(root), depth: 2 };
    let input = runtime::canonical::to_bytes(&work)?;
    let options = majordomo::SubmitOptions { key: Some(work.path), ..Default::default() };
    team.submit(kernel::Terms::new("weave"), input, options).await
}

fn with_agents(builder: majordomo::TeamBuilder) -> majordomo::TeamBuilder {
    let limits = kernel::Limits { crash_attempts_max: 1_000, ..Default::default() };
    builder.limits(limits).with(leaf).with(large).with(weave)
}

/// One life: some new roots, then the end without a word.
fn live_and_die(dir: &Path, life: u64) {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let tokio = tokio.expect("threads to spare");
    tokio.block_on(async {
        let team = with_agents(Team::open(dir)).start().await.expect("opens again");
        let roots = life * ROOTS_PER_LIFE..(life + 1) * ROOTS_PER_LIFE;
        let busy = team.clone();
        tokio::spawn(async move {
            for root in roots {
                let _ = submit(&busy, root).await; // The end may come first.
            }
        });
        tokio::time::sleep(Duration::from_micros(mix(life) % 60_000)).await;
        let runtime = team.runtime().clone();
        tokio::task::spawn_blocking(move || runtime.abandon()).await.expect("no panic");
    });
    tokio.shutdown_timeout(Duration::from_secs(5));
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let limit = Duration::from_secs(50);
    tokio
        .expect("threads to spare")
        .block_on(async { tokio::time::timeout(limit, work).await.expect("it hangs") })
}

#[test]
fn twenty_kills_change_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let roots = KILLS * ROOTS_PER_LIFE;
    (0..KILLS).for_each(|life| live_and_die(dir.path(), life));
    let disturbed = block_on(async {
        let team = with_agents(Team::open(dir.path())).start().await.expect("opens again");
        let outcomes = outcomes(&team, roots).await;
        team.drain(Duration::from_secs(1)).await;
        outcomes
    });
    judge_the_world();
    judge_the_journal(dir.path(), roots);

    LEDGER.lock().expect("no panic under it").clear();
    let undisturbed = block_on(async {
        let team = with_agents(Team::in_memory()).start().await.expect("starts");
        outcomes(&team, roots).await
    });
    assert!(undisturbed.iter().all(Result::is_ok), "{undisturbed:?}");
    assert_eq!(disturbed, undisturbed);
}

fn judge_the_world() {
    let broken = BROKEN.lock().expect("no panic under it");
    assert!(broken.is_empty(), "{broken:#?}");
    let ledger = LEDGER.lock().expect("no panic under it");
    let winners = WINNERS.lock().expect("no panic under it").len();
    let missing: Vec<_> = ledger.iter().filter(|it| it.1.performed == 0).map(|it| it.0).collect();
    assert!(missing.is_empty(), "never done: {missing:?}");
    let repeated = ledger.values().filter(|it| it.performed > 1).count();
    let unknown: u32 = ledger.values().map(|it| it.unknown).sum();
    println!(
        "{} effects, {repeated} repeated because unknown, {unknown} looked up because unknown, \
         {winners} races",
        ledger.len()
    );
    assert!(ledger.len() > 20 && winners > 5, "the workflows do too little");
}

fn judge_the_journal(dir: &Path, roots: u64) {
    let data = majordomo::data::DataDir::new(dir);
    let mut stores = data.open().expect("nobody holds it");
    let kernel = runtime::replay(&mut *stores.journal, Default::default()).expect("it replays");
    let counts = kernel.state().counts;
    println!("{counts:?}");
    assert_eq!(counts.accepted, counts.completed, "accepted = settled, and nothing failed");
    assert!(counts.accepted > roots * 3, "the workflows do too little");
    assert!(counts.attempts_lost >= KILLS, "the kills hit nothing");
    assert_eq!(kernel.state().open(), 0);
    assert!(kernel.state().stopping.is_empty());
    assert_eq!(kernel.state().incarnation, KILLS + 1);
}

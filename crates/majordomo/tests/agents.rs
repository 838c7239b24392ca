//! Agents of a Rust type: typed ways to them, their state, and their lives.

use majordomo::kernel::FailureKind;
use majordomo::{AgentEntry, Context, Failure, NativeAgent, Result, StartError, Team, capability};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    Ok(text.split_whitespace().count())
}

/// What the world outside sees of an agent.
#[derive(Default)]
struct World {
    made: AtomicUsize,
    inside: AtomicUsize,
    most: AtomicUsize,
    stopped: AtomicUsize,
    unwell: AtomicBool,
    broken: AtomicBool,
}

struct Ledger {
    world: Arc<World>,
    sum: i64,
}

impl Ledger {
    fn new(world: &Arc<World>) -> Ledger {
        world.made.fetch_add(1, Ordering::Relaxed);
        Ledger { world: world.clone(), sum: 0 }
    }
}

#[capability]
impl Ledger {
    /// Adds a sum, and gives the new one.
    #[capability("ledger.add@1")]
    async fn add(&mut self, _: Context, by: i64) -> Result<i64> {
        self.sum += by;
        assert!(by != 13, "thirteen");
        Ok(self.sum)
    }

    /// Reads, waits for somebody else, writes: wrong if anybody came in between.
    #[capability("ledger.count@1")]
    async fn count_in(&mut self, cx: Context, text: String) -> Result<i64> {
        let before = self.sum;
        let words = cx.ask::<count>(text).await?;
        cx.sleep(Duration::from_secs(1)).await?;
        self.sum = before + i64::try_from(words)?;
        Ok(self.sum)
    }

    #[capability("ledger.ask-itself@1")]
    async fn ask_itself(&mut self, cx: Context, by: i64) -> Result<i64> {
        cx.ask::<add>(by).await
    }

    #[started]
    async fn open(&mut self) -> Result<()> {
        match self.world.broken.load(Ordering::Relaxed) {
            true => Err(Failure::error("the book is gone")),
            false => Ok(()),
        }
    }

    #[stopping]
    async fn close(&mut self) {
        self.world.stopped.fetch_add(1, Ordering::Relaxed);
    }
}

struct Reader {
    world: Arc<World>,
}

#[capability]
impl Reader {
    #[capability("text.measure@1")]
    async fn measure(&self, _: Context, text: String) -> Result<usize> {
        let inside = self.world.inside.fetch_add(1, Ordering::Relaxed) + 1;
        self.world.most.fetch_max(inside, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.world.inside.fetch_sub(1, Ordering::Relaxed);
        Ok(text.len())
    }

    /// Beside the first version, with another answer.
    #[capability("text.measure@2")]
    async fn measure_chars(&self, _: Context, text: String) -> Result<String> {
        Ok(format!("{} characters", text.chars().count()))
    }

    #[capability(count)]
    async fn words(&self, _: Context, text: String) -> Result<usize> {
        Ok(text.split(' ').count())
    }

    #[health]
    async fn eyes(&self) -> Result<()> {
        match self.world.unwell.load(Ordering::Relaxed) {
            true => Err(Failure::error("cannot see")),
            false => Ok(()),
        }
    }
}

async fn ledger(world: &Arc<World>) -> Team {
    let made = world.clone();
    let team = Team::in_memory().with(count).with_agent("ledger", 1, move || Ledger::new(&made));
    team.start().await.expect("starts")
}

async fn reader(world: &Arc<World>) -> Team {
    let made = world.clone();
    let team = Team::in_memory().with_agent("reader", 3, move || Reader { world: made.clone() });
    team.start().await.expect("starts")
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_keeps_is_there_for_its_next_task() {
    let team = ledger(&Arc::default()).await;
    let ledger = team.agent::<Ledger>("ledger").expect("joined");
    assert_eq!(ledger.ask::<add>(2).await, Ok(2));
    assert_eq!(ledger.ask::<add>(3).await, Ok(5));
}

#[tokio::test(start_paused = true)]
async fn shared_methods_work_on_as_many_tasks_as_there_are_slots() {
    let world = Arc::new(World::default());
    let team = reader(&world).await;
    let mut many = team.handle::<measure>().submit_many((0..9).map(|n| "x".repeat(n)));
    let mut tickets = Vec::new();
    while let Some(ticket) = many.next().await {
        tickets.push(ticket.expect("accepted"));
    }
    for (length, ticket) in tickets.into_iter().enumerate() {
        assert_eq!(ticket.outcome().await, Ok(length));
    }
    assert_eq!(world.most.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn nobody_sees_a_state_that_is_half_changed_also_while_its_task_waits() {
    let team = ledger(&Arc::default()).await;
    let mut many = team.handle::<count_in>().submit_many(vec!["a b c".to_owned(); 4]);
    let mut tickets = Vec::new();
    while let Some(ticket) = many.next().await {
        tickets.push(ticket.expect("accepted"));
    }
    let mut sums = Vec::new();
    for ticket in tickets {
        sums.push(ticket.outcome().await.expect("counted"));
    }
    sums.sort_unstable();
    assert_eq!(sums, [3, 6, 9, 12]);
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_for_itself_is_told_so() {
    let team = ledger(&Arc::default()).await;
    let refused = team.ask::<ask_itself>(1).await.expect_err("would never end");
    assert_eq!(refused.kind, FailureKind::Rejected);
    assert!(refused.message.contains("only ledger serves ledger.add"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_with_the_state_in_hand_begins_a_new_life() {
    let world = Arc::new(World::default());
    let team = ledger(&world).await;
    assert_eq!(team.ask::<add>(2).await, Ok(2));
    let ticket = team.handle::<add>().submit(13, Default::default()).await.expect("accepted");
    while world.made.load(Ordering::Relaxed) < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    team.cancel(ticket.task, "enough").await.expect("cancels");
    assert_eq!(team.ask::<add>(3).await, Ok(3), "what was half changed is forgotten");
    let died = team.agents().into_iter().find(|it| &*it.spec.name == "ledger").expect("known");
    assert!(died.life.number > 1, "{:?}", died.life);
}

#[tokio::test(start_paused = true)]
async fn an_agent_is_started_before_its_first_task_and_stopped_after_its_last() {
    let world = Arc::new(World::default());
    let team = ledger(&world).await;
    assert_eq!(team.ask::<add>(2).await, Ok(2));
    team.drain(Duration::from_secs(1)).await;
    assert_eq!(world.stopped.load(Ordering::Relaxed), 1);
    world.broken.store(true, Ordering::Relaxed);
    let made = world.clone();
    let builder = Team::in_memory().with_agent("ledger", 1, move || Ledger::new(&made));
    let Err(StartError::Join { name, why }) = builder.start().await else { panic!("started") };
    assert_eq!(name, "ledger");
    assert!(why.contains("the book is gone"), "{why}");
}

/// Takes its time: to say how it is, and to clean up.
struct Slow {
    world: Arc<World>,
}

#[capability]
impl Slow {
    /// Called off, it cleans up for two seconds with the state in its hands.
    #[capability("slow.work@1")]
    async fn work_slowly(&mut self, cx: Context, _: ()) -> Result<()> {
        cx.cancelled().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(())
    }

    #[health]
    async fn think(&self) -> Result<()> {
        std::future::pending().await
    }

    #[stopping]
    async fn close(&mut self) {
        self.world.stopped.fetch_add(1, Ordering::Relaxed);
    }
}

async fn slow(world: &Arc<World>) -> Team {
    let made = world.clone();
    let mut entry = AgentEntry::stateful("slow", 1, move || Slow { world: made.clone() });
    entry.spec.shutdown_ms = 1_000;
    Team::in_memory().agent(entry).start().await.expect("starts")
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_how_it_is_is_stopped_within_its_grace() {
    let world = Arc::new(World::default());
    let team = slow(&world).await;
    tokio::time::sleep(Duration::from_millis(10_100)).await; // It is being asked.
    let before = tokio::time::Instant::now();
    team.leave("slow").await.expect("leaves");
    assert_eq!(world.stopped.load(Ordering::Relaxed), 1);
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_last_task_outlives_its_grace_is_stopped_after_it() {
    let world = Arc::new(World::default());
    let team = slow(&world).await;
    let asked = team.clone();
    tokio::spawn(async move { asked.ask::<work_slowly>(()).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    team.leave("slow").await.expect("leaves");
    assert_eq!(world.stopped.load(Ordering::Relaxed), 1, "once, when the state was free");
}

#[tokio::test(start_paused = true)]
async fn who_is_not_well_gets_no_work_until_it_is() {
    let world = Arc::new(World::default());
    let team = reader(&world).await;
    world.unwell.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(15)).await;
    let asked = team.clone();
    let answer = tokio::spawn(async move { asked.ask::<measure>("abc").await });
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!answer.is_finished(), "it has no work while it is not well");
    world.unwell.store(false, Ordering::Relaxed);
    assert_eq!(answer.await.expect("no panic"), Ok(3));
}

#[tokio::test(start_paused = true)]
async fn two_versions_stand_side_by_side() {
    let team = reader(&Arc::default()).await;
    let reader = team.agent::<Reader>("reader").expect("joined");
    assert_eq!(reader.ask::<measure>("äöü").await, Ok(6));
    assert_eq!(reader.ask::<measure_chars>("äöü").await, Ok("3 characters".into()));
    assert_eq!(reader.ask::<count>("a  b").await, Ok(3), "as this one counts");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_no_proof() {
    let team = reader(&Arc::default()).await;
    let wrong = team.agent::<Ledger>("reader").err().expect("not a ledger");
    assert!(wrong.message.contains("it does not serve ledger.add@1"), "{wrong}");
    let nobody = team.agent::<Reader>("raeder").err().expect("nobody");
    assert!(nobody.message.contains("here are reader"), "{nobody}");
    assert_eq!(
        <count as NativeAgent>::serves().len(),
        1,
        "a function is an agent of one capability"
    );
    let made = Arc::<World>::default();
    let two = Team::in_memory().with_agent("ledger", 2, move || Ledger::new(&made)).start().await;
    let Err(StartError::Join { why, .. }) = two else { panic!("started") };
    assert!(why.contains("give it 1"), "{why}");
}

/// Asks one agent, and a capability whoever serves it.
#[capability("text.compare@1")]
async fn compare(cx: Context, text: String) -> Result<bool> {
    let reader = cx.agent::<Reader>("reader");
    let (one, other) = (reader.ask::<count>(text.clone()), cx.handle::<count>().ask(text));
    Ok(one.await? == other.await?)
}

#[tokio::test(start_paused = true)]
async fn agents_ask_each_other_by_type() {
    let world = Arc::<World>::default();
    let team = Team::in_memory()
        .with(compare)
        .with_agent("reader", 2, move || Reader { world: world.clone() });
    let team = team.start().await.expect("starts");
    assert_eq!(team.ask::<compare>("a  b").await, Ok(true));
}

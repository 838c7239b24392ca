//! Journals of every released version, kept as they were written: each must open, replay to what is
//! recorded beside it, and be refused untouched by a program that is too old for it.
//!
//! `CONTRIBUTING.md` says how one is added at a release.

#![cfg(feature = "cli")]

use adapters::journal::log::{Log, Options, Reader};
use adapters::views::testing::{Scene, payload, question};
use kernel::topic::{Place, Publish, SubscriberTerms, TopicTerms};
use kernel::{
    AgentId, Bid, CapabilityPolicy, Command, Cost, Digest, Exit, Exited, Extent, FailureKind,
    Forced, Limits, Policies, Policy, Recurrence, Report, ScheduleSpec, TaskId, Terms, Text, Time,
    TopicCommand,
};
use majordomo::data::DataDir;
use majordomo::store;
use runtime::port::journal::{Batch, Error, Journal, Record, Seq};
use runtime::record;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn copy(version: &Path, to: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::create_dir_all(to).expect("created");
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(version.join("journal")).expect("a journal") {
        let path = entry.expect("reads").path();
        let name = path.file_name().expect("named").to_string_lossy().into_owned();
        let bytes = fs::read(&path).expect("reads");
        fs::write(to.join(&name), &bytes).expect("copied");
        files.insert(name, bytes);
    }
    files.remove("lock");
    files
}

/// What a journal comes to, in words that outlive the schema: the state it replays to, from its
/// snapshot and from its log, and a digest of every entry as it is exported.
fn told(data: &DataDir) -> String {
    let mut reader = Reader::open(&data.journal()).expect("opens");
    let kernel = runtime::keep::replay(&mut reader, &Limits::default(), &|| false);
    let kernel = kernel.expect("replays");
    kernel.state().check_index().expect("indexes equal those rebuilt");
    let state = kernel.state();
    let open = state.tasks().map(|task| {
        let steps = task.past.as_ref().map_or(0, |past| past.steps.len());
        format!("{} {} {} steps {steps}", task.id, task.terms.capability, task.status.name())
    });
    let mut lines = vec![
        format!("time {} token {} last {}", state.time.0, state.token.0, state.last_task),
        format!("{:?}", state.counts),
        format!(
            "dead {} keys {} agents {}",
            state.dead.len(),
            state.keys.len(),
            state.agents().len()
        ),
    ];
    lines.extend(open);
    let (topics, schedules) = (state.topics.len(), state.schedules.len());
    if topics + schedules > 0 {
        lines.push(format!("topics {topics} schedules {schedules}"));
    }
    let mut exported = Vec::new();
    store::export(data, &mut exported).expect("exports");
    lines.push(format!("entries {}", blake3::hash(&exported).to_hex()));
    lines.join("\n") + "\n"
}

#[test]
fn every_golden_journal_replays_to_what_is_recorded() {
    for (name, life) in [("", first as fn() -> Scene), ("-b", later)] {
        let version = golden().join(format!("v{}{name}", record::ENTRY_VERSION));
        if std::env::var_os("WRITE_GOLDEN").is_some() && !version.exists() {
            write(&version, &life());
        }
    }
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(golden()).expect("golden journals") {
        let version = entry.expect("reads").path();
        let dir = tempfile::tempdir().expect("a directory");
        let data = DataDir::new(dir.path());
        copy(&version, &data.journal());
        let expected = fs::read_to_string(version.join("expected.txt")).expect("recorded");
        assert_eq!(told(&data), expected, "{}", version.display());
        // And it can be written on.
        let mut log = Log::open(&data.journal(), Options::default()).expect("opens to write");
        let head = log.head();
        let mut batch = Batch::default();
        batch.push(Record { head: b"more", payload: b"" });
        assert_eq!(log.append(head, &batch).expect("goes on"), Seq(head.0 + 1));
        seen.insert(version.file_name().expect("named").to_string_lossy().into_owned());
    }
    let named = (1..=record::ENTRY_VERSION).flat_map(|it| [format!("v{it}"), format!("v{it}-b")]);
    assert_eq!(seen, named.collect(), "two journals for every version");
}

#[test]
fn a_newer_journal_is_refused_with_the_needed_version_and_left_alone() {
    let version = golden().join(format!("v{}", record::ENTRY_VERSION));
    let dir = tempfile::tempdir().expect("a directory");
    let data = DataDir::new(dir.path());
    let files = copy(&version, &data.journal());
    for (name, bytes) in files {
        let mut newer = bytes.clone();
        newer[8] = 9; // The version stands at byte 8 of every file, its checksum at 12.
        let crc = crc32c(&newer[..12]);
        newer[12..16].copy_from_slice(&crc.to_le_bytes());
        fs::write(data.journal().join(&name), &newer).expect("written");
        let refused = Log::open(&data.journal(), Options::default()).map(drop);
        let refused = refused.expect_err("too new");
        assert!(matches!(refused, Error::TooNew { needed: 9, .. }), "{name}: {refused}");
        assert!(refused.to_string().contains("needs version 9"), "{refused}");
        assert_eq!(fs::read(data.journal().join(&name)).expect("reads"), newer, "untouched");
        fs::write(data.journal().join(&name), &bytes).expect("put back");
    }
    // An entry of a newer schema inside a journal of this format.
    let mut log = Log::open(&data.journal(), Options::default()).expect("opens");
    let mut batch = Batch::default();
    batch.push(Record { head: &[record::ENTRY_VERSION + 1, 0x80], payload: b"" });
    log.append(log.head(), &batch).expect("appended");
    drop(log);
    let mut reader = Reader::open(&data.journal()).expect("the format is known");
    let refused = runtime::keep::replay(&mut reader, &Limits::default(), &|| false).map(drop);
    let said = refused.expect_err("the entry is not").to_string();
    assert!(said.contains("schema version 2") && said.contains("newer program"), "{said}");
}

/// CRC32C (Castagnoli), bit by bit: the format's own checksum, from its description.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 }
        })
    })
}

/// A life with a bit of everything in it that tasks go through.
fn first() -> Scene {
    let mut scene = Scene::new();
    scene.join("ada", &["work", "plan"], 4);
    let plan = scene.submit("plan", "{\"of\":\"everything\"}");
    scene.start(plan);
    let child = scene.ask(plan, "work#1", "work", "1");
    scene.once(plan, "paid", "\"receipt\"");
    let attempt = scene.attempt(plan);
    scene.tell(Command::Report(attempt, Report::Sleep { step: "nap".into(), ms: 50 }));
    scene.wait(plan);
    scene.start(child);
    let working = scene.attempt(child);
    let cost = Cost { tokens: 3, ..Cost::default() };
    scene.tell(Command::Report(working, Report::Spent(cost)));
    scene.complete(child, "\"done\"");
    scene.after(60).tell(Command::Tick);
    let mut keyed = question("work", "\"keyed\"");
    keyed.key = Some("once only".into());
    scene.tell(Command::Submit(keyed));
    let keyed = scene.kernel.state().last_task;
    scene.complete(keyed, "\"kept for the key\"");
    let poison = scene.submit("work", "\"poison\"");
    for _ in 0..5 {
        scene.fail(poison, FailureKind::Error, "it would not");
        scene.stopped();
        scene.after(120_000).tell(Command::Tick);
    }
    let rejected = scene.submit("work", "\"bad\"");
    scene.fail(rejected, FailureKind::Rejected, "no good");
    let cancelled = scene.submit("work", "\"cancelled\"");
    scene.tell(Command::Cancel { task: cancelled, reason: "changed my mind".into() });
    scene.stopped();
    scene.begin(5_000);
    scene.join("ada", &["work", "plan"], 4);
    scene.submit("nobody serves this", "null");
    scene.tell(Command::Drain);
    scene
}

/// A life with what stands beside the tasks: durable topics, supervision, breakers, a market,
/// advice, schedules, and other definitions.
fn later() -> Scene {
    let mut scene = Scene::new();
    let routed = |routing| CapabilityPolicy { routing, ..CapabilityPolicy::default() };
    let auction = Policy::Auction { bids_ms: 1_000, bidders_max: 2, price_percent: 50 };
    let capabilities = [("sold", auction), ("advised", Policy::External { wait_ms: 1_000 })];
    let capabilities = capabilities.map(|(name, policy)| (name.into(), routed(policy))).into();
    let policies = Arc::new(Policies { capabilities, ..Policies::default() });
    scene.tell(Command::Configure { team: "".into(), policies });
    for name in ["ada", "bob"] {
        scene.join(name, &["work", "bid", "sold", "advised"], 2);
    }
    topics(&mut scene, "shop.orders");
    market(&mut scene);
    trouble(&mut scene);
    let nightly = Recurrence::Calendar { cron: "0 3 * * *".into(), zone: "UTC".into() };
    for (name, recurs) in [("often", Recurrence::Every { ms: 60_000 }), ("nightly", nightly)] {
        let spec = ScheduleSpec::new(name, recurs, Terms::new("work"), payload("1"));
        scene.tell(Command::Schedule(Box::new(spec)));
    }
    scene.after(61_000).tell(Command::PauseSchedule("often".into()));
    scene.tell(Command::ResumeSchedule("often".into()));
    scene.tell(Command::Unschedule("nightly".into()));
    scene.begin(5_000);
    topics(&mut scene, "shop.returns");
    scene
}

/// Messages of which one is handled, one is dead, one lives again, and one is read once more.
fn topics(scene: &mut Scene, topic: &str) {
    let tell = |scene: &mut Scene, what| scene.tell(Command::Topic(topic.into(), what));
    tell(scene, TopicCommand::Set(TopicTerms::default()));
    let (name, from): (Text, _) = ("indexer".into(), Place::First);
    let terms = SubscriberTerms { deliveries_max: 1, window: 2, ..SubscriberTerms::default() };
    tell(scene, TopicCommand::Subscribe { name: name.clone(), from, terms });
    tell(scene, TopicCommand::Attach(name.clone()));
    for (seq, key) in [(1, None), (2, Some("once".into())), (3, None)] {
        let publish = Publish { payload: payload(&seq.to_string()), key, ttl_ms: None };
        tell(scene, TopicCommand::Publish(publish));
        let token = scene.kernel.state().token;
        let (delay_ms, reason) = (None, "no shelf for it".into());
        tell(
            scene,
            match seq {
                1 => TopicCommand::Ack { name: name.clone(), token, up_to: 1, also: vec![] },
                _ => TopicCommand::Nack { name: name.clone(), token, seq, delay_ms, reason },
            },
        );
    }
    tell(scene, TopicCommand::Redeliver { name: name.clone(), seq: 2 });
    tell(scene, TopicCommand::Discard { name: name.clone(), seq: 3 });
    tell(scene, TopicCommand::Replay { name: name.clone(), from: Place::First });
    tell(scene, TopicCommand::Detach(name));
}

/// Work that is sold to who bids least, and work that an adviser gives away.
fn market(scene: &mut Scene) {
    scene.submit("sold", "\"a roof\"");
    let sold = TaskId(1); // Those who are asked for a bid are tasks, too.
    let bids: Vec<TaskId> = scene.kernel.state().tasks().map(|it| it.id).collect();
    for (price_micros, bid) in bids.into_iter().filter(|it| *it != sold).enumerate() {
        scene.start(bid);
        let (price_micros, time_ms) = (1 + price_micros as u64, 10);
        let bid_said = Some(Bid { price_micros, time_ms, confidence: 900_000 });
        scene.report(bid, Report::Bid { bid: bid_said, output: payload("1") });
    }
    scene.after(1_100).start(sold);
    let cost = Cost { tokens: 3, money_micros: 2, ..Cost::default() };
    scene.report(sold, Report::SpentOn("ollama/qwen3".into(), cost));
    scene.complete(sold, "\"done\"");
    let advised = scene.submit("advised", "1");
    let until = Time(scene.now_ms + 1_000);
    scene.tell(Command::Consult { task: advised, until, input: payload("{}") });
    let (ranking, words) = (vec!["bob".into()], "bob knows roofs".into());
    scene.tell(Command::Advice { task: advised, until, ranking, words });
    scene.after(1_100).complete(advised, "2");
    let definition = Digest([7; 32]);
    let run = scene.submit("work", "3");
    scene.tell(Command::Migrate { run, definition });
}

/// Agents that die, are doubted, held back, resized, and leave.
fn trouble(scene: &mut Scene) {
    let agents: Vec<AgentId> = scene.kernel.state().agents().iter().map(|it| it.id).collect();
    let [ada, bob] = agents[..] else { panic!("two have joined: {agents:?}") };
    let life = scene.kernel.state().agent(ada).expect("she is there").life.number;
    scene.tell(Command::Suspect(ada, life));
    scene.tell(Command::Trust(ada, life));
    let (reason, extent) = (Exit::Abnormal("out of memory".into()), Extent::Whole);
    scene.tell(Command::Exited(Exited { agent: ada, life, reason, extent }));
    scene.after(10_000).tell(Command::Started(ada, life + 1));
    let forced = |forced| Command::Breaker { agent: bob, capability: Some("work".into()), forced };
    scene.tell(forced(Some(Forced::Open)));
    scene.tell(forced(None));
    scene.tell(Command::Pause(bob));
    scene.tell(Command::Unpause(bob));
    scene.tell(Command::Resize { agent: bob, slots: 5 });
    for _ in 0..16 {
        let task = scene.submit("work", "\"it fails\"");
        scene.start(task);
        scene.fail(task, FailureKind::Error, "again");
        scene.stopped();
    }
    scene.after(60_000);
    scene.tell(Command::DrainAgent(bob));
}

/// Writes a journal, and what it comes to, by the present program.
fn write(version: &Path, scene: &Scene) {
    let small = Options { first_bytes: 8 << 10, segment_bytes: 8 << 10, snapshots: 2 };
    let mut log = Log::open(&version.join("journal"), small).expect("opens");
    let early = scene.journal.len() / 3;
    for (seq, entry) in &scene.journal {
        let (mut head, mut payload) = (Vec::new(), Vec::new());
        record::encode(entry, &mut head, &mut payload);
        let mut batch = Batch::default();
        batch.push(Record { head: &head, payload: &payload });
        log.append(Seq(seq.0 - 1), &batch).expect("appended");
        if seq.0 == early as u64 {
            let entries = scene.journal[..early].iter().map(|(_, entry)| entry);
            let kernel = kernel::Kernel::replay(Limits::default(), None, entries);
            log.put_snapshot(*seq, &record::encode_snapshot(&kernel)).expect("stored");
        }
    }
    drop(log);
    let kinds: BTreeSet<_> = scene.journal.iter().map(|(_, entry)| kind(&entry.event)).collect();
    assert!(kinds.len() >= 18, "a golden journal shows many kinds of event: {kinds:?}");
    let _ = fs::remove_file(version.join("journal/lock"));
    let dir = tempfile::tempdir().expect("a directory");
    let data = DataDir::new(dir.path());
    copy(version, &data.journal());
    fs::write(version.join("expected.txt"), told(&data)).expect("recorded");
}

/// The name of an event, and of what happened to a topic, a schedule or an agent.
fn kind(event: &kernel::Event) -> String {
    let text = format!("{event:?}");
    let name = |text: &str| text.split([' ', '(', '{']).next().unwrap_or_default().to_owned();
    let inner = text.strip_prefix("Supervised(").or_else(|| Some(text.split_once("what: ")?.1));
    inner.map_or_else(|| name(&text), |inner| format!("{} {}", name(&text), name(inner)))
}

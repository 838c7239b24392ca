//! The views as a whole: equal however they were built, honest after damage, forgetful on request.

use super::testing::{Scene, question};
use super::{Error, Views};
use kernel::{
    CapabilityPolicy, Command, Constraint, Cost, FailureKind, Limits, Policies, Policy, Report,
    Submit, TaskId,
};
use runtime::port::journal::Seq;
use rusqlite::Connection;
use rusqlite::types::Value;

/// A morning with everything in it: trees, failures, crashes, a drain, dead letters.
pub(super) fn busy_morning() -> Scene {
    let mut scene = Scene::new();
    scene.join("lead", &["lead"], 2);
    scene.join("ann", &["review"], 2);
    scene.join("bob", &["review"], 1);
    let root = scene.submit("lead", r#"{"path":"."}"#);
    scene.start(root);
    let children: Vec<TaskId> = (0..6)
        .map(|n| scene.ask(root, &format!("review#{n}"), "review", &format!("\"file {n}\"")))
        .collect();
    scene.wait(root);
    scene.after(100);
    scene.complete(children[0], "\"fine\"");
    scene.fail(children[1], FailureKind::Crash, "it fell over");
    scene.once(children[2], "pay", "42");
    scene.report(children[2], Report::Sleep { step: "nap".into(), ms: 500 });
    scene.wait(children[2]);
    scene.after(5_000);
    scene.begin(60_000); // A crash: the clock ran on, the kernel did not.
    scene.join("lead", &["lead"], 2);
    scene.join("ann", &["review"], 2);
    scene.after(2_000);
    for child in &children[1..] {
        for _ in 0..6 {
            scene.fail(*child, FailureKind::Error, "no luck");
            scene.after(70_000).stopped();
        }
    }
    scene.complete(root, "\"done\"");
    let cancelled = scene.submit("review", "1");
    scene.tell(Command::Cancel { task: cancelled, reason: "changed my mind".into() });
    let dead = scene.kernel.state().dead.keys().next().copied();
    scene.tell(Command::Release { task: dead.expect("some died"), input: None });
    scene.submit("review", "2");
    scene.after(40_000); // Nobody renews: its lease runs out.
    slots_come_and_go(&mut scene);
    scene.tell(Command::Drain);
    scene.begin(1_000);
    scene
}

/// An agent is resized, paused and let back; a heavy task is called off while it costs something.
fn slots_come_and_go(scene: &mut Scene) {
    scene.join("dot", &["lift"], 1);
    let dot = scene.kernel.state().agent_named("dot").expect("it joined").id;
    scene.tell(Command::Resize { agent: dot, slots: 4 });
    let mut heavy = question("lift", "1");
    let terms = std::sync::Arc::make_mut(&mut heavy.terms);
    (terms.weight, terms.wish) = (3, Some(std::sync::Arc::new(Constraint::Has("strong".into()))));
    scene.tell(Command::Submit(heavy));
    let task = scene.kernel.state().last_task;
    scene.after(61_000 - 40_000).start(task);
    let cost = Cost { money_micros: 7, tokens: 9, ..Cost::default() };
    scene.report(task, Report::Spent(cost));
    let attempt = scene.attempt(task);
    scene.tell(Command::Cancel { task, reason: "too heavy".into() });
    scene.after(1_000).tell(Command::Report(attempt, Report::Spent(cost)));
    scene.tell(Command::Pause(dot));
    scene.after(100_000).stopped();
    scene.tell(Command::Unpause(dot));
    scene.after(5_000);
}

/// Every row of every table, in order, as text.
fn dump(path: &std::path::Path) -> String {
    let connection = Connection::open(path).unwrap();
    let mut tables = connection
        .prepare("select name from sqlite_schema where type in ('table', 'view') order by name")
        .unwrap();
    let names: Vec<String> =
        tables.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let mut text = String::new();
    for name in names {
        let mut select = connection.prepare(&format!("select * from \"{name}\"")).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<Value> = (0..columns).map(|at| row.get_unwrap(at)).collect();
            lines.push(format!("{name} {values:?}\n"));
        }
        lines.sort();
        text.extend(lines);
    }
    text
}

#[test]
fn views_are_the_same_however_they_were_built() {
    let scene = busy_morning();
    let directory = tempfile::tempdir().unwrap();
    let at_once = directory.path().join("once.db");
    drop(scene.views(&at_once));
    let expected = dump(&at_once);
    assert!(expected.lines().count() > 200, "{expected}");
    for size in [1, 2, 3, 7, 50] {
        let path = directory.path().join(format!("by-{size}.db"));
        for (at, entries) in scene.journal.chunks(size).enumerate() {
            // A new builder now and then: nothing may hang on what one remembers.
            let mut views = Views::open(&path).unwrap();
            views.apply(entries).unwrap();
            assert_eq!(views.applied_seq(), entries.last().unwrap().0);
            if at % 2 == 0 {
                views.apply(entries).unwrap(); // Twice is harmless.
            }
        }
        assert_eq!(dump(&path), expected, "in portions of {size}");
    }
}

#[test]
fn what_a_builder_remembers_is_what_it_finds_again() {
    let scene = busy_morning();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let mut views = Views::open(&path).unwrap();
    for (seq, entry) in &scene.journal {
        views.apply(&[(*seq, entry.clone())]).unwrap();
        let found = super::memory::Memory::load(&views.connection).unwrap();
        assert_eq!(views.memory, found, "after {seq}: {entry:?}");
    }
}

#[test]
fn the_tables_agree_with_the_kernel() {
    let scene = busy_morning();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let _views = scene.views(&path);
    let connection = Connection::open(&path).unwrap();
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let counts = scene.kernel.state().counts;
    let with_status = |status: &str| {
        number(&format!("select count(*) from tasks where status = '{status}'")) as u64
    };
    assert_eq!(number("select count(*) from tasks") as u64, counts.accepted);
    assert_eq!(with_status("completed"), counts.completed);
    assert_eq!(with_status("failed"), counts.failed);
    assert_eq!(with_status("cancelled"), counts.cancelled);
    assert_eq!(with_status("dead"), counts.dead);
    assert_eq!(number("select count(*) from attempts") as u64, counts.granted);
    assert_eq!(number("select sum(attempts) from tasks") as u64, counts.granted);
    let failed = number("select count(*) from attempts where outcome = 'failed'") as u64;
    assert_eq!(failed, counts.attempts_failed);
    assert_eq!(number("select sum(count) from work_times") as u64, counts.completed);
    assert_eq!(number("select count(distinct seq) from events"), scene.journal.len() as i64);
    assert_eq!(number("select count(*) from events"), scene.journal.len() as i64);
    let granted = "select count(*) from events where kind = 'lease_granted' and agent is not null";
    assert_eq!(number(granted) as u64, counts.granted);
    let spent = number("select sum(money_micros) from attempts");
    assert_eq!(number("select sum(money_micros) from agents"), spent);
    assert_eq!(number("select sum(count) from queue_times") as u64, counts.granted);
    let dot = "select sum(busy_ms) from agent_minutes m join agents a on a.id = m.agent
               where a.name = 'dot'";
    assert_eq!(
        number(dot),
        3 * 22_000,
        "three slots, also while it was being stopped, until the pause"
    );
    for agent in scene.kernel.state().agents() {
        let row = format!("from agents where id = {}", agent.id);
        assert_eq!(number(&format!("select completed {row}")) as u64, agent.completed);
        assert_eq!(number(&format!("select failed {row}")) as u64, agent.failed);
    }
    for task in scene.kernel.state().tasks() {
        let sql = format!("select status from tasks where id = {}", task.id);
        let status: String = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(status, task.status.name());
    }
    let open = number("select count(*) from tasks where ended_ms is null") as usize;
    assert_eq!(open, scene.kernel.state().open());
    assert_eq!(Limits::default(), *scene.kernel.limits());
}

#[test]
fn wall_time_follows_the_latest_start_and_deadlines_move_with_it() {
    let mut scene = Scene::new();
    let mut question = question("nobody", "1");
    question.deadline_ms = Some(10_000);
    scene.tell(Command::Submit(question));
    scene.after(1_000).begin(60_000);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let _views = scene.views(&path);
    let connection = Connection::open(&path).unwrap();
    let sql = "select accepted_at, deadline_at from tasks";
    let times: (String, String) =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(times.0, "2026-01-02T03:04:05.000Z");
    assert_eq!(times.1, "2026-01-02T03:05:15.000Z", "10 s of running time, 61 s of which 1 ran");
}

#[test]
fn a_gap_is_refused_and_changes_nothing() {
    let scene = busy_morning();
    let directory = tempfile::tempdir().unwrap();
    let mut views = Views::open(directory.path().join("views.db")).unwrap();
    views.apply(&scene.journal[..10]).unwrap();
    let mut torn = scene.journal[10..20].to_vec();
    torn.remove(5);
    let gap = views.apply(&torn);
    assert!(matches!(gap, Err(Error::Gap { expected: Seq(16), found: Seq(17) })), "{gap:?}");
    assert_eq!((views.applied_seq(), views.lag(Seq(15))), (Seq(10), 5));
    views.apply(&scene.journal[10..]).unwrap();
}

#[test]
fn another_version_and_damage_are_built_anew_and_a_foreign_file_is_left_alone() {
    let scene = busy_morning();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    drop(scene.views(&path));
    let set = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    set("pragma user_version = 9999");
    assert_eq!(Views::open(&path).unwrap().applied_seq(), Seq(0));
    drop(scene.views(&path));
    std::fs::write(&path, b"power cut").unwrap();
    assert_eq!(Views::open(&path).unwrap().applied_seq(), Seq(0));
    set("pragma application_id = 1");
    assert!(matches!(Views::open(&path), Err(Error::Foreign { .. })));
}

#[test]
fn reset_empties_all_but_the_logs_and_they_can_be_built_again() {
    let scene = busy_morning();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let mut views = scene.views(&path);
    views.append_log(TaskId(1), kernel::Token(1), 5, "info", "hello").unwrap();
    let before = dump(&path);
    views.reset().unwrap();
    assert_eq!(views.applied_seq(), Seq(0));
    assert_eq!(dump(&path).lines().count(), 1, "the line of the log");
    views.apply(&scene.journal).unwrap();
    assert_eq!(dump(&path), before);
}

#[test]
fn fields_of_a_log_are_kept_whole_or_not_at_all() {
    let scene = busy_morning();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let mut views = scene.views(&path);
    let line = |fields: &serde_json::Value| super::Line {
        task: TaskId(1),
        token: kernel::Token(1),
        at_ms: 5,
        level: "info",
        text: "charged".into(),
        fields: Some(fields.to_string()),
    };
    let small = serde_json::json!({ "cents": 7 });
    let large = serde_json::json!({ "all": "x".repeat(9_000) });
    views.append_logs(&[line(&small), line(&large)]).unwrap();
    let lines = super::read::Reader::open(&path).unwrap().logs(1, 0, 10).unwrap();
    let fields: Vec<_> = lines.iter().map(|it| serde_json::json!(it.fields)).collect();
    assert_eq!(fields, [small, serde_json::json!({})]);
}

#[test]
fn forgetting_a_run_erases_what_was_said_and_keeps_that_it_was() {
    let scene = busy_morning();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let mut views = scene.views(&path);
    views.append_log(TaskId(2), kernel::Token(2), 5, "info", "a secret file").unwrap();
    let (rows, said) = (dump(&path).lines().count(), ["file 0", "secret", "Text(\"42\")"]);
    assert!(said.iter().all(|it| dump(&path).contains(it.trim_matches('"'))));
    views.forget(TaskId(1)).unwrap();
    let after = dump(&path);
    assert!(!said.iter().any(|it| after.contains(it)), "{after}");
    assert_eq!(after.lines().count(), rows - 1, "only the line of the log is gone");
}

/// What must be the same of every task that was open at the snapshot or came after it, and of
/// agents.
fn essence(path: &std::path::Path, open_at: &[u64], after: u64) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let open: Vec<String> = open_at.iter().map(ToString::to_string).collect();
    let open = open.join(",");
    let line = |sql: &str| -> Vec<String> {
        let mut select = connection.prepare(sql).unwrap();
        let columns = select.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            Ok((0..columns).map(|at| row.get_unwrap(at)).collect::<Vec<Value>>())
        };
        let rows = select.query_map([], row).unwrap();
        rows.map(|row| format!("{:?}", row.unwrap())).collect()
    };
    let mut lines = line(&format!(
        "select id, run, parent, step, capability, status, attempts, failed, lost,
           deadline_ms, ended_ms, failure_kind, input, output from tasks
         where id in ({open}) or id > {after} order by id"
    ));
    lines
        .extend(line("select name, presence, completed, failed, restarts from agents order by id"));
    lines.extend(line(&format!(
        "select task, step, kind, child from steps where task in ({open}) or task > {after}
         order by task, step"
    )));
    lines
}

#[test]
fn views_that_begin_at_a_snapshot_go_on_as_the_others() {
    let scene = busy_morning();
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole.db");
    drop(scene.views(&whole));
    for at in (1..scene.journal.len()).step_by(7) {
        let (before, after) = scene.journal.split_at(at);
        let entries = before.iter().map(|(_, entry)| entry);
        let kernel = kernel::Kernel::replay(Limits::default(), None, entries);
        let path = directory.path().join(format!("from-{at}.db"));
        let mut views = Views::open(&path).unwrap();
        assert!(views.is_adrift(Seq(at as u64 + 1), Seq(scene.journal.len() as u64)));
        views.seed(kernel.state(), before[at - 1].0).unwrap();
        assert!(!views.is_adrift(Seq(at as u64 + 1), Seq(scene.journal.len() as u64)));
        assert_eq!(views.applied_seq(), before[at - 1].0);
        let found = super::memory::Memory::load(&views.connection).unwrap();
        assert_eq!(views.memory, found, "seeded at {at}");
        views.apply(after).unwrap();
        let open: Vec<u64> = kernel.state().tasks().map(|task| task.id.0).collect();
        let last = kernel.state().last_task.0;
        assert_eq!(essence(&path, &open, last), essence(&whole, &open, last), "seeded at {at}");
    }
}

/// Three tasks that wait until it is known who gets them: for their agent, for advice, for bids.
fn undecided() -> Scene {
    let mut scene = Scene::new();
    let routing = |routing| CapabilityPolicy { routing, ..CapabilityPolicy::default() };
    let auction = Policy::Auction { bids_ms: 9_000, bidders_max: 8, price_percent: 50 };
    let capabilities = [
        ("keep".into(), routing(Policy::Sticky { wait_ms: 7_000 })),
        ("ask".into(), routing(Policy::External { wait_ms: 8_000 })),
        ("sell".into(), routing(auction)),
    ];
    let policies = Policies { capabilities: capabilities.into(), ..Policies::default() };
    scene.tell(Command::Configure { team: "".into(), policies: policies.into() });
    for name in ["ann", "bob"] {
        scene.join(name, &["keep"], 1);
        scene.join(&format!("{name}'s"), &["ask", "sell", "bid"], 1);
    }
    let keep = || Submit { affinity: Some("key".into()), ..question("keep", "1") };
    scene.tell(Command::Submit(keep()));
    scene.after(1_000).tell(Command::Submit(keep()));
    scene.after(1_000).submit("ask", "2");
    scene.after(1_000).submit("sell", "3");
    scene
}

#[test]
fn what_is_waited_for_before_a_grant_is_the_same_from_a_snapshot() {
    let scene = undecided();
    let directory = tempfile::tempdir().unwrap();
    let whole = directory.path().join("whole.db");
    drop(scene.views(&whole));
    let seeded = directory.path().join("seeded.db");
    let at = scene.journal.last().unwrap().0;
    Views::open(&seeded).unwrap().seed(scene.kernel.state(), at).unwrap();
    let waits = |path: &std::path::Path| -> Vec<(String, i64, i64)> {
        let connection = Connection::open(path).unwrap();
        let mut select = connection
            .prepare(
                "select awaits, ready_ms, queued_ms from tasks
                 where status = 'queued' and capability <> 'bid' order by id",
            )
            .unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        select.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let began_ms = super::testing::BEGAN_MS as i64;
    let [keep, ask, sell] = &waits(&whole)[..] else { panic!("three wait") };
    assert!(keep.0.starts_with("its agent "), "{keep:?}");
    assert_eq!((keep.1, keep.2), (began_ms + 8_000, began_ms + 1_000));
    assert_eq!(*ask, ("advice".into(), began_ms + 10_000, began_ms + 2_000));
    assert_eq!(*sell, ("2 bids".into(), began_ms + 12_000, began_ms + 3_000));
    assert_eq!(waits(&seeded), waits(&whole));
}

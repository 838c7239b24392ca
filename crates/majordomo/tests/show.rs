//! What people read, as it stands in `tests/show/`: lists, stories, reasons, timelines.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p majordomo --test show` writes the files anew; look at what
//! changed.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)] // Helpers of a test.

use adapters::views::Line;
use adapters::views::read::{By, Filter, Reader, Spending};
use adapters::views::testing::{Scene, payload};
use jiff::tz::TimeZone;
use kernel::{
    Bid, CapabilityPolicy, Ceiling, Ceilings, Command, Cost, Exit, Exited, Extent, Failure,
    FailureKind, Forced, Policies, Policy, Report, Task, TaskId, Token,
};
use majordomo::show::{self, Format, Screen};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A review of three files: one attempt fails, the system crashes, one task dies of it.
fn review() -> Scene {
    let mut scene = Scene::new();
    scene.join("lead", &["code.review"], 1);
    scene.join("ann", &["file.review"], 2);
    scene.join("bob", &["file.review"], 1);
    let root = scene.submit("code.review", r#"{"path":"."}"#);
    scene.after(20).start(root);
    scene.after(180);
    let files: Vec<TaskId> = ["a.rs", "b.rs", "c.rs", "d.rs"]
        .iter()
        .map(|it| scene.ask(root, &format!("review#{it}"), "file.review", &format!("\"{it}\"")))
        .collect();
    scene.wait(root);
    files[..3].iter().for_each(|file| scene.start(*file));
    scene.after(400).complete(files[0], "\"fine\"");
    scene.after(200).fail(files[1], FailureKind::Crash, "segmentation fault");
    scene.once(files[2], "model#0", "\"two findings\"");
    scene.after(300).report(files[2], Report::Sleep { step: "pause".into(), ms: 250 });
    scene.begin(500);
    scene.join("lead", &["code.review"], 1);
    scene.join("ann", &["file.review"], 2);
    scene.after(700);
    for file in &files[1..] {
        if scene.attempt(*file).token != Token(0) {
            scene.complete(*file, "\"fine\"");
        }
        scene.after(600);
    }
    for file in &files[1..] {
        scene.complete(*file, "\"fine\"");
    }
    scene.after(100).complete(root, r#"{"findings":2}"#);
    let poison = scene.submit("file.review", "\"poison\"");
    for _ in 0..5 {
        scene.after(61_000).fail(poison, FailureKind::Crash, "it died \u{1b}[31mof it\u{202e}");
    }
    let called_off = scene.submit("code.review", "2");
    scene.tell(Command::Cancel { task: called_off, reason: "changed my mind".into() });
    scene.after(300).stopped_late();
    scene.submit("nobody.serves", "3");
    scene
}

struct House {
    reader: Reader,
    format: Format,
    _directory: tempfile::TempDir,
}

fn house(scene: &Scene) -> House {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let mut views = scene.views(&path);
    let at_ms = 1_767_323_046_000;
    views.append_log(TaskId(2), Token(2), at_ms, "info", "reading \u{1b}[1ma.rs").unwrap();
    let fields = Some(r#"{"cents":7,"to":"A\u001bda"}"#.to_owned());
    let (task, token, text) = (TaskId(2), Token(2), "charged".to_owned());
    views.append_logs(&[Line { task, token, at_ms, level: "warn", text, fields }]).unwrap();
    let reader = Reader::open(&path).unwrap();
    let format = Format::Text(Screen { width: 110, zone: TimeZone::UTC });
    House { reader, format, _directory: directory }
}

/// Compares with the file of this name, or writes it.
fn same(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/show").join(name);
    let plain = anstream::adapter::strip_str(text).to_string();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &plain).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(plain, expected, "{name} differs; UPDATE_SNAPSHOTS=1 writes it anew");
}

#[test]
fn lists_read_as_recorded() {
    let House { reader, format, _directory } = house(&review());
    same("runs.txt", &show::runs(&reader, 20, &format).unwrap());
    same("tasks.txt", &show::tasks(&reader, &Filter::default(), &format).unwrap());
    same("agents.txt", &show::agents(&reader, reader.applied_ms().unwrap(), &format).unwrap());
    same("dead.txt", &show::dead(&reader, &format).unwrap());
    let (lines, last) = show::logs(&reader, 2, 0, &format).unwrap();
    same("logs.txt", &lines);
    assert_eq!(show::logs(&reader, 2, last, &format).unwrap(), (String::new(), last));
}

/// Agents with everything that can be wrong with them, and work that nobody can take.
fn troubled() -> Scene {
    let mut scene = Scene::new();
    for (name, serves) in
        [("ann", "read"), ("bob", "write"), ("cat", "read"), ("dan", "file"), ("eve", "read")]
    {
        scene.join(name, &[serves], 1);
    }
    let id = |scene: &Scene, name: &str| scene.kernel.state().agent_named(name).unwrap().id;
    scene.submit("file", "0"); // Whoever has nothing left to finish would leave at once.
    let (ann, bob, cat, dan) =
        (id(&scene, "ann"), id(&scene, "bob"), id(&scene, "cat"), id(&scene, "dan"));
    scene.tell(Command::Suspect(ann, 1));
    let (capability, forced) = (Some("write".into()), Some(Forced::Open));
    scene.tell(Command::Breaker { agent: bob, capability, forced });
    scene.tell(Command::Pause(cat));
    scene.tell(Command::DrainAgent(dan));
    let reason = Exit::Abnormal("killed by signal 9".into());
    let eve = id(&scene, "eve");
    scene.tell(Command::Exited(Exited { agent: eve, life: 1, reason, extent: Extent::Whole }));
    scene.submit("write", "1");
    scene.submit("read", "2");
    scene.submit("fly", "3");
    scene.after(10);
    scene
}

/// Two agents bid against each other: one lies, one breaks down, others say this and that.
fn market() -> (Scene, [TaskId; 3]) {
    let mut scene = Scene::new();
    let routing = Policy::Auction { bids_ms: 1_000, bidders_max: 8, price_percent: 50 };
    let policy = CapabilityPolicy { routing, ..CapabilityPolicy::default() };
    let capabilities = BTreeMap::from([("read".into(), policy)]);
    let policies = Arc::new(Policies { capabilities, ..Policies::default() });
    scene.tell(Command::Configure { team: "".into(), policies });
    for name in ["liar", "sound", "shy", "odd", "late", "dear"] {
        scene.join(name, &["read", "bid"], 1);
    }
    let bids = [
        ("liar", Some(Some((1_000, 10)))),
        ("sound", Some(Some((1_500, 60)))),
        ("dear", Some(Some((5_000_000, 1)))),
        ("shy", Some(None)),
        ("odd", None),
    ];
    let mut tasks = [TaskId(0); 3];
    for (nth, task) in tasks.iter_mut().enumerate() {
        scene.submit("read", &nth.to_string());
        *task = scene.kernel.state().tasks().filter(|it| !it.is_bid).last().unwrap().id;
        for (name, said) in bids {
            let agent = scene.kernel.state().agent_named(name).unwrap().id;
            let asked = |it: &&Task| it.is_bid && it.terms.only == Some(agent);
            let asked = scene.kernel.state().tasks().find(asked).unwrap().id;
            let output = payload("null");
            scene.report(
                asked,
                match said {
                    Some(bid) => Report::Bid {
                        bid: bid.map(|(price_micros, time_ms)| Bid {
                            price_micros,
                            time_ms,
                            confidence: 900_000,
                        }),
                        output,
                    },
                    None => Report::Completed(output),
                },
            );
        }
        if nth == 2 {
            return (scene, tasks);
        }
        scene.after(1_000);
        if nth == 1 {
            scene.fail(*task, FailureKind::Error, "the lamp went out");
            scene.after(2_000);
        }
        scene.after(300).complete(*task, "1");
        scene.stopped();
    }
    (scene, tasks)
}

#[test]
fn an_auction_is_told_with_bids_and_records_and_who_was_passed_over() {
    let (scene, [first, second, open]) = market();
    let House { reader, format, _directory } = house(&scene);
    same("why-auction.txt", &show::why(&reader, first.0, &format).unwrap());
    same("why-auction-next.txt", &show::why(&reader, second.0, &format).unwrap());
    same("why-auction-open.txt", &show::why(&reader, open.0, &format).unwrap());
    let said = show::why(&reader, second.0, &Format::Json).unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let offer = &said["decisions"][0]["candidates"][1]["offer"];
    assert_eq!((&offer["time_ms"], &offer["shown_ms"]), (&10.into(), &300.into()), "{said}");
}

#[test]
fn what_is_wrong_is_said_first_and_to_programs_too() {
    let House { reader, format, _directory } = house(&troubled());
    let now_ms = reader.applied_ms().unwrap();
    same("agents-troubled.txt", &show::agents(&reader, now_ms, &format).unwrap());
    let said = show::agents(&reader, now_ms + 70_000, &Format::Json).unwrap();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let kinds: Vec<(&str, &str)> = said["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["level"].as_str().unwrap(), it["kind"].as_str().unwrap()))
        .collect();
    let expected = [
        ("bad", "nobody_can"), // For more than a minute.
        ("bad", "nobody_can"),
        ("degraded", "agent_suspected"),
        ("degraded", "breaker_open"),
        ("degraded", "agent_down"),
        ("degraded", "nobody_serves"),
        ("degraded", "long_wait"),
        ("fine", "agent_paused"),
        ("fine", "agent_draining"),
    ];
    assert_eq!(kinds, expected, "{said:#}");
    let bob = &said["agents"][1];
    assert_eq!(bob["breakers"][0]["state"], "forced_open", "{bob:#}");
    assert!(bob["success_percent"].is_null() && bob["p99_ms"].is_null(), "nothing is known yet");
    same("why-nobody-can.txt", &show::why(&reader, 3, &format).unwrap());
}

#[test]
fn stories_read_as_recorded() {
    let House { reader, format, _directory } = house(&review());
    same("show-root.txt", &show::task(&reader, 1, &format).unwrap());
    same("show-lost.txt", &show::task(&reader, 4, &format).unwrap());
    same("show-late.txt", &show::task(&reader, 7, &format).unwrap());
    same("dead-show.txt", &show::dead_letter(&reader, 6, &format).unwrap());
    same("why-chosen.txt", &show::why(&reader, 2, &format).unwrap());
    same("why-queued.txt", &show::why(&reader, 8, &format).unwrap());
}

#[test]
fn the_timeline_reads_as_recorded() {
    let House { reader, format, _directory } = house(&review());
    let text = show::timeline::show(&reader, 1, &format).unwrap();
    same("timeline.txt", &text);
    assert!(
        anstream::adapter::strip_str(&text).to_string().lines().all(|it| it.chars().count() <= 110)
    );
    same("timeline.html", &show::timeline::html(&reader, 1).unwrap());
    let narrow = Format::Text(Screen { width: 60, zone: TimeZone::UTC });
    let narrow = show::timeline::show(&reader, 1, &narrow).unwrap();
    let narrow = anstream::adapter::strip_str(&narrow).to_string();
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
}

#[test]
fn what_is_left_of_ceilings_is_told_with_what_was_spent() {
    let mut scene = review();
    let money = |money_micros| Ceiling { money_micros: Some(money_micros), ..Ceiling::default() };
    let most = Ceiling { calls: Some(200), ..money(2_000_000) };
    let tenants = [("acme".into(), money(40_000))].into();
    let ceilings = Ceilings { day: most, tenants, ..Ceilings::default() };
    let policies = Arc::new(Policies { ceilings, ..Policies::default() });
    scene.tell(Command::Configure { team: "".into(), policies });
    let House { reader, format, _directory } = house(&scene);
    let (by, all, now) = (By::Run, Spending::default(), reader.applied_ms().unwrap());
    same("cost.txt", &show::costs(&reader, by, &all, now, &format).unwrap());
    let json = show::costs(&reader, by, &all, now, &Format::Json).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["ceilings"][0]["max"], 2_000_000);
    assert_eq!(json["ceilings"][2]["tenant"], "acme");
}

/// One waits for the rate of its model, and has before; another finds the day's ceiling reached.
#[test]
fn who_waits_for_a_rate_or_finds_a_ceiling_reached_is_told_so() {
    let mut scene = Scene::new();
    scene.join("thinker", &["think"], 4);
    let ceiling = Ceiling { money_micros: Some(500_000), ..Ceiling::default() };
    let ceilings = Ceilings { tenant_day: ceiling, ..Ceilings::default() };
    let policies = Arc::new(Policies { ceilings, ..Policies::default() });
    scene.tell(Command::Configure { team: "".into(), policies });
    let waits = scene.submit("think", "1");
    let step = format!("call#2/rate/{}/sleep#0", scene.attempt(waits).token.0);
    scene.report(waits, Report::Sleep { step: step.into(), ms: 600_000 });
    scene.report(waits, Report::Wait { seen: 0 });
    let poor = scene.submit("think", "2");
    scene.report(poor, Report::Spent(Cost { money_micros: 500_000, ..Cost::default() }));
    let (by, now) = (scene.attempt(poor), scene.kernel.state().time);
    let more = Cost { money_micros: 1, ..Cost::default() };
    let refusal = scene.kernel.state().affords(by, more, now).unwrap_err();
    let failure = Failure::new(FailureKind::OverBudget, refusal.to_string());
    scene.report(poor, Report::Failed(failure));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let mut views = scene.views(&path);
    for said in ["waits for the rate of openai/gpt-5, 12 s", "waits for the rate of openai/gpt-5"] {
        views.append_log(waits, Token(1), 1_767_323_046_000, "info", said).unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    let format = Format::Text(Screen { width: 110, zone: TimeZone::UTC });
    same("why-rate.txt", &show::why(&reader, waits.0, &format).unwrap());
    same("why-ceiling.txt", &show::why(&reader, poor.0, &format).unwrap());
}

#[test]
fn json_says_the_same_to_programs() {
    let House { reader, _directory, .. } = house(&review());
    let json = &Format::Json;
    let parsed = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let tasks = parsed(show::tasks(&reader, &Filter::default(), json).unwrap());
    assert_eq!(tasks.as_array().map(Vec::len), Some(8));
    assert_eq!(parsed(show::runs(&reader, 1, json).unwrap())[0]["run"], 8);
    assert_eq!(parsed(show::task(&reader, 1, json).unwrap())["output"]["value"]["findings"], 2);
    let why = parsed(show::why(&reader, 8, json).unwrap());
    assert_eq!(why["obstacles"][0]["obstacle"], "nobody_serves");
    let timeline = parsed(show::timeline::show(&reader, 1, json).unwrap());
    assert!(timeline["critical"]["parts"]["work"].as_i64() > Some(0));
    let dead = show::dead(&reader, json).unwrap();
    assert!(dead.contains("\\u001b[31m") && dead.contains("\\u202e"), "{dead}");
    assert_eq!(parsed(show::agents(&reader, 0, json).unwrap())["agents"][0]["name"], "ann");
    let (lines, _) = show::logs(&reader, 2, 0, json).unwrap();
    assert!(lines.lines().all(|line| parsed(line.to_owned())["task"] == 2));
    let last = parsed(lines.lines().last().unwrap().to_owned());
    assert_eq!((&last["text"], &last["fields"]["cents"]), (&"charged".into(), &7.into()));
}

#[test]
fn nothing_an_agent_says_is_obeyed() {
    let attacks = std::fs::read_to_string(
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/show/attacks.txt"),
    )
    .unwrap();
    let attacks: Vec<String> = attacks
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|it| {
            it.replace("\\u{1b}", "\u{1b}")
                .replace("\\u{202e}", "\u{202e}")
                .replace("\\u{9b}", "\u{9b}")
        })
        .collect();
    let escapes = |attack: &str| -> Vec<usize> {
        let count = |text: &String| text.matches('\u{1b}').count();
        told_about(attack).iter().map(count).collect()
    };
    let harmless = escapes("harmless");
    for attack in attacks {
        assert_eq!(escapes(&attack), harmless, "only our own colours: {attack:?}");
        for told in told_about(&attack) {
            let obeyed =
                |it: char| (it.is_control() && it != '\n' && it != '\u{1b}') || it == '\u{202e}';
            assert!(!told.contains(obeyed), "{told:?}");
            assert!(!told.contains("<script") || !told.starts_with("<!doctype"), "{told}");
            if told.starts_with("<!doctype") && attack.contains(['<', '"', '\'', '`']) {
                assert!(!told.contains(&attack), "{attack} in {told}");
            }
        }
    }
}

/// Everything there is to read of a run in which every name and word is this text.
fn told_about(attack: &str) -> Vec<String> {
    let mut scene = Scene::new();
    scene.join(attack, &["work"], 1);
    scene.join("child", &[attack], 1);
    let root = scene.submit("work", "1");
    let child = scene.ask(root, attack, attack, "1");
    scene.after(10).wait(root);
    scene.fail(child, FailureKind::Rejected, attack);
    scene.after(10).fail(root, FailureKind::Child, attack);
    let House { reader, format, _directory } = house(&scene);
    let told = [
        show::runs(&reader, 0, &format),
        show::tasks(&reader, &Filter::default(), &format),
        show::agents(&reader, 0, &format),
        show::task(&reader, 1, &format),
        show::task(&reader, 2, &format),
        show::why(&reader, 2, &format),
        show::timeline::show(&reader, 1, &format),
        show::timeline::html(&reader, 1),
    ];
    told.into_iter().map(Result::unwrap).collect()
}

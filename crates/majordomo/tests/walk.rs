//! The walk of `docs/WALK.md`, walked: what becomes durable and what is performed, in that order.

use majordomo::{Context, Result, capability};
use runtime::Stores;
use runtime::port::journal::Seq;
use runtime::port::observer::{Note, Observer};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What has happened so far, one line each.
static WALKED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn happened(what: impl Into<String>) {
    WALKED.lock().expect("no panic under it").push(what.into());
}

struct Witness;

impl Observer for Witness {
    fn durable(&self, _: Seq, entries: &Arc<[kernel::Entry]>) {
        for entry in entries.iter() {
            let event = format!("{:?}", entry.event);
            let end = event.find(|c: char| !c.is_alphanumeric()).unwrap_or(event.len());
            happened(&event[..end]);
        }
    }

    fn note(&self, _: &Note) {}
}

#[capability("text.count@1")]
async fn count(_: Context, text: String) -> Result<usize> {
    happened("> text.count begins");
    Ok(text.split_whitespace().count())
}

#[capability("text.report@1")]
async fn report(cx: Context, text: String) -> Result<String> {
    happened("> text.report begins");
    let words = cx.ask::<count>(text).await?;
    happened("> text.report goes on");
    Ok(format!("{words} words"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/WALK.md")).expect("the page is there")
}

#[tokio::test(start_paused = true)]
async fn the_page_tells_what_happens() {
    let stores = Stores {
        journal: Box::new(adapters::journal::memory::Memory::new()),
        blobs: Arc::new(adapters::blobs::memory::Memory::new()),
        observers: vec![Arc::new(Witness)],
        restored: false,
    };
    let team = runtime::api::TeamBuilder::new(Ok(stores)).with(count).with(report);
    let team = team.start().await.expect("starts");
    let answer = team.ask::<report>("to be or not to be").await;
    assert_eq!(answer.as_deref(), Ok("6 words"));
    happened("> the client has its answer");

    let page = page();
    let told = page.split("```walk\n").nth(1).and_then(|it| it.split("```").next());
    let told: Vec<&str> = told.expect("the page has the walk").lines().collect();
    assert_eq!(*WALKED.lock().expect("no panic under it"), told);
}

#[test]
fn every_function_on_the_page_is_in_its_file() {
    let page = page();
    let mut rooms = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && line.contains("`crates/")) {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let (file, function) = (cells[2], cells[3]);
        let source = std::fs::read_to_string(root().join(file));
        let source = source.unwrap_or_else(|why| panic!("{file}: {why}"));
        let is_there = ["(", "<"].iter().any(|end| source.contains(&format!("fn {function}{end}")));
        assert!(is_there, "{file} has no function {function}");
        rooms += 1;
    }
    assert!(rooms > 20, "the table was not found");
}

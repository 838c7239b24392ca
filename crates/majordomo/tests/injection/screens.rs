//! The corpus on screens and pages: whatever a name, a step, an output, a failure or the words of
//! an adviser say, what is drawn differs from what is drawn of plain text in that text alone.

use super::families::corpus;
use adapters::views::read::{Filter, Reader};
use adapters::views::testing::Scene;
use jiff::tz::TimeZone;
use kernel::{CapabilityPolicy, Command, FailureKind, Policies, Policy, TaskId, Token};
use majordomo::show::{self, Format, Screen};
use std::collections::BTreeMap;
use std::sync::Arc;

/// So many texts in one scene.
const AT_ONCE: usize = 24;

/// Each text as an agent's name, a capability, a step, an output, a failure, a line of a log, and
/// the words and the choice of an adviser.
fn scene(texts: &[String]) -> Scene {
    let mut scene = Scene::new();
    let routing = Policy::External { wait_ms: 1_000 };
    let policy = CapabilityPolicy { routing, ..CapabilityPolicy::default() };
    let capabilities = BTreeMap::from([("work".into(), policy)]);
    let policies = Arc::new(Policies { capabilities, ..Policies::default() });
    scene.tell(Command::Configure { team: "".into(), policies });
    scene.join("lead", &["lead"], 1_000);
    scene.join("one", &["work"], 1_000);
    scene.join("two", &["work"], 1_000);
    for (nth, text) in texts.iter().enumerate() {
        // Names are told apart by their number, and bounded.
        let name: String = format!("{nth} {text}").chars().take(60).collect();
        scene.join(&name, &[&name], 1);
        let root = scene.submit("lead", &serde_json::to_string(text).unwrap());
        let child = scene.ask(root, &name, &name, "1");
        let asked = scene.ask(root, "work", "work", "2");
        scene.wait(root);
        let until = scene.kernel.state().deliberations.keys().next().map(|_| kernel::Time(0));
        assert!(until.is_some(), "advice is asked for");
        advise(&mut scene, asked, text);
        scene.after(10).fail(child, FailureKind::Rejected, text);
        scene.after(10).complete(asked, &serde_json::to_string(text).unwrap());
        scene.after(10).fail(root, FailureKind::Rejected, text);
    }
    scene
}

fn advise(scene: &mut Scene, task: TaskId, text: &str) {
    let until = match scene.kernel.state().deliberations.get(&task) {
        Some(kernel::Deliberation::Asked { until, .. }) => *until,
        other => panic!("{other:?}"),
    };
    scene.tell(Command::Advice {
        task,
        until,
        ranking: vec![text.into(), "one".into()],
        words: text.into(),
    });
}

/// Everything there is to read of these texts, in order.
fn told(texts: &[String]) -> (Vec<String>, Vec<String>) {
    let scene = scene(texts);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("views.db");
    let mut views = scene.views(&path);
    for (nth, text) in texts.iter().enumerate() {
        views.append_log(TaskId(1), Token(1), nth as i64, "info", text).unwrap();
    }
    let reader = Reader::open(&path).unwrap();
    let format = Format::Text(Screen { width: 110, zone: TimeZone::UTC });
    let filter = Filter::default();
    let mut screens = vec![
        show::runs(&reader, 0, &format).unwrap(),
        show::tasks(&reader, &filter, &format).unwrap(),
        show::agents(&reader, 0, &format).unwrap(),
        show::logs(&reader, 1, 0, &format).unwrap().0,
    ];
    let mut pages = Vec::new();
    for task in 1..=3 * texts.len() as u64 {
        screens.push(show::task(&reader, task, &format).unwrap());
        screens.push(show::why(&reader, task, &format).unwrap());
        if task % 3 == 1 {
            screens.push(show::timeline::show(&reader, task, &format).unwrap());
            pages.push(show::timeline::html(&reader, task).unwrap());
        }
    }
    (screens, pages)
}

/// The tags of a page with their attributes, numbers left out; the text between them is not looked
/// at. Panics where the page is not well formed.
fn skeleton(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').unwrap_or_else(|| panic!("an open tag: {rest}")) + at;
        let tag = &rest[at..=end];
        assert!(!tag[1..].contains('<'), "a tag in a tag: {tag}");
        tags.push(tag.chars().filter(|it| !it.is_ascii_digit() && *it != '.').collect());
        rest = &rest[end + 1..];
        let text = &rest[..rest.find('<').unwrap_or(rest.len())];
        let is_style = tags.last().is_some_and(|it: &String| it == "<style>");
        assert!(is_style || !text.contains(['>', '"', '\'', '`']), "markup in a text: {text}");
    }
    tags
}

#[test]
fn nothing_is_drawn_of_it_but_text() {
    let prompts = corpus("/kept", "http://127.0.0.1:9");
    for texts in prompts.chunks(AT_ONCE) {
        let plain: Vec<String> = texts.iter().map(|it| "x".repeat(it.chars().count())).collect();
        let ((screens, pages), (plain_screens, plain_pages)) = (told(texts), told(&plain));
        for (screen, plain) in screens.iter().zip(&plain_screens) {
            let obeyed = |it: &char| it.is_control() && *it != '\n' && *it != '\u{1b}';
            assert_eq!(screen.chars().find(obeyed), None, "{screen:?}");
            let escapes = |text: &str| text.matches('\u{1b}').count();
            assert_eq!(escapes(screen), escapes(plain), "only our own colours: {screen:?}");
            let lines = |text: &str| text.lines().count();
            assert_eq!(lines(screen), lines(plain), "{screen:?}");
        }
        for (page, plain) in pages.iter().zip(&plain_pages) {
            assert_eq!(skeleton(page), skeleton(plain), "{page}");
        }
    }
}

//! Schedules of a team file.

use crate::stage::Stage;
use majordomo::kernel::{self, Event};
use majordomo::session::Session;
use std::time::Duration;

const TICKS: &str = r#"
[agents]
lead = { kind = "builtin", use = "lead" }
[steps]
survey = { ask = "code.survey", input = { path = "{{ args }}" } }
[schedules]
"#;

fn fired(event: &Event) -> bool {
    let Event::Schedule { what: kernel::ScheduleEvent::Fired { came, .. }, .. } = event else {
        return false;
    };
    matches!(came, kernel::Came::Task(_))
}

#[tokio::test(start_paused = true)]
async fn a_schedule_of_the_file_fires_and_runs_the_steps() {
    let stage = Stage::new();
    let place = stage.directory.path().join("src");
    std::fs::create_dir(&place).unwrap();
    let text = format!("{TICKS}tick = {{ every = '1s', input = {:?} }}", place.to_str().unwrap());
    let session = stage.start(&text).await.unwrap();
    let completed = |event: &Event| matches!(event, Event::TaskCompleted { .. });
    stage.heard.until(2, fired).await;
    stage.heard.until(4, completed).await;
    let pinned = |event: &Event| matches!(event, Event::RunStarted { .. });
    assert!(stage.heard.count(pinned) >= 2, "each follows the definition");
    session.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn schedules_are_changed_and_removed_with_the_file_and_nobody_elses_are_touched() {
    let stage = Stage::new();
    let names = |session: &Session| {
        let all = session.team().schedules();
        let said = |it: &kernel::Schedule| format!("{} {}", it.spec.name, it.spec.origin);
        all.iter().map(said).collect::<Vec<_>>()
    };
    let session =
        stage.start(&format!("{TICKS}a = {{ every = '1h' }}\nb = {{ every = '1h' }}")).await;
    let session = session.unwrap();
    let recurs = kernel::Recurrence::Every { ms: 3_600_000 };
    let terms = kernel::Terms::new("x");
    let by_hand =
        session.team().schedule("own", recurs, terms, b"null".to_vec(), Default::default());
    by_hand.await.unwrap();
    assert_eq!(names(&session), ["a t", "b t", "own "]);
    session.team().pause_schedule("b").await.unwrap();
    session.drain(Duration::ZERO).await;

    let taken = stage.start(&format!("{TICKS}own = {{ every = '1h' }}")).await.err().unwrap();
    let said = taken.to_string();
    assert!(said.contains("schedule `own`") && said.contains("set by hand"), "{said}");

    let changed = "b = { cron = '@daily', zone = 'UTC', overlap = 'allow' }";
    let session = stage.start(&format!("{TICKS}{changed}")).await.unwrap();
    assert_eq!(names(&session), ["b t", "own "]);
    let b = session.team().schedules().remove(0);
    assert!(b.paused, "what a person has paused stays paused");
    assert_eq!(b.spec.overlap, kernel::Overlap::Allow);
    session.drain(Duration::ZERO).await;
}

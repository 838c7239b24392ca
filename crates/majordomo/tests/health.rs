//! `health` as a program calls it: beside a process at work, with that process's own bounds.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)] // Helpers of a test.

use kernel::{Limits, Terms};
use majordomo::control::{Desk, Server};
use majordomo::data::DataDir;
use majordomo::health::{self, Health, Kind, Level};
use majordomo::session::Inbox;
use majordomo::viewing::Viewer;
use majordomo::{SubmitOptions, Team};
use runtime::Bounds;
use runtime::port::Observer;
use std::sync::Arc;
use std::time::Duration;

/// A team without agents that may hold two tasks and a mebibyte.
struct House {
    directory: tempfile::TempDir,
    team: Team,
    viewer: Arc<Viewer>,
    _server: Server,
}

async fn house(limits: Limits, bounds: Bounds) -> House {
    let directory = tempfile::tempdir().unwrap();
    let data = DataDir::new(directory.path());
    data.create().unwrap();
    let viewer = Viewer::start(&data).unwrap();
    let observers: Vec<Arc<dyn Observer>> = vec![viewer.clone()];
    let team = Team::open_watched(directory.path(), observers).limits(limits).bounds(bounds);
    let team = team.start().await.unwrap();
    let server = Server::start(&data, Desk::new(team.clone(), "", Inbox::default())).unwrap();
    House { directory, team, viewer, _server: server }
}

impl House {
    async fn submit(&self) -> Result<(), majordomo::Failure> {
        let submitted =
            self.team.submit(Terms::new("a.b"), b"1".to_vec(), SubmitOptions::default()).await;
        submitted.map(|_| ())
    }

    /// Looks as another process does, when everything told so far stands in the views.
    async fn look(&self) -> Health {
        let (viewer, path) = (self.viewer.clone(), self.directory.path().to_owned());
        let look = move || {
            viewer.finish();
            health::look(&DataDir::new(path)).unwrap()
        };
        tokio::task::spawn_blocking(look).await.unwrap()
    }
}

fn kinds(health: &Health) -> Vec<Kind> {
    health.problems.iter().map(|it| it.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_room_is_counted_and_told() {
    let limits = Limits { queue_max: 2, ..Limits::default() };
    let house = house(limits, Bounds::default()).await;
    house.submit().await.unwrap();
    house.submit().await.unwrap();
    for _ in 0..3 {
        house.submit().await.unwrap_err();
    }
    let health = house.look().await;
    assert_eq!((health.refused, health.open_tasks, health.level), (3, 2, Level::Degraded));
    assert_eq!(kinds(&health), [Kind::NobodyServes, Kind::Refused], "{health:?}");
    assert_eq!(health.problems[0].what, "2 tasks wait for a.b, which nobody serves");
    assert!(health.holder_pid.is_some());
    house.team.drain(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_is_measured_by_the_bounds_of_the_process_at_work() {
    let bounds = Bounds { data_max_bytes: 1 << 20, ..Bounds::default() };
    let house = house(Limits::default(), bounds).await;
    let health = house.look().await;
    assert_eq!(health.data_max_bytes, 1 << 20);
    // The log lays its first segment out in advance, so a mebibyte is full from the beginning.
    assert_eq!((health.level, kinds(&health)), (Level::Bad, vec![Kind::DataFull]), "{health:?}");
    assert!(health.problems[0].next.contains("`majordomo forget`"), "{health:?}");
    house.submit().await.unwrap_err();
    house.team.drain(Duration::ZERO).await;
}

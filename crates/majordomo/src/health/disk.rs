//! The room on the disk, by the bounds of the process that holds the data where one does.

use super::signs::{self, REFUSED_RECENT_MS};
use super::{Health, Problem, wall_ms};
use crate::control::Room;
use crate::data::DataDir;
use std::path::Path;

/// Measures, and says what is near its bound.
pub(super) fn look(data: &DataDir, room: Option<Room>, health: &mut Health) {
    let usual =
        Room { data_max_bytes: runtime::Bounds::default().data_max_bytes, ..Room::default() };
    let room = room.unwrap_or(usual);
    let kept = bytes_below(&data.journal()) + bytes_below(&data.blobs());
    let views = std::fs::metadata(data.views()).map_or(0, |it| it.len());
    health.data_bytes = kept + views;
    health.data_max_bytes = room.data_max_bytes;
    health.free_bytes = free_bytes(data.path());
    health.refused = room.refused;
    let near = Problem::data_near(kept, room.data_max_bytes);
    let low = || health.free_bytes.and_then(Problem::disk_low);
    let found = room.full.as_deref().map(signs::data_full).or(near).or_else(low);
    health.problems.extend(found);
    if let Some(ms_ago) = room.refused_ms_ago.filter(|ms| *ms <= REFUSED_RECENT_MS) {
        health.problems.push(signs::refused(room.refused, ms_ago, wall_ms()));
    }
}

fn free_bytes(path: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(path).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

/// The sum of all files below; what goes away meanwhile counts nothing.
fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes_below(&entry.path()),
        Ok(_) => entry.metadata().map_or(0, |it| it.len()),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

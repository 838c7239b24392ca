//! The master: reads the task, splits it, assigns the parts, and gets help when there is too much.
//!
//! It holds no thread and no slot while it waits. Each `ask` is a task in the journal under a step
//! key of its own; opened on a directory instead of in memory, the team could be killed at any
//! moment and would go on with the parts that are left.

use super::work::{Made, Material, Part, Piece, Task, Told, class_of, file_name};
use super::{recruiter, workers};
use majordomo::kernel::Class;
use majordomo::{AskOptions, Context, Failure, Result, capability};
use std::collections::BTreeMap;
use std::path::Path;

/// Pieces that one coder can be left alone with.
const ALONE_MAX: usize = 3;
/// Files that are looked at.
const FILES_MAX: usize = 100;

#[capability("master@1")]
pub async fn master(cx: Context, task: Task) -> Result<Told> {
    let mut decisions = Vec::new();
    let parts = split(&task)?;
    decisions.push(format!("{}: one analysis for each of {} files", task.path, parts.len()));
    let analyse = |cx: Context, part: Part| async move { cx.ask::<workers::analyse>(part).await };
    let analyses = cx.map(parts, |part| file_name(&part.path), 16, analyse).await?;

    let mut pieces: Vec<Piece> = analyses.iter().flat_map(|it| it.pieces.clone()).collect();
    pieces.sort_by_key(|piece| piece.severity);
    decisions.push(format!("{} for the coder: {}", pieces.len(), by_class(&pieces)));
    if pieces.len() > ALONE_MAX {
        let why = format!("{} pieces are more than the {ALONE_MAX} one coder can do", pieces.len());
        let name = cx.ask::<recruiter::recruit>(why.clone()).await?;
        decisions.push(format!("{name} joins: {why}"));
    }
    let made = cx.map(pieces, |piece| piece.key.clone(), usize::MAX, make).await?;

    let refused = made.iter().filter(|made| made.text.is_err()).count();
    decisions.push(format!("{refused} refused by the coder are told as they are, not tried again"));
    decisions.push("the page goes first wherever it waits: everything else is done".to_owned());
    let material = Material { scenario: task.scenario, analyses, made };
    let page = cx.ask::<workers::write>(material).with(class(Class::Critical)).await?;
    Ok(Told { decisions, page })
}

/// Asks the coder for one piece. That it cannot be done is an answer like any other.
async fn make(cx: Context, piece: Piece) -> Result<Made> {
    let terms = class(class_of(piece.severity));
    let text = cx.ask::<workers::code>(piece.clone()).with(terms).await;
    // The failure of a step says first which step it was; that is known here.
    let why = |failure: Failure| {
        let said = failure.message.split_once(" failed: ");
        said.map_or(failure.message.clone(), |(_, why)| why.to_owned())
    };
    Ok(Made { piece, text: text.map_err(why) })
}

fn class(class: Class) -> AskOptions {
    AskOptions { class: Some(class), ..AskOptions::default() }
}

/// The file itself, or the files of a directory that the scenario can do something with.
fn split(task: &Task) -> Result<Vec<Part>> {
    let unreadable = |why| Failure::rejected(format!("{} cannot be read: {why}", task.path));
    let path = Path::new(&task.path);
    let mut files = Vec::new();
    if path.metadata().map_err(unreadable)?.is_dir() {
        for entry in path.read_dir().map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            let is = file.extension().unwrap_or_default();
            if task.scenario.extensions().iter().any(|known| is == *known) {
                files.push(file.to_string_lossy().into_owned());
            }
        }
        files.sort(); // A directory has no order, and a second life must split as the first did.
    } else {
        files.push(task.path.clone());
    }
    if files.is_empty() || files.len() > FILES_MAX {
        let wanted = task.scenario.extensions().join(", ");
        let why = format!("{} has {} files (of {wanted})", task.path, files.len());
        return Err(Failure::rejected(format!("{why}; name one with 1 to {FILES_MAX}")));
    }
    let part = |path| Part { scenario: task.scenario, path };
    Ok(files.into_iter().map(part).collect())
}

fn by_class(pieces: &[Piece]) -> String {
    let mut counts: BTreeMap<Class, usize> = BTreeMap::new();
    for piece in pieces {
        *counts.entry(class_of(piece.severity)).or_default() += 1;
    }
    let told = counts.iter().map(|(class, count)| format!("{count} in class {class:?}"));
    told.collect::<Vec<_>>().join(", ").to_lowercase()
}

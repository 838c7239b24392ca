//! An ear at the process that holds the journal: what is said in a run, while it is said.

use super::Global;
use majordomo::control::{Door, Request, Response, Told};
use majordomo::show::{self, Passing};
use std::io::Write as _;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// What waits here to be printed; more waits with whoever says it, and the oldest of that goes.
const WAITING_MAX: usize = 64;

/// How long the other side is waited for: its first word, and its last ones when all is over.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is told of a run; nothing where no process is at work.
#[derive(Default)]
pub(super) struct Ear(Option<mpsc::Receiver<Told>>);

impl Ear {
    /// Listens to the run of this task, if a process is at work there.
    pub(super) fn at(global: &Global, task: u64) -> Ear {
        let door = Door::of(&global.data()).ok().filter(Door::is_held);
        Ear(door.map(|door| listen(door, task)))
    }

    /// What is said next; never, where nothing more is.
    pub(super) async fn next(&mut self) -> Told {
        if let Some(told) = &mut self.0 {
            if let Some(told) = told.recv().await {
                return told;
            }
            self.0 = None;
        }
        std::future::pending().await
    }

    /// What was said until the end, as it comes. Others in the run may go on for ever: of what they
    /// say no end is waited for.
    pub(super) async fn last_words(mut self, mut each: impl FnMut(&Told)) {
        let Some(told) = &mut self.0 else { return };
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until
            && let Ok(Some(told)) = timeout_at(until, told.recv()).await
        {
            each(&told);
        }
    }
}

/// Listens on a thread of its own, which waits for the other side for as long as this process
/// lives. From when this returns nothing is missed.
fn listen(mut door: Door, task: u64) -> mpsc::Receiver<Told> {
    let (tell, told) = mpsc::channel(WAITING_MAX);
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Whoever does not know how to tell it refuses, and then there is nothing to hear.
        let _ = door.follow(&Request::Follow { task }, |response| match response {
            Response::Following { .. } => Ok(ready.send(()).is_ok()),
            Response::Told(it) => Ok(tell.blocking_send(*it).is_ok()),
            _ => Ok(false),
        });
    });
    let _ = tokio::task::block_in_place(|| is_ready.recv_timeout(PATIENCE));
    told
}

/// Prints what is said in passing, to people or to programs.
pub(super) struct Printer {
    is_json: bool,
    passing: Passing,
}

impl Printer {
    pub(super) fn new(is_json: bool) -> Printer {
        Printer { is_json, passing: Passing::default() }
    }

    /// Something that was said, to standard output.
    pub(super) fn say(&mut self, told: &Told) {
        anstream::print!("{}", self.words(told));
        let _ = std::io::stdout().flush(); // Whoever reads may be gone; the next print says so.
    }

    /// The same as text.
    pub(super) fn words(&mut self, told: &Told) -> String {
        if self.is_json { show::told(told) } else { self.passing.said(told) }
    }

    /// A line of its own, which is harmless already.
    pub(super) fn line(&mut self, line: &str) {
        anstream::print!("{}", self.passing.line(line));
    }

    /// What ends the line that a text stands on.
    pub(super) fn end(&mut self) -> &'static str {
        self.passing.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use majordomo::control::Told;
    use runtime::port::observer::Said;
    use tokio::time::{sleep, timeout};

    /// What others say goes on, and is not waited for.
    #[tokio::test(start_paused = true)]
    async fn last_words_end_though_others_go_on() {
        let (tell, told) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            for task in 0.. {
                let what = Said::Partial { output: task.into() };
                let told = Told { task, token: 1, agent: String::new(), what, missed: 0 };
                if tell.send(told).await.is_err() {
                    return;
                }
                sleep(PATIENCE / 2).await;
            }
        });
        let (begun, mut heard) = (Instant::now(), 0);
        let ended = timeout(PATIENCE * 100, Ear(Some(told)).last_words(|_| heard += 1)).await;
        assert!(ended.is_ok() && heard > 1 && begun.elapsed() <= PATIENCE * 2, "{heard}");
    }
}

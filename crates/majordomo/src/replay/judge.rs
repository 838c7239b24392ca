//! What was played, held against what is recorded.

use super::walk::Moment;
use super::{Found, Verdict};
use kernel::{Digest, Outcome, Payload};
use runtime::port::Blobs;
use runtime::replay::{Asked, Ended, Played, is_from_outside};

/// Differences that are told of one task.
const TOLD_MAX: usize = 10;

/// A task that was played.
pub(super) struct Judged {
    found: Vec<Found>,
    /// Requests to models that are not what they were, and of which nothing is told yet but that.
    otherwise: Vec<(usize, Asked)>,
    steps: usize,
    note: Option<String>,
}

impl Judged {
    pub(super) fn of(
        moment: &Moment,
        played: &Played,
        is_workflow: bool,
        blobs: &dyn Blobs,
    ) -> Judged {
        let mut judged =
            Judged { found: Vec::new(), otherwise: Vec::new(), steps: played.steps, note: None };
        judged.requests(&played.requests);
        for it in &played.differences {
            judged.found(Some(&it.step), &it.recorded, &it.now);
        }
        let is_whole = matches!(moment.end, None | Some(Outcome::Completed(_)));
        if is_workflow && is_whole {
            for step in &played.unasked {
                judged.found(Some(step), "is asked for", "is not asked for");
            }
        }
        judged.end(moment.end.as_ref(), played, blobs);
        judged
    }

    fn found(&mut self, step: Option<&str>, recorded: &str, now: &str) {
        let step = step.map(str::to_owned);
        self.found.push(Found { step, recorded: recorded.to_owned(), now: now.to_owned() });
    }

    fn requests(&mut self, requests: &[Asked]) {
        let mut untold = 0;
        for asked in requests {
            match asked.recorded {
                None => untold += 1,
                Some(recorded) if recorded == asked.now => {}
                Some(recorded) => {
                    self.otherwise.push((self.found.len(), asked.clone()));
                    let (recorded, now) = (request(recorded), request(asked.now));
                    self.found(Some(&asked.step), &recorded, &now);
                }
            }
        }
        if untold > 0 {
            let what = "what it asked of its model is not recorded: an older version had it";
            self.note = Some(what.to_owned());
        }
    }

    /// Whether models are asked for something else, which the words may tell.
    pub(super) fn asks_otherwise(&self) -> bool {
        !self.otherwise.is_empty()
    }

    /// The same with the definition that the run follows: what it asks is what was asked, where the
    /// digests say so, and its words can be told.
    pub(super) fn tell_words(&mut self, before: &Played) {
        for (at, asked) in std::mem::take(&mut self.otherwise) {
            let was = before.requests.iter().find(|it| Some(it.now) == asked.recorded);
            let Some(was) = was else { continue };
            #[cfg(feature = "llm")]
            if let Some(part) = adapters::llm::cassette::differences(&was.request, &asked.request)
                .into_iter()
                .next()
            {
                let found = &mut self.found[at];
                let absent = || "(not there)".to_owned();
                found.recorded = format!("{}: {}", part.name, part.was.unwrap_or_else(absent));
                found.now = part.is.unwrap_or_else(absent);
            }
            #[cfg(not(feature = "llm"))]
            let _ = (at, was);
        }
    }

    fn end(&mut self, recorded: Option<&Outcome>, played: &Played, blobs: &dyn Blobs) {
        match (recorded, &played.end) {
            (Some(Outcome::Completed(was)), Some(Ended::Completed(is))) if was == is => {}
            (Some(Outcome::Failed(was) | Outcome::Dead(was)), Some(Ended::Failed(is)))
                if was.kind == is.kind && was.message == is.message => {}
            (Some(end), _) if is_from_outside(end) => {
                let how = words(end, blobs);
                self.note.get_or_insert_with(|| format!("up to where it was ended: {how}"));
            }
            (None, end) => {
                let next = match (played.beyond.first(), end) {
                    (Some(step), _) => format!("up to here; goes on with {step}"),
                    (None, Some(_)) => "up to here; ends next".to_owned(),
                    (None, None) => "up to here; waits for what is under way".to_owned(),
                };
                self.note.get_or_insert(next);
            }
            // Where a step differs, what comes of it does, too.
            (Some(_), _) if !self.found.is_empty() => {}
            (Some(was), is) => {
                let now = match (is, played.beyond.first()) {
                    (Some(Ended::Completed(output)), _) => {
                        words(&Outcome::Completed(output.clone()), blobs)
                    }
                    (Some(Ended::Failed(failure)), _) => {
                        words(&Outcome::Failed(failure.clone()), blobs)
                    }
                    (None, Some(step)) => format!("goes on with {step}, which never ended"),
                    (None, None) => "does not come to an end".to_owned(),
                };
                self.found(None, &words(was, blobs), &now);
            }
        }
    }

    pub(super) fn verdict(mut self) -> Verdict {
        if self.found.is_empty() {
            return Verdict::Matched { steps: self.steps, note: self.note };
        }
        self.found.truncate(TOLD_MAX);
        Verdict::Differs { differences: self.found }
    }
}

fn request(digest: Digest) -> String {
    format!("asks its model, request {digest:?}")
}

/// How a task ended, at the length of a line.
fn words(outcome: &Outcome, blobs: &dyn Blobs) -> String {
    match outcome {
        Outcome::Completed(output) => format!("completes with {}", shown(output, blobs)),
        Outcome::Failed(failure) => format!("fails: {} ({:?})", failure.message, failure.kind),
        Outcome::Dead(failure) => format!("dies: {} ({:?})", failure.message, failure.kind),
        Outcome::Cancelled(reason) => format!("is cancelled: {reason}"),
    }
}

/// The beginning of a payload; its digest tells two of them apart.
fn shown(payload: &Payload, blobs: &dyn Blobs) -> String {
    const SHOWN_MAX: usize = 80;
    let bytes = payload.inline.clone().or_else(|| blobs.get(&payload.digest.0).ok());
    let text = bytes.map(|it| String::from_utf8_lossy(&it).into_owned()).unwrap_or_default();
    let cut: String = text.chars().take(SHOWN_MAX).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{cut}{more} (output {:?})", payload.digest)
}

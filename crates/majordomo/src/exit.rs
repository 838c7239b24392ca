//! Exit codes, and how an error becomes one.

use majordomo::session;
use runtime::api::StartError;
use runtime::port::journal;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: it is done.
    Done,
    /// 1: it failed.
    Failed,
    /// 2: the command or the team file is wrong.
    Usage,
    /// 3: another process holds the data.
    Held,
    /// 4: the data is damaged or cannot be written.
    Data,
    /// 130: stopped by a signal; `resume` goes on.
    #[allow(dead_code)] // `run` ends so.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Held => 3,
            Exit::Data => 4,
            Exit::Interrupted => 130,
        })
    }
}

impl Exit {
    /// What kind of error it is.
    pub(crate) fn of(error: &anyhow::Error) -> Exit {
        // Transparent errors hide what they carry from the chain, so each is opened by its name.
        let found = error.chain().find_map(|cause| {
            if let Some(error) = cause.downcast_ref::<journal::Error>() {
                return Some(Exit::of_journal(error));
            }
            if let Some(session::Error::Start(error)) = cause.downcast_ref() {
                return Some(Exit::of_start(error));
            }
            cause.downcast_ref::<StartError>().map(Exit::of_start)
        });
        found.unwrap_or(Exit::Failed)
    }

    fn of_start(error: &StartError) -> Exit {
        match error {
            StartError::Open(runtime::Error::Journal(error)) => Exit::of_journal(error),
            StartError::Open(runtime::Error::Limits(_)) => Exit::Usage,
            StartError::Open(_) | StartError::Stores(_) => Exit::Data,
            StartError::Join { .. } | StartError::Policies(_) => Exit::Failed,
        }
    }

    fn of_journal(error: &journal::Error) -> Exit {
        match error {
            journal::Error::Held { .. } => Exit::Held,
            _ => Exit::Data,
        }
    }
}

/// An error in one line: each cause that the ones before it have not quoted already.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            let gap = if text.is_empty() { "" } else { ": " };
            text.push_str(gap);
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_found_however_it_is_wrapped() {
        let held = || journal::Error::Held { holder: "process 7".to_owned() };
        let start = || StartError::Open(runtime::Error::Journal(held()));
        for error in [
            anyhow::Error::new(held()),
            anyhow::Error::new(start()).context("opening"),
            anyhow::Error::new(session::Error::Start(start())),
        ] {
            assert_eq!(Exit::of(&error), Exit::Held, "{error:?}");
        }
        let full = journal::Error::Full { place: "d".to_owned() };
        assert_eq!(Exit::of(&anyhow::Error::new(full)), Exit::Data);
        assert_eq!(Exit::of(&anyhow::anyhow!("else")), Exit::Failed);
    }

    #[test]
    fn no_cause_is_told_twice() {
        let error =
            anyhow::anyhow!("disk full").context("cannot open (disk full)").context("sorry");
        assert_eq!(in_words(&error), "sorry: cannot open (disk full)");
    }
}

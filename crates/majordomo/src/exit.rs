//! Exit codes, and how an error becomes one.

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
        let of_journal = |error: &journal::Error| match error {
            journal::Error::Held { .. } => Exit::Held,
            _ => Exit::Data,
        };
        for cause in error.chain() {
            if let Some(error) = cause.downcast_ref::<journal::Error>() {
                return of_journal(error);
            }
            if let Some(StartError::Open(runtime::Error::Journal(error))) = cause.downcast_ref() {
                return of_journal(error);
            }
        }
        Exit::Failed
    }
}

//! A program without models has nothing to record.

use crate::exit::Exit;
use anyhow::Result;
use majordomo::runtime::port::Llm;
use std::sync::Arc;

/// No options.
#[derive(clap::Args)]
pub(super) struct CassetteArg {}

/// No cassette.
pub(super) struct Tape;

impl CassetteArg {
    pub(super) fn open(self) -> Result<Tape> {
        Ok(Tape)
    }

    pub(super) fn go_on(self) -> Result<Tape> {
        Ok(Tape)
    }
}

impl Tape {
    pub(super) fn llm(&self) -> Option<Arc<dyn Llm>> {
        None
    }

    pub(super) fn end(self, exit: Exit) -> Exit {
        exit
    }
}

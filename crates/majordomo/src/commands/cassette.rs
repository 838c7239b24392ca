//! `--record` and `--replay`: what models are asked and answer, kept in a file and played again.

use crate::exit::Exit;
use anyhow::Result;
use majordomo::models::cassette::Recorder;
use majordomo::models::{Cassette, Limits, Models};
use majordomo::runtime::port::Llm;
use std::path::PathBuf;
use std::sync::Arc;

/// The cassette of a verb.
#[derive(clap::Args)]
pub(super) struct CassetteArg {
    /// Keep what models are asked and answer in this file, for `--replay`; it is made anew, or gone
    /// on with by `resume`
    #[arg(long, value_name = "CASSETTE", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Answer for models from this file, without a network and without a key; what is not in it
    /// fails
    #[arg(long, value_name = "CASSETTE")]
    replay: Option<PathBuf>,
}

/// A cassette in use.
pub(super) enum Tape {
    None,
    Recording(PathBuf, Arc<Recorder>),
    Playing(PathBuf, Arc<Cassette>),
}

impl CassetteArg {
    /// Opens it; a recording begins anew.
    pub(super) fn open(self) -> Result<Tape> {
        self.with(|path, models| Cassette::record(path, models))
    }

    /// Opens it; a recording goes on with what is there.
    pub(super) fn go_on(self) -> Result<Tape> {
        self.with(|path, models| Cassette::record_on(path, models))
    }

    fn with(
        self,
        record: impl FnOnce(
            &PathBuf,
            Arc<dyn Llm>,
        ) -> Result<Recorder, majordomo::models::cassette::Error>,
    ) -> Result<Tape> {
        if let Some(path) = self.replay {
            let cassette = Cassette::replay(&path)?;
            if cassette.is_torn() {
                anstream::eprintln!(
                    "note: the last line of {} is cut off, as its recording was killed: it is left \
                     out",
                    path.display()
                );
            }
            return Ok(Tape::Playing(path, Arc::new(cassette)));
        }
        let Some(path) = self.record else { return Ok(Tape::None) };
        let models = Models::from_environment(Limits::default());
        let keys: Vec<_> = models.keys().collect();
        let recorder = record(&path, Arc::new(models))?.hiding(keys);
        Ok(Tape::Recording(path, Arc::new(recorder)))
    }
}

impl Tape {
    /// Whom models are asked of.
    pub(super) fn llm(&self) -> Option<Arc<dyn Llm>> {
        match self {
            Tape::None => None,
            Tape::Recording(_, recorder) => Some(recorder.clone()),
            Tape::Playing(_, cassette) => Some(cassette.clone()),
        }
    }

    /// Says what has become of it. A recording that is not whole fails what went well else.
    pub(super) fn end(self, exit: Exit) -> Exit {
        match self {
            Tape::None => exit,
            Tape::Recording(path, recorder) => match recorder.finish() {
                Ok(calls) => {
                    anstream::eprintln!("recorded: {} (calls: {calls})", path.display());
                    exit
                }
                Err(why) => {
                    anstream::eprintln!("error: the recording is not whole: {why}");
                    if exit == Exit::Done { Exit::Data } else { exit }
                }
            },
            Tape::Playing(path, cassette) => {
                if cassette.left() > 0 {
                    anstream::eprintln!(
                        "note: {} of the {} calls in {} were not asked for",
                        cassette.left(),
                        cassette.calls(),
                        path.display()
                    );
                }
                exit
            }
        }
    }
}

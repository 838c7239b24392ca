//! Definitions by their digest: what a run is pinned to, kept as a blob for as long as it may be
//! resumed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kernel::Digest;
use runtime::port::{Blobs, blobs};

use super::file::TeamFile;
use super::plan::{self, Plan};

/// A definition that can run.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Names its canonical bytes.
    pub digest: Digest,
    /// What stands in it.
    pub file: TeamFile,
    /// Its steps, compiled.
    pub plan: Plan,
}

/// The definitions of a data directory.
pub struct Definitions {
    blobs: Arc<dyn Blobs>,
    known: Mutex<BTreeMap<Digest, Arc<Definition>>>,
}

/// Why there is no definition.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The blob store says no.
    #[error("the team definition cannot be kept or read: {0}")]
    Blob(#[from] blobs::Error),
    /// Written by another version of this program.
    #[error(
        "the pinned team definition {digest} cannot be understood ({why}); resume with the version \
         that started the run, or move the run with `--team`"
    )]
    Unreadable {
        /// Which.
        digest: Digest,
        /// What does not fit.
        why: String,
    },
    /// Its steps make no plan.
    #[error(transparent)]
    Plan(#[from] plan::Error),
}

impl Definitions {
    /// Those in this store.
    pub fn new(blobs: Arc<dyn Blobs>) -> Definitions {
        Definitions { blobs, known: Mutex::default() }
    }

    /// Keeps a definition; it is durable on return. Blocks for as long as a sync takes.
    ///
    /// # Errors
    /// It makes no plan, or cannot be stored.
    pub fn keep(&self, file: TeamFile) -> Result<Arc<Definition>, Error> {
        let plan = Plan::new(&file)?;
        let digest = Digest(self.blobs.put(&file.definition_bytes())?);
        Ok(self.remember(Definition { digest, file, plan }))
    }

    /// The same without keeping it.
    ///
    /// # Errors
    /// It makes no plan.
    pub fn look_at(&self, file: TeamFile) -> Result<Arc<Definition>, Error> {
        let plan = Plan::new(&file)?;
        let digest = runtime::canonical::digest(&file.definition_bytes());
        Ok(Arc::new(Definition { digest, file, plan }))
    }

    /// The definition of this digest. Blocks while it is read for the first time.
    ///
    /// # Errors
    /// It is not there, or not of this version.
    pub fn get(&self, digest: Digest) -> Result<Arc<Definition>, Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(definition) = known.get(&digest) {
            return Ok(definition.clone());
        }
        drop(known);
        let bytes = self.blobs.get(&digest.0)?;
        let file = TeamFile::from_definition_bytes(&bytes)
            .map_err(|why| Error::Unreadable { digest, why: why.to_string() })?;
        let plan = Plan::new(&file)?;
        Ok(self.remember(Definition { digest, file, plan }))
    }

    fn remember(&self, definition: Definition) -> Arc<Definition> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(definition.digest).or_insert_with(|| Arc::new(definition)).clone()
    }
}

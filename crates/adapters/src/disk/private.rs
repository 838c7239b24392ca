//! Files that hold a secret: read whole, and only where nobody else can.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Why such a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there, or not for us.
    #[error("{path}: it cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        why: io::Error,
    },
    /// Others could read it.
    #[error(
        "{path}: others than its owner may use this file (mode {mode:03o}, user {owner}); make it \
         yours and `chmod 600` it"
    )]
    Open {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
        /// Its user.
        owner: u32,
    },
    /// It is no file, or a large one.
    #[error("{path}: a secret stands alone in a file of at most {max} bytes")]
    Size {
        /// The file.
        path: String,
        /// The bound.
        max: u64,
    },
}

/// The text of a file that only its owner, who is us or the administrator, may use.
///
/// # Errors
/// It is not there, open to others, or not what holds a secret.
pub fn read(path: &Path, max: u64) -> Result<String, Error> {
    let name = path.display().to_string();
    let unreadable = |why| Error::Unreadable { path: name.clone(), why };
    let mut file = File::open(path).map_err(unreadable)?;
    // Of the file that is open, not of whatever has this name a moment later.
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() || about.len() > max {
        return Err(Error::Size { path: name, max });
    }
    let (mode, owner) = (about.mode() & 0o777, about.uid());
    if mode & 0o077 != 0 || !is_ours(owner) {
        return Err(Error::Open { path: name, mode, owner });
    }
    let mut text = String::new();
    file.by_ref().take(max).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Whether a file of this user is as good as ours.
fn is_ours(owner: u32) -> bool {
    owner == 0 || owner == rustix::process::geteuid().as_raw()
}

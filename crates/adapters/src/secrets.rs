//! Secrets from where an operator keeps them on one machine: the environment of this process, and
//! files in one directory.
//!
//! The directory is `MAJORDOMO_SECRETS_DIR`, or systemd's `CREDENTIALS_DIRECTORY`. The name of a
//! file is a name and no path, see [`Reference`], and each must be its owner's alone.

use crate::disk::private;
use runtime::port::Secrets;
use runtime::secret::{Reference, Source};
use std::env;
use std::path::PathBuf;

/// Names the directory of files with secrets.
pub const DIRECTORY: [&str; 2] = ["MAJORDOMO_SECRETS_DIR", "CREDENTIALS_DIRECTORY"];
/// The largest file that is taken for a secret, bytes.
const FILE_MAX_BYTES: u64 = 64 << 10;

/// The secrets of this process: read anew each time, and kept nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl Secrets for Local {
    fn read(&self, reference: &Reference) -> Result<String, String> {
        match reference.source() {
            Source::Env => variable(reference.name()),
            Source::File => file(directory(), reference.name()),
        }
    }
}

fn variable(name: &str) -> Result<String, String> {
    match env::var(name) {
        Ok(value) => Ok(value),
        // Not with what it is: the error would show that.
        Err(env::VarError::NotUnicode(_)) => Err(format!("the variable {name} is no UTF-8 text")),
        Err(env::VarError::NotPresent) => Err(format!(
            "the variable {name} is not set in the environment of the process that runs the \
             team; set it there, and start that again"
        )),
    }
}

fn directory() -> Option<PathBuf> {
    DIRECTORY.iter().find_map(env::var_os).map(PathBuf::from)
}

/// White space at its end belongs to the editor that wrote the file.
fn file(directory: Option<PathBuf>, name: &str) -> Result<String, String> {
    let Some(directory) = directory else {
        return Err(format!(
            "no directory is named for secrets; set {} where the team runs",
            DIRECTORY[0]
        ));
    };
    let text = private::read(&directory.join(name), FILE_MAX_BYTES);
    text.map(|it| it.trim_end().to_owned()).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_of_secrets_is_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("deploy-key");
        let read = |mode| {
            fs::write(&path, "line one\ncanary-2\n").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            file(Some(place.path().to_owned()), "deploy-key")
        };
        assert_eq!(read(0o600).unwrap(), "line one\ncanary-2");
        let why = read(0o644).unwrap_err();
        assert!(why.contains("chmod 600") && !why.contains("canary"), "{why}");
        assert!(file(Some(place.path().to_owned()), "absent").is_err());
        assert!(file(None, "deploy-key").unwrap_err().contains("MAJORDOMO_SECRETS_DIR"));
    }

    #[test]
    fn what_is_not_set_is_told_by_its_name() {
        let path = Local.read(&Reference::env("PATH").unwrap());
        assert_eq!(path.unwrap(), env::var("PATH").unwrap());
        let why = Local.read(&Reference::env("MAJORDOMO_NO_SUCH_SECRET").unwrap()).unwrap_err();
        assert!(why.contains("MAJORDOMO_NO_SUCH_SECRET is not set"), "{why}");
    }
}

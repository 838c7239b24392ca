//! Reading one file, and only one that really lies below the root.
//!
//! A path reaches us as data, possibly from another agent, so it is checked twice: by its words
//! (no absolute path, no `..`) and by what it resolves to (a symlink may not lead out).

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path names something outside of the root.
    #[error("{path:?} leads out of the reviewed root: name a file below it, without '..'")]
    Outside {
        /// The path as it was given.
        path: String,
    },
    /// The path does not lead to a regular file.
    #[error("{path:?} is not a regular file: name a file, not a directory, pipe or device")]
    NotAFile {
        /// The path as it was given.
        path: String,
    },
    /// The system refused.
    #[error("cannot read {path:?}: {source}; check that it exists and may be read")]
    Unreadable {
        /// The path as it was given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What came of reading.
pub(crate) enum Source {
    /// The whole content.
    Whole(Vec<u8>),
    /// The file holds more than `bytes_max`.
    Oversized,
}

/// Reads `root/path` if it is a regular file below `root` of at most `bytes_max` bytes.
pub(crate) fn read(root: &Path, path: &str, bytes_max: u64) -> Result<Source, Error> {
    let real = resolve(root, path)?;
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    // Asked before opening: opening a pipe would wait for its writer.
    if !std::fs::metadata(&real).map_err(unreadable)?.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    let mut content = Vec::new();
    let file = File::open(&real).map_err(unreadable)?;
    file.take(bytes_max + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > bytes_max {
        return Ok(Source::Oversized);
    }
    Ok(Source::Whole(content))
}

/// The canonical place of `root/path`, refused unless it lies below the canonical root.
fn resolve(root: &Path, path: &str) -> Result<PathBuf, Error> {
    let outside = || Error::Outside { path: path.to_owned() };
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if path.is_empty() || path.contains('\0') || !Path::new(path).components().all(plain) {
        return Err(outside());
    }
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let root = root.canonicalize().map_err(unreadable)?;
    let real = root.join(path).canonicalize().map_err(unreadable)?;
    if real.starts_with(&root) { Ok(real) } else { Err(outside()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_lies_below_the_root_and_nothing_else() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::write(outer.path().join("secret.py"), "x").unwrap();
        std::fs::write(root.join("sub/a.py"), "four").unwrap();
        std::os::unix::fs::symlink("../secret.py", root.join("out.py")).unwrap();
        std::os::unix::fs::symlink("sub/a.py", root.join("in.py")).unwrap();

        let whole = |path: &str| match read(&root, path, 4) {
            Ok(Source::Whole(content)) => content,
            Ok(Source::Oversized) => panic!("{path} is oversized"),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(whole("sub/a.py"), b"four");
        assert_eq!(whole("in.py"), b"four");
        assert!(matches!(read(&root, "sub/a.py", 3), Ok(Source::Oversized)));

        let absolute = root.join("sub/a.py");
        for path in ["../secret.py", "out.py", "sub/../../secret.py", "", "a\0b"] {
            assert!(matches!(read(&root, path, 9), Err(Error::Outside { .. })), "{path:?}");
        }
        let absolute = absolute.to_str().unwrap();
        assert!(matches!(read(&root, absolute, 9), Err(Error::Outside { .. })));
        assert!(matches!(read(&root, "sub", 9), Err(Error::NotAFile { .. })));
        assert!(matches!(read(&root, "none.py", 9), Err(Error::Unreadable { .. })));
    }
}

//! A directory that nothing leads out of: a path from somebody else → an open file beneath it, or
//! why not.
//!
//! A path is never checked and then opened, as between the two it can become another. It is opened
//! in one motion that cannot leave the root: by `openat2` with `RESOLVE_BENEATH`, where the kernel
//! itself refuses `..`, absolute paths and links that lead out, whoever changes them meanwhile. A
//! kernel that has no `openat2` walks name by name from one open directory to the next, and follows
//! no link at all. What was opened is then looked at: the descriptor, which cannot become another.

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// A directory of whoever wrote the team file.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
    /// Whether the kernel can confine us itself; else we walk.
    has_openat2: bool,
}

/// Why a path is not opened. Told to whoever asks: it names the path as it was said, and nothing of
/// what is around the root.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not beneath the root.
    #[error(
        "`{0}` does not lead to something in the files that are served: say a relative path \
             without `..`; links that lead elsewhere are not followed"
    )]
    Outside(String),
    /// It is not there.
    #[error("there is no `{0}`; see what `file.list` gives")]
    Missing(String),
    /// It is another kind of thing.
    #[error("`{path}` is no {wanted} but {found}")]
    Kind {
        /// As it was said.
        path: String,
        /// What was asked for.
        wanted: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// The operating system does not let us.
    #[error("`{path}` cannot be opened: {why}")]
    Denied {
        /// As it was said.
        path: String,
        /// In its words.
        why: String,
    },
}

impl Root {
    /// This directory, wherever it is.
    ///
    /// # Errors
    /// It is no directory, or cannot be opened.
    pub fn new(path: impl Into<PathBuf>) -> Result<Root, String> {
        let root = Root { path: path.into(), has_openat2: true };
        let opened = root.open_root();
        opened
            .map_err(|why| format!("the root {} cannot be opened: {why}", root.path.display()))?;
        Ok(root)
    }

    /// The same on a kernel without `openat2`.
    #[cfg(test)]
    pub(super) fn walking(self) -> Root {
        Root { has_openat2: false, ..self }
    }

    /// A file to be read.
    pub(super) fn file(&self, path: &str) -> Result<(File, Stat), Refused> {
        let opened = self.open(path)?;
        let stat = stat(path, &opened)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok((File::from(opened), stat)),
            other => Err(kind(path, "file", other)),
        }
    }

    /// A directory to be listed.
    pub(super) fn directory(&self, path: &str) -> Result<Dir, Refused> {
        let opened = self.open(path)?;
        let stat = stat(path, &opened)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Dir::read_from(&opened).map_err(|errno| refused(path, errno)),
            other => Err(kind(path, "directory", other)),
        }
    }

    /// A path as it is said from the root. Whoever names a file of this machine in full, as the
    /// arguments of a run do, may mean one beneath it; from there it is opened like every other.
    fn beneath<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.path).unwrap_or(path)
    }

    /// The root is the operator's word: where it is a link, it is followed. It is opened anew each
    /// time, as it may have been put there anew.
    fn open_root(&self) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&self.path, flags, Mode::empty())
    }

    fn open(&self, path: &str) -> Result<OwnedFd, Refused> {
        if path.contains('\0') {
            return Err(Refused::Missing(path.to_owned()));
        }
        let beneath = self.beneath(Path::new(path));
        // The kernel would refuse what leads out; this is refused wherever it leads.
        let leaves = |it| matches!(it, Component::ParentDir | Component::RootDir);
        if beneath.components().any(leaves) {
            return Err(Refused::Outside(path.to_owned()));
        }
        let root = self.open_root().map_err(|errno| refused(path, errno))?;
        // A pipe without a writer is not waited for, and no terminal becomes ours.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let said = if beneath.as_os_str().is_empty() { Path::new(".") } else { beneath };
        let opened = match self.has_openat2 {
            true => match confined(&root, said, flags) {
                Err(Errno::NOSYS) => walked(&root, said, flags),
                opened => opened,
            },
            false => walked(&root, said, flags),
        };
        opened.map_err(|errno| refused(path, errno))
    }
}

#[cfg(target_os = "linux")]
fn confined(root: &OwnedFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    loop {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), beneath) {
            // Something was renamed meanwhile, and the kernel cannot tell whether it led out.
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn confined(root: &OwnedFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let _ = (root, path, flags);
    Err(Errno::NOSYS)
}

/// Name by name, from one open directory to the next; `..`, a root and links end it.
fn walked(root: &OwnedFd, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut at: Option<OwnedFd> = None;
    let mut names = path.components().peekable();
    let here = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::DIRECTORY;
    while let Some(component) = names.next() {
        let name = match component {
            Component::CurDir => continue,
            Component::Normal(name) => name,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Errno::XDEV);
            }
        };
        let is_last = names.peek().is_none();
        let flags = if is_last { flags | OFlags::NOFOLLOW } else { here };
        let from = at.as_ref().map_or(root.as_fd(), AsFd::as_fd);
        at = Some(rustix::fs::openat(from, name, flags, Mode::empty())?);
    }
    match at {
        Some(opened) => Ok(opened),
        None => rustix::fs::openat(root, ".", flags, Mode::empty()),
    }
}

fn stat(path: &str, opened: &OwnedFd) -> Result<Stat, Refused> {
    rustix::fs::fstat(opened).map_err(|errno| refused(path, errno))
}

fn kind(path: &str, wanted: &'static str, found: FileType) -> Refused {
    Refused::Kind { path: path.to_owned(), wanted, found: named(found) }
}

fn named(found: FileType) -> &'static str {
    match found {
        FileType::RegularFile => "a file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a link",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "something else",
    }
}

fn refused(path: &str, errno: Errno) -> Refused {
    let said = path.to_owned();
    match errno {
        // `EXDEV` by `openat2`; a link that is not followed, or one in the place of a directory.
        Errno::XDEV | Errno::LOOP => Refused::Outside(said),
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => Refused::Missing(said),
        // A socket cannot be opened, nor a device that nobody drives.
        Errno::NXIO => Refused::Kind { path: said, wanted: "file", found: "a socket or a device" },
        other => Refused::Denied { path: said, why: other.to_string() },
    }
}

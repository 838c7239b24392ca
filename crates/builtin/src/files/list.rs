//! What is beneath a directory: names, kinds and sizes, in their order.

use super::root::{Refused, Root};
use rustix::fs::{AtFlags, FileType};
use serde::{Deserialize, Serialize};

/// At most so many entries; the answer says that there are more.
const ENTRIES_MAX: usize = 1_000;

/// At most so many are looked at of one directory, so that a huge one ends too.
const DIRECTORY_MAX: usize = 100_000;

/// No deeper than this.
const DEPTH_MAX: u32 = 16;

/// Which directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Relative to the root; the root itself if nothing is said.
    #[serde(default)]
    pub path: String,
    /// Of how many levels; 1 if nothing is said: what is directly in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
}

/// What is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// By name; what a directory has comes after it.
    pub entries: Vec<Entry>,
    /// There is more than is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// One thing in a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Relative to the root.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// How large, if it is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names are the documentation.
pub enum Kind {
    File,
    Directory,
    Link,
    Other,
}

pub(super) fn list(root: &Root, said: &List) -> Result<Listed, Refused> {
    let path = said.path.trim_end_matches('/');
    let path = if path == "." { "" } else { path.strip_prefix("./").unwrap_or(path) };
    let depth = said.depth.unwrap_or(1).clamp(1, DEPTH_MAX);
    let mut listed = Listed::default();
    let entries = entries(root, path, &mut listed.more)?;
    descend(root, entries, depth, &mut listed);
    Ok(listed)
}

fn descend(root: &Root, entries: Vec<Entry>, depth: u32, listed: &mut Listed) {
    for entry in entries {
        if listed.entries.len() == ENTRIES_MAX {
            listed.more = true;
            return;
        }
        let within = (entry.kind == Kind::Directory && depth > 1).then(|| entry.path.clone());
        listed.entries.push(entry);
        // One that is gone, or may not be read, is told and has nothing.
        if let Some(Ok(inside)) = within.map(|path| self::entries(root, &path, &mut listed.more)) {
            descend(root, inside, depth - 1, listed);
        }
    }
}

/// Of one directory, by name. A link is told as one, wherever it leads; names that are no text
/// cannot be asked for.
fn entries(root: &Root, path: &str, more: &mut bool) -> Result<Vec<Entry>, Refused> {
    let mut directory = root.directory(path)?;
    let (mut names, mut seen) = (Vec::new(), 0);
    for entry in directory.by_ref() {
        let Ok(entry) = entry else { break };
        seen += 1;
        if seen > DIRECTORY_MAX {
            *more = true;
            break;
        }
        match entry.file_name().to_str() {
            Ok("." | "..") | Err(_) => {}
            Ok(name) => names.push(name.to_owned()),
        }
    }
    names.sort_unstable();
    let at = directory
        .fd()
        .map_err(|why| Refused::Denied { path: path.to_owned(), why: why.to_string() })?;
    let entry = |name: String| {
        let stat = rustix::fs::statat(at, &*name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        let bytes = (kind == Kind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0));
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        Some(Entry { path, kind, bytes })
    };
    Ok(names.into_iter().filter_map(entry).collect())
}

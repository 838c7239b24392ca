//! Links between our pages: every relative one leads to a file that is there, and to a heading in
//! it.

use std::path::{Component, Path, PathBuf};

use crate::ratchet::{Violation, hold};
use crate::tree;

#[test]
fn links_in_pages_lead_somewhere() {
    let mut found = Vec::new();
    let pages = tree::texts().into_iter().filter(|source| source.path.ends_with(".md"));
    for page in pages {
        for (line, link) in links(&page.text) {
            if let Some(why) = broken(&page.path, &page.text, &link) {
                let said = format!("line {line}: {link}: {why}");
                found.push(Violation::new(&page.path, 1, said));
            }
        }
    }
    hold("links", found);
}

/// The targets of `[text](target)` with their lines, code blocks and code spans left out.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let spoken: String = line.split('`').step_by(2).collect();
        for rest in spoken.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            found.push((at + 1, target.to_owned()));
        }
    }
    found
}

/// Why a link leads nowhere, if it does. Links to other sites are not followed.
fn broken(page: &str, text: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = resolved(page, file);
    let Some(target) = target else { return Some("leads out of the repository".to_owned()) };
    let read = |path: &Path| std::fs::read_to_string(tree::root().join(path)).unwrap_or_default();
    if !file.is_empty() && !tree::root().join(&target).exists() {
        return Some("there is no such file".to_owned());
    }
    let there = if file.is_empty() { text.to_owned() } else { read(&target) };
    let has = heading.is_empty() || there.lines().any(|line| anchor(line) == Some(heading.into()));
    (!has).then(|| "the page has no such heading".to_owned())
}

/// The path of a link from the root, or nothing when it leaves the tree.
fn resolved(page: &str, file: &str) -> Option<PathBuf> {
    let mut path = Path::new(page).parent().map(Path::to_path_buf).unwrap_or_default();
    for part in Path::new(file).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => path.pop().then_some(())?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// The anchor under which sites show a heading: lower case, spaces as hyphens, no punctuation.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').strip_prefix(' ')?;
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    Some(kept.map(|c| if c == ' ' { '-' } else { c }).collect())
}

#[test]
fn links_are_found_and_judged() {
    let text = "# A page\nsee [a](b.md#two) and `[no](x)`\n```\n[no](y)\n```\n[up](../../z)\n";
    assert_eq!(links(text), [(2, "b.md#two".to_owned()), (6, "../../z".to_owned())]);
    assert_eq!(broken("docs/a.md", text, "#a-page"), None);
    assert!(broken("docs/a.md", text, "#a-pag").is_some());
    assert!(broken("docs/a.md", text, "../../z").unwrap().contains("out of"));
    assert_eq!(broken("docs/a.md", text, "../Cargo.toml"), None);
    assert!(broken("docs/a.md", text, "Cargo.toml").unwrap().contains("no such file"));
    assert_eq!(broken("docs/a.md", text, "https://example.org/x"), None);
    assert_eq!(anchor("## P1: no `task` is lost."), Some("p1-no-task-is-lost".to_owned()));
}

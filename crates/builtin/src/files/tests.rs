//! What leads out does not, what is no text is not read, and pages follow one another.

use super::list::{Kind, List, list};
use super::read::{Error, Read, read};
use super::root::{Refused, Root};
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// A root beside a secret, and both ways to confine a path to it.
struct House {
    home: TempDir,
    roots: [Root; 2],
}

const SECRET: &str = "the secret beside the root";

impl House {
    fn new() -> House {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("docs/guide")).unwrap();
        fs::write(home.path().join("secret.txt"), SECRET).unwrap();
        let root = Root::new(home.path().join("docs")).unwrap();
        House { roots: [root.clone(), root.walking()], home }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path().join("docs").join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// What both say; they say the same.
    fn read(&self, said: &Read) -> Result<super::Page, Error> {
        let [one, other] = self.roots.each_ref().map(|root| read(root, said));
        assert_eq!(one, other, "{said:?}");
        one
    }
}

fn at(path: &str) -> Read {
    Read { path: path.into(), ..Read::default() }
}

#[test]
fn a_file_is_read_page_by_page() {
    let house = House::new();
    let text: String = (1..=5_000).map(|n| format!("line {n}\n")).collect();
    house.write("guide/long.txt", &text);
    let (mut said, mut all, mut pages) = (at("guide/long.txt"), String::new(), 0);
    loop {
        let page = house.read(&said).unwrap();
        all.push_str(&page.text);
        pages += 1;
        match page.next {
            Some(next) => said.from = Some(next),
            None => break,
        }
    }
    assert!(all == text && pages == 3, "{pages} pages");
    let some = Read { from: Some(7), lines: Some(2), ..at("./guide/long.txt") };
    let page = house.read(&some).unwrap();
    assert_eq!((page.text.as_str(), page.next), ("line 7\nline 8\n", Some(9)));
    let beyond = house.read(&Read { from: Some(5_001), ..at("guide/long.txt") }).unwrap_err();
    assert!(beyond.to_string().contains("has 5000 lines: there is none from 5001 on"), "{beyond}");
    assert_eq!(house.read(&Read { from: Some(0), ..at("guide/long.txt") }), Err(Error::Zero));
    house.write("empty", "");
    assert_eq!(house.read(&at("empty")), Ok(super::Page::default()));
}

#[test]
fn a_long_line_is_cut_and_a_page_is_bounded() {
    let house = House::new();
    house.write("one", format!("{}\nnext", "ä".repeat(200 << 10)));
    let page = house.read(&at("one")).unwrap();
    assert!(page.cut && page.text.len() <= 128 << 10 && page.text.starts_with('ä'));
    let next = house.read(&Read { from: page.next, ..at("one") }).unwrap();
    assert_eq!((next.text.as_str(), next.next, page.next), ("next", None, Some(2)));
    house.write("wide", "x".repeat(1_000).add_line().repeat(500));
    let page = house.read(&at("wide")).unwrap();
    assert!(page.text.len() <= 128 << 10 && page.next.is_some() && !page.cut);
}

trait AddLine {
    fn add_line(self) -> String;
}

impl AddLine for String {
    fn add_line(mut self) -> String {
        self.push('\n');
        self
    }
}

#[test]
fn nothing_leads_out() {
    let house = House::new();
    symlink("../secret.txt", house.path("link")).unwrap();
    symlink(house.home.path().join("secret.txt"), house.path("absolute")).unwrap();
    symlink("..", house.path("up")).unwrap();
    symlink("/", house.path("guide/slash")).unwrap();
    symlink("/proc/self/root", house.path("magic")).unwrap();
    let outside = house.home.path().join("secret.txt").display().to_string();
    for path in [
        "../secret.txt",
        "guide/../../secret.txt",
        "/etc/passwd",
        &outside,
        "link",
        "absolute",
        "up/secret.txt",
        "guide/slash/etc/passwd",
        "magic/etc/passwd",
        "./.././secret.txt",
        "..",
    ] {
        for root in &house.roots {
            let error = read(root, &at(path)).unwrap_err();
            let said = error.to_string();
            assert!(matches!(error, Error::Refused(_)), "{path}: {error:?}");
            assert!(!said.contains(SECRET), "{said}");
            let listed = list(root, &List { path: path.into(), depth: Some(16) });
            assert!(listed.is_err(), "{path}: {listed:?}");
        }
    }
    let within = house.path("guide/page").display().to_string();
    house.write("guide/page", "a page");
    assert_eq!(house.read(&at(&within)).map(|it| it.text), Ok("a page".to_owned()));
    let error = house.read(&at(&format!("{within}/../../../secret.txt"))).unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::Outside(_))), "{error}");
    let error = house.read(&at("../secret.txt")).unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::Outside(_))), "{error}");
    let missing = house.read(&at("guide/no\0thing")).unwrap_err();
    assert!(matches!(missing, Error::Refused(Refused::Missing(_))), "{missing}");
}

#[test]
fn a_link_that_stays_within_is_followed_where_the_kernel_can_tell() {
    let house = House::new();
    house.write("guide/page.md", "a page");
    symlink("guide/page.md", house.path("start.md")).unwrap();
    let [confined, walking] = &house.roots;
    match read(confined, &at("start.md")) {
        Ok(page) => assert_eq!(page.text, "a page"),
        // A kernel without `openat2` follows none, as the other does.
        Err(error) => assert!(matches!(error, Error::Refused(Refused::Outside(_)))),
    }
    assert!(read(walking, &at("start.md")).is_err());
}

#[test]
fn only_texts_are_read() {
    let house = House::new();
    house.write("image.png", [0x89, b'P', b'N', b'G', 0, 1]);
    house.write("latin.txt", b"caf\xe9\n");
    house.write("late", b"fine\nfine\n\0\n");
    let fifo = house.path("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let _socket = UnixListener::bind(house.path("socket")).unwrap();
    let huge = fs::File::create(house.path("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    for (path, said) in [
        ("image.png", "`image.png` is no text (at line 1)"),
        ("latin.txt", "only texts in UTF-8 are read"),
        ("late", "`late` is no text (at line 3)"),
        ("pipe", "`pipe` is no file but a pipe"),
        ("socket", "is no file but a socket"),
        ("guide", "`guide` is no file but a directory"),
        ("huge", "has 1099511627776 bytes"),
        ("nothing", "there is no `nothing`"),
        ("huge/within", "there is no"),
    ] {
        let error = house.read(&at(path)).unwrap_err().to_string();
        assert!(error.contains(said), "{path}: {error}");
    }
}

#[test]
fn a_directory_is_listed() {
    let house = House::new();
    house.write("a.md", "abc");
    house.write("guide/b.md", "");
    symlink("/", house.path("z")).unwrap();
    for root in &house.roots {
        let told = |path: &str, depth| {
            let listed = list(root, &List { path: path.into(), depth }).unwrap();
            assert!(!listed.more);
            let entry = |it: &super::Entry| (it.path.clone(), it.kind, it.bytes);
            listed.entries.iter().map(entry).collect::<Vec<_>>()
        };
        let of = |path: &str, kind, bytes| (path.to_owned(), kind, bytes);
        let (a, b) = (of("a.md", Kind::File, Some(3)), of("guide/b.md", Kind::File, Some(0)));
        let (guide, z) = (of("guide", Kind::Directory, None), of("z", Kind::Link, None));
        assert_eq!(told("", None), [a.clone(), guide.clone(), z.clone()]);
        assert_eq!(told(".", Some(2)), [a, guide, b.clone(), z], "a link is told, not followed");
        assert_eq!(told("./guide/", None), [b]);
        assert!(list(root, &List { path: "a.md".into(), depth: None }).is_err());
    }
    for n in 0..1_200 {
        house.write(&format!("guide/{n}"), "");
    }
    let listed = list(&house.roots[0], &List { path: "guide".into(), depth: None }).unwrap();
    assert!(listed.more && listed.entries.len() == 1_000);
}

/// While somebody swaps a directory for a link that leads out, again and again, the secret is never
/// read, and what is there is.
#[test]
fn nobody_is_fast_enough() {
    let house = House::new();
    let outside = house.home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("page"), SECRET).unwrap();
    fs::create_dir(house.path("real")).unwrap();
    house.write("real/page", "a page");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                swap(&house, &outside);
            }
        });
        let (mut read_well, mut refused) = (0, 0);
        // Until both were seen: the other thread goes on when it is given a core.
        for round in 0..5_000_000 {
            if round > 3_000 && read_well > 0 && refused > 0 {
                break;
            }
            let root = &house.roots[round % 2];
            match read(root, &at("now/page")) {
                Ok(page) => {
                    assert_eq!(page.text, "a page");
                    read_well += 1;
                }
                Err(Error::Refused(_)) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
        over.store(true, Ordering::Relaxed);
        assert!(read_well > 0 && refused > 0, "{read_well} pages, {refused} refusals");
    });
}

fn swap(house: &House, outside: &Path) {
    let now = house.path("now");
    let _ = fs::rename(house.path("real"), &now);
    std::thread::yield_now();
    let _ = fs::rename(&now, house.path("real"));
    let _ = symlink(outside, &now);
    std::thread::yield_now();
    let _ = fs::remove_file(&now);
}

//! All of the guide is compiled, checked or run: each fenced block by its language, and a block
//! that nothing knows what to do with is a mistake.
//!
//! | language | what becomes of it |
//! |---|---|
//! | `rust` | compiled and run as a doctest: `src/lib.rs` includes the page |
//! | `toml` | read as a team, together with those before; a manifest is held to ours |
//! | `sh` | run here, line by line, on the stage that the page speaks of |
//! | others | in a test that is named here, and that reads the page |

use crate::house::{Going, House, NAPS, PROGRAM};
use adapters::testing::models::{Answer, Server};
use majordomo::runtime::bus::Topic;
use majordomo::team::check::Anywhere;
use majordomo::{Team, team};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Blocks of other languages, and the test that reads them.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("wrap-your-agent.md", "python", "crates/adapters/tests/command/document.rs"),
    ("messages.md", "python", "crates/majordomo/tests/session_policies/bus.rs"),
    ("typed-tasks.md", "text", "crates/macros/tests/refusals.rs"),
    ("coordination.md", "sh", "crates/majordomo/tests/examples.rs"),
];

/// Pages with lines for a shell; what they are run on stands below.
const RUN_HERE: &[&str] = &["failure.md", "messages.md", "models.md", "runtime.md", "testing.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A fenced block.
struct Block {
    page: String,
    line: usize,
    fence: String,
    text: String,
}

impl Block {
    fn language(&self) -> &str {
        self.fence.split(',').next().unwrap()
    }

    fn place(&self) -> String {
        format!("docs/guide/{}:{} ({})", self.page, self.line, self.fence)
    }
}

fn pages() -> Vec<String> {
    let files = fs::read_dir(root().join("docs/guide")).unwrap();
    let mut pages: Vec<String> =
        files.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    pages
}

fn text_of(page: &str) -> String {
    fs::read_to_string(root().join("docs/guide").join(page)).unwrap()
}

fn blocks_of(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (at, line) in text_of(page).lines().enumerate() {
        match line.trim_start().strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(fence) => {
                let (page, fence) = (page.to_owned(), fence.to_owned());
                blocks.push(Block { page, line: at + 1, fence, text: String::new() });
                inside = true;
            }
            None if inside => {
                let text = &mut blocks.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!inside, "a block of {page} does not end");
    blocks
}

fn of_language(page: &str, language: &str) -> Vec<Block> {
    blocks_of(page).into_iter().filter(|it| it.language() == language).collect()
}

/// The lines of a page that are for a shell.
fn lines_of(page: &str) -> Vec<String> {
    let blocks = of_language(page, "sh");
    blocks.iter().flat_map(|it| it.text.lines()).map(str::to_owned).collect()
}

/// Whether a test that is named here reads the blocks of this language.
fn is_read_elsewhere(block: &Block) -> bool {
    let here = |(page, language, _): &&(&str, &str, &str)| {
        *page == block.page && *language == block.language()
    };
    ELSEWHERE.iter().find(here).is_some_and(|(page, _, test)| {
        let test = fs::read_to_string(root().join(test)).unwrap();
        test.contains(&format!("guide/{page}"))
    })
}

#[test]
fn no_block_of_the_guide_is_left_to_itself() {
    let library = include_str!("../../src/lib.rs");
    let mut seen = 0;
    for block in pages().iter().flat_map(|page| blocks_of(page)) {
        let page = block.page.as_str();
        let known = match block.language() {
            "rust" => {
                let is_run = ["rust", "rust,compile_fail,E0277"].contains(&&*block.fence);
                is_run && library.contains(&format!("docs/guide/{page}\")]"))
            }
            "toml" => true,
            "sh" => RUN_HERE.contains(&page) || is_read_elsewhere(&block),
            _ => is_read_elsewhere(&block),
        };
        assert!(known, "no test reads {}: say in guide.rs which does", block.place());
        seen += 1;
    }
    assert!(seen > 30, "blocks were found: {seen}");
}

/// The sentence stands on each page that has something to run, and so it is true everywhere.
#[test]
fn each_page_says_that_it_is_run() {
    for page in pages() {
        let says = text_of(&page).split_whitespace().collect::<Vec<_>>().join(" ");
        let says = says.contains("is compiled and run");
        assert_eq!(says, !blocks_of(&page).is_empty(), "{page}");
    }
}

/// Blocks go on with the ones before as long as that makes one file; then another team begins.
fn teams_of(blocks: &[&Block]) -> Vec<String> {
    let mut teams: Vec<String> = Vec::new();
    for block in blocks {
        let more = teams.last().map(|team| format!("{team}{}", block.text));
        match more.filter(|it| it.parse::<toml::Table>().is_ok()) {
            Some(more) => *teams.last_mut().unwrap() = more,
            None => teams.push(block.text.clone()),
        }
    }
    teams
}

#[test]
fn the_teams_of_the_guide_are_sound() {
    let mut teams = 0;
    for page in pages() {
        let blocks = of_language(&page, "toml");
        let (manifests, tables): (Vec<_>, Vec<_>) =
            blocks.iter().partition(|it| it.text.contains("dependencies]"));
        manifests.into_iter().for_each(assert_is_like_ours);
        for team in teams_of(&tables) {
            let reading = team::read(&page, &team, &Anywhere);
            assert!(reading.problems.is_empty(), "{}", reading.render(false));
            team::plan::Plan::new(&reading.definition.unwrap()).unwrap();
            teams += 1;
        }
    }
    assert!(teams >= 3, "teams were found: {teams}");
}

/// A manifest names packages that we use ourselves, in the same version, and features they have.
fn assert_is_like_ours(block: &Block) {
    let ours: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let theirs: toml::Table = block.text.parse().unwrap();
    let packages = theirs["dev-dependencies"].as_table().unwrap();
    assert!(!packages.is_empty());
    for (name, entry) in packages {
        let known = &ours["workspace"]["dependencies"][name];
        let version = known.get("version").unwrap_or(known).as_str().unwrap();
        let wanted = entry["version"].as_str().unwrap();
        let fits = version == wanted || version.starts_with(&format!("{wanted}."));
        assert!(fits, "{}: {name} {wanted}, and we use {version}", block.place());
    }
}

/// A house in which the program is on PATH, as the lines of the guide have it.
fn house() -> House {
    let house = House::with_sources();
    symlink(PROGRAM, house.path(".bin/majordomo")).unwrap();
    house
}

/// Starts one line, as somebody types it.
fn typed(house: &House, server: Option<&Server>, line: &str) -> Going {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec {line}")]).env("PATH", house.path(".bin"));
    if let Some(server) = server {
        command.env("OLLAMA_BASE_URL", server.openai());
    }
    house.at_home(&mut command);
    house.spawn(command)
}

/// Types one line and requires that it goes well; what it says.
fn type_in(house: &House, line: &str) -> String {
    let said = typed(house, None, line).end();
    assert_eq!(said.code, Some(0), "{line}: {said:?}");
    said.out
}

#[test]
fn the_lines_about_models_are_run() {
    let (house, server) = (house(), Server::start());
    server.always(|_, _| Answer::text("a && a is a"));
    let team: String = of_language("models.md", "toml").remove(0).text;
    house.write("critics.toml", &team);
    house.write("src/main.rs", "fn main() {}\n");
    let lines = lines_of("models.md");
    assert_eq!(lines[0], "ollama pull qwen3", "of somebody else's program: not run");
    let mut said = Vec::new();
    for line in &lines[1..] {
        let ended = typed(&house, Some(&server), line).end();
        assert_eq!(ended.code, Some(0), "{line}: {ended:?}");
        said.push(ended.out);
    }
    assert!(said[0].contains("ollama      reachable"), "{}", said[0]);
    assert!(said[1].contains("run 1 completed"), "{}", said[1]);
    assert_eq!(house.json(&["show", "1"])["output"]["value"], "a && a is a");
    assert!(server.seen()[0].last_text().contains("fn main() {}"), "the model was shown the file");
}

#[test]
fn the_lines_about_cassettes_are_run() {
    let (house, server) = (house(), Server::start());
    server.always(|_, _| Answer::text("a && a is a"));
    house.write("critics.toml", &of_language("models.md", "toml").remove(0).text);
    house.write("src/main.rs", "fn main() {}\n");
    let lines = lines_of("testing.md");
    let recorded = typed(&house, Some(&server), &lines[0]).end();
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    drop(server);
    assert!(type_in(&house, &lines[1]).contains("run 4 completed"));
    assert_eq!(house.json(&["show", "4"])["output"]["value"], "a && a is a");
    assert_eq!(lines.len(), 2);
}

#[test]
fn the_lines_about_the_runtime_are_run() {
    let house = house();
    house.write("team.toml", NAPS);
    let lines = lines_of("runtime.md");
    let mut up = typed(&house, None, &lines[0]);
    up.until("it answers", || house.path(".majordomo/control.sock").exists());
    for line in &lines[1..] {
        let said = type_in(&house, line);
        assert!(!said.is_empty(), "{line}");
    }
    assert_eq!(up.end().code, Some(0), "the last line has ended it");
    assert_eq!(house.json(&["runs"])[0]["status"], "completed");
}

#[test]
fn the_lines_about_the_dead_are_run() {
    let house = house();
    let dying = "retry = { attempts = 1 }\n";
    house.write("team.toml", &format!("{}{dying}", NAPS.replace("sleep \"$it\"", "exit 1")));
    house.run(&["run", "team.toml", "1"]);
    house.run(&["run", "team.toml", "2"]);
    let dead = house.json(&["dead", "list"]);
    assert_eq!(dead.as_array().map(Vec::len), Some(2), "{dead}");
    let number = |at: usize| dead[at]["task"].as_u64().unwrap().to_string();
    for line in lines_of("failure.md") {
        // The numbers of the page, for those that died here.
        let line = line.replace(" 2 ", &format!(" {} ", number(0)));
        type_in(&house, &line.replace(" 3 ", &format!(" {} ", number(1))));
    }
}

/// What the shop of the page leaves behind: seven orders, none of them handled.
async fn keep_orders(house: &House) {
    let team = Team::open(house.path(".majordomo")).start().await.unwrap();
    let topic = Topic::<String>::new("team.main.orders", 1).unwrap();
    let orders = team.durable("shop", &topic).unwrap();
    drop(orders.subscribe("indexer").await.unwrap());
    for _ in 0..7 {
        orders.publish("tea".to_owned()).await.unwrap();
    }
    team.drain(Duration::ZERO).await;
}

#[tokio::test]
async fn the_lines_about_messages_are_run() {
    let house = house();
    keep_orders(&house).await;
    let lines = lines_of("messages.md");
    let (topics, bus): (Vec<_>, Vec<_>) =
        lines.iter().partition(|it| it.starts_with("majordomo topics"));
    for line in topics {
        let said = type_in(&house, line);
        assert!(!said.is_empty(), "{line}");
    }
    house.write("team.toml", &NAPS.replace("\"naps\"", "\"review\""));
    let mut up = house.up("team.toml");
    let tap = typed(&house, None, bus[0]);
    up.until("it listens", || house.says_somewhere("listening to team.review.>"));
    let said = typed(&house, None, bus[1]).end();
    assert!(said.out.contains("nobody listens to team.review.findings"), "{said:?}");
    assert!(type_in(&house, bus[2]).contains("1 published"));
    house.stop(up);
    assert!(tap.end().out.contains("Finding@1"), "the tap has seen it");
}

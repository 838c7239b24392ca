//! Whatever bytes a team file has: an answer, soon, and no panic.
//!
//! Ten thousand files, each made from a good or bad one by a few random edits, and some that are
//! hostile on purpose. The edits come from a fixed seed, so a failure comes back.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use std::fs;
use std::path::Path;
use std::time::Duration;

use majordomo::team::check::Anywhere;
use majordomo::team::expr::Expression;
use majordomo::team::plan::Plan;
use majordomo::team::{self, init};
use serde_json::json;

const CASES: usize = 10_000;
/// Time of the processor in a debug build; that of the clock would measure the neighbours.
const SLOWEST: Duration = Duration::from_secs(2);

/// What breaks parsers: brackets, quotes, escapes, numbers, and our own words.
const DICTIONARY: &[&str] = &[
    "{{",
    "}}",
    "{%",
    "{#",
    "{",
    "}",
    "[",
    "]",
    "[[",
    "]]",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\\",
    "\\u0000",
    "\\UFFFFFFFF",
    "=",
    ".",
    ",",
    "\n",
    "\r\n",
    "#",
    "|",
    "~",
    "*",
    "-",
    "é",
    "\u{202e}",
    "\u{feff}",
    "\0",
    "99999999999999999999",
    "1e999",
    "nan",
    "0x",
    "1979-05-27T07:32:00Z",
    "true",
    "[agents]",
    "[steps.x]",
    "item",
    "args",
    "needs = []",
    "for_each = \"args\"",
    "when = \"\"",
    "kind = \"command\"",
    "slots = -1",
    "timeout = \"1e9s\"",
    "retry = {}",
    "(((((((",
    "not not not",
    "is is is",
    "||||",
];

/// xorshift64*: enough for edits, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        (number >> 33) as usize % end.max(1)
    }
}

fn seeds() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/team_bad");
    let mut files: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut seeds: Vec<String> =
        files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    seeds.push(init::STARTER.to_owned());
    seeds.extend(init::TEAMS.iter().map(|(_, text)| (*text).to_owned()));
    seeds
}

fn mutated(seed: &str, random: &mut Random) -> String {
    let mut text: Vec<char> = seed.chars().collect();
    for _ in 0..=random.below(6) {
        let at = random.below(text.len() + 1);
        let end = (at + random.below(20)).min(text.len());
        match random.below(5) {
            0 => drop(text.drain(at..end)),
            1 => {
                let word = DICTIONARY[random.below(DICTIONARY.len())];
                text.splice(at..at, word.chars());
            }
            2 => {
                let part: Vec<char> = text[at..end].to_vec();
                let to = random.below(text.len() + 1);
                text.splice(to..to, part);
            }
            3 if at < text.len() => {
                text[at] = char::from_u32(random.below(0x250) as u32).unwrap_or('?')
            }
            _ => text.truncate(text.len() - random.below(text.len() / 8 + 1)),
        }
    }
    text.into_iter().collect()
}

/// Reads, renders and plans; says how long that took.
fn survives(text: &str) -> Duration {
    let began = worked();
    let reading = team::read("fuzz.toml", text, &Anywhere);
    let said = reading.render(true);
    assert!(said.len() < 64 << 20, "{} bytes to say", said.len());
    assert_eq!(reading.lines().len(), reading.problems.len());
    match &reading.definition {
        None => assert!(!reading.problems.is_empty(), "refused without a reason: {text}"),
        Some(definition) => {
            let plan = Plan::new(definition);
            let plan =
                plan.unwrap_or_else(|error| panic!("passed the check, and: {error}\n{text}"));
            let scope = plan.scope(&json!(["x"]));
            for step in plan.steps() {
                let _may_fail = plan.start(step, &scope, 1_000);
            }
            definition.definition_bytes();
        }
    }
    worked() - began
}

/// How long this thread has been on a processor.
fn worked() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(at.tv_sec), u32::try_from(at.tv_nsec));
    Duration::new(seconds.unwrap(), nanos.unwrap())
}

#[test]
fn ten_thousand_mutated_files_are_answered() {
    let seeds = seeds();
    let mut random = Random(0x5EED);
    let mut sound = 0;
    for case in 0..CASES {
        let text = mutated(&seeds[random.below(seeds.len())], &mut random);
        let took = survives(&text);
        assert!(took < SLOWEST, "case {case} took {took:?}:\n{text}");
        sound += usize::from(team::read("t.toml", &text, &Anywhere).definition.is_some());
    }
    assert!(
        sound > CASES / 100,
        "the edits leave some files sound, else plans are not tried: {sound}"
    );
}

const HEAD: &str = "[agents]\na = { kind = 'command', argv = ['x'], serves = ['c'] }\n[steps]\n";

#[test]
fn hostile_files_are_answered_too() {
    let many = |n: usize, each: &dyn Fn(usize) -> String| (0..n).map(each).collect::<String>();
    let step = |fields: &str| format!("{HEAD}s = {{ ask = 'c', {fields} }}\n");
    let files = [
        ("nested arrays", format!("x = {}", "[".repeat(500_000))),
        ("nested tables", format!("x = {}", "{a=".repeat(300_000))),
        ("nested but closed", step(&format!("input = {}1{}", "[".repeat(70), "]".repeat(70)))),
        ("dotted key", format!("{}a = 1", "a.".repeat(400_000))),
        ("dotted header", format!("[{}a]", "a.".repeat(400_000))),
        ("many unknown fields", many(60_000, &|n| format!("agentz{n} = 1\n"))),
        ("many agents", format!("[agents]\n{}", many(20_000, &|n| format!("a{n} = 1\n")))),
        ("many steps", format!("{HEAD}{}", many(20_000, &|n| format!("s{n} = {{ ask = 'c' }}\n")))),
        (
            "many needs",
            format!(
                "{HEAD}{}",
                many(900, &|n| format!(
                    "s{n} = {{ ask = 'c', needs = [{}] }}\n",
                    "'s1x', ".repeat(100)
                ))
            ),
        ),
        (
            "all need all",
            format!(
                "{HEAD}{}",
                many(300, &|n| format!(
                    "s{n} = {{ ask = 'c', needs = [{}] }}\n",
                    many(300, &|m| format!("'s{m}',"))
                ))
            ),
        ),
        (
            "a long circle",
            format!(
                "{HEAD}{}",
                many(1_000, &|n| format!(
                    "s{n} = {{ ask = 'c', needs = ['s{}'] }}\n",
                    (n + 1) % 1_000
                ))
            ),
        ),
        ("one long line", step(&format!("input = [{}]", "'{{ nothing }}', ".repeat(50_000)))),
        ("open braces", step(&format!("input = '{}'", "{{".repeat(400_000)))),
        ("open and closed", step(&format!("input = '{}'", "{{a}}".repeat(100_000)))),
        ("parentheses", step(&format!("when = '{}'", "(".repeat(900)))),
        ("brackets", step(&format!("when = '{}1{}'", "[".repeat(450), "]".repeat(450)))),
        ("not not not", step(&format!("when = '{} args'", "not ".repeat(240)))),
        ("minus minus", step(&format!("when = '{}1'", "-".repeat(900)))),
        ("a long sum", step(&format!("when = '{}1'", "1+".repeat(490)))),
        ("a long chain", step(&format!("when = 'args{}'", "|list".repeat(190)))),
        ("attributes", step(&format!("when = 'args{}'", ".a".repeat(480)))),
        ("if else", step(&format!("when = '{}1'", "1 if 1 else ".repeat(80)))),
        ("huge key", format!("{} = 1", "k".repeat(900_000))),
        ("huge word", step(&format!("when = '{}'", "w".repeat(900_000)))),
        ("too large", " ".repeat((1 << 20) + 1)),
        ("null bytes", "\0".repeat(100_000)),
        ("lines", "\n".repeat(1_000_000)),
    ];
    for (name, text) in &files {
        let took = survives(text);
        assert!(took < SLOWEST * 3, "{name} took {took:?}");
    }
}

/// What an expression may cost, whatever it says.
#[test]
fn bombs_do_not_go_off() {
    let replace =
        format!("'{}'{}", "s".repeat(40), "|replace('s','ssssssssssssssssssss')".repeat(25));
    let squares = "range(9999)|select('in',range(9999))|list";
    let lists = "range(9999)|map('replace','1','22222222222222')|list";
    let sums = format!("[{}range(9999)]|sum(start=[])|length", "range(9999)|list,".repeat(50));
    let nested = "range(9999)|map('string')|map('list')|\
                  map('map','replace','1','1111111111111')|map('list')|list";
    let powers = "10000000000|times(10000000000)|times(10000000000)|times(10000000000)";
    let slices = format!("args{}", "[:]".repeat(300));
    let joined = "range(9999)|join(range(9999)|join(range(999)|join('xxxxxxxxxxxxxxxxxxxxxxx')))";
    let doubled = format!("range(9999)|list{}", "|map('string')|list".repeat(45));
    for source in [&replace, squares, lists, &sums, nested, powers, &slices, joined, &doubled] {
        let began = worked();
        let definition =
            team::read("t.toml", &format!("{HEAD}s = {{ ask = 'c' }}"), &Anywhere).definition;
        let scope = Plan::new(&definition.unwrap()).unwrap().scope(&json!(["a"]));
        if let Ok(expression) = Expression::compile(source) {
            let value = expression.value(&scope);
            let size = value.map_or(0, |value| value.to_string().len());
            assert!(size <= 64 << 20, "{source} made {size} bytes");
        }
        let took = worked() - began;
        assert!(took < SLOWEST * 5, "{source} took {took:?}");
    }
}

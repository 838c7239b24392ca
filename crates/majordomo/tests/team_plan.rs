//! A plan, step by step: what is ready, what each step starts as, what the workflow answers.
#![cfg(feature = "team")]
#![allow(clippy::unwrap_used)] // The helpers of a test are tests.

use std::collections::{BTreeMap, BTreeSet};

use majordomo::team::check::Anywhere;
use majordomo::team::file::TeamFile;
use majordomo::team::plan::{Error, Plan, Start};
use majordomo::team::problem::Code;
use majordomo::team::scope::Scope;
use majordomo::team::{self};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value as Json, json};

const AGENTS: &str = "[agents]\nany = { kind = 'command', argv = ['sh'], serves = ['do'] }\n";

fn definition(rest: &str) -> TeamFile {
    // What stands before the first table must come before `[agents]`.
    let (top, steps) = rest
        .split_once("[steps")
        .map_or((rest, String::new()), |(top, steps)| (top, format!("[steps{steps}")));
    let reading = team::read("t.toml", &format!("{top}\n{AGENTS}{steps}"), &Anywhere);
    let said = reading.render(false);
    reading.definition.unwrap_or_else(|| panic!("{said}"))
}

/// A team that runs to its end: each task's output is made by `answer`.
struct World {
    plan: Plan,
    scope: Scope,
    outputs: BTreeMap<String, Json>,
    story: Vec<String>,
}

impl World {
    fn new(rest: &str, args: Json) -> Self {
        let plan = Plan::new(&definition(rest)).unwrap();
        let scope = plan.scope(&args);
        Self { plan, scope, outputs: BTreeMap::new(), story: Vec::new() }
    }

    /// Runs waves of ready steps until nothing is ready, and gives the workflow's output.
    fn run(&mut self, answer: impl Fn(&str, &Json) -> Json) -> Result<Json, Error> {
        let mut done = BTreeSet::new();
        loop {
            let wave: Vec<String> = {
                let ready = self.plan.ready(&done, &BTreeSet::new());
                ready.into_iter().map(str::to_owned).collect()
            };
            if wave.is_empty() {
                return self.plan.output(&self.scope, &self.outputs);
            }
            let mut told = Vec::new();
            for step in &wave {
                let output = match self.plan.start(step, &self.scope, 1_000)? {
                    Start::Skip => {
                        told.push(format!("({step})"));
                        Json::Null
                    }
                    Start::One(task) => {
                        told.push(format!("{}={}", task.key, task.input));
                        answer(&task.key, &task.input)
                    }
                    Start::Each(tasks) => {
                        told.extend(
                            tasks.iter().map(|task| format!("{}={}", task.key, task.input)),
                        );
                        tasks.iter().map(|task| answer(&task.key, &task.input)).collect()
                    }
                };
                self.outputs.insert(step.clone(), output);
            }
            for step in &wave {
                self.scope.set(step, &self.outputs[step]);
            }
            self.story.push(told.join(" "));
            done.extend(wave);
        }
    }
}

/// Steps as they run: one line a wave, `key=input`, skipped ones in brackets; then the answer.
#[test]
fn plans_run_in_waves() {
    for (steps, args, story, output) in [
        ("[steps]\na = { ask = 'do' }", json!([]), vec!["a=null"], json!("a!")),
        (
            "[steps]\n\
             b = { ask = 'do', input = '{{ a }}' }\n\
             a = { ask = 'do', input = '{{ args[0] }}' }\n\
             c = { ask = 'do', needs = ['a'] }",
            json!(["x"]),
            vec!["a=\"x\"", "b=\"a!\" c=null"],
            json!({ "b": "b!", "c": "c!" }),
        ),
        (
            "[steps]\n\
             a = { ask = 'do', when = 'args' }\n\
             b = { ask = 'do', input = { a = '{{ a }}' } }",
            json!([]),
            vec!["(a)", "b={\"a\":null}"],
            json!("b!"),
        ),
        (
            "[steps]\na = { ask = 'do', for_each = 'args' }\nb = { ask = 'do', input = '{{ a }}' }",
            json!(["x", "y", 3]),
            vec!["a/x=\"x\" a/y=\"y\" a/3=3", "b=[\"a/x!\",\"a/y!\",\"a/3!\"]"],
            json!("b!"),
        ),
        (
            "[steps]\n\
             a = { ask = 'do', for_each = 'args', key = 'item.k', \
             input = '{{ index }}: {{ item.v }} of {{ team.name }}' }",
            json!([{ "k": "p", "v": 1 }, { "k": "q", "v": [2] }]),
            vec!["a/p=\"0: 1 of null\" a/q=\"1: [2] of null\""],
            json!(["a/p!", "a/q!"]),
        ),
        (
            "[steps]\n\
             a = { ask = 'do', for_each = 'none' }\n\
             b = { ask = 'do', when = 'a', needs = ['a'] }",
            json!([]),
            vec!["", "(b)"],
            Json::Null,
        ),
        (
            "output = { n = '{{ a | length }}' }\n[steps]\na = { ask = 'do', for_each = 'args' }",
            json!(["x", "y"]),
            vec!["a/x=\"x\" a/y=\"y\""],
            json!({ "n": 2 }),
        ),
        ("[steps]\n", json!([]), vec![], json!({})),
    ] {
        let mut world = World::new(steps, args);
        let answered = world.run(|key, _| json!(format!("{key}!"))).unwrap();
        assert_eq!(world.story, story, "{steps}");
        assert_eq!(answered, output, "{steps}");
    }
}

#[test]
fn what_goes_wrong_names_step_field_and_expression() {
    for (steps, args, code, words) in [
        (
            "[steps]\na = { ask = 'do', input = { p = '{{ args[3] }}' } }",
            json!([]),
            Code::Undefined,
            "step `a`, `input`: `args[3]`: its value is not there",
        ),
        (
            "[steps]\na = { ask = 'do', when = 'args[0].ok.deep' }",
            json!([{}]),
            Code::Undefined,
            "step `a`, `when`: `args[0].ok.deep`:",
        ),
        (
            "[steps]\na = { ask = 'do', for_each = 'args[0]' }",
            json!(["text"]),
            Code::WrongType,
            "step `a`, `for_each`: `args[0]` gives string; here is needed a list",
        ),
        (
            "[steps]\na = { ask = 'do', for_each = 'args' }",
            json!([{ "path": 1 }]),
            Code::WrongType,
            "step `a`, `key`: `item` gives a table; here is needed a text or a whole number",
        ),
        (
            "[steps]\na = { ask = 'do', for_each = 'args', key = 'item | lower' }",
            json!(["x", "y", "X"]),
            Code::DuplicateKey,
            "step `a`: items 0 and 2 both have the key `x`",
        ),
        (
            "[steps]\na = { ask = 'do', for_each = 'args' }",
            json!(["x", ""]),
            Code::WrongType,
            "step `a`: item 1 has a key of 0 bytes",
        ),
        (
            "[steps]\na = { ask = 'do', for_each = 'range(1001)' }",
            json!([]),
            Code::TooLarge,
            "step `a`: `for_each` has 1001 items, and the run may have 1000 tasks",
        ),
        (
            "[steps]\na = { ask = 'do', for_each = 'args', key = 'index ~ 1 / 0' }",
            json!(["x"]),
            Code::Expression,
            "step `a`, `key`: `index ~ 1 / 0`:",
        ),
        (
            "output = '{{ a.b }}'\n[steps]\na = { ask = 'do' }",
            json!([]),
            Code::Undefined,
            "`output`: `a.b`:",
        ),
    ] {
        let error = World::new(steps, args).run(|_, _| json!({})).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().starts_with(words), "{error}\nwanted: {words}");
    }
}

/// A pinned definition gives the same plan as the file it came from.
#[test]
fn a_definition_comes_back_from_its_bytes() {
    let one = definition(
        "name = 'n'\n\
         [steps]\n\
         # why\n\
         b = { ask = 'do', timeout = '60s', needs = ['a'] }\n\
         a = { ask = 'do' }",
    );
    let other = definition(
        "name = 'n'\n\
         [steps.a]\n\
         ask = 'do'\n\
         [steps.b]\n\
         needs = ['a']\n\
         ask = 'do'\n\
         timeout = '1m'\n\
         retry = { attempts = 5 }",
    );
    assert_eq!(
        one.definition_bytes(),
        other.definition_bytes(),
        "order, comments, notation, defaults"
    );
    let back = TeamFile::from_definition_bytes(&one.definition_bytes()).unwrap();
    assert_eq!(back, one);
    assert_eq!(Plan::new(&back).unwrap().steps(), ["a", "b"]);
    let changed = definition(
        "name = 'n'\n\
         [steps]\n\
         b = { ask = 'do', timeout = '61s', needs = ['a'] }\n\
         a = { ask = 'do' }",
    );
    assert_ne!(changed.definition_bytes(), one.definition_bytes());
}

#[test]
fn a_definition_that_was_never_checked_is_refused_not_believed() {
    let sound = definition("[steps]\na = { ask = 'do' }\nb = { ask = 'do' }");
    let broken: [fn(&mut TeamFile); 5] = [
        |file| file.steps.get_mut("a").unwrap().needs = vec!["nobody".into()],
        |file| file.steps.get_mut("a").unwrap().needs = vec!["a".into()],
        |file| file.steps.get_mut("a").unwrap().when = Some("a b".into()),
        |file| file.steps.get_mut("a").unwrap().input = Some(json!("{{ x")),
        |file| file.steps.get_mut("a").unwrap().ask = "No Name".into(),
    ];
    for breaking in broken {
        let mut file = sound.clone();
        breaking(&mut file);
        let error = Plan::new(&file).unwrap_err();
        assert!(matches!(&error, Error::Definition { step, .. } if step == "a"), "{error}");
    }
}

/// A list of 3,000 files with six fields each is passed to 3,000 tasks without copying it each
/// time.
#[test]
fn a_wide_step_takes_time_in_proportion_to_its_items() {
    let files: Vec<Json> = (0..3_000)
        .map(|n| json!({ "path": format!("f{n}"), "a": 1, "b": [2], "c": "x" }))
        .collect();
    let steps = "[steps]\n\
     a = { ask = 'do' }\n\
     b = { ask = 'do', for_each = 'a.files', key = 'item.path', \
                 input = { root = '{{ a.root }}', file = '{{ item }}' } }";
    let mut world = World::new(steps, json!([]));
    world.scope.set("a", &json!({ "root": "/r", "files": files }));
    let began = clock_gettime(ClockId::ThreadCPUTime);
    let Start::Each(tasks) = world.plan.start("b", &world.scope, 100_000).unwrap() else {
        panic!()
    };
    assert_eq!(tasks.len(), 3_000);
    let seconds = clock_gettime(ClockId::ThreadCPUTime).tv_sec - began.tv_sec;
    assert!(seconds < 5, "{seconds} s");
}

/// The team that comes along, on outputs of the builtins' shapes: two files, one with a finding.
#[test]
fn code_review_asks_for_each_file_and_fixes_where_something_was_found() {
    let text = majordomo::team::init::team("code-review").unwrap();
    let definition = team::read("code-review.toml", text, &Anywhere).definition.unwrap();
    let plan = Plan::new(&definition).unwrap();
    let scope = plan.scope(&json!([]));
    let mut world = World { plan, scope, outputs: BTreeMap::new(), story: Vec::new() };
    let answer = |key: &str, input: &Json| match key {
        "survey" => {
            let files = json!([{ "path": "a.py", "language": "python" }, { "path": "b.rs" }]);
            json!({ "root": "/r", "files": files, "skipped": {} })
        }
        "review/a.py" => {
            json!({ "path": "a.py", "findings": [{ "rule": "x", "severity": "low" }] })
        }
        "review/b.rs" => json!({ "path": "b.rs", "findings": [] }),
        "ruff" => json!("[]"),
        "semgrep" => json!({ "failed": "why" }),
        "lint" => json!([{ "tool": "ruff" }]),
        "fix/a.py" => json!({ "path": "a.py", "diff": "-+" }),
        "opening" => json!({ "text": "All is well." }),
        "report" => input.clone(),
        other => panic!("{other}"),
    };
    let report = world.run(answer).unwrap();
    assert_eq!(
        world.story[..3],
        [
            "survey={\"path\":\".\"}",
            "review/a.py={\"file\":{\"language\":\"python\",\"path\":\"a.py\"},\"root\":\"/r\"} \
             review/b.rs={\"file\":{\"path\":\"b.rs\"},\"root\":\"/r\"} \
             ruff=\"/r\" semgrep=\"/r\"",
            "fix/a.py={\"findings\":[{\"rule\":\"x\",\"severity\":\"low\"}],\
             \"path\":\"a.py\",\"root\":\"/r\"} \
             lint={\"printed\":{\"ruff\":\"[]\",\"semgrep\":{\"failed\":\"why\"}},\
             \"root\":\"/r\"} \
             opening={\"found\":{\"high\":0,\"low\":1,\"medium\":0},\"worst\":{\"high\":[],\
             \"low\":[{\"rule\":\"x\",\"severity\":\"low\"}],\"medium\":[]}}",
        ]
    );
    assert_eq!(report["reviews"].as_array().unwrap().len(), 2);
    assert_eq!(report["fixes"], json!([{ "path": "a.py", "diff": "-+" }]));
    assert_eq!(report["linters"], json!([{ "tool": "ruff" }]));
    assert_eq!(report["opening"]["text"], "All is well.");
    let who: Vec<&Json> =
        report["team"].as_array().unwrap().iter().map(|it| &it["agent"]).collect();
    assert_eq!(who, ["lead", "analyst", "fixer", "writer", "editor"]);
    assert_eq!(report["team"][1]["tasks"], 2);
}

/// Two files, so that nobody runs code of a strange tree by a slip; whatever they share is the
/// same, and every linter is called as its reader expects.
#[test]
fn the_two_reviews_differ_in_the_linters_that_run_code_and_in_nothing_else() {
    use builtin::review::external::Linter;
    let [plain, more] = ["code-review", "code-review-linters"].map(|name| {
        let text = majordomo::team::init::team(name).unwrap();
        team::read(name, text, &Anywhere).definition.unwrap()
    });
    for (name, agent) in &plain.agents {
        assert_eq!(more.agents.get(name), Some(agent), "{name}");
    }
    for (name, step) in plain.steps.iter().filter(|(name, _)| *name != "lint") {
        assert_eq!(more.steps.get(name), Some(step), "{name}");
    }
    assert_eq!(more.agents.len() - plain.agents.len(), 2);
    for linter in Linter::ALL {
        let name = linter.program().trim_start_matches("cargo-");
        assert_eq!(plain.agents.contains_key(name), !linter.runs_project_code(), "{name}");
        let agent = json!(more.agents[name]);
        let argv: Vec<&str> =
            agent["argv"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        assert!(argv.ends_with(linter.argv()), "{argv:?}");
        assert!(linter.needs_one_of().iter().all(|file| {
            let stem = file.rsplit_once('.').map_or(*file, |(stem, _)| stem);
            argv[2].contains(stem)
        }));
    }
}

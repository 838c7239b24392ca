//! What linters print, as they document it, and what becomes of it.
#![cfg(feature = "review")]
#![allow(clippy::unwrap_used, reason = "a test says so by stopping")]

use majordomo_builtin::review::external::{Error, Linter};
use majordomo_builtin::review::{Dimension, Severity};

const CLIPPY: &str = concat!(
    r#"{"reason":"compiler-artifact","target":{"name":"a"},"fresh":true}"#,
    "\n",
    r#"{"reason":"compiler-message","message":{"code":{"code":"clippy::len_zero","explanation":null},"level":"warning","message":"length comparison to zero","spans":[{"file_name":"src/a.rs","line_start":3,"line_end":3,"column_start":8,"column_end":20,"is_primary":true,"text":[{"text":"    if a.len() == 0 {","highlight_start":8,"highlight_end":20}]}],"children":[],"rendered":"…"}}"#,
    "\n",
    r#"{"reason":"compiler-message","message":{"code":{"code":"clippy::len_zero","explanation":null},"level":"warning","message":"length comparison to zero","spans":[{"file_name":"src/a.rs","line_start":3,"line_end":3,"column_start":8,"column_end":20,"is_primary":true,"text":[]}]}}"#,
    "\n",
    r#"{"reason":"compiler-message","message":{"code":null,"level":"warning","message":"1 warning emitted","spans":[]}}"#,
    "\n",
    r#"{"reason":"build-finished","success":true}"#,
    "\n"
);

#[test]
fn clippy_is_read_line_by_line_and_said_once() {
    let found = Linter::Clippy.read("/w", CLIPPY).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].rule.as_str(), found[0].line, found[0].column),
        ("clippy::len_zero", 3, 8)
    );
    assert_eq!(found[0].snippet, "if a.len() == 0 {");
    assert_eq!(found[0].path, "src/a.rs");
}

#[test]
fn ruff_is_read_and_what_lies_elsewhere_dropped() {
    let output = r#"[
      {"cell":null,"code":"S602","end_location":{"column":9,"row":4},"filename":"/w/a/b.py","fix":null,"location":{"column":5,"row":4},"message":"`subprocess` call with\n`shell=True`","noqa_row":4,"url":"https://x"},
      {"code":null,"end_location":{"column":1,"row":1},"filename":"/w/c.py","location":{"column":1,"row":1},"message":"Expected an expression"},
      {"code":"E711","end_location":{"column":1,"row":1},"filename":"/elsewhere/c.py","location":{"column":1,"row":1},"message":"x"},
      {"code":"E711","end_location":{"column":1,"row":1},"filename":"/w/../c.py","location":{"column":1,"row":1},"message":"x"}
    ]"#;
    let found = Linter::Ruff.read("/w/", output).unwrap();
    let rules: Vec<&str> = found.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(rules, ["ruff:S602", "ruff:syntax-error"]);
    assert_eq!(found[0].path, "a/b.py");
    assert_eq!(found[0].dimension, Dimension::Security);
    assert_eq!(found[0].message, "`subprocess` call with `shell=True`");
}

#[test]
fn eslint_and_semgrep_are_read() {
    let eslint = r#"[{"filePath":"/w/a.js","messages":[{"ruleId":"no-undef","severity":2,"message":"'x' is not defined.","line":1,"column":5,"nodeType":"Identifier","messageId":"undef","endLine":1,"endColumn":6},{"ruleId":null,"fatal":true,"severity":2,"message":"Parsing error"}],"errorCount":2,"source":"x"}]"#;
    let found = Linter::Eslint.read("/w", eslint).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].rule.as_str(), found[0].severity), ("eslint:no-undef", Severity::Medium));
    assert_eq!(found[1].line, 1);

    let semgrep = r#"{"version":"1.1","results":[{"check_id":"rules.no-eval","path":"a.py","start":{"line":2,"col":1,"offset":9},"end":{"line":2,"col":8,"offset":16},"extra":{"message":"eval","severity":"ERROR","lines":"eval(x)","metadata":{"category":"security"}}}],"errors":[],"paths":{}}"#;
    let found = Linter::Semgrep.read("/w", semgrep).unwrap();
    assert_eq!(
        (found[0].rule.as_str(), found[0].title.as_str()),
        ("semgrep:rules.no-eval", "no-eval")
    );
    assert_eq!((found[0].severity, found[0].dimension), (Severity::High, Dimension::Security));
    assert_eq!(found[0].snippet, "eval(x)");
}

#[test]
fn malformed_output_is_an_error_that_names_the_tool() {
    let samples = ["", "{", "null", "[{}]", "\u{0}", "[1]", "{\"results\":[{}]}", "Traceback: …"];
    for linter in Linter::ALL {
        let mut refused = 0;
        for sample in samples {
            match linter.read("/w", sample) {
                Err(Error::Malformed { tool, .. }) => {
                    assert_eq!(tool, linter.program());
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
                Ok(found) => assert!(found.is_empty()),
            }
        }
        assert!(refused >= samples.len() - 2, "{linter:?} accepted {}", samples.len() - refused);
        // Cut off anywhere, a list is refused or shorter, and never a panic.
        for cut in 0..CLIPPY.len() {
            let _ = linter.read("/w", CLIPPY.get(..cut).unwrap_or(""));
        }
    }
}

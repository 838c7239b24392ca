//! Another language reads what we write, and we read what it writes: `examples/python_bus`, with
//! nothing but the `msgpack` package.

use crate::golden::{bytes, folder, forms, is_what_it_was, lines};
use majordomo_runtime::BusBounds;
use majordomo_runtime::bus::wire;
use std::path::PathBuf;
use std::process::{Command, Output};

/// A Python that has the package: the one on PATH, else that of the system.
fn python3() -> &'static str {
    let has_it = |python: &&str| {
        let found = Command::new(python).args(["-c", "import msgpack"]).output();
        found.is_ok_and(|it| it.status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(has_it).expect(
        "this test needs Python with the package `msgpack`: install Debian's `python3-msgpack` (or \
         `pip install msgpack`) and run it again",
    )
}

fn example(words: &[&str]) -> Output {
    let script =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/python_bus/envelope.py");
    let output = Command::new(python3()).arg("-B").arg(script).args(words).output();
    output.expect("python3 was started a moment ago")
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A name and hex digits a line.
fn envelopes(text: &str) -> Vec<(String, Vec<u8>)> {
    let line = |line: &str| {
        let (name, digits) = line.split_once(' ').expect("a name and its bytes");
        (name.to_owned(), bytes(digits))
    };
    text.lines().map(line).collect()
}

#[test]
fn python_reads_every_golden_envelope_and_writes_its_values_as_the_same_bytes() {
    let folder = folder();
    let again = envelopes(&said(&example(&["again", folder.to_str().expect("our own path")])));
    assert_eq!(again.len(), forms().len());
    for (name, envelope) in forms() {
        let (_, bytes) = again.iter().find(|(it, _)| it == name).expect("it read them all");
        assert_eq!(lines(bytes), lines(&wire::encode(&envelope)), "{name}");
    }
}

#[test]
fn what_python_writes_from_its_own_values_is_what_rust_would_have_written() {
    let written = envelopes(&said(&example(&["demo"])));
    assert_eq!(written.len(), 3);
    for (name, bytes) in written {
        let (_, ours) = forms().into_iter().find(|(it, _)| *it == name).expect("a form of ours");
        let read = wire::decode(&bytes, &BusBounds::default()).expect("an envelope");
        assert_eq!(read.header, ours.header, "{name}");
        assert_eq!(lines(&wire::encode(&read)), lines(&bytes), "{name}");
        assert_eq!(lines(&bytes), lines(&wire::encode(&ours)), "{name}");
        is_what_it_was(&name, read);
    }
}

#[test]
fn python_refuses_what_is_no_envelope_as_rust_does() {
    let good = wire::encode(&forms()[0].1);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        assert!(wire::decode(&bytes, &BusBounds::default()).is_err());
        lines(&bytes).replace(['\n', ' '], "")
    };
    let cases = [
        (with(&|it| it[0] = b'X'), "does not begin with"),
        (with(&|it| it[2] = 9), "version 9"),
        (with(&|it| it[3] = 255), "at most 8192"),
        (with(&|it| it.truncate(100)), "ends before its header does"),
        (with(&|it| it[7] = 0xc1), "header cannot be read"),
    ];
    for (digits, why) in cases {
        let output = example(&["read", &digits]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(why), "{why}: {told}");
    }
    let read = said(&example(&["read", &lines(&good).replace(['\n', ' '], "")]));
    assert!(read.contains("\"sender\": \"critic\"") && read.contains("\"line\": 300"), "{read}");
}

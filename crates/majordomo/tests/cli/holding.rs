//! One process holds a data directory; a second is told who, and changes nothing.

use crate::house::{House, NAPS};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

#[test]
fn of_two_started_together_one_serves_and_the_other_names_it() {
    for _ in 0..3 {
        let house = House::new();
        house.write("naps.toml", NAPS);
        let args = ["run", "naps.toml", "1", "1"];
        let (first, second) = (house.start(&args), house.start(&args));
        let said = [first.end(), second.end()];
        let served = said.iter().filter(|it| it.code == Some(0)).count();
        let refused: Vec<_> = said.iter().filter(|it| it.code == Some(3)).collect();
        assert_eq!((served, refused.len()), (1, 1), "{said:?}");
        assert!(refused[0].err.contains("the journal is held by"), "{refused:?}");
        assert_eq!(house.naps_begun(), 2, "the other one did nothing");
    }
}

#[test]
fn a_second_one_is_told_which_process_it_is_and_commands_go_through_the_first() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let up = house.up("naps.toml");
    let second = house.run(&["run", "naps.toml", "0"]);
    assert_eq!(second.code, Some(3), "{second:?}");
    assert!(second.err.contains("(majordomo up)"), "{second:?}");
    let second = house.run(&["resume", "--json"]);
    assert_eq!(second.code, Some(3), "{second:?}");
    assert!(second.out.contains(r#""type":"error""#), "{second:?}");
    let answer = house.done(&["submit", "nap", "0", "--wait"]);
    assert!(answer.contains('0'), "{answer}");
    house.done(&["stop"]);
    assert_eq!(up.end().code, Some(0), "nothing was at work");
    house.run(&["stop"]);
}

#[test]
fn whoever_was_killed_holds_nothing() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let mut run = house.start(&["run", "naps.toml", "0", "0.1", "30"]);
    run.until("the long nap has begun", || house.naps_begun() == 3);
    run.signal(Signal::KILL);
    assert_eq!(run.end().code, Some(-9));
    let submitted = house.run(&["submit", "nap", "0"]);
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
}

/// A client that asks and does not read yet.
fn asking(house: &House, request: &str) -> UnixStream {
    let mut stream = UnixStream::connect(house.path(".majordomo/control.sock")).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    writeln!(stream, "{request}").unwrap();
    stream
}

fn answer(stream: UnixStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn clients_that_wait_block_nobody_and_are_refused_when_they_are_too_many() {
    let house = House::new();
    house.write("naps.toml", NAPS);
    let up = house.up("naps.toml");
    let nobody = r#"{"verb":"submit","capability":"nobody.serves.this","input":1,"wait":true}"#;
    let waiting: Vec<_> = (0..256).map(|_| asking(&house, nobody)).collect();
    let hello = answer(asking(&house, r#"{"verb":"hello"}"#));
    assert!(hello.contains("naps"), "a short question is answered: {hello}");
    // The last ones may still be on their way in.
    let mut refused = (0..1_000).map(|_| asking(&house, nobody)).map(|stream| {
        stream.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
        let mut line = String::new();
        let _ = BufReader::new(stream).read_line(&mut line);
        line
    });
    let refused = refused.find(|line| !line.is_empty()).unwrap();
    assert!(
        refused.contains("256 clients wait") && refused.contains("retry_after_ms"),
        "{refused}"
    );
    assert!(house.run(&["tasks"]).code == Some(0));
    drop(waiting);
    house.done(&["stop", "--grace", "0"]);
    up.end();
}

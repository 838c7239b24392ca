//! One process holds a data directory; a second is told who, and changes nothing.

use crate::house::{House, NAPS};
use rustix::process::Signal;

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

//! Who is asked, what is heard, and what happens where there is no bid to take.

use super::*;

#[test]
fn the_best_bid_wins_and_nobody_else_is_asked_to_work() {
    let mut story = Story::of(&["a", "b", "c"]);
    let preferred = AgentSpec { prefer: 9, ..AgentSpec::new("d", "native", Vec::new(), 1) };
    let serves = vec![Serves { capability: "work".into(), version: 1 }];
    story.tell(Command::Join(Arc::new(AgentSpec { serves, ..preferred })));
    let task = story.submit();
    let asked: Vec<&Task> = story.kernel.state().tasks().filter(|it| it.is_bid).collect();
    assert_eq!(asked.len(), 3, "whoever serves no bid is not asked");
    for bid in &asked {
        let agent = story.kernel.state().agent(bid.terms.only.unwrap()).unwrap();
        let parent = Parent { task, step: format!("bid/1/{}", agent.spec.name).into() };
        assert_eq!((bid.parent.as_deref(), bid.deadline), (Some(&parent), Time(1_000)));
        assert_eq!((bid.run, bid.depth, &*bid.terms.capability), (task, 2, "bid"));
    }
    let dispatches = story.kernel.outstanding();
    for effect in &dispatches {
        let Effect::Dispatch(dispatch) = effect else { panic!("{effect:?}") };
        assert_eq!(dispatch.bids_for.as_deref(), Some("work"));
    }
    assert_eq!(dispatches.len(), 3);
    story.bids("a", 300, 40);
    story.bids("b", 100, 40);
    let granted = granted(&story.bids("c", 100, 80), task);
    assert_eq!(granted.agent, story.agent("b"));
    assert_eq!((granted.why.policy, granted.why.reason), (PolicyKind::Auction, Reason::BestBid));
    let order: Vec<u32> = granted.why.candidates.iter().map(|it| it.agent.0).collect();
    assert_eq!((order, granted.why.round), (vec![1, 2, 0], 1));
    let scores: Vec<u64> = granted.why.candidates.iter().filter_map(|it| it.score).collect();
    assert!(scores.is_sorted_by(|a, b| a > b) && scores[0] == 1_000_000, "{scores:?}");
    let before = story.kernel.state().task(task).unwrap();
    assert!(before.past.is_none() && before.failed == 0, "bids are no steps of the task");
    story.done("b", 40);
    assert_eq!(story.kernel.state().open(), 0);
    assert!(story.kernel.state().auctions.is_empty());
}

#[test]
fn what_is_no_bid_or_late_or_too_dear_is_passed_over_and_named() {
    let names = ["late", "declines", "babbles", "fails", "dear", "broken", "good"];
    let mut story = Story::of(&names);
    let money_micros = Some(500);
    let budget = Some(Budget { money_micros, ..Budget::default() });
    let task = story.submit_with(Submit { budget, ..Submit::new(Terms::new("work"), payload(1)) });
    story.says("declines", Report::Bid { bid: None, output: payload(0) });
    story.says("babbles", Report::Completed(payload(0)));
    story.fails("fails");
    story.bids("dear", 501, 1);
    let large = Payload { len: 5_000, ..payload(0) };
    story.says("broken", Report::Bid { bid: None, output: large });
    story.bids("good", 500, 900);
    let late = story.attempt("late");
    let granted = granted(&story.tick(1_000), task);
    assert_eq!(granted.agent, story.agent("good"));
    let passed = passed_over(&granted);
    let why = |name: &str| passed.iter().find(|it| it.0 == story.agent(name).0).map(|it| it.1);
    let whys: Vec<Option<NoBid>> = names.iter().map(|name| why(name)).collect();
    let expected = [
        Some(NoBid::Late),
        Some(NoBid::Declined),
        Some(NoBid::Malformed),
        Some(NoBid::Failed),
        Some(NoBid::OverBudget),
        Some(NoBid::Failed),
        None,
    ];
    assert_eq!(whys, expected);
    let bid = Some(Bid { price_micros: 1, time_ms: 1, confidence: 1_000_000 });
    let step = story.tell(Command::Report(late, Report::Bid { bid, output: payload(0) }));
    assert!(matches!(step.answer, Err(Refusal::StaleToken)), "{:?}", step.answer);
    assert!(story.kernel.state().dead.is_empty(), "a failed bid is no dead letter");
}

#[test]
fn without_bidders_room_or_bids_the_lowest_load_decides_and_says_so() {
    let mut story = Story::of(&[]);
    story.join("plain", &["work"], 2);
    let task = story.submit();
    let why = granted_in(&story.journal, task).why;
    assert_eq!(why.fallback, Some(Fallback::NoBidders));
    story.join("a", &["work", "bid"], 1);
    let tasks = Some(1);
    let budget = Some(Budget { tasks, ..Budget::default() });
    let poor = story.submit_with(Submit { budget, ..Submit::new(Terms::new("work"), payload(2)) });
    let why = granted_in(&story.journal, poor).why;
    assert_eq!(why.fallback, Some(Fallback::NoRoomForBids));
    let attempt = story.kernel.state().task(poor).and_then(Task::attempt).unwrap();
    story.tell(Command::Report(attempt, Report::Completed(payload(9))));
    let shy = story.submit();
    story.says("a", Report::Bid { bid: None, output: payload(0) });
    let why = granted_in(&story.journal, shy).why;
    assert_eq!(why.fallback, Some(Fallback::NoBids));
    assert_eq!(why.passed_over[0].why, NoBid::Declined);
}

#[test]
fn who_is_cancelled_or_ends_takes_the_questions_along() {
    let mut story = Story::of(&["a", "b"]);
    let task = story.submit();
    story.bids("a", 100, 10);
    assert_eq!(story.kernel.state().open(), 2);
    let step = story.tell(Command::Cancel { task, reason: "not needed".into() });
    assert_eq!(story.kernel.state().open(), 0, "{:?}", step.entries);
    assert!(step.effects.iter().any(|it| matches!(it, Effect::Stop { .. })));
}

#[test]
fn a_crash_asks_nobody_twice_and_bids_go_on_holding() {
    let mut story = Story::of(&["a", "b", "c"]);
    let task = story.submit();
    story.bids("a", 100, 10);
    let bids = story.kernel.state().tasks().filter(|it| it.is_bid).count();
    story.now = 100;
    story.tell(Command::Begin(Begin { restored: false, seed: 8, wall_ms: 0 }));
    for name in ["a", "b", "c"] {
        story.join(name, &["work", "bid"], 1);
    }
    assert_eq!(story.kernel.state().tasks().filter(|it| it.is_bid).count(), bids);
    let asked = story
        .journal
        .iter()
        .filter(|entry| matches!(&entry.event, Event::TaskAccepted(accepted) if accepted.is_bid));
    assert_eq!(asked.count(), 3);
    story.bids("b", 300, 10);
    let won = granted(&story.bids("c", 300, 10), task);
    assert_eq!(won.agent, story.agent("a"), "it has bid before the crash");
    story.tell(Command::Begin(Begin { restored: false, seed: 9, wall_ms: 0 }));
    assert_eq!(story.money(task), (0, 0), "with the process the work was lost");
    story.join("a", &["work", "bid"], 1);
    let again = granted_in(&story.journal, task);
    assert_eq!((again.agent, again.why.round), (story.agent("a"), 1), "nobody is at fault");
}

#[test]
fn an_agent_may_have_steps_of_the_same_name_and_its_table_has_no_bids() {
    let mut story = Story::of(&["a"]);
    story.join("helper", &["help"], 1);
    let task = story.submit();
    story.bids("a", 1, 1);
    let submit = Box::new(Submit::new(Terms::new("help"), payload(3)));
    let ask = Report::Ask { step: "bid/1/a".into(), submit };
    assert_eq!(story.says("a", ask.clone()).answer, Ok(Answer::Pending));
    story.done("helper", 1);
    let Ok(Answer::Recorded(outcome)) = story.says("a", ask).answer else { panic!("no drift") };
    assert_eq!(outcome.output(), Some(&payload(9)));
    let steps = story.kernel.state().task(task).unwrap().steps_in_order();
    assert_eq!(steps.len(), 1);
}

#[test]
fn whoever_is_only_bidding_for_something_else_is_waited_for() {
    let mut story = Story::of(&["a", "b"]);
    let (one, other) = (story.submit(), story.submit());
    story.bids("a", 100, 10);
    assert!(story.kernel.state().auctions.contains_key(&other), "a is asked about the other now");
    let step = story.bids("b", 900, 10);
    let held = step.entries.iter().any(|entry| match entry.event {
        Event::Routing { task, step: Routing::Held { agent, .. } } => {
            task == one && agent == story.agent("a")
        }
        _ => false,
    });
    assert!(held, "{:?}", step.entries);
    story.bids("a", 100, 10);
    let won = granted_in(&story.journal, one);
    assert_eq!((won.agent, won.why.reason), (story.agent("a"), Reason::BestBid));
    assert_eq!(won.why.candidates.len(), 2);
    let step = story.bids("b", 100, 20);
    assert_eq!(granted(&step, other).agent, story.agent("b"), "a is at work: the next best has it");
}

//! Who wins, who comes next, and who pays what.

use super::*;

#[test]
fn the_next_bidder_has_it_when_the_winner_fails_and_only_then_are_all_asked_again() {
    let mut story = Story::of(&["a", "b"]);
    let task = story.submit();
    story.bids("a", 100, 10);
    let first = granted(&story.bids("b", 200, 10), task);
    assert_eq!((first.agent, story.money(task)), (story.agent("a"), (0, 100)));
    story.fails("a");
    assert_eq!(story.money(task), (0, 0), "the price came back");
    let second = story.retried(task);
    assert_eq!((second.agent, second.why.round), (story.agent("b"), 1));
    assert_eq!(passed_over(&second), [(0, NoBid::HadIt)]);
    assert_eq!(story.money(task), (0, 200));
    story.fails("b");
    let at = match story.kernel.state().task(task).unwrap().status {
        Status::Queued { ready_at } => ready_at.0,
        other => panic!("{other:?}"),
    };
    story.tick(at);
    assert_eq!(story.auction(task).round, 2, "both have failed it");
    let step: Vec<&Parent> =
        story.kernel.state().tasks().filter_map(|it| it.parent.as_deref()).collect();
    assert!(step[0].step.starts_with("bid/2/"), "{step:?}");
    story.bids("b", 10, 10);
    let third = granted(&story.bids("a", 500, 10), task);
    assert_eq!(third.agent, story.agent("b"));
    story.done("b", 10);
    assert_eq!(story.kernel.state().open(), 0);
}

#[test]
fn one_who_failed_it_goes_behind_whoever_comes_new() {
    let mut story = Story::of(&["a"]);
    let task = story.submit();
    granted(&story.bids("a", 100, 10), task);
    story.fails("a");
    story.join("new", &["work", "bid"], 1);
    let Status::Queued { ready_at } = story.kernel.state().task(task).unwrap().status else {
        panic!("it waits for its retry");
    };
    story.tick(ready_at.0);
    story.bids("a", 1, 1);
    let granted = granted(&story.bids("new", 900, 900), task);
    assert_eq!(granted.agent, story.agent("new"));
}

#[test]
fn a_price_is_set_aside_then_paid_and_what_is_spent_comes_out_of_it() {
    let mut story = Story::of(&["a"]);
    let money_micros = Some(1_000);
    let budget = Some(Budget { money_micros, ..Budget::default() });
    let submit = Submit { budget, ..Submit::new(Terms::new("work"), payload(1)) };
    let task = story.submit_with(submit);
    story.says("a", Report::Spent(Cost { money_micros: 50, tokens: 0, ..Cost::default() }));
    assert_eq!(story.money(task), (50, 0), "a bid costs the task what it costs");
    story.bids("a", 950, 10);
    assert_eq!(story.money(task), (50, 950));
    let spent = |money_micros| Report::Spent(Cost { money_micros, tokens: 0, ..Cost::default() });
    assert_eq!(story.says("a", spent(300)).answer, Ok(Answer::Done), "it has its price to spend");
    assert_eq!(story.money(task), (350, 650));
    story.done("a", 10);
    let last = story.journal.len();
    let replayed = Kernel::replay(Limits::default(), None, &story.journal[..last - 1]);
    assert_eq!(replayed.state().purses[&task].used(Part::Money), 350);
    assert!(story.kernel.state().purses.is_empty());
}

#[test]
fn a_price_in_money_covers_no_tokens() {
    let mut story = Story::of(&["a"]);
    let budget = Some(Budget { tokens: Some(100), ..Budget::default() });
    story.submit_with(Submit { budget, ..Submit::new(Terms::new("work"), payload(1)) });
    story.bids("a", 950, 10);
    let step =
        story.says("a", Report::Spent(Cost { money_micros: 300, tokens: 100, ..Cost::default() }));
    assert_eq!(step.answer, Err(Refusal::OverBudget { what: Part::Tokens.name().into() }));
}

#[test]
fn a_child_on_offer_is_paid_from_the_purse_above() {
    let mut story = Story::of(&["a"]);
    story.join("boss", &["plan"], 1);
    let root = story.submit_with(Submit::new(Terms::new("plan"), payload(1)));
    let submit = Box::new(Submit::new(Terms::new("work"), payload(2)));
    story.says("boss", Report::Ask { step: "part".into(), submit });
    story.bids("a", 70, 10);
    assert_eq!(story.money(root), (0, 70));
    story.done("a", 10);
    assert_eq!(story.money(root), (70, 0), "done is paid");
    let boss = story.kernel.state().task(root).unwrap();
    assert_eq!(boss.past.as_ref().unwrap().deliveries, 1, "of the bid it hears nothing");
}

#[test]
fn a_record_outweighs_what_is_promised() {
    let mut story = Story::of(&["liar", "honest"]);
    let mut wins = Vec::new();
    for _ in 0..6 {
        let task = story.submit();
        story.bids("liar", 100, 10);
        let granted = granted(&story.bids("honest", 150, 60), task);
        let (name, takes_ms) = if granted.agent.0 == 0 { ("liar", 300) } else { ("honest", 60) };
        wins.push(name);
        story.done(name, takes_ms);
    }
    assert_eq!(wins, ["liar", "honest", "honest", "honest", "honest", "honest"]);
    let proof = story.kernel.state().proofs[&(AgentId(0), "work".into())];
    assert_eq!((proof.results, proof.record.work_ms()), (1, 300));
}

#[test]
fn bidding_says_nothing_of_how_an_agent_works() {
    let mut story = Story::of(&["a"]);
    story.submit();
    story.now = 400;
    story.fails("a");
    let agent = story.kernel.state().agent(AgentId(0)).unwrap();
    assert_eq!(agent.record, Record::default());
    assert!(story.kernel.state().proofs.is_empty());
}

#[test]
fn a_policy_that_asks_too_many_or_waits_too_long_is_refused() {
    let mut story = Story::of(&[]);
    let absurd = [
        Policy::Auction { bids_ms: u64::MAX, bidders_max: 1, price_percent: 50 },
        Policy::Auction { bids_ms: 1, bidders_max: 65, price_percent: 50 },
    ];
    for routing in absurd {
        let policy = CapabilityPolicy { routing, ..CapabilityPolicy::default() };
        let capabilities = BTreeMap::from([("work".into(), policy)]);
        let policies = Arc::new(Policies { capabilities, ..Policies::default() });
        let step = story.tell(Command::Configure { team: "".into(), policies });
        assert!(matches!(step.answer, Err(Refusal::TooLarge { .. })), "{:?}", step.answer);
    }
}

//! Questions that would never end: one that stands above itself, two that hand it on to each other,
//! one that is asked again and again and always answered alike.

use majordomo_kernel::*;
use std::sync::Arc;

fn question(capability: &str, input: u8) -> Submit {
    let payload = Payload { digest: Digest([input; 32]), len: 1, inline: Some(Arc::from([input])) };
    Submit::new(Terms::new(capability), payload)
}

/// A kernel whose agent serves both capabilities, and the attempt that works on the first question.
fn working() -> (Kernel, AttemptId) {
    let mut kernel = Kernel::new(Limits::default());
    let _ = kernel.step(Time(0), Command::Begin(Begin { restored: false, seed: 7, wall_ms: 0 }));
    let serves = ["plan", "solve", "check"].map(|it| Serves { capability: it.into(), version: 1 });
    let spec = AgentSpec::new("both", "native", serves.to_vec(), 100);
    let _ = kernel.step(Time(0), Command::Join(Arc::new(spec)));
    let step = kernel.step(Time(0), Command::Submit(question("plan", 0)));
    (kernel, dispatched(&step).expect("somebody is free"))
}

fn dispatched(step: &Step) -> Option<AttemptId> {
    step.effects.iter().find_map(|effect| match effect {
        Effect::Dispatch(dispatch) => Some(dispatch.attempt),
        _ => None,
    })
}

fn ask(kernel: &mut Kernel, by: AttemptId, capability: &str, input: u8) -> Step {
    let submit = Box::new(question(capability, input));
    kernel.step(Time(0), Command::Report(by, Report::Ask { step: "next".into(), submit }))
}

/// Asks down a chain, each task the next with another input; the refusal, or how far it came.
fn chain(capabilities: &[&str]) -> Result<usize, Refusal> {
    let (mut kernel, mut by) = working();
    for (at, capability) in capabilities.iter().enumerate() {
        let step = ask(&mut kernel, by, capability, at as u8 + 1);
        let _ = step.answer.clone()?;
        by = dispatched(&step).expect("somebody is free");
    }
    Ok(capabilities.len())
}

#[test]
fn two_that_hand_it_on_to_each_other_are_stopped() {
    assert_eq!(chain(&["solve", "plan", "solve", "plan"]), Ok(4));
    let stopped = Refusal::PingPong { asked: "solve".into(), by: "plan".into(), max: 4 };
    assert_eq!(chain(&["solve", "plan", "solve", "plan", "solve"]), Err(stopped));
}

#[test]
fn somebody_else_between_them_and_recursion_are_no_ping_pong() {
    assert_eq!(chain(&["solve", "plan", "check", "solve", "plan", "solve", "plan"]), Ok(7));
    assert_eq!(chain(&["plan"; 10]), Ok(10));
}

#[test]
fn a_question_does_not_stand_above_itself() {
    let (mut kernel, by) = working();
    let refused = ask(&mut kernel, by, "plan", 0).answer;
    assert_eq!(refused, Err(Refusal::Loop { ancestor: by.task }));
}

/// Asks again and again under other step keys, with what each call is told; the refusal, or `None`.
fn row(told: &[u8], rest: bool) -> Option<Refusal> {
    let (mut kernel, by) = working();
    for (at, told) in told.iter().enumerate() {
        let submit = Box::new(question("solve", 1));
        let step = format!("call#{at}").into();
        let step = kernel.step(Time(0), Command::Report(by, Report::Ask { step, submit }));
        if let Err(refusal) = step.answer {
            return Some(refusal);
        }
        let child = dispatched(&step).expect("somebody is free");
        let output = question("solve", *told).input;
        let _ = kernel.step(Time(0), Command::Report(child, Report::Completed(output)));
        if rest {
            let step = format!("rest#{at}").into();
            let _ = kernel.step(Time(0), Command::Report(by, Report::Sleep { step, ms: 0 }));
            let _ = kernel.step(Time(0), Command::Tick);
        }
    }
    None
}

#[test]
fn nobody_asks_the_same_for_ever_to_be_told_the_same() {
    assert_eq!(row(&[7; 8], false), None);
    let (asked, latest) = ("solve".into(), "call#7".into());
    assert_eq!(row(&[7; 9], false), Some(Refusal::Repeats { asked, latest, max: 8 }));
    // Something new in between is progress, and a rest is patience.
    assert_eq!(row(&[7, 7, 7, 7, 7, 7, 7, 8, 7, 7, 7, 7, 7, 7, 7, 7], false), None);
    assert_eq!(row(&[7; 20], true), None);
}

#[test]
fn the_same_step_key_is_no_repetition_and_nor_is_what_is_asked_at_once() {
    let (mut kernel, by) = working();
    let ask = |kernel: &mut Kernel, at: u32| {
        let submit = Box::new(question("solve", 1));
        let step = format!("call#{at}").into();
        kernel.step(Time(0), Command::Report(by, Report::Ask { step, submit }))
    };
    // Asked beside each other, as votes are: none of them knew what the others were told.
    let asked: Vec<Step> = (0..20).map(|at| ask(&mut kernel, at)).collect();
    for step in &asked {
        let child = dispatched(step).expect("somebody is free");
        let output = Report::Completed(question("solve", 7).input);
        let _ = kernel.step(Time(0), Command::Report(child, output));
    }
    // Work that goes on after a crash asks all of it again, under the same keys.
    for at in 0..20 {
        assert!(matches!(ask(&mut kernel, at).answer, Ok(Answer::Recorded(_))));
    }
    assert_eq!(ask(&mut kernel, 20).answer, Ok(Answer::Pending));
}

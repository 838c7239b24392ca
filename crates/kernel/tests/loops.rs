//! Questions that would never end: one that stands above itself, two that hand it on to each other.

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

//! Tools that need a yes: before such a call is made somebody is asked, and anything but a yes is a
//! no.
//!
//! ```text
//!   call ─▶ asked, under a key of these arguments ─▶ `approved: true` ─▶ the call is made
//!                                                 └▶ anything else: the model is told so
//! ```
//!
//! The question is a child task of the one that calls, so it waits in an inbox like every other,
//! holds no slot, and is seen in `majordomo watch`. A yes holds for the call that it was asked
//! about: its step is named by task, place in the conversation and the digest of the arguments, and
//! is recorded with the token of the attempt that asked. After a crash the same call finds the
//! answer there; another attempt at the conversation, or other arguments, ask anew. That nobody was
//! there to be asked is recorded too: the conversation must not go another way in its next life.

use super::Inner;
use super::tool::{refused, told};
use kernel::RetryPolicy;
use runtime::api::{AskOptions, Context, Failure, OnUnknown};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// Silence is a no after this, whoever is asked; a person has a deadline of their own besides.
const SILENCE: Duration = Duration::from_secs(24 * 3_600);

/// How a question began: what must be the same in every life.
#[derive(Serialize, Deserialize)]
struct Begun {
    /// Of the attempt that asked first.
    token: String,
    /// Whether anybody served what was asked for.
    is_served: bool,
}

/// A call that is to be approved.
pub(super) struct Wanted<'a> {
    /// The tool, as the model calls it.
    pub(super) tool: &'a str,
    /// The capability that it asks for.
    pub(super) ask: &'a str,
    /// With what.
    pub(super) arguments: &'a Value,
    /// Its place in the conversation.
    pub(super) step: &'a str,
}

impl Inner {
    /// Asks `approver` whether a call may be made. The inner error says why it may not.
    ///
    /// # Errors
    /// Only when this attempt is over.
    pub(super) async fn approved(
        &self,
        cx: &Context,
        approver: &str,
        wanted: Wanted<'_>,
    ) -> Result<Result<(), String>, Failure> {
        let Wanted { tool, ask, arguments, step } = wanted;
        let digest = blake3::hash(arguments.to_string().as_bytes()).to_hex();
        let key = format!("{step}/approval/{}", &digest[..32]);
        let begun =
            Begun { token: cx.attempt().token.to_string(), is_served: cx.is_served(approver) };
        let begun = cx.once(&format!("{key}/begun"), async { Ok(begun) });
        let Begun { token, is_served } = begun.on_unknown(OnUnknown::Retry).await?;
        if !is_served {
            return Ok(Err(format!("not made: it needs {approver}, and nobody here gives it")));
        }
        let question = json!({
            "agent": self.spec.name,
            "tool": tool,
            "ask": ask,
            "arguments": arguments,
            "task": cx.attempt().task.0,
            "step": step,
            "token": token,
            "digest": &*digest,
        });
        if let Some(why) = refused(cx, &key) {
            return Ok(Err(unasked(&why)));
        }
        // One that fails has not said yes.
        let retry = Some(RetryPolicy { attempts_max: 1, ..RetryPolicy::default() });
        let options = AskOptions { deadline: Some(SILENCE), retry, ..AskOptions::default() };
        match cx.ask_value_as(&key, approver, question).with(options).await {
            Ok(answer) if answer.get("approved") == Some(&Value::Bool(true)) => Ok(Ok(())),
            Ok(_) => Ok(Err(format!("not made: what {approver} answered is no approval"))),
            Err(failure) => told(cx, &key, failure).await.map(|why| Err(unasked(&why))),
        }
    }
}

fn unasked(why: &str) -> String {
    format!("not made, as it is not approved: {why}")
}

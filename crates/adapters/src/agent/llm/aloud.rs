//! A reply, and its words said while the model writes them.
//!
//! Why a stream, where only the whole answer counts? A person who watches a minute of silence stops
//! it. Why also while nobody watches? Whoever comes in the middle of a long answer is to see it go
//! on. It costs next to nothing: words that nobody hears are not kept, and the reply, its price and
//! every failure are those of a whole answer; a test of both formats compares them.
//!
//! Not streamed is JSON by a schema, which is for programs, and whatever `stream = false` says: an
//! endpoint that counts no tokens in a stream, or knows no streams. Such a text is said at its end,
//! in one go.

use futures_util::StreamExt as _;
use runtime::api::Context;
use runtime::llm::{Error, Part, Reply, Request};
use runtime::port::Llm;
use std::sync::Arc;

/// Asks once. To drop it is to end the call, as with every call.
pub(super) async fn complete(
    llm: &dyn Llm,
    request: Arc<Request>,
    cx: &Context,
    streams: bool,
) -> Result<Reply, Error> {
    if request.schema.is_some() {
        return llm.complete(request).await;
    }
    let (writing, mut is_begun) = (cx.writing(), false);
    let reply = match streams {
        false => llm.complete(request).await?,
        true => {
            let model = request.model.clone();
            let mut parts = llm.stream(request);
            loop {
                match parts.next().await.transpose()? {
                    Some(Part::Text(text)) => {
                        is_begun = true;
                        writing.push(&text);
                    }
                    Some(Part::Done(reply)) => break reply,
                    None => return Err(Error::Cut { model, bytes: 0 }),
                }
            }
        }
    };
    if !is_begun {
        writing.push(&reply.text);
    }
    Ok(reply)
}

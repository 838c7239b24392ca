//! A streamed answer: bytes as they come → pieces of text → the whole reply.
//!
//! Until the model has said its first word it is waited for as long as for the beginning of a whole
//! answer: servers send the head of a stream at once and think then. The largest answer is that of
//! a whole one too; what the format puts around each word may come to [`sse::AROUND`] times as
//! much.

use super::http::{Answer, Body, Call};
use super::provider::Wire;
use super::{Limits, Models, Place, Unusable};
use super::{allowance, chat, counted, json_body, messages, read, refusal};
use crate::web::{content_type, sse};
use hyper::body::Bytes;
use runtime::llm::{Allowance, Error, Part, Reply, Request, ToolCall};
use std::sync::Arc;

/// Where a streamed answer stands.
pub(super) enum Reading {
    Before(Box<(Models, Arc<Request>)>),
    Within(Box<Within>),
    After,
}

pub(super) struct Within {
    call: Call,
    place: Place,
    request: Arc<Request>,
    body: Body,
    events: sse::Decoder,
    pieces: Pieces,
    allowance: Allowance,
}

enum Pieces {
    Chat(chat::Pieces),
    Messages(messages::Pieces),
}

impl Reading {
    /// Of this request, which is yet to be sent.
    pub(super) fn of(models: Models, request: Arc<Request>) -> Reading {
        Reading::Before(Box::new((models, request)))
    }

    /// The next part, and what comes after it.
    pub(super) async fn next(mut self) -> Result<Option<(Part, Reading)>, Error> {
        loop {
            self = match self {
                Reading::Before(what) => {
                    let (models, request) = *what;
                    let (call, place, answer) = models.begin(&request, true).await?;
                    // Some servers do not stream, whatever they are asked.
                    if content_type(&answer.headers).contains("json") {
                        let allowance = allowance::read(&answer.headers);
                        let body = json_body(&call, answer).await?;
                        let reply = read(&call, &place, &body, &request)?;
                        let reply = Reply { allowance, ..reply };
                        return Ok(Some((Part::Done(reply), Reading::After)));
                    }
                    Reading::Within(Box::new(Within::new(call, place, request, answer)?))
                }
                Reading::Within(mut within) => match within.next().await? {
                    Some(text) => return Ok(Some((Part::Text(text), Reading::Within(within)))),
                    None => return Ok(Some((within.done()?, Reading::After))),
                },
                Reading::After => return Ok(None),
            }
        }
    }
}

impl Within {
    fn new(
        call: Call,
        place: Place,
        request: Arc<Request>,
        answer: Answer,
    ) -> Result<Within, Error> {
        let said = content_type(&answer.headers);
        if !said.starts_with("text/event-stream") {
            return Err(call.malformed(format!("it says that it is {said:.60}, not a stream")));
        }
        let pieces = match place.endpoint.provider.wire() {
            Wire::ChatCompletions => Pieces::Chat(chat::Pieces::default()),
            Wire::Messages => Pieces::Messages(messages::Pieces::default()),
        };
        let allowance = allowance::read(&answer.headers);
        let (events, mut body) = (sse::Decoder::default(), answer.body);
        body.web.max_bytes = body.web.max_bytes.saturating_mul(sse::AROUND);
        Ok(Within { call, place, request, body, events, pieces, allowance })
    }

    /// The next text; `None` when nothing more is to come.
    async fn next(&mut self) -> Result<Option<String>, Error> {
        loop {
            while let Some(event) = self.events.next() {
                match self.pieces.take(&event) {
                    Ok(None) => {}
                    Ok(text) => return Ok(text),
                    Err(unusable) => return Err(self.error(unusable)),
                }
            }
            if self.pieces.is_over() {
                return Ok(None);
            }
            let Some(bytes) = self.more().await? else { return Ok(None) };
            let fed = self.events.feed(&bytes);
            fed.map_err(|_| self.call.malformed("an event of it is no text"))?;
        }
    }

    /// The next bytes, within the bounds on time and size.
    async fn more(&mut self) -> Result<Option<Bytes>, Error> {
        let Limits { answer_ms, answer_max_bytes: max, .. } = self.call.limits;
        let said = self.pieces.bytes();
        if said + self.events.pending() > max {
            return Err(Error::TooLarge { model: self.call.model.clone(), max });
        }
        match said {
            0 => self.body.first(answer_ms).await,
            _ => self.body.next().await,
        }
    }

    fn error(&self, unusable: Unusable) -> Error {
        match unusable {
            Unusable::Malformed(what) => self.call.malformed(what),
            Unusable::Refused { status, said } => {
                let said = refusal::words(&said);
                refusal::meaning(&self.call, &self.place.endpoint, status, &said, None)
            }
        }
    }

    fn done(self) -> Result<Part, Error> {
        let Within { allowance, request, .. } = self;
        let reply = match self.pieces {
            Pieces::Chat(pieces) => pieces.whole(),
            Pieces::Messages(pieces) => pieces.whole(&request),
        };
        let cut = Error::Cut { model: self.call.model, bytes: self.body.web.bytes };
        let done = |reply| Part::Done(Reply { allowance, ..counted(reply, &request) });
        reply.map(done).ok_or(cut)
    }
}

impl Pieces {
    fn take(&mut self, event: &sse::Event) -> Result<Option<String>, Unusable> {
        if event.data.is_empty() {
            return Ok(None); // It speaks of the stream itself, which is not taken up again.
        }
        match self {
            Pieces::Chat(pieces) => pieces.take(event),
            Pieces::Messages(pieces) => pieces.take(event),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Pieces::Chat(pieces) => pieces.is_over(),
            Pieces::Messages(pieces) => pieces.is_over(),
        }
    }

    /// What was said so far, bytes.
    fn bytes(&self) -> usize {
        match self {
            Pieces::Chat(pieces) => pieces.bytes(),
            Pieces::Messages(pieces) => pieces.bytes(),
        }
    }
}

/// How much a model has said: its text, and what it calls with what.
pub(super) fn bytes<'a>(text: &str, calls: impl Iterator<Item = &'a ToolCall>) -> usize {
    text.len() + calls.map(|it| it.name.len() + it.arguments.len()).sum::<usize>()
}

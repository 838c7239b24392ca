//! An answer that comes as a stream of events, and is taken up again where it breaks off.

use std::time::Duration;

use hyper::Method;
use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use tokio::time::sleep;

use super::ear::Ear;
use super::fault::Fault;
use super::http::{Http, content_type};
use super::rpc::Answer;
use crate::web::{self, Body, sse};

const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// How often a stream that broke off is taken up again.
const RESUMES_MAX: u32 = 5;

/// How long to wait before that, where the server does not say, and at most, milliseconds.
const RESUME_MS: (u64, u64) = (1_000, 10_000);

/// Events may come to so many times what one message may.
const AROUND: usize = 64;

/// How a stream of events ended without the answer.
enum Broken {
    /// It can be taken up behind this event, after so many milliseconds.
    At(String, u64),
    For(Fault),
}

impl Http {
    /// Hears events until the answer comes, taking the stream up again where it breaks off.
    pub(super) async fn listen(
        &self,
        id: u64,
        mut body: Body,
        ear: Option<&Ear>,
    ) -> Result<Answer, Fault> {
        let mut last = None;
        for resumes in 0.. {
            let (at, wait_ms) = match self.events(id, body, ear, &mut last).await {
                Ok(answer) => return Ok(answer),
                Err(Broken::For(fault)) => return Err(fault),
                Err(Broken::At(..)) if resumes == RESUMES_MAX => break,
                Err(Broken::At(at, wait_ms)) => (at, wait_ms),
            };
            sleep(Duration::from_millis(wait_ms)).await;
            body = self.resume(&at).await?;
        }
        Err(self.cut())
    }

    /// The events of one stream. `last`: the number of the last of them, and of those before.
    async fn events(
        &self,
        id: u64,
        mut body: Body,
        ear: Option<&Ear>,
        last: &mut Option<String>,
    ) -> Result<Answer, Broken> {
        let max = self.limits.message_max_bytes;
        body.max_bytes = max.saturating_mul(AROUND);
        let mut events = sse::Decoder::default();
        let mut wait_ms = RESUME_MS.0;
        loop {
            while let Some(event) = events.next() {
                if !event.id.is_empty() {
                    *last = Some(event.id);
                }
                wait_ms = event.retry_ms.map_or(wait_ms, |ms| ms.min(RESUME_MS.1));
                if event.data.trim().is_empty() {
                    continue;
                }
                let found = self.heard(id, event.data.as_bytes(), ear).await;
                if let Some(answer) = found.map_err(Broken::For)? {
                    return Ok(answer);
                }
            }
            if events.pending() > max {
                return Err(Broken::For(self.fault(web::Error::TooLarge { max })));
            }
            match body.next().await {
                Ok(Some(bytes)) => {
                    let fed = events.feed(&bytes);
                    let no_text = |_| self.broke("an event of it is no text".to_owned());
                    fed.map_err(no_text).map_err(Broken::For)?;
                }
                Ok(None) | Err(web::Error::Cut { .. }) => {
                    return Err(match last.clone() {
                        Some(at) => Broken::At(at, wait_ms),
                        None => Broken::For(self.cut()),
                    });
                }
                Err(error) => return Err(Broken::For(self.fault(error))),
            }
        }
    }

    /// The stream from behind an event on.
    async fn resume(&self, at: &str) -> Result<Body, Fault> {
        let mut headers = self.headers();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(LAST_EVENT, HeaderValue::from_str(at).map_err(|_| self.cut())?);
        let call = web::Call::new(self.times());
        let url = self.address.url();
        let answer = self.connections.send(&call, Method::GET, url, headers, Vec::new()).await;
        let answer = answer.map_err(|error| self.fault(error))?;
        match answer.status.is_success() && content_type(&answer.headers) == "text/event-stream" {
            true => Ok(answer.body),
            false => Err(self.cut()),
        }
    }
}

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

/// How often a stream that broke off is taken up again at the same event.
const RESUMES_MAX: u32 = 5;

/// How long to wait before that, where the server does not say, milliseconds.
const RESUME_MS: u64 = 1_000;

/// And where it says: at least, and at most.
const RESUME_BOUNDS_MS: (u64, u64) = (50, 10_000);

/// How far a stream has come.
struct Course {
    /// The number of its last event that has one.
    last: Option<String>,
    /// After so many milliseconds it is taken up again.
    wait_ms: u64,
    /// How often that was done since this event.
    resumes: u32,
}

impl Http {
    /// Hears events until the answer comes, taking the stream up again where it breaks off.
    pub(super) async fn listen(
        &self,
        id: u64,
        mut body: Body,
        ear: Option<&Ear>,
    ) -> Result<Answer, Fault> {
        let mut course = Course { last: None, wait_ms: RESUME_MS, resumes: 0 };
        loop {
            if let Some(answer) = self.events(id, body, ear, &mut course).await? {
                return Ok(answer);
            }
            let at = course.last.clone().filter(|_| course.resumes < RESUMES_MAX);
            let at = at.ok_or_else(|| self.cut())?;
            course.resumes += 1;
            sleep(Duration::from_millis(course.wait_ms)).await;
            body = self.resume(&at).await?;
        }
    }

    /// The events of one stream; nothing where it ends without the answer.
    async fn events(
        &self,
        id: u64,
        mut body: Body,
        ear: Option<&Ear>,
        course: &mut Course,
    ) -> Result<Option<Answer>, Fault> {
        let max = self.limits.message_max_bytes;
        body.max_bytes = max.saturating_mul(sse::AROUND);
        let mut events = sse::Decoder::default();
        let (least_ms, most_ms) = RESUME_BOUNDS_MS;
        loop {
            while let Some(event) = events.next() {
                if !event.id.is_empty() && course.last.as_ref() != Some(&event.id) {
                    (course.last, course.resumes) = (Some(event.id), 0);
                }
                if let Some(ms) = event.retry_ms {
                    course.wait_ms = ms.clamp(least_ms, most_ms);
                }
                if event.data.trim().is_empty() {
                    continue;
                }
                if let Some(answer) = self.heard(id, event.data.as_bytes(), ear).await? {
                    return Ok(Some(answer));
                }
            }
            if events.pending() > max {
                return Err(self.fault(web::Error::TooLarge { max }));
            }
            match body.next().await {
                Ok(Some(bytes)) => {
                    let fed = events.feed(&bytes);
                    let no_text = |_| self.broke("an event of it is no text".to_owned());
                    fed.map_err(no_text)?;
                }
                Ok(None) | Err(web::Error::Cut { .. }) => return Ok(None),
                Err(error) => return Err(self.fault(error)),
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

//! Requests that come together: answered each on its own, in their order, with one wait for the
//! disk.

use super::handle::{Desk, handle};
use super::{MANY_MAX, Request, Response};
use futures_util::future::join_all;
use std::future::Future;
use std::pin::Pin;

/// An answer on its way: [`handle`] and [`many`] may call each other, so one of them has a name for
/// what it gives.
type Answering<'a> = Pin<Box<dyn Future<Output = Response> + Send + 'a>>;

pub(super) fn many(desk: &Desk, requests: Vec<Request>) -> Answering<'_> {
    if requests.len() > MANY_MAX {
        let message = format!("{} requests at once; send {MANY_MAX} at most", requests.len());
        let refused = Response::Refused { message, retry_after_ms: None };
        return Box::pin(std::future::ready(refused));
    }
    // All are begun in order before the first is waited for, so that they share what a sync costs.
    let answers = requests.into_iter().map(|request| -> Answering<'_> {
        match request {
            Request::Submit { wait: true, .. }
            | Request::Follow { .. }
            | Request::Many { .. }
            | Request::Bus(_)
            | Request::Stop { .. } => {
                let message = "this cannot be asked among others; ask it alone".to_owned();
                let refused = Response::Refused { message, retry_after_ms: None };
                Box::pin(std::future::ready(refused))
            }
            request => Box::pin(handle(desk, request)),
        }
    });
    let answers: Vec<Answering<'_>> = answers.collect();
    Box::pin(async move { Response::Many { answers: join_all(answers).await } })
}

//! Many futures at once, a few at a time, polled with the waker they were given.
//!
//! Why not a `FuturesUnordered`? It keeps wakers of its own, and the driver could no longer see
//! that everything inside only waits. Polling a window of plain futures costs little: the window is
//! small.

use super::Failure;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs the futures, at most `concurrency` (at least 1) at once, and gives their results in order.
/// The first failure ends it; the futures still running are dropped.
pub async fn map<T, F>(futures: Vec<F>, concurrency: usize) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    let mut left = futures.into_iter().enumerate();
    let mut window: Vec<(usize, Pin<Box<F>>)> = Vec::new();
    poll_fn(|cx| {
        loop {
            while window.len() < concurrency.max(1)
                && let Some((at, future)) = left.next()
            {
                window.push((at, Box::pin(future)));
            }
            let mut finished = None;
            for (place, (at, future)) in window.iter_mut().enumerate() {
                if let Poll::Ready(result) = future.as_mut().poll(cx) {
                    finished = Some((place, *at, result));
                    break;
                }
            }
            match finished {
                Some((_, _, Err(failure))) => return Poll::Ready(Err(failure)),
                Some((place, at, Ok(value))) => {
                    results[at] = Some(value);
                    drop(window.remove(place));
                }
                None if window.is_empty() => return Poll::Ready(Ok(())),
                None => return Poll::Pending,
            }
        }
    })
    .await?;
    Ok(results.into_iter().flatten().collect())
}

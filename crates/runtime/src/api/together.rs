//! Several questions at once: all of them, the first that ends, the first that succeeds.
//!
//! All of these poll what they hold with the waker they were given, so that the driver sees when
//! everything inside only waits; and completions come in the order of the journal, one between two
//! polls. So a race has the same winner in every life. The step keys of the questions were taken
//! when they were made; code between them, such as an `async` block, asks on a branch of its own,
//! or in the order in which it stands here.

use super::{Failure, map};
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// What can be joined: a list of questions of one type, or a tuple of up to four of any.
pub trait Join {
    /// The answers, in the same places.
    type Output;
    /// See [`join`].
    fn join(self) -> impl Future<Output = Result<Self::Output, Failure>>;
}

/// Asks all of them, and waits for all answers. The first failure ends it; what the others are at
/// goes on, and is called off when the asking task ends.
///
/// ```
/// # use majordomo_runtime::api::{Capability, Context, Handles, Result, join};
/// async fn both<C, D>(cx: Context, text: String) -> Result<(usize, String)>
/// where
///     C: Capability<Input = String, Output = usize>,
///     D: Capability<Input = String, Output = String>,
/// {
///     join((cx.ask::<C>(text.clone()), cx.ask::<D>(text))).await
/// }
/// ```
///
/// # Errors
/// The first failure.
pub async fn join<J: Join>(questions: J) -> Result<J::Output, Failure> {
    questions.join().await
}

/// Asks all of them; the first that ends, well or not, decides. What the others are at is called
/// off when the asking task ends.
///
/// ```
/// # use majordomo_runtime::api::{Capability, Context, Result, race};
/// async fn quickest<C>(cx: Context, text: String) -> Result<C::Output>
/// where
///     C: Capability<Input = String>,
/// {
///     race(["north", "south"].map(|agent| cx.ask_to::<C>(agent, text.clone()))).await
/// }
/// ```
///
/// # Errors
/// The failure of the first that ended; `Rejected` when there is nobody to race.
pub async fn race<Q, T>(questions: impl IntoIterator<Item = Q>) -> Result<T, Failure>
where
    Q: IntoFuture<Output = Result<T, Failure>>,
{
    let mut running = started(questions);
    let first = next(&mut running).await;
    first.unwrap_or_else(|| Err(Failure::rejected("there is nobody in this race: ask somebody")))
}

/// Asks all of them; the first success decides. What the others are at is called off when the
/// asking task ends.
///
/// # Errors
/// All have failed: the kind of the last failure, and the words of each.
pub async fn first_success<Q, T>(questions: impl IntoIterator<Item = Q>) -> Result<T, Failure>
where
    Q: IntoFuture<Output = Result<T, Failure>>,
{
    let mut running = started(questions);
    let mut failures: Vec<Failure> = Vec::new();
    while let Some(result) = next(&mut running).await {
        match result {
            Ok(output) => return Ok(output),
            Err(failure) => failures.push(failure),
        }
    }
    let Some(last) = failures.last().cloned() else {
        return Err(Failure::rejected("nobody was asked, so nobody succeeded: ask somebody"));
    };
    let words: Vec<&str> = failures.iter().map(|it| it.message.as_str()).collect();
    let message = format!("none of {} succeeded: {}", failures.len(), words.join("; "));
    Err(Failure { message, ..last })
}

type Running<F> = Vec<Pin<Box<F>>>;

fn started<Q: IntoFuture>(questions: impl IntoIterator<Item = Q>) -> Running<Q::IntoFuture> {
    questions.into_iter().map(|question| Box::pin(question.into_future())).collect()
}

/// The next that ends, which is taken out; `None` when none is left.
async fn next<F: Future>(running: &mut Running<F>) -> Option<F::Output> {
    poll_fn(|cx| {
        for at in 0..running.len() {
            if let Poll::Ready(result) = running[at].as_mut().poll(cx) {
                drop(running.remove(at));
                return Poll::Ready(Some(result));
            }
        }
        if running.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

impl<Q, T> Join for Vec<Q>
where
    Q: IntoFuture<Output = Result<T, Failure>>,
{
    type Output = Vec<T>;
    fn join(self) -> impl Future<Output = Result<Vec<T>, Failure>> {
        let futures: Vec<Q::IntoFuture> = self.into_iter().map(IntoFuture::into_future).collect();
        map(futures, usize::MAX)
    }
}

impl<A, B, T, U> Join for (A, B)
where
    A: IntoFuture<Output = Result<T, Failure>>,
    B: IntoFuture<Output = Result<U, Failure>>,
{
    type Output = (T, U);
    fn join(self) -> impl Future<Output = Result<(T, U), Failure>> {
        let (one, two) = (self.0.into_future(), self.1.into_future());
        async move { tokio::try_join!(biased; one, two) }
    }
}

impl<A, B, C, T, U, V> Join for (A, B, C)
where
    A: IntoFuture<Output = Result<T, Failure>>,
    B: IntoFuture<Output = Result<U, Failure>>,
    C: IntoFuture<Output = Result<V, Failure>>,
{
    type Output = (T, U, V);
    fn join(self) -> impl Future<Output = Result<(T, U, V), Failure>> {
        let (one, two) = (self.0.into_future(), self.1.into_future());
        let three = self.2.into_future();
        async move { tokio::try_join!(biased; one, two, three) }
    }
}

impl<A, B, C, D, T, U, V, W> Join for (A, B, C, D)
where
    A: IntoFuture<Output = Result<T, Failure>>,
    B: IntoFuture<Output = Result<U, Failure>>,
    C: IntoFuture<Output = Result<V, Failure>>,
    D: IntoFuture<Output = Result<W, Failure>>,
{
    type Output = (T, U, V, W);
    fn join(self) -> impl Future<Output = Result<(T, U, V, W), Failure>> {
        let (one, two) = (self.0.into_future(), self.1.into_future());
        let (three, four) = (self.2.into_future(), self.3.into_future());
        async move { tokio::try_join!(biased; one, two, three, four) }
    }
}

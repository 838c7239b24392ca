//! The time and chance, as an attempt sees them: recorded, so that a later life sees the same.

use super::{Context, Failure, OnUnknown};
use crate::port::calendar;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

impl Context {
    /// What the wall clock said when this was first asked. In every later life of the task it says
    /// the same, so that code which decides by it goes the same way.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// # use std::time::SystemTime;
    /// async fn is_old(cx: Context, written: SystemTime) -> Result<bool> {
    ///     let age = cx.now().await?.duration_since(written)?;
    ///     Ok(age.as_secs() > 3600)
    /// }
    /// ```
    ///
    /// # Errors
    /// `Lost` when this attempt is no longer the one; `Limit` when the task has too many steps.
    pub fn now(&self) -> impl Future<Output = Result<SystemTime, Failure>> + Send + use<> {
        let wall = self.live.runtime.inner.calendar.clone();
        let read = async move {
            Ok(wall.map_or_else(calendar::system_wall_ms, |calendar| calendar.wall_ms()))
        };
        let reading = self.once_of("now", read);
        async move { Ok(SystemTime::UNIX_EPOCH + Duration::from_millis(reading.await?)) }
    }

    /// A random number, the same in every later life of the task. Good for drawing lots and for
    /// spreading things out; no secret.
    ///
    /// ```
    /// # use majordomo_runtime::api::{Context, Result};
    /// async fn draw(cx: Context, names: Vec<String>) -> Result<Option<String>> {
    ///     let at = cx.random().await? % names.len().max(1) as u64;
    ///     Ok(names.into_iter().nth(at as usize))
    /// }
    /// ```
    ///
    /// # Errors
    /// As for [`Context::now`].
    pub fn random(&self) -> impl Future<Output = Result<u64, Failure>> + Send + use<> {
        // The standard library seeds each of these from the system.
        let token = self.attempt().token;
        self.once_of("random", async move { Ok(RandomState::new().hash_one(token.0)) })
    }

    /// A step without an effect outside: what was begun may be begun again.
    fn once_of<W>(
        &self,
        what: &str,
        work: W,
    ) -> impl Future<Output = Result<u64, Failure>> + Send + use<W>
    where
        W: Future<Output = Result<u64, Failure>> + Send + 'static,
    {
        let step = self.scope.next(what);
        let once = super::Once::new(self.clone(), step, work).on_unknown(OnUnknown::Retry);
        once.into_future()
    }
}

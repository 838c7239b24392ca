//! The census: how many process trees an agent still has, and a way to wait until there are none.

use tokio::sync::watch;

/// Counts the living process trees of one agent. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Census {
    count: watch::Sender<usize>,
}

impl Census {
    /// Nobody is there.
    pub fn new() -> Self {
        Self { count: watch::Sender::new(0) }
    }

    /// One more, until what is returned is dropped.
    pub fn enter(&self) -> Present {
        self.count.send_modify(|count| *count += 1);
        Present { count: self.count.clone() }
    }

    /// One more, unless `max` are there already.
    pub fn try_enter(&self, max: usize) -> Option<Present> {
        let enter = |count: &mut usize| {
            let fits = *count < max;
            *count += usize::from(fits);
            fits
        };
        self.count.send_if_modified(enter).then(|| Present { count: self.count.clone() })
    }

    /// How many there are now.
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Returns when nobody is there.
    pub async fn empty(&self) {
        let mut seen = self.count.subscribe();
        seen.wait_for(|count| *count == 0).await.expect("self holds the sender");
    }
}

impl Default for Census {
    fn default() -> Self {
        Self::new()
    }
}

/// One process tree, from before its start until no member is left.
#[derive(Debug)]
pub struct Present {
    count: watch::Sender<usize>,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.count.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn empty_waits_for_the_last_one() {
        let census = Census::new();
        census.empty().await;
        let (one, two) = (census.enter(), census.enter());
        let waiting = tokio::spawn({
            let census = census.clone();
            async move { census.empty().await }
        });
        assert!(census.try_enter(2).is_none());
        drop(census.try_enter(3).unwrap());
        drop(one);
        assert_eq!(census.count(), 1);
        assert!(!waiting.is_finished());
        drop(two);
        waiting.await.unwrap();
    }
}

//! What the kernel does not know of time: what the wall clock says, and when nine o'clock is.

/// Reads calendars and the wall clock.
pub trait Calendar: Send + Sync + 'static {
    /// Milliseconds since 1970, as the machine's clock has it; it may be set at any time.
    fn wall_ms(&self) -> u64;

    /// The first due of a cron expression, meant in a time zone, after a moment of wall time.
    ///
    /// The same question has the same answer, however often it is asked.
    ///
    /// # Errors
    /// It is no expression or no zone, or it is never due again; in words for people.
    fn next(&self, cron: &str, zone: &str, after_wall_ms: u64) -> Result<u64, String>;
}

/// The machine's clock.
#[must_use]
pub fn system_wall_ms() -> u64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let since_1970 = since_1970.unwrap_or_default();
    since_1970.as_secs().saturating_mul(1_000).saturating_add(since_1970.subsec_millis().into())
}
